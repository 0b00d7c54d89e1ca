# SPDX-License-Identifier: ISC
"""Many streams in one session: integrity, fairness, bounded memory."""

import hashlib
import selectors
import subprocess
import sys
import time

import pytest

from lab import socks, targets
from lab.harness import built_with_asan
from lab.system import DIES_WITH_US, free_port, until
from lab.targets import digest, does_not_read, payload, read_exactly

MB = 1 << 20
STREAMS = 500
EACH = 384 * 1024
# More than all buffers on the way: a socket of today's kernels takes 32 MB when
# it was read from quickly at first.
STALLED = 128 * MB
STALL_SECONDS = 10
LIMIT = 64 * MB


class EchoProgram:
    """The echo server of targets.py in its own process."""

    def __init__(self):
        self.process = subprocess.Popen(
            DIES_WITH_US + [sys.executable, "-B", targets.__file__],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
            start_new_session=True)
        self.port = int(self.process.stdout.readline())

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Stream:
    """Sends its own bytes to an echo and checks what comes back."""

    def __init__(self, conn, data):
        conn.setblocking(False)
        self.conn, self.data = conn, data
        self.sent = self.got = 0
        self.hash = hashlib.sha256()
        self.reading = True

    def wants(self):
        return ((selectors.EVENT_READ if self.reading else 0) |
                (selectors.EVENT_WRITE if self.sent < len(self.data) else 0))

    def turn(self, events):
        """Moves what can be moved; True when all is back."""
        if events & selectors.EVENT_WRITE:
            self.sent += self.conn.send(
                self.data[self.sent:self.sent + 128 * 1024])
        if events & selectors.EVENT_READ:
            part = self.conn.recv(256 * 1024)
            assert part, f"cut after {self.got} of {len(self.data)} bytes"
            self.hash.update(part)
            self.got += len(part)
        return self.got >= len(self.data)

    def intact(self):
        return self.got == len(self.data) and \
            self.hash.digest() == hashlib.sha256(self.data).digest()


class Pump:
    """All streams of one client in one loop."""

    def __init__(self, streams):
        self.selector = selectors.DefaultSelector()
        self.left = set(streams)
        for s in streams:
            self.selector.register(s.conn, s.wants(), s)

    def until(self, done, seconds, each_turn=lambda: None):
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, \
                f"{len(self.left)} streams unfinished after {seconds} s"
            for key, events in self.selector.select(0.1):
                if key.data.turn(events):
                    self.selector.unregister(key.fileobj)
                    self.left.discard(key.data)
                else:
                    self.watch(key.data)
            each_turn()

    def watch(self, stream):
        """Follows wants(); a stream that wants nothing is left out."""
        wants = stream.wants()
        known = self.selector.get_map().get(stream.conn)
        if known and not wants:
            self.selector.unregister(stream.conn)
        elif known and known.events != wants:
            self.selector.modify(stream.conn, wants, stream)
        elif wants and not known:
            self.selector.register(stream.conn, wants, stream)

    def close(self):
        self.selector.close()


@pytest.mark.heavy
def test_500_streams(lab, sshd):
    """One reader stops for 10 s while the other 499 finish."""
    program = lab.own(EchoProgram())
    agent = lab.orthrus(sshd, level="info")
    conn = socks.open_through(lab, agent, "127.0.0.1", program.port)
    conn.sendall(b"warm")
    read_exactly(conn, 4)
    idle = agent.memory()
    agent.reset_peak()

    block = memoryview(payload("many", EACH + STREAMS * 1009))
    streams = []
    started = time.monotonic()
    for i in range(STREAMS):
        conn = socks.open_through(lab, agent, "127.0.0.1", program.port, 60)
        data = payload("stalled", STALLED) if i == 0 else \
            block[i * 1009:i * 1009 + EACH]
        streams.append(Stream(conn, data))
    opened = time.monotonic()
    assert agent.status()["channels"]["open"] >= STREAMS
    stalled = streams[0]
    stalled.reading = False
    pump = lab.own(Pump(streams))
    pump.until(lambda: pump.left == {stalled}, 120)
    finished = time.monotonic()
    assert stalled.got == 0 and stalled.sent < STALLED, \
        "the stalled stream did not stall: something buffers without bound"
    pump.until(lambda: time.monotonic() > opened + STALL_SECONDS, 60)
    in_flight = stalled.sent
    stalled.reading = True
    pump.watch(stalled)
    pump.until(lambda: not pump.left, 120)
    most = agent.memory("VmHWM") - idle
    print(f"{STREAMS} opened in {opened - started:.2f} s, 499 x {EACH} bytes "
          f"there and back in {finished - opened:.2f} s; the stalled one had "
          f"{in_flight / MB:.1f} MB on the way; memory {idle / MB:.1f} MB "
          f"idle, at most +{most / MB:.1f} MB")
    broken = [i for i, s in enumerate(streams) if not s.intact()]
    assert not broken
    assert agent.status()["reconnects"] == 0
    if not built_with_asan():
        assert most < LIMIT


@pytest.mark.heavy
@pytest.mark.parametrize("option", ["socks5", "-R"])
def test_slow_target(lab, sshd, option):
    """A far reader that takes nothing: others pass, memory is bounded."""
    program = lab.own(EchoProgram())
    slow = lab.serve(does_not_read)
    if option == "socks5":
        agent = lab.orthrus(sshd, level="info")

        def connect(port):
            return socks.open_through(lab, agent, "127.0.0.1", port)
    else:
        at = {slow.port: free_port(), program.port: free_port()}
        agent = lab.orthrus(
            sshd, *[o for to, port in at.items()
                    for o in ("-R", f"{port}:127.0.0.1:{to}")], level="info")

        def connect(port):
            return lab.connect(("127.0.0.1", at[port]))
    idle = agent.memory()
    data = payload("slow", STALLED)
    stuck = Stream(connect(slow.port), data)
    stuck.reading = False
    quick = [Stream(connect(program.port), payload(i, 2 * MB))
             for i in range(20)]
    agent.reset_peak()
    pump = lab.own(Pump([stuck, *quick]))
    pump.until(lambda: pump.left == {stuck}, 60)
    most = agent.memory("VmHWM") - idle
    assert all(s.intact() for s in quick)
    assert stuck.sent < STALLED
    print(f"20 x 2 MB beside a stuck one with {stuck.sent / MB:.1f} MB on "
          f"the way; memory at most +{most / MB:.1f} MB")
    if not built_with_asan():
        assert most < LIMIT
    slow.go.set()
    pump.until(lambda: stuck.sent == STALLED, 60)
    stuck.conn.close()
    assert slow.reports.get(timeout=60) == digest(data)


@pytest.mark.heavy
def test_many_at_once_from_both_sides(lab, sshd):
    """200 through SOCKS5, 200 through -L, 100 through -R, all at once."""
    program = lab.own(EchoProgram())
    there, here = free_port(), free_port()
    agent = lab.orthrus(sshd, "-L", f"{there}:127.0.0.1:{program.port}",
                        "-R", f"{here}:127.0.0.1:{program.port}",
                        level="info")
    block = memoryview(payload("both", EACH + STREAMS * 1009))
    streams = []
    for i in range(STREAMS):
        if i % 5 < 2:
            conn = socks.open_through(lab, agent, "127.0.0.1", program.port)
        else:
            conn = lab.connect(("127.0.0.1", here if i % 5 == 4 else there))
        streams.append(Stream(conn, block[i * 1009:i * 1009 + 100000]))
    pump = lab.own(Pump(streams))
    pump.until(lambda: not pump.left, 120)
    assert all(s.intact() for s in streams)
    for s in streams:
        s.conn.close()
    until("all channels are closed", 20,
          lambda: agent.status()["channels"]["open"] == 0)


@pytest.mark.heavy
def test_new_keys_under_load(lab):
    """Eight streams both ways while the server changes keys all the time."""
    sshd = lab.sshd(RekeyLimit="256K", LogLevel="DEBUG1")
    agent = lab.orthrus(sshd)
    program = lab.own(EchoProgram())
    streams = [Stream(socks.open_through(lab, agent, "127.0.0.1",
                                         program.port), payload(n, 3 * MB))
               for n in range(8)]
    pump = Pump(streams)
    pump.until(lambda: not pump.left, 90)
    assert all(s.intact() for s in streams)
    changes = sshd.log().count("rekey in progress") + \
        sshd.log().count("rekeying in progress") + \
        sshd.log().count("SSH2_MSG_NEWKEYS received")
    print(f"keys changed {changes} times")
    assert changes >= 10
    assert agent.status()["reconnects"] == 0
