# SPDX-License-Identifier: ISC
"""A Docker client that reads answers strictly, and sees where one is cut."""

import contextlib
import socket
import time

from lab.muzzle_engine import Wait


class Answer:
    def __init__(self, status, headers):
        self.status, self.headers = status, headers
        self.body, self.whole = b"", False

    def header(self, name):
        """None when it is missing; twice is wrong with all that we ask."""
        found = [v for n, v in self.headers if n == name]
        assert len(found) < 2, f"{name} came {len(found)} times"
        return found[0] if found else None


class Client:
    def __init__(self, path, seconds=10):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(seconds)
        self.sock.connect(path)
        self.got = b""			# all of it
        self._at = 0			# how much of it has been read
        self._ended = self._reset = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, steps):
        """One that has closed has its reasons: the answer tells."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for step in steps:
                if isinstance(step, Wait):
                    time.sleep(step.seconds)
                else:
                    self.sock.sendall(step)

    def _more(self):
        data = b""
        if not self._ended:
            try:
                data = self.sock.recv(1 << 20)
            except ConnectionResetError:
                self._reset = True
        self._ended = not data
        self.got += data
        return bool(data)

    def _take(self, size):
        """Up to size bytes: fewer when the stream ends."""
        while len(self.got) - self._at < size and self._more():
            pass
        part = self.got[self._at:self._at + size]
        self._at += len(part)
        return part

    def _take_line(self):
        """A line without its CRLF, or None."""
        while (end := self.got.find(b"\n", self._at)) == -1:
            if not self._more():
                self._at = len(self.got)
                return None
        line = self.got[self._at:end + 1]
        self._at = end + 1
        assert line.endswith(b"\r\n"), f"a bare LF: {line!r}"
        return line[:-2]

    def ended(self):
        """Does the stream end here, with nothing more?"""
        return self._take(1) == b""

    def answer(self, to_head=False, until_end=False):
        """The next one, None if there is none.  until_end: for HTTP/1.0."""
        line = self._take_line()
        if line is None:
            return None
        version, status, _ = line.split(b" ", 2)
        assert version in (b"HTTP/1.1", b"HTTP/1.0") and len(status) == 3
        headers = []
        while line := self._take_line():
            name, colon, value = line.partition(b":")
            assert colon and name and name == name.strip(), line
            headers.append((name.decode().lower(), value.strip().decode()))
        answer = Answer(int(status), headers)
        if line is not None:
            self._body(answer, to_head, until_end)
        return answer

    def _body(self, answer, to_head, until_end):
        length = answer.header("content-length")
        coding = answer.header("transfer-encoding")
        assert length is None or coding is None, "two framings"
        if to_head or answer.status in (204, 304):
            answer.whole = True
        elif length is not None:
            answer.body = self._take(int(length))
            answer.whole = len(answer.body) == int(length)
        elif coding is not None:
            assert coding == "chunked", coding
            self._chunks(answer)
        else:
            assert until_end, "an answer without framing"
            while part := self._take(1 << 20):
                answer.body += part
            answer.whole = not self._reset

    def _chunks(self, answer):
        while line := self._take_line():
            size = int(line, 16)
            data = self._take(size)
            answer.body += data
            if len(data) < size or self._take(2) != b"\r\n":
                return
            if size == 0:
                answer.whole = True
                return
