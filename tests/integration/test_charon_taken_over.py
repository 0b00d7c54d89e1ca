# SPDX-License-Identifier: ISC
"""The network process as its attacker's: it is stopped, and the test asks the
living monitor in its place, over the socket that it has.  No key, no
certificate, no permission comes of it, and the monitor goes on."""

import ctypes
import os
import random
import signal
import socket
import struct

import pytest

from lab.charon import Charon
from lab.system import until

from test_charon_monitor import helpers_of, monitor_of, name_of

(SIGN, KEY, PASSWORD, LOGGED_IN, LEFT, ENROL, RENEW, CHANGES, REGISTERED, SEEN,
 REVOKED, RELOAD, CONFIG, LISTEN, LISTEN_TCP, REMOVE) = range(2, 18)
PIDFD_OPEN, PIDFD_GETFD = 434, 438


def text(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack(">I", len(data)) + data


def question(kind, session=0, number=0, name="", data=b"", more=b"", flag=0):
    return struct.pack(">BBIQQ", kind, flag, 0, session, number) + \
        text(name) + text(data) + text(more)


class Answer:
    def __init__(self, data):
        self.kind, self.flag, self.code, self.session, self.number = \
            struct.unpack_from(">BBIQQ", data)
        at, fields = 22, []
        for _ in range(3):
            (n,) = struct.unpack_from(">I", data, at)
            fields.append(data[at + 4:at + 4 + n])
            at += 4 + n
        self.name, self.data, self.more = fields


def seqpacket_fds(pid):
    """In the order in which they were made: the monitor's is the first."""
    for fd in sorted(int(n) for n in os.listdir(f"/proc/{pid}/fd")):
        if os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:"):
            yield fd


def copy_of(pid, fd):
    libc = ctypes.CDLL(None, use_errno=True)
    process = libc.syscall(PIDFD_OPEN, pid, 0)
    try:
        ours = libc.syscall(PIDFD_GETFD, process, fd, 0)
    finally:
        os.close(process)
    if ours == -1:
        pytest.skip("pidfd_getfd(2): " + os.strerror(ctypes.get_errno()))
    return socket.socket(fileno=ours)


class Attacker:
    def __init__(self, charon):
        self.charon = charon
        os.kill(charon.pid, signal.SIGSTOP)
        until("it is stopped", 10, lambda: "T" in open(
            f"/proc/{charon.pid}/stat").read().rsplit(")", 1)[1].split()[0])
        for fd in seqpacket_fds(charon.pid):
            self.socket = copy_of(charon.pid, fd)
            if self.socket.type == socket.SOCK_SEQPACKET:
                break
            self.socket.close()
        # An answer that the network process did not fetch.
        self.socket.setblocking(False)
        try:
            self.socket.recv(1 << 20)
        except BlockingIOError:
            pass

    def send(self, data):
        self.socket.setblocking(True)
        self.socket.settimeout(20)
        self.socket.send(data)

    def ask(self, *args, **more):
        self.send(question(*args, **more))
        data, hands, *_ = socket.recv_fds(self.socket, 1 << 20, 4)
        for fd in hands:
            os.close(fd)
        answer = Answer(data)
        answer.hands = len(hands)
        return answer

    def refused(self, *args, **more):
        answer = self.ask(*args, **more)
        assert answer.code != 0 and answer.hands == 0, (args, more)
        assert answer.data == b"", "an answer beside the refusal"
        return answer.more.decode()

    def leave(self):
        if self.socket.fileno() == -1:
            return
        # The descriptor is shared, and with it whether it blocks.
        self.socket.setblocking(True)
        self.socket.close()
        os.kill(self.charon.pid, signal.SIGCONT)


@pytest.fixture
def charon(lab):
    charon = lab.own(Charon(lab))
    charon.agent("a1", key=charon.add_agent("a1"))
    charon.wait_status("a1", "online")
    return charon


@pytest.fixture
def attacker(charon):
    attacker = Attacker(charon)
    yield attacker
    attacker.leave()


def login_request(user, key_blob, signature):
    """RFC 4252 section 7, without the type byte."""
    return text(user) + text("ssh-connection") + text("publickey") + \
        b"\1" + text("ssh-ed25519") + text(key_blob) + text(
            text("ssh-ed25519") + text(signature))


def test_no_certificate_for_nobody(attacker):
    """Neither for a session that never was, nor for one that has not logged
    in, nor for one that says so itself."""
    key = os.urandom(32)
    for session in 1, 999, 1 << 63:
        for kind in ENROL, RENEW, LOGGED_IN:
            attacker.refused(kind, session=session, name="a1", data=key)
            attacker.refused(kind, session=session, name="a1", data=key,
                             more=os.urandom(64), flag=1)
    assert attacker.ask(SIGN, session=999, data=os.urandom(32)).code == 0
    for kind in ENROL, RENEW, LOGGED_IN:
        attacker.refused(kind, session=999, name="a1", data=key)


def test_signs_hashes_and_nothing_else(attacker):
    for n in 0, 1, 31, 33, 63, 65, 100, 1000, 60000:
        attacker.refused(SIGN, session=5, data=os.urandom(n))
    certificate = text("ssh-ed25519-cert-v01@openssh.com") + os.urandom(200)
    attacker.refused(SIGN, session=5, data=certificate)
    signature = attacker.ask(SIGN, session=5, data=os.urandom(64))
    assert signature.code == 0 and len(signature.data) == 64


def test_no_login_with_a_made_up_signature(lab, charon, attacker):
    """For the agent, with the key that it is known by and with another."""
    attacker.ask(SIGN, session=7, data=os.urandom(32))
    for blob in os.urandom(32), bytes(32):
        blob = text("ssh-ed25519") + text(blob)
        for user in "a1", "enroll", "root", "":
            attacker.refused(KEY, session=7, data=login_request(
                user, blob, os.urandom(64)), flag=1)
    for password in b"", b"x", b"ch_orthrus_" + b"A" * 100:
        attacker.refused(PASSWORD, session=7, data=password)
    # It is not let in now, whatever was refused.
    attacker.refused(RENEW, session=7, name="a1", data=os.urandom(32))


def test_sockets_of_agents_only(charon, attacker):
    """None for others, and none outside of their folder."""
    for name in "a2", "root":
        attacker.refused(LISTEN, name=name)
        attacker.refused(LISTEN_TCP, name=name)
    before = sorted(os.walk(charon.runtime))
    attacker.send(question(REMOVE, name="a2"))
    attacker.refused(LISTEN, name="a2", number=80)
    assert sorted(os.walk(charon.runtime)) == before


def test_what_is_seen_changes_no_permission(lab, charon, attacker):
    """A row that it reports cannot make a peer, nor say what one may."""
    row = bytes([4 | 8 | 16]) + struct.pack(">Q", 1) + text("evil") + \
        struct.pack(">Q", 0) + text("*:*") + struct.pack(">I", 22) + \
        struct.pack(">QQQQ", 0, 0, 0, 0) + text("")
    for peer in 1, 2, 77:
        attacker.ask(SEEN, data=row[:1] + struct.pack(">Q", peer) + row[9:])
    attacker.leave()
    peers = charon.run("agent", "list").stdout + \
        charon.run("client", "list").stdout
    assert "evil" not in peers and "*:*" not in peers and "a1" in peers
    charon.wait_status("a1", "online")


def test_anything_at_all(charon, attacker):
    """2,000 datagrams that are malformed, or well-formed and wrong."""
    rng, monitor = random.Random(1), monitor_of(charon)
    assert name_of(monitor) == "charon-monitor"
    for i in range(2000):
        if i % 2:
            data = rng.randbytes(rng.randrange(1, 200))
        else:
            data = bytearray(question(
                rng.randrange(1, 18), rng.randrange(4), rng.randrange(4),
                rng.choice(["", "a1", "a2"]), rng.randbytes(32)))
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        # What has no answer is followed by what has one.
        attacker.send(bytes(data))
        attacker.send(question(REGISTERED, session=1 << 40 | i, number=9))
        while True:
            answer, hands, *_ = socket.recv_fds(attacker.socket, 1 << 20, 4)
            for fd in hands:
                os.close(fd)
            if Answer(answer).session == 1 << 40 | i:
                break
    assert name_of(monitor) == "charon-monitor"
    assert set(helpers_of(charon)) == {"charon-monitor", "charon-egress"}
