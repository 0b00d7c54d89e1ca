# SPDX-License-Identifier: ISC
"""Streams outlive the link between orthrus and charon."""

import contextlib
import os
import random
import signal
import threading
import time

import pytest

from lab import openssh
from lab.charon import Charon
from lab.cutter import Cutter
from lab.docker_engine import UnixHTTP
from lab.system import until
from lab.targets import (digest, echo, echoes, payload, read_all,
                         read_exactly)

pytestmark = pytest.mark.skipif(not openssh.available(),
                                reason="this build has no charon")

CUTS = int(os.environ.get("ORTHRUS_RESUME_CUTS", "40"))
STREAMS = 32


class Stream(threading.Thread):
    """An echo of as much as there is time for, both ways checked."""

    def __init__(self, conn, seed):
        super().__init__(daemon=True)
        self.conn, self.random = conn, random.Random(seed)
        self.going, self.moved, self.why = True, 0, None
        conn.settimeout(120)

    def round(self):
        """Small and large ones, with pauses: bulk, and idle."""
        size = self.random.choice([1, 100, 5000, 70_000, 400_000])
        data = payload(self.random.random(), size)
        writer = threading.Thread(target=self.conn.sendall, args=(data,))
        writer.start()
        back = read_exactly(self.conn, size)
        writer.join()
        assert digest(back) == digest(data)
        self.moved += size
        if self.random.random() < 0.3:
            time.sleep(self.random.random() / 5)

    def run(self):
        try:
            while self.going:
                self.round()
            self.conn.sendall(b"last")
            self.conn.shutdown(1)
            assert read_exactly(self.conn, 4) == b"last"
            assert self.conn.recv(1) == b""
        except (OSError, AssertionError, EOFError) as error:
            self.why = error


def behind_a_cutter(lab, charon):
    """Agents come through it from here on."""
    cutter = lab.own(Cutter(charon.port))
    charon.port = cutter.port
    return cutter


def ready(lab, charon, target, name="rome"):
    agent = charon.agent(name, "--expose", target.port,
                         key=charon.add_agent(name))
    socket = charon.socket(name, target.port)
    until("its port", 20, lambda: os.path.exists(socket))
    return agent, socket


def test_cuts(lab):
    """At any byte, both ways, under streams that each check all of theirs."""
    charon = lab.own(Charon(lab))
    cutter = behind_a_cutter(lab, charon)
    target = lab.serve(echo)
    agent, socket = ready(lab, charon, target)
    streams = [Stream(lab.connect(socket), n) for n in range(STREAMS)]
    for stream in streams:
        stream.start()
    chance, cut_before = random.Random(CUTS), 0
    while cutter.cuts < CUTS:
        before = cutter.made
        cutter.cut_after(chance.randrange(1, 3_000_000),
                         hard=chance.random() < 0.5)
        until("it is cut", 60, lambda: cutter.left is None, every=0.002)
        until("the link is back", 60, lambda: cutter.made > before,
              every=0.002)
    for stream in streams:
        stream.going = False
    for stream in streams:
        stream.join(120)
    assert [s.why for s in streams] == [None] * STREAMS
    assert not any(s.is_alive() for s in streams)
    assert agent.status()["reconnects"] == 0
    assert agent.log().count("goes on over another link") >= CUTS // 2


def follows(conn, target):
    """A Docker engine whose container says a number, and the next one."""
    asked = b""
    while b"\r\n\r\n" not in asked:
        part = conn.recv(4096)
        if not part:
            return
        asked += part
    if b"/logs" not in asked.splitlines()[0]:
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        return
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: "
                 b"application/vnd.docker.raw-stream\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n")
    n = 0
    while not target.go.is_set():
        line = b"%d\n" % n
        conn.sendall(b"%x\r\n%s\r\n" % (len(line), line))
        n += 1
        time.sleep(0.001)
    conn.sendall(b"0\r\n\r\n")


def test_docker_logs(lab):
    """docker logs -f through charon: each line once, in order."""
    charon = lab.own(Charon(lab))
    cutter = behind_a_cutter(lab, charon)
    engine = lab.serve(follows, "unix")
    charon.agent("rome", f"--docker={engine.path}",
                 key=charon.add_agent("rome"))
    until("its socket", 20, lambda: os.path.exists(charon.socket("rome")))
    http = lab.own(UnixHTTP(charon.socket("rome")))
    http.request("GET", "/v1.41/containers/web/logs?follow=1&stdout=1")
    answer = http.getresponse()
    assert answer.status == 200
    for n in range(300):
        assert answer.readline() == b"%d\n" % n
        if n % 30 == 0:
            cutter.cut(hard=n % 60 == 0)
    engine.go.set()
    rest = answer.read().split()
    assert rest == [b"%d" % k for k in range(300, 300 + len(rest))]
    assert cutter.cuts >= 5		# some while there was no link


@pytest.mark.timed
@pytest.mark.parametrize("who", ["agent", "link"])
def test_standstill(lab, who):
    """Longer than anybody waits for a sign of life: a machine that sleeps, a
    network that drops all.  Streams go on, and others see it offline."""
    charon = lab.own(Charon(lab, agents={"heartbeat": "1s",
                                         "timeout": "2s"}))
    cutter = behind_a_cutter(lab, charon)
    target = lab.serve(echo)
    agent, socket = ready(lab, charon, target)
    stream = lab.connect(socket)
    assert echoes(stream)
    if who == "agent":
        agent.signal(signal.SIGSTOP)
    else:
        cutter.freeze()
    stream.sendall(b"under way")
    charon.wait_status("rome", "offline")
    late = lab.connect(socket)
    if who == "agent":
        agent.signal(signal.SIGCONT)
    else:
        cutter.freeze(False)
    assert read_exactly(stream, 9) == b"under way"
    assert echoes(stream)
    assert echoes(late)			# it has waited for the link
    charon.wait_status("rome", "online")
    assert agent.status()["reconnects"] == 0


def test_waits_and_is_told(lab):
    """What asks for an agent without a link waits 5 s, and hears why not; a
    login of the same agent ends the session that waits."""
    charon = lab.own(Charon(lab))
    cutter = behind_a_cutter(lab, charon)
    target = lab.serve(echo)
    agent, socket = ready(lab, charon, target)
    stream = lab.connect(socket)
    assert echoes(stream)
    cutter.refuse()
    cutter.cut()
    until("it is noticed", 20, lambda: "its link is gone" in charon.log())
    began = time.monotonic()
    assert b"agent rome is not currently connected" in \
        read_all(lab.connect(socket))
    assert time.monotonic() - began > 4
    agent.signal(signal.SIGKILL)
    agent.wait_exit(20)
    lab.things.remove(agent)
    cutter.refuse(False)
    again = charon.agent("rome", "--expose", target.port)
    until("it is there", 20, lambda: echoes(lab.connect(socket)))
    with contextlib.suppress(ConnectionError):
        assert stream.recv(1) == b""
    assert again.status()["reconnects"] == 0


def test_status_without_a_link(lab):
    """Since when, why, and that nobody hears of it now."""
    charon = lab.own(Charon(lab, agents={"resume": "120s"}))
    cutter = behind_a_cutter(lab, charon)
    agent, _ = ready(lab, charon, lab.serve(echo))
    until("the gateway hears of it", 20, lambda: agent.status()["leash"])
    before = agent.status()
    assert before["error"] is None
    time.sleep(1.1)		# times are told in seconds
    cutter.refuse()
    cutter.cut()
    until("it is looked for", 20, lambda:
          agent.status()["state"] == "connecting")
    until("the second that it is", 20, lambda:
          agent.status()["since"] > before["since"])
    now = agent.status()
    assert not now["leash"] and now["error"].startswith("the link is gone (")
    text = lab.run("status", "--control", agent.control).stdout
    assert "last error: the link is gone (" in text
    assert "does not hear from this agent now" in text
    cutter.refuse(False)
    until("it is back", 30, lambda: agent.status()["state"] == "connected")
    again = agent.status()
    assert again["since"] == before["since"] and again["error"] is None
    until("the gateway hears of it again", 20,
          lambda: agent.status()["leash"])


def test_gateway_restarts(lab):
    """Its sessions end with it, and new ones come at once."""
    charon = lab.own(Charon(lab))
    target = lab.serve(echo)
    agent, socket = ready(lab, charon, target)
    charon.process.kill()
    charon.process.wait()
    charon.process = None
    charon.start()
    charon.wait_status("rome", "online")
    until("a stream", 20, lambda: os.path.exists(socket) and
          echoes(lab.connect(socket)))
    assert "the server has ended the session" in agent.log()
