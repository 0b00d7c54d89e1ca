# SPDX-License-Identifier: ISC
"""A session goes on over whatever its link was made of, and from another
address."""

import os
import random
import shutil
import subprocess
import sys

import pytest

from lab import openssh
from lab.charon import Charon
from lab.front import Front
from lab.harness import ORTHRUS, Orthrus
from lab.cutter import Cutter
from lab.system import free_port, keygen, until
from lab.targets import echo, echoes, payload
from lab.ways import Gateway, Way, cut_way, stock_proxies

from test_resume import Stream

pytestmark = pytest.mark.skipif(not openssh.available(),
                                reason="this build has no charon")

CUTS = int(os.environ.get("ORTHRUS_RESUME_CUTS", "8"))
INSIDE = "ORTHRUS_TEST_NAMESPACE"


def survives(lab, charon, cutter, *options, server):
    """Streams to an agent that comes through the cutter."""
    target = lab.serve(echo)
    agent = charon.agent("rome", "--expose", target.port, *options,
                         key=charon.add_agent("rome"), server=server)
    socket = charon.socket("rome", target.port)
    until("its port", 20, lambda: os.path.exists(socket))
    streams = [Stream(lab.connect(socket), n) for n in range(4)]
    for stream in streams:
        stream.start()
    chance = random.Random(CUTS)
    for n in range(CUTS):
        before = cutter.made
        cutter.cut_after(chance.randrange(1, 500_000), hard=n % 2 == 0)
        until("it is cut", 60, lambda: cutter.left is None, every=0.002)
        until("the link is back", 60, lambda: cutter.made > before,
              every=0.002)
    for stream in streams:
        stream.going = False
    for stream in streams:
        stream.join(120)
    assert [s.why for s in streams] == [None] * len(streams)
    assert not any(s.is_alive() for s in streams)
    return agent.status()


@pytest.mark.parametrize("transport, proxy", [
    ("tls", "none"), ("wss", "none"), ("wss", "http"), ("command", "none")])
def test_cuts(lab, transport, proxy):
    gateway, way = Gateway(lab), Way(transport, proxy)
    cutter, server = cut_way(lab, way, gateway)
    urls = stock_proxies(lab) if proxy != "none" else {}
    status = survives(lab, gateway.charon, cutter,
                      *way.options(gateway, urls), server=server)
    assert status["reconnects"] == 0
    assert status["link"]["transport"] == transport
    assert status["link"]["resumed"] >= CUTS // 2


def test_cuts_at_a_port_of_all(lab):
    """Where the first bytes decide, those of a request do so, too."""
    front = Front(lab, ipv6=False, shared=True)
    cutter = lab.own(Cutter(front.port))
    status = survives(lab, front.charon, cutter,
                      server=f"127.0.0.1:{cutter.port}")
    assert status["reconnects"] == 0
    assert status["link"]["resumed"] >= CUTS // 2


# --- another address ------------------------------------------------------

NETWORK = """
ip link set lo up
ip link add there type veth peer name here
unshare --net sleep 600 & other=$!
until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/$$/ns/net)" ]
do sleep 0.05; done
ip link set there netns $other
ip addr add 10.9.0.1/24 dev here
ip link set here up
nsenter --net=/proc/$other/ns/net sh -ec '
	ip link set lo up
	ip addr add 10.9.0.2/24 dev there
	ip link set there up'
trap 'kill $other' EXIT
ORTHRUS_TEST_NAMESPACE=$other "$@"
"""


def test_change_of_address():
    """Runs the test below in two namespaces."""
    if INSIDE in os.environ or not shutil.which("ip") or subprocess.run(
            ["unshare", "--net", "true"], capture_output=True).returncode:
        pytest.skip("no network namespaces here")
    done = subprocess.run(
        ["unshare", "--net", "sh", "-euc", NETWORK, "sh", sys.executable, "-m",
         "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-k",
         "inside", __file__], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout, done.stdout


@pytest.mark.skipif(INSIDE not in os.environ,
                    reason="run by test_change_of_address")
def test_inside(lab):
    """The address that the link came from is taken away, as a laptop's is
    that goes from one network to the next."""
    there = ["nsenter", f"--net=/proc/{os.environ[INSIDE]}/ns/net"]
    target, key, path = lab.serve(echo), keygen(lab.path("key")), \
        lab.path("l.sock")
    port = free_port()
    charon = lab.own(Charon(
        lab, port=port, ssh={"listen": f"0.0.0.0:{port}"},
        egress={"allow": f"127.0.0.1:{target.port}"}))
    charon.add_client("bob", "egress", key + ".pub")
    agent = lab.own(Orthrus(lab, [
        *there, ORTHRUS, "connect", "--name", "bob", "--server",
        f"10.9.0.1:{port}", "--identity", key, "--accept-new", "--socks5",
        "off", "--control", lab.path("c.sock"), "-L",
        f"{path}:127.0.0.1:{target.port}"], lab.environment(),
        lab.path("c.sock"), None)).wait_ready()
    stream = lab.connect(path, timeout=90)
    assert echoes(stream, payload("before", 200_000))
    for change in ("del 10.9.0.2/24", "add 10.9.0.3/24"):
        subprocess.run([*there, "ip", "addr", *change.split(), "dev", "there"],
                       check=True)
    assert echoes(stream, payload("after", 200_000))
    status = agent.status()
    assert status["reconnects"] == 0 and status["link"]["resumed"] == 1
    assert "from 10.9.0.3" in charon.log()
