# SPDX-License-Identifier: ISC
"""Ten thousand short connections leave nothing behind."""

import os
import socket
import struct
import threading
import time

import pytest

from lab import socks
from lab.harness import built_with_asan
from lab.system import descriptors, free_port, until
from lab.targets import read_all, says

COUNT = int(os.environ.get("ORTHRUS_LEAK_COUNT", "10000"))
CLIENTS = 8
MB = 1 << 20


class Visitor:
    """One client after the other, in ten ways of coming and going."""

    def __init__(self, agent, target, there, here, refused):
        self.agent, self.target = agent, target
        self.there, self.here, self.refused = there, here, refused
        self.served = 0

    def visit(self, i):
        kind = i % 10
        if kind == 0:
            return self.leave_early(i // 10)
        if kind == 1:
            return self.be_refused()
        if kind in (2, 3):
            conn = self.dial(("127.0.0.1",
                              self.there if kind == 2 else self.here))
        else:
            conn = self.dial(self.agent.socks5)
            assert socks.ask(conn, "127.0.0.1", self.target.port) == 0
        with conn:
            if kind == 4:	# leaves by a reset
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                struct.pack("ii", 1, 0))
                return
            if kind == 5:	# leaves without reading
                return
            if kind == 6:
                conn.shutdown(socket.SHUT_WR)
            assert read_all(conn) == b"hello"
            self.served += 1

    @staticmethod
    def dial(address):
        return socket.create_connection(address, 60)

    def leave_early(self, i):
        said = (b"", b"\5", b"\5\1\0", b"GET / HTTP/1.0\r\n\r\n", b"\4\1",
                socks.greeting(0) + socks.request("127.0.0.1",
                                                  self.target.port))
        with self.dial(self.agent.socks5) as conn:
            conn.sendall(said[i % len(said)])

    def be_refused(self):
        with self.dial(self.agent.socks5) as conn:
            assert socks.ask(conn, "127.0.0.1",
                             self.refused) == socks.REFUSED


def visits(visitor, count):
    """count visits by several clients at a time; their errors, if any."""
    errors = []

    def client(first):
        try:
            for i in range(first, count, CLIENTS):
                visitor.visit(i)
        except Exception as e:
            errors.append(f"visit {i}: {e!r}")
    threads = [threading.Thread(target=client, args=(n,))
               for n in range(CLIENTS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return errors


@pytest.mark.heavy
def test_short_connections(lab, sshd):
    target = lab.serve(says(b"hello"))
    there, here = free_port(), free_port()
    agent = lab.orthrus(sshd, "-L", f"{there}:{target.spec}",
                        "-R", f"{here}:{target.spec}", level="info")
    visitor = Visitor(agent, target, there, here, free_port())
    session = sshd.sessions()
    assert session

    def settled(idle=None):
        """Descriptors of both ends, once no channel is open."""
        until("all channels are closed", 30,
              lambda: agent.status()["channels"]["open"] == 0)
        now = agent.descriptors(), sum(map(descriptors, session))
        return now if idle is None or all(
            n <= i for n, i in zip(now, idle)) else None

    assert visits(visitor, min(COUNT, 400)) == []
    time.sleep(0.5)			# the last ones leave without a word
    idle = settled()
    memory = agent.memory()
    started = time.monotonic()
    assert visits(visitor, COUNT) == []
    took = time.monotonic() - started
    until("descriptors are as before", 20, lambda: settled(idle), every=0.2)
    growth = agent.memory() - memory
    status = agent.status()
    print(f"{COUNT} connections in {took:.1f} s; descriptors {idle}, memory "
          f"{memory / MB:.1f} MB and then {growth / MB:+.1f} MB")
    assert status["channels"]["open"] == 0
    assert status["channels"]["total"] >= visitor.served
    assert all(f["open"] == 0 for f in status["forwards"])
    assert sshd.sessions() == session, "the session did not last"
    if not built_with_asan():
        assert growth < 8 * MB


@pytest.mark.timed
def test_reconnects(lab, sshd):
    """Twenty lost sessions, each with open streams: no descriptor more."""
    target = lab.serve(says(b"hello"))
    there, here = free_port(), free_port()
    agent = lab.orthrus(sshd, "-L", f"{there}:{target.spec}",
                        "-R", f"{here}:{target.spec}",
                        "--backoff-min", "50ms", "--backoff-max", "100ms")

    def lose():
        cut = [lab.connect(("127.0.0.1", port)) for port in (there, here)]
        lost = agent.status()["reconnects"]
        sshd.kill_sessions()
        until("a new session", 20,
              lambda: agent.status()["reconnects"] > lost)
        agent.wait_ready()
        for conn in cut:
            conn.close()
        with lab.connect(("127.0.0.1", here)) as conn:
            assert read_all(conn) == b"hello"

    def quiet():
        until("all channels are closed", 10,
              lambda: agent.status()["channels"]["open"] == 0)
        return agent.descriptors()

    lose()
    idle = quiet()
    memory = agent.memory()
    for _ in range(20):
        lose()
    until("descriptors are as before", 10, lambda: quiet() <= idle)
    growth = agent.memory() - memory
    print(f"20 sessions later: memory {growth / MB:+.1f} MB")
    if not built_with_asan():
        assert growth < 8 * MB
