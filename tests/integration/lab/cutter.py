# SPDX-License-Identifier: ISC
"""A link that breaks when a test says so: a relay to a TCP port, whose
connections can be cut after any byte, frozen, or refused."""

import contextlib
import selectors
import socket
import struct
import threading

PIECE = 64 * 1024
RESET = struct.pack("ii", 1, 0)		# SO_LINGER: close(2) is a reset


class Pair:
    """A connection and what it leads to; bytes wait until they are taken."""

    def __init__(self, near, far):
        self.ends = (near, far)
        self.waiting = {near: b"", far: b""}	# to be written there
        self.open = {near: True, far: True}	# may still be read

    def other(self, end):
        return self.ends[end is self.ends[0]]


class Cutter:
    """Listens on a port of 127.0.0.1 and relays to another one."""

    def __init__(self, port, host="127.0.0.1"):
        self.to = (host, port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.pairs, self.carried, self.cuts, self.made = set(), 0, 0, 0
        self.left = None		# bytes until the next cut
        self.hard = True
        self.frozen = self.refuses = self.ended = False
        self.on_data = None		# (from the client, bytes) -> None
        self._lock = threading.RLock()
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    # --- what a test says ---

    def cut(self, hard=True):
        """Now: with a reset, or as a peer closes that has gone."""
        with self._lock:
            self._cut(hard)
        self._wake.send(b"x")

    def cut_after(self, n, hard=True):
        """In the midst of what is carried, n bytes from now."""
        with self._lock:
            self.left, self.hard = n, hard

    def freeze(self, frozen=True):
        """Nothing comes through, and nobody hears of it."""
        with self._lock:
            self.frozen = frozen
        self._wake.send(b"x")

    def refuse(self, refuses=True):
        with self._lock:
            self.refuses = refuses

    def close(self):
        self.ended = True
        self._wake.send(b"x")
        self._thread.join(10)
        self._cut(True)
        for s in self.listener, self._wake, self._woken:
            s.close()

    # --- the relay ---

    def _cut(self, hard):
        for pair in self.pairs:
            for end in pair.ends:
                if hard:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.close()
        self.cuts += bool(self.pairs)
        self.pairs.clear()
        self.left = None

    def _accept(self):
        with contextlib.suppress(OSError):
            near, _ = self.listener.accept()
            if self.refuses:
                near.close()
                return
            try:
                far = socket.create_connection(self.to, 10)
            except OSError:
                near.close()
                return
            for end in near, far:
                end.setblocking(False)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.pairs.add(Pair(near, far))
            self.made += 1

    def _read(self, pair, end):
        to = pair.other(end)
        try:
            data = end.recv(PIECE)
        except BlockingIOError:
            return
        if not data:
            pair.open[end] = False
            return
        if self.on_data:
            self.on_data(end is pair.ends[0], data)
        if self.left is not None and len(data) >= self.left:
            self._write(pair, to, pair.waiting[to] + data[:self.left])
            self._cut(self.hard)
            return
        if self.left is not None:
            self.left -= len(data)
        self.carried += len(data)
        self._write(pair, to, pair.waiting[to] + data)

    def _write(self, pair, end, data):
        try:
            sent = end.send(data) if data else 0
        except BlockingIOError:
            sent = 0
        pair.waiting[end] = data[sent:]

    def _selector(self):
        chosen = selectors.DefaultSelector()
        chosen.register(self._woken, selectors.EVENT_READ)
        chosen.register(self.listener, selectors.EVENT_READ)
        for pair in () if self.frozen else self.pairs:
            for end in pair.ends:
                what = bool(pair.waiting[end]) * selectors.EVENT_WRITE
                if pair.open[end] and not pair.waiting[pair.other(end)]:
                    what |= selectors.EVENT_READ
                if what:
                    chosen.register(end, what, pair)
        return chosen

    def _serve(self, key, what):
        pair, end = key.data, key.fileobj
        if end is self._woken:
            end.recv(100)
        elif end is self.listener:
            self._accept()
        elif pair in self.pairs:
            if what & selectors.EVENT_WRITE:
                self._write(pair, end, pair.waiting[end])
            if what & selectors.EVENT_READ and pair in self.pairs:
                self._read(pair, end)

    def _settle(self):
        """Passes ends on, and forgets pairs that are through."""
        for pair in list(self.pairs):
            for end in pair.ends:
                if not pair.open[end] and not pair.waiting[pair.other(end)]:
                    with contextlib.suppress(OSError):
                        pair.other(end).shutdown(socket.SHUT_WR)
            if not any(pair.open.values()):
                self._drop(pair)

    def _drop(self, pair):
        for end in pair.ends:
            end.close()
        self.pairs.discard(pair)

    def _run(self):
        while not self.ended:
            with self._lock:
                chosen = self._selector()
            with chosen:
                for key, what in chosen.select(1):
                    with self._lock:
                        try:
                            self._serve(key, what)
                        except OSError:
                            if key.data in self.pairs:
                                self._drop(key.data)
            with self._lock:
                self._settle()
