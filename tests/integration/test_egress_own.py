# SPDX-License-Identifier: ISC
"""Egress and the gateway's own addresses, public ones as well, on interfaces
of a network namespace that stand for a server's."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading

import pytest

from lab.charon import CHARON, Charon
from lab.raw_ssh import DATA, Fields, Raw, load_key
from lab.system import keygen

INSIDE = "ORTHRUS_TEST_NAMESPACE"

# Ours; the second addresses of an interface, and a whole network that is
# routed to us, are told apart from theirs by the kernel alone.
OWN = ["203.0.113.7", "203.0.113.8", "198.51.100.20", "2001:db8:1::7"]
THEIRS = ["203.0.113.1", "2001:db8:1::1"]
FORMS = ["64:ff9b::cb00:7107", "2002:cb00:7107::1", "::203.0.113.7",
         "::ffff:203.0.113.7"]
NETWORK = """
ip link set lo up
ip link add there type veth peer name here
unshare --net sleep 600 & other=$!
until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/$$/ns/net)" ]
do sleep 0.05; done
ip link set there netns $other
echo 0 >/proc/sys/net/ipv6/conf/here/accept_dad
ip addr add 203.0.113.7/24 dev here
ip addr add 203.0.113.8/24 dev here
ip -6 addr add 2001:db8:1::7/64 dev here nodad
ip link set here up
ip route add local 198.51.100.0/24 dev lo
ip route add 64:ff9b::/96 via 2001:db8:1::1
ip route add 2002::/16 via 2001:db8:1::1
nsenter --net=/proc/$other/ns/net sh -ec '
	ip link set lo up
	ip addr add 203.0.113.1/24 dev there
	ip -6 addr add 2001:db8:1::1/64 dev there nodad
	ip link set there up'
trap 'kill $other' EXIT
ORTHRUS_TEST_NAMESPACE=$other "$@"
"""


def can():
    return shutil.which("ip") and subprocess.run(
        ["unshare", "--net", "true"], capture_output=True).returncode == 0


def test_own_addresses():
    """Runs the tests below in the namespaces."""
    if not os.access(CHARON, os.X_OK):
        pytest.skip("this build has no charon")
    if INSIDE in os.environ or not can():
        pytest.skip("no network namespaces here")
    done = subprocess.run(
        ["unshare", "--net", "sh", "-euc", NETWORK, "sh", sys.executable, "-m",
         "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-k",
         "inside", __file__], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout, done.stdout


inside = pytest.mark.skipif(INSIDE not in os.environ,
                            reason="run by test_own_addresses")


class Here(threading.Thread):
    """A server in this namespace that says "here" to who comes."""

    def __init__(self, where):
        super().__init__(daemon=True)
        self.count = 0
        self.listener = socket.socket(
            socket.AF_INET6 if ":" in where else socket.AF_INET)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((where, 8080))
        self.listener.listen()
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                conn, _ = self.listener.accept()
                self.count += 1
                conn.sendall(b"here")
                conn.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


THERE = """
import socket
for where in %r:
    s = socket.socket(socket.AF_INET6 if ":" in where else socket.AF_INET)
    s.bind((where, 8080))
    s.listen()
    globals()["s" + where] = s
print("ready", flush=True)
import selectors
sel = selectors.DefaultSelector()
for where in %r:
    sel.register(globals()["s" + where], selectors.EVENT_READ)
while True:
    for key, _ in sel.select():
        conn, _ = key.fileobj.accept()
        conn.sendall(b"there")
        conn.close()
"""


@pytest.fixture
def there():
    """Somebody else's servers."""
    net = f"/proc/{os.environ[INSIDE]}/ns/net"
    process = subprocess.Popen(
        ["nsenter", f"--net={net}", sys.executable, "-c",
         THERE % (THEIRS, THEIRS)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.wait()


def client(lab, charon):
    key = lab.path("key")
    if not os.path.exists(key):
        keygen(key)
        charon.add_client("c", "egress", key + ".pub")
    raw = lab.own(Raw(charon.port))
    raw.service()
    assert raw.login_key("c", load_key(key))
    return raw


def said(raw, host):
    """What is read from there, or why it is refused."""
    ok, what = raw.direct(host, 8080)
    if not ok:
        return what[0]
    fields = Fields(raw.expect(DATA))
    fields.u32()
    return fields.string()


@inside
def test_inside_public(lab, there):
    """Everywhere is not here."""
    charon = lab.own(Charon(lab, egress={"allow": "*:*"}))
    servers = [lab.own(Here(where)) for where in (
        "0.0.0.0", "::1", "2001:db8:1::7")]
    raw = client(lab, charon)
    for where in OWN + FORMS + ["127.0.0.1", "::1", "203.0.113.255"]:
        assert said(raw, where) == 1, where
    assert [server.count for server in servers] == [0, 0, 0]
    for where in THEIRS:
        assert said(raw, where) == b"there", where
    # One that is new here is known at once.
    subprocess.run(["ip", "addr", "add", "192.0.2.5/32", "dev", "lo"],
                   check=True)
    assert said(raw, "192.0.2.5") == 1


@inside
def test_inside_named(lab, there):
    """A rule that names the address or its network is meant so."""
    charon = lab.own(Charon(lab, egress={
        "allow": "*:*, 203.0.113.8:8080, 198.51.100.0/24:8000-8080, "
                 "[2001:db8:1::7]:8080"}))
    servers = [lab.own(Here(where))
               for where in ("0.0.0.0", "2001:db8:1::7")]
    raw = client(lab, charon)
    assert said(raw, "203.0.113.7") == 1
    for where in OWN[1:]:
        assert said(raw, where) == b"here", where
    assert [server.count for server in servers] == [2, 1]
    assert said(raw, THEIRS[0]) == b"there"
