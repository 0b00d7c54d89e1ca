# SPDX-License-Identifier: ISC
"""Engines of other versions and makes, each unpacked from Debian's packages.

docker_engine.py runs the dockerd that is installed.  These run with a folder
of packages (registries.py) as their root, in namespaces of their own as that
one does.
"""

import pathlib
import shutil

from lab import registries
from lab.docker_engine import Furnished

# $1: the root, which stays as it is; $2: a folder of the same name there.
IN_ROOT = """
root=$1 folder=$2; shift 2
mount --bind "$root" "$root" && cd "$root" || exit
for d in proc sys dev; do
	mkdir -p $d && mount --rbind /$d $d || exit
done
for d in run tmp opt var/lib var/tmp; do
	mkdir -p $d && mount -t tmpfs none $d || exit
done
mkdir -p ".$folder" && mount --bind "$folder" ".$folder" || exit
exec chroot . docker-init -- "$@"
"""


class Newest(Furnished):
    """The newest dockerd that a package registry gives."""

    # Debian's next release: its CLI and compose are clients of the tests.
    suite = "forky"
    packages = "docker.io", "docker-cli", "docker-compose", "procps"

    def __init__(self):
        self.root = registries.debian(self.suite, *self.packages)
        super().__init__()

    def command(self):
        return ["sh", "-c", IN_ROOT, "sh", self.root, self.dir,
                *self.daemon()]

    def daemon(self):
        """Docker 29's, from Go's modules, where somebody has had it made."""
        program = registries.go_program(
            "github.com/moby/moby/v2/cmd/dockerd", "v2.0.0-beta.24",
            "no_btrfs exclude_graphdriver_btrfs netgo osusergo",
            dear="ORTHRUS_TEST_MOBY")
        if program is None:
            return super().daemon()
        # In the only folder that is its own as well.
        shutil.copy(program, self.path("dockerd"))
        return [self.path("dockerd"), *super().daemon()[1:]]


class Podman(Newest):
    """Podman's answer to Docker's API."""

    suite = "bookworm"
    packages = "podman", "runc", "tini", "procps"

    def daemon(self):
        return ["podman", "--root", self.path("root"), "--runroot",
                self.path("exec"), "--tmpdir", self.path("tmp"),
                "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs",
                "--events-backend", "file", "--runtime", "runc", "system",
                "service", "--time", "0", self.host]

    def command(self):
        pathlib.Path(self.path("conf")).write_text(
            f'[containers]\ncgroup_parent = "/{self.cgroup}"\n')
        # As in the package of the same program, not in Docker's.
        return ["env", "CONTAINERS_CONF=" + self.path("conf"),
                *(w.replace("docker-init", "tini") for w in super().command())]

    def furnish(self):
        """Less of it: what it cannot build or mount is left out."""
        self.import_images()
        self.run_containers()
        self.make_volume()
