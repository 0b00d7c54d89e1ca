# SPDX-License-Identifier: ISC
"""Connections to an SSH server that never log in, in a process of its own.

    flood.py PORT RATE SOURCE...

So many a second, half of them with a whole key exchange and half without a
word, from the sources in turn.  Each is kept until the server ends it.  When
standard input ends it says how many came about, and how many were ended.
"""

import contextlib
import os
import select
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))

from lab.raw_ssh import BANNER, ECDH_INIT, NEWKEYS, Raw, message


def key_exchange():
    """
    All that a client says until there are keys.  It need not wait for the
    server, nor be able to read what that says.
    """
    raw = Raw.__new__(Raw)
    raw.sealing, raw.sent = None, 0
    return BANNER + b"".join(map(raw.pack, (
        raw.kexinit(), message(ECDH_INIT, b"\xff" * 32),
        message(NEWKEYS))))


class Flood:
    def __init__(self, port, sources):
        self.port, self.sources = port, sources
        self.says = key_exchange()
        self.poll = select.poll()
        self.poll.register(sys.stdin, select.POLLIN | select.POLLHUP)
        self.open, self.made, self.ended = {}, 0, 0

    def come(self):
        s = socket.socket()
        source = self.sources[self.made // 2 % len(self.sources)]
        try:
            s.bind((source, 0))
            s.settimeout(5)
            s.connect(("127.0.0.1", self.port))
            if self.made % 2:
                s.send(self.says)
        except OSError:
            s.close()
            return
        finally:
            self.made += 1
        s.setblocking(False)
        self.open[s.fileno()] = s
        self.poll.register(s, select.POLLIN)

    def heard(self, fd):
        s = self.open[fd]
        with contextlib.suppress(BlockingIOError):
            try:
                if s.recv(65536):
                    return
            except ConnectionError:
                pass
            self.poll.unregister(s)
            del self.open[fd]
            s.close()
            self.ended += 1

    def run(self, rate):
        due = time.monotonic()
        while True:
            now = time.monotonic()
            if now >= due:
                self.come()
                due = max(due + 1 / rate, now - 1)
                continue
            for fd, _ in self.poll.poll((due - now) * 1000):
                if fd == sys.stdin.fileno():
                    return
                self.heard(fd)


if __name__ == "__main__":
    flood = Flood(int(sys.argv[1]), sys.argv[3:])
    flood.run(float(sys.argv[2]))
    print(flood.made, flood.ended)
