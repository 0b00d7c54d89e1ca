# SPDX-License-Identifier: ISC
"""The gateway stands still for seconds, as with its machine in a snapshot or
at a slow disk: that is nobody else's silence, and nobody leaves for it."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from lab.charon import Charon
from lab.muzzle_engine import Engine
from lab.raw_ssh import Gone, Raw
from lab.scene import Scene
from lab.system import until
from lab.targets import echo, echoes

AGENTS, STILL = 20, 8.0


def monitor_of(charon):
    """The process that holds the keys."""
    children = f"/proc/{charon.pid}/task/{charon.pid}/children"
    (pid,) = [pid for pid in open(children).read().split()
              if open(f"/proc/{pid}/comm").read() == "charon-monitor\n"]
    return int(pid)


def stand_still(pid, seconds=STILL):
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)


def reconnects(agents):
    return [agent.status()["reconnects"] for agent in agents]


@pytest.mark.parametrize("who", ["network", "monitor"])
def test_nobody_leaves(lab, who):
    """20 agents, their streams, and a request that waits for its rest."""
    charon = lab.own(Charon(lab))
    target, engine = lab.serve(echo), lab.own(Engine(lab.path("e.sock")))
    names = [f"a{n}" for n in range(AGENTS)]
    keys = [charon.add_agent(name) for name in names]
    # One by one, as each writes to the registry's disk.
    agents = [charon.agent(name, "--expose", target.port,
                           f"--docker={engine.path}", wait=60, key=key)
              for name, key in zip(names, keys)]
    streams = [lab.connect(charon.socket(name, target.port))
               for name in names[:5]]
    assert all(echoes(stream) for stream in streams)
    half = lab.connect(charon.socket("a0"))
    half.sendall(b"GET /version HTTP/1.1\r\nHost: docker\r\n")
    mark = len(charon.log())
    time.sleep(3)			# of the 10 that a head may take
    stand_still(charon.pid if who == "network" else monitor_of(charon))
    until("it has noticed", 20, lambda: "stood still for" in
          charon.log()[mark:])
    half.sendall(b"\r\n")
    assert half.recv(12) == b"HTTP/1.1 200"
    # For longer than silence is borne, by who would still be angry.
    began = time.monotonic()
    until("so long", 30, lambda: time.monotonic() - began > 11)
    assert reconnects(agents) == [0] * AGENTS
    assert "session ended" not in charon.log()[mark:]
    assert {a["status"] for a in charon.agents().values()} == {"online"}
    assert all(echoes(stream) for stream in streams)


@pytest.mark.timed
def test_the_dead_are_noticed(lab):
    """Who falls silent meanwhile is offline, if later; and who does so after
    it in the usual time."""
    charon = lab.own(Charon(lab))
    first, second = (charon.agent(n, key=charon.add_agent(n))
                     for n in ("first", "second"))
    os.kill(charon.pid, signal.SIGSTOP)
    first.signal(signal.SIGSTOP)
    try:
        time.sleep(4)
    finally:
        os.kill(charon.pid, signal.SIGCONT)
    charon.wait_status("first", "offline", 40)
    assert charon.status("second") == "online"
    assert second.status()["reconnects"] == 0
    second.signal(signal.SIGSTOP)
    began = time.monotonic()
    charon.wait_status("second", "offline", 40)
    assert time.monotonic() - began < 10.5
    for agent in (first, second):
        agent.signal(signal.SIGCONT)
    for name in ("first", "second"):
        charon.wait_status(name, "online", 40)


@pytest.mark.heavy
def test_a_login_under_way(lab):
    """20 s from the connection to the login, without those that were lost."""
    scene = Scene(lab)
    who = scene.enrol("other")
    raw, late = (lab.own(Raw(scene.port, timeout=60)) for _ in range(2))
    raw.service()
    late.service()
    time.sleep(14)
    stand_still(scene.charon.pid)
    assert raw.login_key(who.name, who.key, who.certificate)
    # Who still does not log in goes.
    assert "no login within" not in scene.charon.log()
    until("the other is sent away", 60, lambda: "no login within 20 s" in
          scene.charon.log())
    with pytest.raises((Gone, OSError)):
        late.login_key(who.name, who.key, who.certificate)


@pytest.mark.heavy
def test_an_agent_stands_still(lab):
    """Its own probes count as little by time in which it did not run."""
    charon = lab.own(Charon(lab, agents={"heartbeat": "20s",
                                         "timeout": "60s"}))
    target = lab.serve(echo)
    agent = charon.agent("a", "--expose", target.port,
                         key=charon.add_agent("a"))
    stream = lab.connect(charon.socket("a", target.port))
    assert echoes(stream)
    agent.signal(signal.SIGSTOP)
    time.sleep(16)
    agent.signal(signal.SIGCONT)
    began = time.monotonic()
    until("so long", 30, lambda: time.monotonic() - began > 3)
    assert agent.status()["reconnects"] == 0
    assert echoes(stream)


LOST = "ORTHRUS_TEST_LOST"


def test_nothing_arrives_meanwhile(lab):
    """As when a machine is taken a picture of: what is sent to it is lost, and
    sent again with ever more patience.  In a network namespace."""
    if LOST in os.environ or shutil.which("ip") is None or subprocess.run(
            ["unshare", "--net", "true"], capture_output=True).returncode:
        pytest.skip("no network namespaces here")
    done = subprocess.run(
        ["unshare", "--net", "sh", "-euc", f"ip link set lo up; {LOST}=1 "
         "exec \"$@\"", "sh", sys.executable, "-m", "pytest", "-q", "-p",
         "no:cacheprovider", "-p", "no:xdist", "-k", "inside_lost", __file__],
        capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout, done.stdout


@pytest.mark.skipif(LOST not in os.environ, reason="run by the test above")
def test_inside_lost(lab):
    charon = lab.own(Charon(lab))
    agents = [charon.agent(f"a{n}", key=charon.add_agent(f"a{n}"))
              for n in range(5)]
    # Heartbeats and questions fall into it wherever they are due.
    for pause in (4.0, 7.5):
        mark = len(charon.log())
        os.kill(charon.pid, signal.SIGSTOP)
        try:
            subprocess.run(["ip", "link", "set", "lo", "down"], check=True)
            time.sleep(pause)
        finally:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            os.kill(charon.pid, signal.SIGCONT)
        until("it has noticed", 20, lambda: "stood still for" in
              charon.log()[mark:])
        began = time.monotonic()
        until("so long", 40, lambda: time.monotonic() - began > 12)
        assert "session ended" not in charon.log()[mark:]
        assert reconnects(agents) == [0] * len(agents)
