# SPDX-License-Identifier: ISC
"""An SSH client that says whatever it is told to, lawful or not.

Just enough of RFC 4253 for that: curve25519, Ed25519 and ChaCha20-Poly1305
(which is offered with every libssh), packets one by one or many in one write.
"""

import contextlib
import hashlib
import os
import socket
import struct
import time

import pytest

pytest.importorskip("cryptography")

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import \
    Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import \
    X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.poly1305 import Poly1305

DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG = 1, 2, 3, 4
SERVICE_REQUEST, SERVICE_ACCEPT, EXT_INFO = 5, 6, 7
KEXINIT, NEWKEYS, ECDH_INIT, ECDH_REPLY = 20, 21, 30, 31
USERAUTH_REQUEST, USERAUTH_FAILURE, USERAUTH_SUCCESS = 50, 51, 52
USERAUTH_PK_OK = 60
HOSTBOUND = "publickey-hostbound-v00@openssh.com"
GLOBAL_REQUEST, REQUEST_SUCCESS, REQUEST_FAILURE = 80, 81, 82
OPEN, OPEN_CONFIRMATION, OPEN_FAILURE = 90, 91, 92
WINDOW_ADJUST, DATA, EXTENDED_DATA, EOF, CLOSE = 93, 94, 95, 96, 97
CHANNEL_REQUEST, CHANNEL_SUCCESS, CHANNEL_FAILURE = 98, 99, 100

KEY_TYPE = b"ssh-ed25519"
CERTIFICATE_TYPE = b"ssh-ed25519-cert-v01@openssh.com"
BANNER = b"SSH-2.0-raw\r\n"
WINDOW, PACKET = 2 ** 21, 32768
PART = 256 * 1024		# of what is sent


class Gone(ConnectionError):
    """The server ended the connection; its text is why, if it said so."""


def u32(n):
    return struct.pack(">I", n)


def string(value):
    value = value.encode() if isinstance(value, str) else value
    return u32(len(value)) + value


def mpint(data):
    data = data.lstrip(b"\0")
    return string(b"\0" + data if data and data[0] & 128 else data)


def message(kind, *fields):
    """Text and bytes are strings, int is a uint32, bool a boolean."""
    out = bytearray([kind])
    for f in fields:
        out += bytes([f]) if isinstance(f, bool) else \
            u32(f) if isinstance(f, int) else string(f)
    return bytes(out)


class Fields:
    """What a packet holds, one after the other."""

    def __init__(self, packet, at=1):
        self.packet, self.at = packet, at

    def u32(self):
        self.at += 4
        return struct.unpack_from(">I", self.packet, self.at - 4)[0]

    def string(self):
        n = self.u32()
        self.at += n
        return self.packet[self.at - n:self.at]


class Sealed:
    """One direction of chacha20-poly1305@openssh.com (OpenSSH's
    PROTOCOL.chacha20poly1305); number is that of its first packet."""

    def __init__(self, key, number):
        self.body, self.head = key[:32], key[32:64]
        self.number = number

    def _stream(self, key, block, data):
        nonce = struct.pack("<Q", block) + struct.pack(">Q", self.number)
        return Cipher(algorithms.ChaCha20(key, nonce),
                      None).encryptor().update(data)

    def _tag(self, data):
        return Poly1305.generate_tag(self._stream(self.body, 0, bytes(32)),
                                     data)

    def length(self, head):
        return self._stream(self.head, 0, head)

    def seal(self, head, body):
        data = self.length(head) + self._stream(self.body, 1, body)
        data += self._tag(data)
        self.number += 1
        return data

    def open(self, head, body):
        """head as it came, body with its tag."""
        assert self._tag(head + body[:-16]) == body[-16:], "forged"
        clear = self._stream(self.body, 1, body[:-16])
        self.number += 1
        return clear


def load_key(path):
    with open(path, "rb") as f:
        return serialization.load_ssh_private_key(f.read(), None)


def public(key):
    """The 32 bytes of a key's public half."""
    return key.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def blob(key):
    return string(KEY_TYPE) + string(public(key))


class Raw:
    """A connection; kex=False leaves it before the key exchange."""

    KEX = b"curve25519-sha256"

    def __init__(self, port, kex=True, banner=BANNER, timeout=20,
                 source="127.0.0.1"):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout,
                                             (source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = bytearray()
        self.sealing = self.opening = self.session_id = None
        self.sent = self.received = 0	# packets: they are numbered
        self.held = None		# packets for one write: see hold()
        self.next_channel = 0
        self.pings = 0			# that were answered
        self.in_kex, self.owed = False, 0	# answers, until there are keys
        self.banner = banner
        if banner:
            self.sock.sendall(banner)
        if kex:
            self.server_banner = self.line()
            self.kex()

    def close(self):
        """At once, also where a thread still reads."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def is_closed(self):
        """By the server, whatever it said before."""
        timeout = self.sock.gettimeout()
        try:
            self.sock.setblocking(False)
            while data := self.sock.recv(65536):
                self.input += data
            return True
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
        finally:
            self.sock.settimeout(timeout)

    # --- packets ------------------------------------------------------

    def pack(self, payload):
        """The packet as it goes onto the wire; takes its number."""
        self.sent += 1
        if self.sealing is None:
            pad = 8 - (len(payload) + 5) % 8
            pad += 8 if pad < 4 else 0
            return u32(len(payload) + pad + 1) + bytes([pad]) + payload + \
                bytes(pad)
        pad = 8 - (len(payload) + 1) % 8
        pad += 8 if pad < 4 else 0
        return self.sealing.seal(u32(len(payload) + pad + 1),
                                 bytes([pad]) + payload + bytes(pad))

    def send(self, *payloads):
        """
        Many go out in parts, each of more than the gateway reads at once:
        sealing them all may take longer than it lets a session be silent.
        """
        data = bytearray() if self.held is None else self.held
        for payload in payloads:
            data += self.pack(payload)
            if self.held is None and len(data) >= PART:
                self.write(data)
                data = bytearray()
        if self.held is None:
            self.write(data)

    def write(self, data):
        """Where the server has gone, what it said before is the error."""
        try:
            self.sock.sendall(data)
        except ConnectionError as e:
            raise Gone(self.ended()) from e

    def hold(self):
        """What is sent from here on is kept for release()."""
        self.held = bytearray()

    def release(self):
        """What was kept, for write()."""
        data, self.held = bytes(self.held), None
        return data

    def fill(self, n):
        while len(self.input) < n:
            try:
                data = self.sock.recv(1 << 18)
            except ConnectionError as e:
                raise Gone(str(e)) from None
            if not data:
                raise Gone("closed")
            self.input += data

    def take(self, n):
        self.fill(n)
        data = bytes(self.input[:n])
        del self.input[:n]
        return data

    def line(self):
        while b"\n" not in self.input:
            self.fill(len(self.input) + 1)
        return self.take(self.input.index(b"\n") + 1)

    def recv(self):
        """The next packet, whatever it is."""
        head = self.take(4)
        self.received += 1
        if self.opening is None:
            body = self.take(struct.unpack(">I", head)[0])
        else:
            n = struct.unpack(">I", self.opening.length(head))[0]
            body = self.opening.open(head, self.take(n + 16))
        packet = body[1:len(body) - body[0]]
        if packet[0] == DISCONNECT:
            fields = Fields(packet)
            fields.u32()
            raise Gone(fields.string().decode())
        return packet

    def expect(self, *kinds, answer=True, seconds=20):
        """The next packet of these kinds; the gateway's pings are answered."""
        deadline = time.monotonic() + seconds
        while True:
            packet = self.recv()
            assert time.monotonic() < deadline, f"no {kinds} came"
            if packet[0] in kinds:
                return packet
            if packet[0] == GLOBAL_REQUEST and answer:
                self.pings += 1
                if self.in_kex:		# RFC 4253, section 7.1
                    self.owed += 1
                else:
                    self.send(message(REQUEST_FAILURE))

    def ended(self, seconds=10):
        """Why the gateway ended it; an error when it did not in time."""
        deadline = time.monotonic() + seconds
        try:
            while True:
                self.sock.settimeout(max(0.01, deadline - time.monotonic()))
                self.recv()
        except Gone as e:
            return str(e)
        except TimeoutError:
            raise AssertionError(f"not ended within {seconds} s") from None

    # --- transport ----------------------------------------------------

    def kexinit(self):
        lists = [self.KEX, KEY_TYPE] + \
            [b"chacha20-poly1305@openssh.com"] * 2 + \
            [b"hmac-sha2-256-etm@openssh.com"] * 2 + [b"none"] * 2 + [b""] * 2
        return bytes([KEXINIT]) + os.urandom(16) + \
            b"".join(map(string, lists)) + bytes(5)

    def kex(self, behind=None, first=1):
        """
        The key exchange, also again later.  What behind(self) returns comes
        right behind it: its first bytes, or with None all, in one segment with
        NEWKEYS, the others are left in self.behind.
        """
        mine, secret = self.kexinit(), X25519PrivateKey.generate()
        self.in_kex = True
        self.send(mine)
        theirs = self.expect(KEXINIT)
        point = secret.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.send(message(ECDH_INIT, point))
        reply = Fields(self.expect(ECDH_REPLY))
        host_key, server_point = reply.string(), reply.string()
        signature = Fields(reply.string(), 0)
        shared = mpint(secret.exchange(
            X25519PublicKey.from_public_bytes(server_point)))
        self.host_key = host_key
        h = hashlib.sha256(b"".join(map(string, (
            self.banner.strip(), self.server_banner.strip(), mine, theirs,
            host_key, point, server_point))) + shared).digest()
        self.session_id = self.session_id or h
        at = Fields(host_key, 0)
        at.string()
        signature.string()
        Ed25519PublicKey.from_public_bytes(at.string()).verify(
            signature.string(), h)

        def derive(letter):
            first = hashlib.sha256(shared + h + letter +
                                   self.session_id).digest()
            return first + hashlib.sha256(shared + h + first).digest()
        newkeys = self.pack(message(NEWKEYS))
        self.sealing = Sealed(derive(b"C"), self.sent)
        data = behind(self) if behind else b""
        first = len(data) if first is None else first
        self.write(newkeys + data[:first])
        self.behind = data[first:]
        self.expect(NEWKEYS)
        self.opening = Sealed(derive(b"D"), self.received)
        self.in_kex = False
        for _ in range(self.owed):
            self.send(message(REQUEST_FAILURE))
        self.owed = 0

    # --- login --------------------------------------------------------

    def service(self, name="ssh-userauth"):
        self.send(message(SERVICE_REQUEST, name))
        self.expect(SERVICE_ACCEPT)

    def signed(self, user, key, kind=KEY_TYPE, key_blob=None, signer=None):
        """A "publickey" request with its signature."""
        request = message(USERAUTH_REQUEST, user, "ssh-connection",
                          "publickey", True, kind, key_blob or blob(key))
        data = string(self.session_id) + request
        return request + string(string(KEY_TYPE) + string(
            (signer or key).sign(data)))

    def hostbound(self, user, key, host_key=None, signed=None, kind=KEY_TYPE,
                  key_blob=None):
        """
        A request that names the host as well (OpenSSH's PROTOCOL), and its
        signature, which may be one of another request.
        """
        request = message(USERAUTH_REQUEST, user, "ssh-connection", HOSTBOUND,
                          True, kind, key_blob or blob(key),
                          self.host_key if host_key is None else host_key)
        data = string(self.session_id) + (signed or request)
        return request + string(string(KEY_TYPE) + string(key.sign(data)))

    def answered(self):
        """True after success, False after failure."""
        return self.expect(USERAUTH_SUCCESS,
                           USERAUTH_FAILURE)[0] == USERAUTH_SUCCESS

    def login_key(self, user, key, certificate=None, signer=None):
        if certificate:
            self.send(self.signed(user, key, CERTIFICATE_TYPE, certificate,
                                  signer))
        else:
            self.send(self.signed(user, key, signer=signer))
        return self.answered()

    def login_password(self, user, password):
        self.send(message(USERAUTH_REQUEST, user, "ssh-connection",
                          "password", False, password))
        return self.answered()

    # --- channels -----------------------------------------------------

    def open(self, kind, *more, window=WINDOW, packet=PACKET):
        """Asks for a channel: its number here."""
        number = self.next_channel
        self.next_channel += 1
        self.send(message(OPEN, kind, number, window, packet, *more))
        return number

    def opened(self):
        """(True, the gateway's number) or (False, its reason and text)."""
        packet = self.expect(OPEN_CONFIRMATION, OPEN_FAILURE)
        fields = Fields(packet)
        fields.u32()
        number = fields.u32()
        if packet[0] == OPEN_CONFIRMATION:
            return True, number
        return False, (number, fields.string().decode())

    def session(self, **how):
        self.open("session", **how)
        ok, number = self.opened()
        assert ok, number
        return number

    def subsystem(self, number, name):
        self.send(message(CHANNEL_REQUEST, number, "subsystem", True, name))
        return self.expect(CHANNEL_SUCCESS,
                           CHANNEL_FAILURE)[0] == CHANNEL_SUCCESS

    def data(self, number, data):
        for at in range(0, len(data), PACKET):
            self.send(message(DATA, number, data[at:at + PACKET]))

    def direct(self, host, port):
        """(True, number) or (False, (reason, text)) of a direct-tcpip."""
        self.open("direct-tcpip", host, port, "127.0.0.1", 0)
        return self.opened()

    def direct_path(self, path):
        self.open("direct-streamlocal@openssh.com", path, "", 0)
        return self.opened()

    def request(self, name, *fields):
        """A global request: True when it was granted."""
        self.send(message(GLOBAL_REQUEST, name, True, *fields))
        return self.expect(REQUEST_SUCCESS,
                           REQUEST_FAILURE)[0] == REQUEST_SUCCESS


def new_key():
    return Ed25519PrivateKey.generate()
