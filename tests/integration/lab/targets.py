# SPDX-License-Identifier: ISC
"""What sits behind the tunnel: small servers, and the payloads they speak.

Run as a program it is one echo server for very many connections, in a
process of its own so that it does not share a Python lock with the client.
"""

import asyncio
import contextlib
import hashlib
import os
import queue
import random
import socket
import sys
import threading


def payload(seed, size):
    """Bytes that no two seeds share."""
    return random.Random(seed).randbytes(size)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def read_all(conn):
    """Everything up to the end of the stream."""
    parts = []
    while part := conn.recv(256 * 1024):
        parts.append(part)
    return b"".join(parts)


def read_exactly(conn, size):
    data = b""
    while len(data) < size:
        part = conn.recv(min(size - len(data), 256 * 1024))
        if not part:
            raise EOFError(f"end after {len(data)} of {size} bytes")
        data += part
    return data


def echoes(conn, data=b"are you there?"):
    """A client's question to an echo target."""
    conn.sendall(data)
    return read_exactly(conn, len(data)) == data


def echo(conn, target):
    while data := conn.recv(64 * 1024):
        conn.sendall(data)
    conn.shutdown(socket.SHUT_WR)


def says(data):
    """Says data and closes, as a daytime server would."""
    def handler(conn, target):
        conn.sendall(data)
    return handler


def answers_at_end(data):
    """Reads to the end; only then the checksum of that and data."""
    def handler(conn, target):
        conn.sendall(digest(read_all(conn)).encode() + data)
    return handler


def speaks_then_listens(data):
    """Sends data, ends its side, then reads on; reports the checksum."""
    def handler(conn, target):
        conn.sendall(data)
        conn.shutdown(socket.SHUT_WR)
        target.reports.put(digest(read_all(conn)))
    return handler


def does_not_read(conn, target):
    """Takes nothing until target.go is set; then reports the checksum."""
    target.go.wait()
    try:
        target.reports.put(digest(read_all(conn)))
    except ConnectionError:
        target.reports.put("reset")


def listens(conn, target):
    """Reports the checksum of what came up to the end, or "reset"."""
    try:
        target.reports.put(digest(read_all(conn)))
    except ConnectionError:
        target.reports.put("reset")


def endless_events(conn, target):
    """A Docker engine; reports when nobody listens to its events any more."""
    asked = b""
    while b"\r\n\r\n" not in asked:
        part = conn.recv(4096)
        if not part:
            return
        asked += part
    if b"/events" not in asked.splitlines()[0]:
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        return
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n")
    try:
        conn.recv(1)
    finally:
        target.reports.put("gone")


class Target:
    """A listener whose connections are each handled by a thread."""

    def __init__(self, handler, where="tcp4", host=None, port=0, path=None):
        self.handler, self.path = handler, path
        self.reports = queue.Queue()
        self.go = threading.Event()
        self.accepted = 0
        if where == "unix":
            self.listener = socket.socket(socket.AF_UNIX)
            self.address = path
        else:
            self.listener = socket.socket(
                socket.AF_INET6 if where == "tcp6" else socket.AF_INET)
            self.listener.setsockopt(socket.SOL_SOCKET,
                                     socket.SO_REUSEADDR, 1)
            host = host or {"tcp4": "127.0.0.1", "tcp6": "::1"}[where]
            self.address = (host, port)
        self.listener.bind(self.address)
        self.listener.listen(512)
        if path is None:
            self.address = self.listener.getsockname()[:2]
        self._connections = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def port(self):
        return self.address[1]

    @property
    def spec(self):
        """As the second half of a forward specification."""
        if self.path:
            return self.path
        host, port = self.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def _accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._connections.add(conn)
            threading.Thread(target=self._serve, args=(conn,),
                             daemon=True).start()

    def _serve(self, conn):
        with contextlib.suppress(OSError), conn:
            self.handler(conn, self)
        self._connections.discard(conn)

    def close(self):
        self.go.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join(5)
        for conn in list(self._connections):
            with contextlib.suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)
        if self.path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)


class _Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()

    def eof_received(self):
        return False		# what is buffered still goes out


async def _many_echoes():
    server = await asyncio.get_running_loop().create_server(
        _Echo, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    sys.exit(asyncio.run(_many_echoes()))
