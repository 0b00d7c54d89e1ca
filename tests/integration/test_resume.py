# SPDX-License-Identifier: ISC
"""Streams outlive the link between orthrus and charon."""

import os
import random
import threading
import time

import pytest

from lab import openssh
from lab.charon import Charon
from lab.cutter import Cutter
from lab.system import until
from lab.targets import digest, echo, echoes, payload, read_exactly

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
