# SPDX-License-Identifier: ISC
"""The RPM packages: into a root that has nothing at all, and on a machine under
systemd, through an upgrade and away."""

import os
import re
import shutil
import subprocess
import tarfile

import pytest

from machine import ROOT, until
from test_tarball import DIST, HERE, Host, good, grow

NAMES = ["charon", "orthrus", "orthrus-tools"]
RPM = "rpm --force-debian"
# For what rpm's own folder for temporary files is on Debian, too.
EMPTY = """
    into="rpm --root /tmp/empty"
    mkdir -p /tmp/empty/tmp /tmp/empty/var/tmp
    $into --initdb
    inside() { chroot /tmp/empty "$@"; }
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes systems")


def newest(pattern):
    found = sorted(DIST.glob(pattern), key=lambda file: file.stat().st_mtime)
    if not found:
        pytest.skip(f"no {pattern} in {DIST}: contrib/release.sh rpm makes it")
    return found[-1]


def sources_of(version, as_version, folder):
    """The source tarball with another version's name."""
    with tarfile.open(newest(f"orthrus-{version}.tar.gz")) as archive:
        archive.extractall(folder)
    tree = folder / f"orthrus-{version}"
    with tarfile.open(folder / f"orthrus-{as_version}.tar.gz", "w:gz",
                      compresslevel=1) as archive:
        archive.add(tree, f"orthrus-{as_version}")
    shutil.rmtree(tree)


def make_older(system, share):
    """The same packages with a version before every other one."""
    rpm = newest("charon-*.x86_64.rpm")
    version = re.match(r"charon-(.*)-1\.", rpm.name)[1]
    folder = share / "SOURCES"
    folder.mkdir()
    sources_of(version, "0.0.1", folder)
    base = f"{version}-linux-amd64"
    for name in "orthrus", "charon":
        shutil.copy(newest(f"{name}-{base}"), folder / f"{name}-program")
    shutil.copy(newest(f"orthrus-{base}.cdx.json"), folder /
                "orthrus.cdx.json")
    spec = subprocess.check_output(
        ["/usr/bin/python3", ROOT / "contrib/rpm/fill.py",
         ROOT / "contrib/rpm/orthrus.spec", folder / "orthrus.cdx.json",
         "0.0.1", "* Thu Jan 01 2026 Nobody <nobody@example.com> - 0.0.1-1\n"
         "- Older."], text=True)
    (share / "orthrus.spec").write_text(spec)
    # Its programs do not know of that version.
    good(system, share, """
        rpmbuild -bb --nocheck --define '_topdir /tmp/build' --define \
            '_sourcedir /mnt/SOURCES' --define '_binary_payload w1.gzdio' \
            /mnt/orthrus.spec
        mkdir /mnt/old-rpms
        cp /tmp/build/RPMS/*/*.rpm /mnt/old-rpms/""", steps="")


@pytest.fixture(scope="module")
def system():
    newest("charon-*.x86_64.rpm")
    return grow("installer", "systemd", "systemd-sysv", "rpm")


@pytest.fixture(scope="module")
def share(system, tmp_path_factory):
    if os.uname().machine != "x86_64":
        pytest.skip("the packages that are tried are for x86_64")
    folder = tmp_path_factory.mktemp("share")
    (folder / "rpms").mkdir()
    for pattern in ("charon-*.x86_64.rpm", "orthrus-[0-9]*.x86_64.rpm",
                    "orthrus-tools-*.noarch.rpm"):
        shutil.copy(newest(pattern), folder / "rpms")
    make_older(system, folder)
    return folder


# --- a root that has nothing -----------------------------------------


def test_empty_root(system, share):
    """They ask for nothing, and run there."""
    said = good(system, share, EMPTY + """
        $into -i /mnt/rpms/*.rpm
        $into -V orthrus charon orthrus-tools
        inside /usr/bin/orthrus --version
        inside /usr/bin/charon --version
        inside /usr/bin/charon check >/dev/null
        $into -qR orthrus charon | sort -u
        $into -q --provides charon | grep bundled
        $into -qc charon
        find /tmp/empty ! -path '*/doc/*' ! -path '*/var/*' -type f
        $into -e orthrus charon orthrus-tools
        find /tmp/empty ! -path '*/var/lib/rpm*' -type f
        """, steps="").splitlines()
    assert any(line.startswith("bundled(libssh) = ") for line in said)
    requires = [line for line in said if line.startswith(
        ("rpmlib(", "config(", "/"))and not line.startswith("/tmp")]
    assert [line for line in requires if not line.startswith(
        ("rpmlib(", "config(charon)"))] == ["/etc/charon/charon.ini"]
    for file in ("bin/orthrus", "bin/charon", "lib/sysusers.d/charon.conf",
                 "lib/systemd/system/charon.service",
                 "lib/tmpfiles.d/charon.conf", "share/man/man1/orthrus.1.gz",
                 "share/bash-completion/completions/orthrus",
                 "share/zsh/site-functions/_orthrus"):
        assert said.count(f"/tmp/empty/usr/{file}") == 1


def test_configuration_stays(system, share):
    """Through an upgrade, back again, and as .rpmsave after the removal."""
    good(system, share, EMPTY + """
        $into -i /mnt/old-rpms/*.rpm
        ini=/tmp/empty/etc/charon/charon.ini
        echo "# mine" >>$ini
        mkdir -p /tmp/empty/var/lib/charon
        echo key >/tmp/empty/var/lib/charon/key
        $into -U /mnt/rpms/*.rpm
        grep mine $ini
        $into -U --oldpackage /mnt/old-rpms/*.rpm
        grep mine $ini
        $into -e charon
        grep mine $ini.rpmsave
        ! test -e $ini
        grep key /tmp/empty/var/lib/charon/key
        """, steps="")


# --- systemd ---------------------------------------------------------


@pytest.fixture(scope="module")
def debian(system, share):
    """With a preset, as Fedora has one for all that it does not name."""
    host = Host(system, share)
    host.shell("ip link set lo up 2>/dev/null || true\n"
               "mkdir -p /etc/systemd/system-preset\n"
               "printf 'enable charon.service\\ndisable *\\n' "
               ">/etc/systemd/system-preset/90-default.preset")
    yield host
    host.stop()


def test_installed_by_rpm(debian):
    """As the preset says; not started; the user and his are there."""
    debian.sh(f"{RPM} -i /mnt/old-rpms/*.rpm")
    for name, state in ("charon", "enabled"), ("orthrus", "disabled"):
        assert debian.property(name, "UnitFileState") == state
        assert debian.property(name, "ActiveState") == "inactive"
    assert debian.read("stat", "-c", "%U:%G %a", "/var/lib/charon",
                       "/run/charon").split("\n") == [
        "charon:charon 700", "charon:charon 750"]


def test_online_by_rpm(debian):
    said = debian.sh("charon install")
    assert "wrote" not in said and "the gateway runs" in said
    said = debian.sh("""
        charon agent add web >/root/key
        chmod 600 /root/key
        orthrus install --name web --server 127.0.0.1:2222 \
            --auth-key-file /root/key 2>&1""")
    assert "wrote /etc/systemd/system/orthrus.service\n" not in said
    until("it is online", 60, debian.is_online)


def test_upgrade_by_rpm(debian):
    """Both are restarted, with the files of /etc as they were."""
    before = debian.pids()
    files = debian.shell("sha256sum /etc/charon/* /etc/orthrus/*")
    debian.sh(f"{RPM} -U /mnt/rpms/*.rpm")
    until("both are new", 60, lambda: all(
        new not in ("0", old) for new, old in zip(debian.pids(), before)))
    until("it is online", 60, debian.is_online)
    assert debian.shell("sha256sum /etc/charon/* /etc/orthrus/*") == files
    assert "0.0.1" not in debian.sh(f"{RPM} -q " + " ".join(NAMES))


def test_removed_by_rpm(debian):
    """Stopped and disabled; what is theirs stays."""
    debian.sh(f"{RPM} -e " + " ".join(NAMES))
    for name in "charon", "orthrus":
        assert debian.property(name, "LoadState") == "not-found"
        assert not debian.path(f"/usr/bin/{name}").exists()
    assert debian.path("/var/lib/charon/registry.db").exists()
    assert debian.path("/etc/orthrus/orthrus.ini").exists()
    wanted = debian.shell("ls /etc/systemd/system/multi-user.target.wants")
    assert "charon" not in wanted and "orthrus" not in wanted
