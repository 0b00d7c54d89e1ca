# SPDX-License-Identifier: ISC
"""The packages in dist/ as a machine lives through them: installed, configured,
upgraded with sessions up, removed, put back and purged, by dpkg and under
systemd, with what the journal says of it.  The tests of one release of Debian
build on each other, in the order that they have here."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest

import before
from machine import Machine, ROOT, until

HERE = pathlib.Path(__file__).parent
DIST = pathlib.Path(os.environ.get("ORTHRUS_DIST", ROOT / "dist"))
SUITES = {"bookworm": "deb12", "trixie": "deb13"}
NAMES = ["charon", "orthrus", "orthrus-tools"]
PAGE = "the page behind port 9100"
SERVER = f"""
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{PAGE}")
    def log_message(self, *args):
        pass
http.server.HTTPServer(("127.0.0.1", 9100), Handler).serve_forever()
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes systems")


def packages(suite):
    """The newest ones: a file for each name."""
    arch = subprocess.check_output(["dpkg", "--print-architecture"],
                                   text=True).strip()
    found = {}
    for name in NAMES:
        for kind in arch, "all":
            for file in DIST.glob(f"{name}_*~{SUITES[suite]}_{kind}.deb"):
                old = found.get(name)
                if old is None or file.stat().st_mtime > old.stat().st_mtime:
                    found[name] = file
    return found


def package_version(package):
    return subprocess.check_output(["dpkg-deb", "-f", package, "Version"],
                                   text=True).strip()


def older_packages(suite, new, folder):
    """
    Those of the version before into a folder, or where its commit is not to be
    had, as in an unpacked tarball, these ones under a lower version.
    """
    if before.version_of(before.last_before()):
        for package in before.packages(suite).iterdir():
            shutil.copy(package, folder)
        return
    print("no version before is here: these packages under a lower one")
    for package in new.values():
        make_older(package, folder)


def make_older(package, folder):
    """The same package with a version before every other one."""
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: ", "Version: 0~before+",
                              control.read_text()))
    older = folder / package.name
    subprocess.run(["dpkg-deb", "-Zgzip", "-z1", "-b", tree, older],
                   check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)


class Debian(Machine):
    """
    A machine with the packages, of two versions, in /mnt; versions has both.
    """

    def dpkg(self, *args, check=0):
        return self.run("dpkg", "--force-confold", *args, check=check).stdout

    def install(self, which="new"):
        return self.shell(f"dpkg -i /mnt/{which}/*.deb 2>&1")

    def failed(self):
        """Units, but those of systemd's own that a namespace does not let."""
        lines = self.shell("systemctl --failed --plain --no-legend")
        return [line for line in lines.splitlines()
                if not line.startswith("systemd-")]

    def agents(self):
        return {agent["name"]: agent["status"] for agent in
                json.loads(self.read("charon", "agent", "list", "--json"))}

    def is_online(self):
        with contextlib.suppress(AssertionError):
            return self.agents().get("web") == "online"
        return False

    def ask(self):
        """The page, through the gateway's socket; "" when there is none."""
        with contextlib.suppress(OSError), socket.socket(
                socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(str(self.path("/run/charon/agents/web/9100.sock")))
            s.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
            answer = b""
            while more := s.recv(4096):
                answer += more
            return answer.partition(b"\r\n\r\n")[2].decode()
        return ""


@pytest.fixture(scope="module", params=list(SUITES))
def debian(request, tmp_path_factory):
    new = packages(request.param)
    if len(new) < len(NAMES):
        pytest.skip(f"no packages for {request.param} in {DIST}: "
                    "contrib/release.sh deb makes them")
    share = tmp_path_factory.mktemp("share")
    for which in "old", "new":
        (share / which).mkdir()
    for package in new.values():
        shutil.copy(package, share / "new")
    older_packages(request.param, new, share / "old")
    base = subprocess.check_output(
        [HERE / "system.sh", request.param, *new.values()],
        text=True).strip()
    machine = Debian(base, share)
    machine.versions = {
        which: package_version(next((share / which).glob("charon_*.deb")))
        for which in ("old", "new")}
    yield machine
    machine.stop()


@pytest.fixture(scope="module")
def page(debian):
    """A web page at port 9100 of the machine."""
    server = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "nsenter", "-t",
         str(debian.init()), "--net", "/usr/bin/python3", "-c", SERVER])
    yield server
    server.kill()
    server.wait()


def test_nothing_starts_where_policy_forbids(debian):
    """policy-rc.d is asked, as by all packages."""
    policy = debian.path("/usr/sbin/policy-rc.d")
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    for name in "charon", "orthrus":
        debian.shell(f"mkdir -p /etc/{name}; : >/etc/{name}/{name}.ini")
    debian.path("/etc/orthrus/orthrus.ini").write_text(
        "[server]\naddress = 192.0.2.1:22\n")
    debian.install("old")
    for name in "charon", "orthrus":
        assert debian.property(name, "ActiveState") == "inactive"
    policy.unlink()
    debian.dpkg("--purge", *NAMES)
    assert not debian.path("/etc/charon").exists()
    assert not debian.path("/etc/orthrus").exists()


def test_installed(debian):
    """Enabled, but not started before they are configured; the gateway's user
    and directories are there."""
    debian.install("old")
    for name in "charon", "orthrus":
        assert debian.read("systemctl", "is-enabled", name) == "enabled"
        assert debian.property(name, "ActiveState") == "inactive"
        assert debian.property(name, "ConditionResult") == "no"
        debian.run(name, "--version")
    assert debian.failed() == []
    assert debian.read("getent", "passwd", "charon").endswith(
        ":/var/lib/charon:/usr/sbin/nologin")
    assert debian.read("stat", "-c", "%U:%G %a", "/var/lib/charon",
                       "/run/charon").split("\n") == [
        "charon:charon 700", "charon:charon 750"]
    assert debian.shell("find /usr/share/doc/orthrus-tools -name '*.md*' | "
                        "wc -l") > "0"
    assert debian.dpkg("--verify", *NAMES) == ""


def test_gateway_starts_once_configured(debian):
    debian.shell("cp /usr/share/doc/charon/examples/charon.ini /etc/charon/")
    debian.run("charon", "check")
    debian.run("systemctl", "start", "charon")
    assert debian.property("charon", "ActiveState") == "active"
    assert debian.agents() == {}


def configure_agent(debian, key):
    debian.shell("install -m 0600 /dev/null /etc/orthrus/auth_key")
    debian.path("/etc/orthrus/auth_key").write_text(key + "\n")
    debian.shell("""
        mkdir -p /etc/systemd/system/orthrus.service.d
        cp /usr/share/doc/orthrus/examples/auth-key.conf \
            /etc/systemd/system/orthrus.service.d/
        systemctl daemon-reload""")
    sample = debian.read(
        "cat", "/usr/share/doc/orthrus/examples/orthrus.ini")
    for old, new in (("#name = vps-london-01", "name = web"),
                     ("#address = tunnel@host.example.com:22",
                      "address = 127.0.0.1:2222"),
                     ("#[expose metrics]", "[expose metrics]"),
                     ("#to = 127.0.0.1:9100", "to = 127.0.0.1:9100")):
        assert old in sample
        sample = sample.replace(old, new)
    debian.path("/etc/orthrus/orthrus.ini").write_text(sample + "\n")


def test_agent_enrols(debian, page):
    """By the steps of README.Debian: the AUTH_KEY in a file of root's."""
    key = debian.read("charon", "agent", "add", "web")
    configure_agent(debian, key)
    debian.run("systemctl", "start", "--no-block", "orthrus")
    until("the agent is online", 60, debian.is_online)
    assert "online" in debian.read("charon", "agent", "list")
    until("its page is there", 30, lambda: debian.ask() == PAGE)
    assert key not in debian.journal()
    debian.path("/etc/orthrus/auth_key").unlink()


class Watch:
    """Asks for the page, again and again; the longest time without it."""

    def __init__(self, debian):
        self.debian, self.gap, self.last = debian, 0, time.monotonic()
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ends.wait(0.02):
            if self.debian.ask() == PAGE:
                now = time.monotonic()
                self.gap = max(self.gap, now - self.last)
                self.last = now

    def stop(self):
        self.ends.set()
        self.thread.join()
        return self.gap


@contextlib.contextmanager
def watched(debian, what):
    """The time without the page while something is done, and until it is back,
    is printed: it depends on the machine."""
    watch = Watch(debian)
    try:
        yield
        until("the agent is back", 60, debian.is_online)
        until("the page is back", 60, lambda: debian.ask() == PAGE)
    finally:
        gap = watch.stop()
    print(f"{what}: {gap:.2f} s without the page")


def pids(debian):
    return {name: debian.property(name, "MainPID")
            for name in ("charon", "orthrus")}


@pytest.mark.parametrize("name", ["charon", "orthrus"])
def test_restart(debian, page, name):
    with watched(debian, f"systemctl restart {name}"):
        debian.run("systemctl", "restart", name)


def test_upgrade_with_sessions_up(debian, page):
    """Both are restarted with what is new, with the files of /etc as they
    were; how long it is away is printed."""
    was = pids(debian)
    files = debian.shell("sha256sum /etc/charon/* /etc/orthrus/*")
    old, new = debian.versions["old"], debian.versions["new"]
    with watched(debian, f"upgrade from {old} to {new}"):
        out = debian.install()
        assert f"Unpacking charon ({new}) over ({old})" in out
        until("both are new", 60, lambda: all(
            pid not in ("0", was[name])
            for name, pid in pids(debian).items()))
    assert debian.shell("sha256sum /etc/charon/* /etc/orthrus/*") == files
    for name in was:
        assert debian.read(
            "dpkg-query", "-W", "-f", "${Version}", name) == new
    listed = json.loads(debian.read("charon", "agent", "list", "--json"))
    assert listed[0]["version"] == new.partition("-")[0]


def test_upgrade_waits_for_no_server(debian, page):
    """An agent whose gateway is away is restarted, and dpkg goes on."""
    debian.run("systemctl", "stop", "charon")
    was = pids(debian)["orthrus"]
    debian.shell("dpkg -i /mnt/new/orthrus_*.deb")
    until("a new one", 60,
          lambda: pids(debian)["orthrus"] not in ("0", was))
    assert debian.property("orthrus", "ActiveState") == "activating"
    debian.run("systemctl", "start", "charon")
    until("the agent is back", 90, debian.is_online)


def processes(debian):
    return debian.run("sh", "-c", "grep -lE '^(charon|orthrus)' "
                      "/proc/[0-9]*/comm", check=None).stdout


def test_removed_and_put_back(debian, page):
    """What is theirs stays, and they go on with it."""
    debian.dpkg("--remove", "orthrus", "charon")
    assert processes(debian) == ""
    assert debian.path("/etc/charon/charon.ini").exists()
    assert debian.path("/var/lib/charon").is_dir()
    assert not debian.path("/usr/bin/charon").exists()
    debian.install()
    until("the agent is online", 60, debian.is_online)
    until("its page is there", 30, lambda: debian.ask() == PAGE)


def test_nothing_is_wrong_in_the_journal(debian):
    """But that the agent found no gateway while there was none, and no
    AUTH_KEY after it was taken away."""
    expected = re.compile("Connection refused|the gateway asks us to go "
                          "elsewhere|AUTH_KEY_FILE: .* going on with the")
    for unit in "charon", "orthrus":
        bad = debian.journal("-u", unit, "-p", "warning", "-o", "cat")
        assert [line for line in bad.splitlines()
                if not expected.search(line)] == []
    assert debian.failed() == []


def test_purged(debian):
    """Nothing of theirs is left but the user."""
    debian.shell("rm -r /etc/systemd/system/orthrus.service.d")
    debian.dpkg("--purge", *NAMES)
    assert processes(debian) == ""
    left = debian.shell("find / -xdev -path /mnt -prune -o "
                        "'(' -iname '*charon*' -o -iname '*orthrus*' ')' "
                        "-print")
    assert left == ""
    for name in "charon", "orthrus":
        assert debian.property(name, "LoadState") == "not-found"
    debian.run("getent", "passwd", "charon")
    debian.install()
    assert debian.property("charon", "ConditionResult") == "no"
