# SPDX-License-Identifier: ISC
"""The server's side of a WebSocket (RFC 6455) inside TLS, as good or as bad
as a test wants it, and with an SSH server behind it."""

import base64
import contextlib
import hashlib
import os
import select
import socket
import ssl
import struct

from lab.targets import read_exactly

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
SALT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept_for(key):
    return base64.b64encode(hashlib.sha1(key + SALT).digest())


def frame(opcode, data=b"", fin=True, mask=None):
    """A frame; mask: the key, as a client has it."""
    n = len(data)
    head = bytes([fin << 7 | opcode])
    bit = 0x80 if mask else 0
    head += bytes([bit | n]) if n < 126 else \
        struct.pack(">BH", bit | 126, n) if n < 65536 else \
        struct.pack(">BQ", bit | 127, n)
    if mask:
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(data))
        head += mask
    return head + data


class Peer:
    """One connection, whose request has been read."""

    def __init__(self, conn, context, target):
        self.conn = context.wrap_socket(conn, server_side=True)
        self.target = target
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += read_exactly(self.conn, 1)
        self.request = head
        self.path = head.split()[1].decode()
        self.pongs = []
        self._theirs, self._ours = socket.socketpair()

    def field(self, name):
        for line in self.request.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.lower() == name.lower():
                return value.strip()
        return b""

    def say(self, data):
        self.conn.sendall(data)

    def grant(self, accept=None, protocol=b"ssh", behind=b""):
        accept = accept or accept_for(self.field(b"Sec-WebSocket-Key"))
        self.say(b"HTTP/1.1 101 Switching Protocols\r\n"
                 b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Accept: " + accept + b"\r\n" +
                 (b"Sec-WebSocket-Protocol: " + protocol + b"\r\n"
                  if protocol else b"") + b"\r\n" + behind)

    def receive(self):
        """The next frame's opcode and payload, which must be masked."""
        first, second = read_exactly(self.conn, 2)
        assert second & 0x80 and first & 0x70 == 0
        n = second & 0x7f
        if n > 125:
            n = int.from_bytes(read_exactly(self.conn, 2 if n == 126 else 8),
                               "big")
        key = read_exactly(self.conn, 4)
        data = bytearray(read_exactly(self.conn, n))
        for i in range(4):
            data[i::4] = bytes(b ^ key[i] for b in data[i::4])
        return first & 0xf, bytes(data)

    def until_close(self):
        """What the client says for goodbye, or None if it just goes."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                opcode, data = self.receive()
                if opcode == CLOSE:
                    return int.from_bytes(data[:2], "big")
        return None

    def _from_client(self, to):
        opcode, data = self.receive()
        if opcode == BINARY:
            to.sendall(data)
        elif opcode == PONG:
            self.pongs.append(data)
        return opcode != CLOSE

    def _from_server(self, to, send):
        data = to.recv(65536)
        if data:
            send(data)
        return bool(data)

    def add(self, data):
        """Has the thread of bridge() say it: one thread is TLS's limit."""
        self._theirs.sendall(data)

    def bridge(self, address, send=None):
        """To the SSH server, until one side ends; send(data) sends frames."""
        send = send or (lambda data: self.say(frame(BINARY, data)))
        going = True
        with contextlib.suppress(EOFError, OSError), \
                socket.create_connection(address) as to:
            while going:
                ready = [self.conn] if self.conn.pending() else \
                    select.select([self.conn, to, self._ours], [], [])[0]
                if self._ours in ready:
                    self.say(self._ours.recv(65536))
                if self.conn in ready:
                    going = self._from_client(to)
                if to in ready:
                    going = self._from_server(to, send) and going


def in_pieces(peer):
    """A way to send: fragments of any size, with pings between them."""
    def send(data):
        first = True
        while data:
            n = 1 + os.urandom(1)[0]
            piece, data = data[:n], data[n:]
            peer.say(frame(BINARY if first else CONTINUATION, piece,
                           fin=not data) + frame(PING, piece[:125]))
            first = False
    return send


def context(pem):
    """Of a server with the certificate and the key in this file."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pem)
    made.set_alpn_protocols(["http/1.1"])
    return made


def serves(made, paths):
    """A handler for lab.serve(): paths has a function(peer) for each path."""
    def handler(conn, target):
        with contextlib.suppress(ssl.SSLError, EOFError, ConnectionError):
            peer = Peer(conn, made, target)
            try:
                paths[peer.path.lstrip("/")](peer)
            finally:
                peer.conn.close()
    return handler
