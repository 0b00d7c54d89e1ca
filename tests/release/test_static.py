# SPDX-License-Identifier: ISC
"""The static programs in dist/: what is in them, and that they find names, enrol
and keep a session up in a root that has nothing but them, in others' roots, and
on other kinds of machines by qemu-user."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import pytest

from machine import until
from test_deb import DIST, ROOT
from test_foreign import EMULATORS

HERE = pathlib.Path(__file__).parent
OWN = subprocess.check_output(["dpkg", "--print-architecture"],
                              text=True).strip()
ARCHS = [OWN, *(arch for arch in EMULATORS if arch != OWN)]
SOURCES = (ROOT / "contrib/release/sources.txt").read_text()
PATH = {"PATH": os.environ["PATH"]}
# What is tried where; the oldest that Debian's mirrors still have is bullseye.
PLACES = [(arch, "empty") for arch in ARCHS] + [
    (OWN, root) for root in ("alpine", "bookworm", "bullseye")]

# A root of its own over what there is of one, with $share at /mnt, for a user
# whom nothing in there knows.
ENTER = r"""
	base=$1 layer=$2 share=$3
	shift 3
	mount --make-rprivate /
	mount -t tmpfs tmpfs "$layer"
	cd "$layer"
	mkdir upper work root
	[ -z "$base" ] || mount -t overlay overlay -o \
	    "lowerdir=$base,upperdir=$layer/upper,workdir=$layer/work" root
	mkdir -p root/mnt
	cp -r "$share/etc" root/
	mount --bind "$share" root/mnt
	chown -R 1000:1000 "$share"
	exec setpriv --pdeathsig KILL chroot --userspec=1000:1000 root "$@"
"""
# Answers every question for an address of version 4 with that of this machine.
NAMES = r"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
print("up", flush=True)
while True:
    query, peer = s.recvfrom(512)
    end = query.index(b"\0", 12) + 5
    found = query[end - 4:end - 2] == b"\0\1"
    s.sendto(query[:2] + b"\x81\x80\0\1\0" + bytes([found]) + bytes(4) +
             query[12:end] + found * (b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" +
                                      bytes([127, 0, 0, 1])), peer)
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes roots")


def programs(arch):
    """The newest two, by name."""
    found = {}
    for name in "orthrus", "charon":
        files = sorted(DIST.glob(f"{name}-*-linux-{arch}"),
                       key=lambda file: file.stat().st_mtime)
        if not files:
            pytest.skip(f"no static {name} for {arch} in {DIST}: "
                        f"contrib/release.sh --arch {arch} static makes it")
        found[name] = files[-1]
    return found


def base_of(root, folder):
    """The folder of a system that is there already, or ""."""
    if root == "empty":
        return ""
    if root == "alpine":
        archive = os.environ.get("ORTHRUS_ALPINE")
        if archive is None:
            pytest.skip("ORTHRUS_ALPINE is not set: it is the file of Alpine's "
                        "mini root filesystem, which Debian's mirrors lack")
        (folder / "alpine").mkdir()
        subprocess.run(["tar", "-xf", archive, "-C", folder / "alpine"],
                       check=True)
        return folder / "alpine"
    made = subprocess.run([HERE / "root.sh", root], stdout=subprocess.PIPE,
                          text=True)
    if made.returncode == 75:
        pytest.skip(f"a system of {root} cannot be made here")
    assert made.returncode == 0
    return made.stdout.strip()


class Place:
    """A root and a network of its own, with both programs in /mnt."""

    def __init__(self, arch, root, folder):
        self.base, self.folder = base_of(root, folder), folder
        self.share, self.count = folder / "share", 0
        (self.share / "etc").mkdir(parents=True)
        for name, file in programs(arch).items():
            shutil.copy(file, self.share / name)
        self.before = []
        if arch != OWN:
            emulator = shutil.which(EMULATORS[arch])
            if emulator is None:
                pytest.skip(f"{EMULATORS[arch]} is missing")
            shutil.copy(emulator, self.share / "emulator")
            self.before = ["/mnt/emulator"]
        self.write("etc/hosts", "127.0.0.1 localhost in-hosts.example\n")
        self.write("etc/resolv.conf", "nameserver 127.0.0.1\n")
        self.write("charon.ini", "[ssh]\nlisten = 127.0.0.1:2222\n"
                   "[state]\ndirectory = /mnt/charon-state\nruntime = /mnt/run\n")
        self.processes = []
        self.network = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c",
             "ip link set lo up && echo up && exec sleep infinity"],
            stdout=subprocess.PIPE)
        assert self.network.stdout.readline() == b"up\n"

    def write(self, name, text):
        (self.share / name).write_text(text)

    def inside(self, *command):
        return ["nsenter", "--net", f"--target={self.network.pid}", *command]

    def command(self, name, *args):
        self.count += 1
        layer = self.folder / f"layer-{self.count}"
        layer.mkdir()
        return self.inside("unshare", "--mount", "bash", "-euc", ENTER, "enter",
                           self.base, layer, self.share, *self.before,
                           f"/mnt/{name}", *args)

    def read(self, name, *args):
        done = subprocess.run(self.command(name, *args), text=True, env=PATH,
                              stdin=subprocess.DEVNULL, timeout=300,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def charon(self, *args):
        return self.read("charon", *args, "--config", "/mnt/charon.ini")

    def start(self, log, *command, **environment):
        with open(self.folder / log, "wb") as file:
            self.processes.append(subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                env={**PATH, **environment}))
        return self.processes[-1]

    def said(self, log):
        return (self.folder / log).read_text()

    def agents(self):
        return {agent["name"]: agent["status"] for agent in
                json.loads(self.charon("agent", "list", "--json"))}

    def join(self, name, server):
        key = self.charon("agent", "add", name).strip()
        return self.start(f"{name}.log", *self.command(
            "orthrus", "connect", "--server", f"{server}:2222"), AUTH_KEY=key,
            ORTHRUS_NAME=name, ORTHRUS_SOCKS5="off",
            STATE_DIRECTORY=f"/mnt/{name}", RUNTIME_DIRECTORY=f"/mnt/{name}")

    def stop(self):
        codes = []
        for process in reversed(self.processes):
            process.terminate()
            codes.append(process.wait(60))
        self.processes = []
        return codes

    def close(self):
        for process in [*reversed(self.processes), self.network]:
            process.kill()
            process.wait()
        self.network.stdout.close()


@pytest.fixture(params=PLACES, ids="-".join)
def place(request, tmp_path):
    made = Place(*request.param, tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("name", ["orthrus", "charon"])
@pytest.mark.parametrize("arch", ARCHS)
def test_needs_only_the_kernel(arch, name):
    """No interpreter and no library; its place in memory is random."""
    said = subprocess.check_output(
        ["readelf", "-hldW", programs(arch)[name]], text=True)
    assert "INTERP" not in said and "NEEDED" not in said
    assert re.search(r"Type: +DYN", said)
    assert re.search(r"GNU_STACK .* RW ", said) and "GNU_RELRO" in said


def pinned():
    """Each library's version, as the library itself tells it."""
    found = {}
    for name, version, license in re.findall(
            r"(?m)^([a-z][\w-]*) (\S+) (\S+)$", SOURCES):
        if license != "-":
            found[name] = re.search(
                r"^(?:\d+:)?(?:.*really)?(\d[\d.]*)", version)[1]
    return found


def test_says_what_is_in_it(tmp_path):
    """The versions that are pinned, by the libraries' own word."""
    own = {"openssl": "OpenSSL", "libinih": "inih"}
    for name, without in ("orthrus", "SQLite"), ("charon", None):
        said = subprocess.check_output(
            [programs(OWN)[name], "--version", "--verbose"], text=True)
        found = dict(re.findall(r"(?m)(\S+) (\d[\d.]*)", said))
        found["sqlite3"] = found.pop("SQLite", None)
        for library, version in pinned().items():
            if without is None or library != "sqlite3":
                assert found[own.get(library, library)] == version, said
        assert (found["sqlite3"] is None) == (without is not None)


@pytest.mark.parametrize("arch", ARCHS)
def test_bill_of_materials(arch):
    """Every library, its version and where it is from, and both programs."""
    files = programs(arch)
    bill = json.loads(pathlib.Path(f"{files['orthrus']}.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX" and bill["specVersion"] == "1.5"
    found = {c["name"]: c for c in bill["components"]}
    for name, version in pinned().items():
        assert found[name]["version"].startswith(version)
        for reference in found[name]["externalReferences"]:
            assert reference["hashes"][0]["content"] in SOURCES
    assert set(found) == {*pinned(), "libgcc"}
    for part in bill["metadata"]["component"]["components"]:
        sums = subprocess.check_output(["sha256sum", DIST / part["name"]],
                                       text=True).split()
        assert part["hashes"][0]["content"] == sums[0]


STAND_IN = """
say() { echo "$*"; }
die() { say "${@:2}" >&2; exit "$1"; }
have_tarball() { :; }
RELEASE_ROOT=$TREE RELEASE_WORK=$TREE/work RELEASE_SHARE=$TREE/share
RELEASE_CACHE=$TREE/cache RELEASE_ARCHS=amd64
"""


def test_sources_cannot_be_had(tmp_path):
    """That ends it, with 75, before anything else is taken for them."""
    folder = tmp_path / "contrib/release"
    shutil.copytree(ROOT / "contrib/release", folder)
    (folder / "lib/release.sh").write_text(STAND_IN)
    (folder / "sources.txt").write_text(
        f"snapshot 20260101T000000Z\nnone 1 MIT\n  {64 * '0'} debian/none\n")
    (tmp_path / "work").mkdir()
    done = subprocess.run(["unshare", "--net", "bash", folder / "static.sh"],
                          env={**PATH, "TREE": str(tmp_path)}, text=True,
                          stdin=subprocess.DEVNULL, timeout=300,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 75, done.stdout + done.stderr
    assert "cannot fetch none" in done.stderr
    assert list((tmp_path / "share/sources").iterdir()) == []


def test_session(place):
    """A gateway, and two agents that know it by name: of a file, and of a name
    server; then all of them end."""
    answers = place.start("names.log", *place.inside(
        sys.executable, "-c", NAMES))
    until("names are answered", 60, lambda: place.said("names.log"))
    place.start("charon.log", *place.command(
        "charon", "serve", "--config", "/mnt/charon.ini"))
    until("it listens", 120, lambda: "listening on" in place.said("charon.log"))
    place.join("by-hosts", "in-hosts.example")
    place.join("by-dns", "in-dns.example")
    until("both are online", 240, lambda: place.agents() == {
        "by-hosts": "online", "by-dns": "online"}, every=1)
    assert place.stop() == [0, 0, 0, -signal.SIGTERM]
    assert answers.returncode == -signal.SIGTERM
