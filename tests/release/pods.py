# SPDX-License-Identifier: ISC
"""Pods as a kubelet would run them, as far as a program sees it: the command
and environment of a manifest, in a read-only root with the volumes where and
as a kubelet has them, with the pod's user, groups and capabilities, and in a
network that all pods of a test share."""

import contextlib
import os
import re
import shutil
import subprocess

GROUP_ONLY, ANYBODY = 0o2775, 0o2777	# as volumes with an fsGroup have it

START = """
set -eu
root=$1 programs=$2
shift 2
mount -t tmpfs -o mode=755 tmpfs "$root"
mkdir -p "$root"/usr/local/bin "$root"/etc "$root"/proc "$root"/dev
for name in /usr/* /bin /sbin /lib*; do
	case $name in
	/usr/local)	continue ;;
	esac
	if [ -L "$name" ]; then
		cp -P "$name" "$root$name"
	elif [ -d "$name" ]; then
		mkdir -p "$root$name"
		mount --rbind "$name" "$root$name"
	fi
done
for name in hosts nsswitch.conf ld.so.cache; do
	[ ! -e /etc/$name ] || cp /etc/$name "$root/etc/"
done
cp "$programs"/orthrus "$programs"/charon "$root/usr/local/bin/"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do
	mkdir -p "$root$2"
	mount --bind "$1" "$root$2"
	[ "$3" = rw ] || mount -o remount,bind,ro "$root$2"
	shift 3
done
shift
mount -o remount,ro "$root"
exec chroot "$root" "$@"
"""


class Network:
    """One for all pods of a test, with a loopback and nothing else."""

    def __init__(self):
        self.holder = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", "unshare", "--net", "sh", "-c",
             "ip link set lo up && echo up && exec sleep 3600"],
            stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "up\n"

    def enter(self):
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net"]

    def close(self):
        self.holder.kill()
        self.holder.wait()


def expand(value, known):
    """$(NAME) of a variable that stands before; others stay as they are."""
    return re.sub(r"\$\((\w+)\)", lambda m: known.get(m[1], m[0]), value)


def environment(container, fields=None):
    """What a container gets; fields are the values of the downward API."""
    known = {}
    for entry in container.get("env", ()):
        if "value" in entry:
            known[entry["name"]] = expand(entry["value"], known)
        else:
            path = entry["valueFrom"]["fieldRef"]["fieldPath"]
            known[entry["name"]] = fields[path]
    return known


class Volumes:
    """Folders as a kubelet makes them, for a pod with an fsGroup."""

    def __init__(self, folder, group):
        self.folder, self.group = folder, group

    def make(self, name, mode):
        """Of root's, and with the pod's group; what is there stays."""
        path = self.folder / name
        if not path.exists():
            path.mkdir()
            os.chown(path, 0, self.group)
            path.chmod(mode)
        return path

    def files(self, name, files, mode):
        """A Secret or ConfigMap: each file is a link to one in a folder that
        is put in place as a whole."""
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        self.make(name, 0o3777)
        (path / "..1").mkdir()
        os.chown(path / "..1", 0, self.group)
        (path / "..1").chmod(0o2755)
        (path / "..data").symlink_to("..1")
        for key, text in files.items():
            (path / "..1" / key).write_text(text)
            os.chown(path / "..1" / key, 0, self.group)
            (path / "..1" / key).chmod(mode)
            (path / key).symlink_to(f"..data/{key}")
        return path


class Container:
    """One container of a pod.  folders has the folder of each volume."""

    def __init__(self, network, pod, container, folders, programs, where,
                 fields=None):
        self.network, self.programs = network, programs
        self.container = container
        self.root = where / f"root-{container['name']}"
        self.root.mkdir(exist_ok=True)
        self.log_path = where / f"{container['name']}.log"
        self.env = environment(container, fields)
        self.mounts = [word for m in container["volumeMounts"] for word in (
            folders[m["name"]], m["mountPath"],
            "ro" if m.get("readOnly") else "rw")]
        self.user = self.identity(pod, container)
        self.process = None

    @staticmethod
    def identity(pod, container):
        of = {**pod.get("securityContext", {}),
              **container.get("securityContext", {})}
        assert of["capabilities"]["drop"] == ["ALL"]
        assert of["readOnlyRootFilesystem"]
        assert not of["allowPrivilegeEscalation"]
        add = [f"+{c.lower()}" for c in of["capabilities"].get("add", ())]
        groups = [of["runAsGroup"], of["fsGroup"],
                  *of.get("supplementalGroups", ())]
        return ["setpriv", f"--reuid={of['runAsUser']}",
                f"--regid={of['runAsGroup']}",
                "--groups=" + ",".join(map(str, groups)), "--no-new-privs",
                f"--bounding-set={','.join(['-all', *add])}",
                "--inh-caps=-all", "--pdeathsig=KILL"]

    def _inside(self, command):
        return [*self.user, "env", "-i", "HOME=/", "PATH=/usr/local/bin:"
                "/usr/bin:/bin", *(f"{k}={v}" for k, v in self.env.items()),
                *command]

    def start(self):
        """The pid of the program is that of the process."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.network.enter(), "unshare", "--mount", "sh", "-c",
                 START, "sh", self.root, self.programs, *self.mounts, "--",
                 *self._inside(self.container["command"])],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def wait(self, seconds=60):
        return self.process.wait(seconds)

    def exec(self, *command):
        """As "kubectl exec" and probes do."""
        return subprocess.run(
            ["nsenter", f"--target={self.process.pid}", "--mount", "--net",
             "--root", "--wd", *self._inside(command)],
            stdin=subprocess.DEVNULL, text=True, timeout=120,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def probe(self, name):
        """Whether the probe of that name succeeds now."""
        if self.process.poll() is not None:
            return False
        command = self.container[name]["exec"]["command"]
        return self.exec(*command).returncode == 0

    def log(self):
        return self.log_path.read_text(errors="replace")

    def stop(self):
        """As a kubelet does; returns the exit status."""
        if self.process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
