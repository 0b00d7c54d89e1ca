# SPDX-License-Identifier: ISC
"""A recording stand-in for a Docker engine, on a Unix socket.

It is no engine and does not look like one.  It is here because a real one
cannot be asked what it was sent, nor be told to misbehave: this one keeps
every byte that reaches it, so that "the engine saw nothing" is proved, and
answers what it is told to.

One thread does all of it and, on each turn, reads everything there is before
it answers anything: who has an answer knows that whatever was sent before
has been recorded.
"""

import contextlib
import json
import os
import selectors
import socket
import threading
import time

from lab.system import until


class Close:
    """In a script: closes the connection."""


class Wait:
    """In a script: a pause of some seconds."""

    def __init__(self, seconds):
        self.seconds = seconds


def default_body(request_line):
    """What it answers by itself: finite JSON that tells one from another."""
    return json.dumps({"stand-in": request_line.decode("latin-1")},
                      separators=(",", ":")).encode()


def is_probe(head):
    """The Muzzle's own question, now and then: nobody asked for it."""
    return b"\r\nAccept:" not in head


def default_answer(head):
    line = head.split(b"\r\n")[0].rpartition(b" ")[0]
    body = default_body(line)
    return (b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n"
            b"Content-Type: application/json\r\nServer: stand-in\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) +
            (b"" if head.startswith(b"HEAD ") else body))


class Engine:
    """Listens at path until close()."""

    def __init__(self, path):
        self.path = path
        self._lock = threading.Lock()
        self._seen, self._script = b"", []
        self._pending = {}		# connection: bytes not yet answered
        self._old = set()		# connections of before script()
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(512)
        self._listener.setblocking(False)
        self._wake, self._woken = socket.socketpair()
        for s in (self._listener, self._woken):
            self._selector.register(s, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def script(self, answers):
        """
        Forgets what was seen.  The requests that follow get one each of
        answers, which are lists of bytes, Wait and Close; then the default.
        """
        with self._lock:
            self._seen = b""
            self._script = list(answers)
            self._old = set(self._pending)

    def seen(self):
        """All that has arrived since script(), on whatever connection."""
        with self._lock:
            return self._seen + b"".join(self._pending.values())

    def close(self):
        self._wake.close()
        self._thread.join(10)
        self._selector.close()
        for s in (self._listener, self._woken, *self._pending):
            s.close()
        os.unlink(self.path)

    def _run(self):
        while True:
            ready = [key.fileobj for key, _ in self._selector.select()]
            if self._woken in ready:
                return
            for s in ready:
                self._accept() if s is self._listener else self._read(s)
            for conn in list(self._pending):
                self._answer_all(conn)

    def _accept(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                conn, _ = self._listener.accept()
                conn.settimeout(5)
                with self._lock:
                    self._pending[conn] = b""
                self._selector.register(conn, selectors.EVENT_READ)

    def _read(self, conn):
        data = b""
        with contextlib.suppress(OSError):
            data = conn.recv(1 << 20)
        if not data:
            return self._forget(conn)
        with self._lock:
            self._pending[conn] += data

    def _forget(self, conn):
        with self._lock:
            if self._pending.pop(conn, None) is None:
                return
        self._selector.unregister(conn)
        conn.close()

    def _answer_all(self, conn):
        """A head without its end is waited for; a body is a request, too."""
        while b"\r\n\r\n" in self._pending.get(conn, b""):
            with self._lock:
                head, end, rest = self._pending[conn].partition(b"\r\n\r\n")
                self._pending[conn] = rest
                script = [default_answer(head)]
                if not is_probe(head):
                    self._seen += head + end
                    script = self._script.pop(0) if self._script else script
            try:
                self._play(conn, script)
            except OSError:		# the other side has gone
                self._forget(conn)

    def _play(self, conn, script):
        for step in script:
            if isinstance(step, Wait):
                time.sleep(step.seconds)
            elif step is Close:
                self._forget(conn)
            else:
                conn.sendall(step)

    def wait_idle(self, seconds):
        """Until none is left of those that were opened since script()."""
        until("the connections to the engine are closed", seconds,
              lambda: not set(self._pending) - self._old, every=0.002)
