# SPDX-License-Identifier: ISC
"""Those who come and do not log in: thousands of connections, half a key
exchange, no end of questions, and bytes that are no SSH."""

import contextlib
import os
import socket
import struct
import subprocess
import time

import pytest

from lab.raw_ssh import (BANNER, CHANNEL_REQUEST, ECDH_INIT, Gone,
                         GLOBAL_REQUEST, IGNORE, KEXINIT, NEWKEYS, OPEN, Raw,
                         SERVICE_REQUEST, UNIMPLEMENTED, USERAUTH_FAILURE,
                         USERAUTH_REQUEST, USERAUTH_SUCCESS, blob, message,
                         string, u32)
from lab.program import Program
from lab.scene import MB, Scene, idle

MANY = 10000


@pytest.fixture
def scene(lab):
    return Scene(lab)


class Crowd:
    """Connections that are made as fast as they are taken, and kept."""

    def __init__(self, port, say=b""):
        self.port, self.say = port, say
        self.socks, self.mute = [], []

    def come(self, n):
        for _ in range(n):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", self.port))
            self.socks.append(s)
            self.mute.append(s)
            if len(self.socks) % 50 == 0:
                self.speak()
        self.speak(3)

    def speak(self, seconds=0):
        """Those whose connection has come about say their word, once."""
        deadline = time.monotonic() + seconds
        while self.say and self.mute:
            for s in self.mute[:]:
                try:
                    s.send(self.say)
                except BlockingIOError:
                    continue
                except OSError:		# refused, or dropped already
                    pass
                self.mute.remove(s)
            if time.monotonic() >= deadline:
                return
            time.sleep(0.01)

    def close(self):
        for s in self.socks:
            s.close()
        self.socks, self.mute = [], []


def login_time(scene, who):
    """How long a real login takes, with as many attempts as it needs."""
    started = time.monotonic()
    while True:
        try:
            raw = scene.login(who, timeout=5)
            raw.session()
            raw.close()
            return time.monotonic() - started
        except (Gone, OSError, AssertionError) as e:
            assert time.monotonic() - started < 30, repr(e)


def half_kex():
    """A banner and a KEXINIT as a client sends them, and no more."""
    sample = Raw.__new__(Raw)
    sample.sealing, sample.sent = None, 0
    return BANNER + sample.pack(sample.kexinit())


CROWDS = {"silent": b"", "a banner and no more": BANNER,
          "half a banner": b"SSH-2.0-", "half a key exchange": half_kex(),
          "half a packet": BANNER + struct.pack(">I", 1000) + b"\x04x"}


@pytest.mark.heavy
@pytest.mark.parametrize("what", CROWDS)
def test_ten_thousand_connections(scene, lab, what):
    who = scene.client("friend", "good:*")
    crowd = lab.own(Crowd(scene.port, CROWDS[what]))
    took = []
    with scene.attack(logged="turned away .*place", memory=16 * MB):
        for _ in range(5):
            crowd.come(MANY // 5)
            took.append(login_time(scene, who))
        time.sleep(1)
        took.append(login_time(scene, who))
    print("logins took", [round(t, 2) for t in took])
    assert max(took) < 5
    crowd.close()
    assert login_time(scene, who) < 2


LISTENERS = {"SSH": lambda scene: scene.port,
             "Docker": lambda scene: scene.charon.socket("good"),
             "HTTP": lambda scene: os.path.join(scene.charon.runtime,
                                                "http.sock")}


@pytest.mark.heavy
@pytest.mark.parametrize("listener", LISTENERS)
def test_connections_without_a_pause(scene, lab, listener):
    """Somebody connects faster than connections are accepted; everybody else
    has his turn in between, not when it is over, 8 s later."""
    flood = lab.own(Program("connects.py", LISTENERS[listener](scene)))
    with scene.attack(memory=24 * MB, lines=200):
        time.sleep(8)
        print(flood.result().strip(), "connections")


@pytest.mark.heavy
def test_half_open_handshakes(scene, lab):
    """200 that have sent a KEXINIT and wait; they are renewed as they go."""
    who = scene.client("friend", "good:*")
    with scene.attack(logged="turned away .*user", memory=16 * MB):
        for _ in range(5):
            crowd = lab.own(Crowd(scene.port, half_kex()))
            crowd.come(200)
            assert login_time(scene, who) < 5
            crowd.close()


@pytest.mark.heavy
def test_grace_time(scene):
    """20 s, whatever somebody does to look busy."""
    silent = scene.connect(kex=False, banner=b"", timeout=40)
    exchanged = scene.connect(timeout=40)
    asking = scene.connect(timeout=40)
    asking.service()
    started = time.monotonic()
    with scene.attack(logged="turned away .*no login within 20 s"):
        while time.monotonic() - started < 17:
            asking.send(message(IGNORE, "x"))
            time.sleep(0.5)
        asking.send(message(SERVICE_REQUEST, "ssh-userauth"))
        silent.line()
        for raw in (silent, exchanged, asking):
            raw.ended(10)
            assert 18 < time.monotonic() - started < 24


# --- what is no SSH, or another ----------------------------------------

BANNERS = {
    "huge": b"SSH-2.0-" + b"x" * 100000 + b"\r\n",
    "endless lines": b"hello\r\n" * 20000,
    "SSH 1": b"SSH-1.5-old\r\n",
    "SSH 1.99": b"SSH-1.99-between\r\n" + b"\0" * 100,
    "SSH 3": b"SSH-3.0-new\r\n",
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": bytes.fromhex("1603010200010001fc0303") + os.urandom(500),
    "garbage": os.urandom(5000),
    "zeros": bytes(5000),
    "control characters": b"SSH-2.0-\x1b[2J\x07\r\n" + b"\0" * 200,
    "format": b"SSH-2.0-%s%n%x\r\n" + b"\xff" * 100,
    "nothing behind the dash": b"SSH-2.0-\r\n" + b"\xff" * 100,
    "no newline": b"SSH-2.0-x" * 1000,
}


@pytest.mark.parametrize("what", BANNERS)
def test_banner(scene, what):
    with scene.attack(logged="turned away", memory=4 * MB):
        raw = scene.connect(kex=False, banner=b"")
        try:
            raw.sock.sendall(BANNERS[what])
            raw.sock.sendall(b"x" * 100)
        except OSError:
            pass
        assert raw.ended(5) is not None
    assert "\x1b" not in scene.charon.log()


@pytest.mark.parametrize("length", [0, 1, 4, 7, 35001, 262145, 2 ** 31,
                                    2 ** 32 - 1, 2 ** 32 - 4])
@pytest.mark.parametrize("when", ["plain", "encrypted"])
def test_absurd_length(scene, length, when):
    """The connection ends, and nothing is kept for what was announced."""
    with scene.attack(logged="turned away", memory=4 * MB):
        raw = scene.connect(kex=False)
        raw.server_banner = raw.line()
        if when == "encrypted":
            raw.kex()
        try:
            raw.sock.sendall(u32(length) + b"\x04" + b"x" * 200000)
        except OSError:
            pass
        raw.ended(10)


def test_bad_packets(scene):
    """Padding, tags and compression that are wrong."""
    def connect():
        raw = scene.connect()
        raw.service()
        return raw
    with scene.attack(logged="turned away", lines=60):
        for change in range(3):
            raw = connect()
            data = bytearray(raw.pack(message(IGNORE, "x" * 50)))
            data[[4, 20, -1][change]] ^= 1
            raw.sock.sendall(data)
            raw.ended(5)
        for padding in (0, 3, 255):
            raw = scene.connect(kex=False)
            raw.sock.sendall(u32(12) + bytes([padding]) + b"\x14" + bytes(10))
            raw.ended(5)


# --- before the login --------------------------------------------------

EARLY = {
    "channel": message(OPEN, "session", 0, 2 ** 20, 32768),
    "request": message(CHANNEL_REQUEST, 0, "exec", True, "id"),
    "global request": message(GLOBAL_REQUEST, "tcpip-forward", True, "", 80),
    "success": message(USERAUTH_SUCCESS),
    "failure": message(USERAUTH_FAILURE, "publickey", False),
    "info response": message(61, 1, "password"),
    "gssapi token": message(61, "token"),
    "gssapi mic": message(66, "mic"),
    "pk ok": message(60, "ssh-ed25519", "x"),
    "newkeys": bytes([NEWKEYS]),
    "kex reply": message(31, "x", "y", "z"),
    "disconnect": message(1, 11, "\x1b[2J\n\n", ""),
}


@pytest.mark.parametrize("service", [False, True])
@pytest.mark.parametrize("what", EARLY)
def test_too_early(scene, what, service):
    """Nobody is let in, or gets a channel, by claiming that he is."""
    with scene.attack():
        raw = scene.connect(timeout=2)
        if service:
            raw.service()
        try:
            raw.send(EARLY[what])
            raw.send(message(OPEN, "session", 0, 2 ** 20, 32768))
            raw.send(message(OPEN, "direct-tcpip", 1, 2 ** 20, 32768,
                             "good.orthrus", scene.target.port, "", 0))
            kind = raw.recv()[0]
            while kind in (UNIMPLEMENTED, USERAUTH_FAILURE):
                kind = raw.recv()[0]
            raise AssertionError(f"answered with {kind}")
        except (Gone, OSError, TimeoutError):
            pass
    assert "\x1b" not in scene.charon.log()


UNASSIGNED = [8, 19, 22, 29, 35, 54, 83, 89, 101, 127, 191, 192, 255]
STAGES = ["a banner", "keys", "a service"]


@pytest.mark.parametrize("stage", STAGES)
def test_unassigned_messages(scene, stage):
    """RFC 4253 section 11.4 wants UNIMPLEMENTED, as often as one likes; but
    not from somebody who has not logged in: one, and it is over."""
    with scene.attack(logged="turned away .*a type that is not assigned",
                      lines=80):
        for kind in UNASSIGNED:
            raw = scene.connect(kex=stage != "a banner")
            if stage == "a banner":
                raw.server_banner = raw.line()
            elif stage == "a service":
                raw.service()
            raw.send(*[bytes([kind]) + b"what is this?"] * 50)
            heard, why = [], None
            try:
                while len(heard) < 60:
                    heard.append(raw.recv()[0])
            except Gone as e:
                why = str(e)
            assert why is not None, (kind, heard)
            assert set(heard) <= {UNIMPLEMENTED, KEXINIT}, (kind, heard)


@pytest.mark.heavy
def test_answers_that_nobody_reads(scene):
    """32 KiB for each connection are kept.  These questions have 660 KB of
    answers, of which the kernels take some 200."""
    with scene.attack(memory=768 * 1024):
        raws = [scene.connect() for _ in range(4)]
        for raw in raws:
            raw.service()
            flood = b"".join(raw.pack(message(
                SERVICE_REQUEST, "ssh-userauth")) for _ in range(15000))
            raw.sock.settimeout(0.3)
            with contextlib.suppress(OSError):
                raw.sock.sendall(flood)
        idle(scene.charon)
        assert not raws[-1].is_closed()		# it is kept waiting
        for raw in raws:
            raw.close()


def test_always_in_the_middle_of_a_packet(scene):
    """So that libssh is never done with what it has read, and keeps what it
    reads and says to itself: for 40 KiB.  They are less than one segment of
    loopback, whose end might be that of a packet."""
    with scene.attack(logged="turned away .*Protocol error"):
        raw = scene.connect(kex=False)
        raw.server_banner = raw.line()
        raw.kex(behind=lambda raw: b"".join(
            raw.pack(message(SERVICE_REQUEST, "ssh-userauth"))
            for _ in range(1100)))
        size = (len(raw.behind) + 1) // 1100
        with contextlib.suppress(OSError):
            for at in range(0, len(raw.behind) - size, size):
                raw.sock.sendall(raw.behind[at:at + size])
        raw.ended(5)		# long before the grace time is over


METHODS = {
    "keyboard-interactive": [string(""), string("")],
    "gssapi-with-mic": [u32(1), string(b"\x06\x09*\x86H\x86\xf7\x12\x01"
                                       b"\x02\x02")],
    "hostbased": [string("ssh-ed25519"), string("x" * 51), string("host"),
                  string("root"), string("x" * 83)],
    "password": [b"\0", string("secret")],
    "a change of the password": [b"\1", string("old"), string("new")],
    "publickey of RSA": [b"\0", string("ssh-rsa"), string("x" * 279)],
    "publickey of a FIDO token": [
        b"\0", string("sk-ssh-ed25519@openssh.com"), string("x" * 70)],
    "publickey without a key": [b"\0", string("ssh-ed25519"), string("")],
    "publickey cut short": [b"\1"],
    "nothing known": [string("x" * 1000)],
}


@pytest.mark.parametrize("user", ["good", "enroll", "root"])
@pytest.mark.parametrize("what", METHODS)
def test_other_methods(scene, what, user):
    """Refused, three times at most."""
    method = what.split()[0]
    if what == "a change of the password":
        method = "password"
    request = bytes([USERAUTH_REQUEST]) + string(user) + \
        string("ssh-connection") + string(method) + b"".join(METHODS[what])
    with scene.attack(logged="(turned away|refused a login)"):
        raw = scene.connect()
        raw.service()
        for _ in range(2):
            raw.send(request)
            assert not raw.answered()
        with pytest.raises((Gone, OSError)):
            raw.send(request)
            raw.answered()
            raw.recv()


def test_another_service_in_the_login(scene):
    with scene.attack(logged="turned away"):
        raw = scene.connect()
        raw.service()
        raw.send(message(USERAUTH_REQUEST, "good", "ssh-userauth", "none"))
        assert not raw.answered()


SERVICES = {"ssh-connection": "ssh-connection", "empty": "",
            "long": "x" * 30000, "control": "\x1b[2J",
            "NUL": "ssh-userauth\0"}


@pytest.mark.parametrize("what", SERVICES)
def test_other_services(scene, what):
    name = SERVICES[what]
    with scene.attack():
        raw = scene.connect()
        raw.send(message(SERVICE_REQUEST, name))
        raw.send(message(OPEN, "session", 0, 2 ** 20, 32768))
        assert raw.ended(5) is not None


QUESTIONS = {
    "none": lambda f: message(USERAUTH_REQUEST, "good", "ssh-connection",
                              "none"),
    "a key that would do": lambda f: message(
        USERAUTH_REQUEST, f.name, "ssh-connection", "publickey", False,
        "ssh-ed25519", blob(f.key)),
    "a service": lambda f: message(SERVICE_REQUEST, "ssh-userauth"),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_questions_without_end(scene, question):
    """What is no attempt is free, but not for ever."""
    friend = scene.client("friend", "good:*")
    with scene.attack(memory=4 * MB,
                      logged=None if question == "a service" else
                      "turned away .*Too many"):
        raw = scene.connect()
        raw.service()
        try:
            for _ in range(10):
                raw.send(*[QUESTIONS[question](friend)] * (MANY // 10))
            if question != "a service":		# lasts for the grace time
                raw.ended(10)
        except OSError:
            pass


def test_half_closed(scene):
    """The client's side is shut down at each step."""
    with scene.attack(lines=60):
        for step in range(4):
            raw = scene.connect(kex=step >= 2)
            if step == 1:
                raw.send(raw.kexinit())
            if step == 3:
                raw.service()
            raw.sock.shutdown(socket.SHUT_WR)
            raw.ended(5)


def test_bad_key_exchange(scene):
    """Points that are none, lists without a match, and one that repeats."""
    def offer(**change):
        lists = {"kex": "curve25519-sha256", "key": "ssh-ed25519",
                 "cipher": "chacha20-poly1305@openssh.com",
                 "mac": "hmac-sha2-256-etm@openssh.com",
                 "compression": "none", **change}
        return bytes([KEXINIT]) + os.urandom(16) + b"".join(
            map(string, [lists["kex"], lists["key"], lists["cipher"],
                         lists["cipher"], lists["mac"], lists["mac"],
                         lists["compression"], lists["compression"], "",
                         ""])) + bytes(5)
    offers = [offer(kex="diffie-hellman-group1-sha1"), offer(key="ssh-rsa"),
              offer(cipher="3des-cbc"), offer(cipher="none"),
              offer(compression="zlib"), offer(kex=""), offer(kex="," * 3000),
              offer(kex="x" * 30000), offer()[:40], bytes([KEXINIT])]
    with scene.attack(logged="turned away", lines=100):
        for payload in offers:
            raw = scene.connect(kex=False)
            raw.send(payload)
            raw.ended(5)
        for point in (b"", bytes(32), b"\xff" * 32, b"\1" + bytes(31),
                      b"x" * 31, b"x" * 33, b"x" * 30000):
            raw = scene.connect(kex=False, timeout=1)
            raw.send(offer(), message(ECDH_INIT, point))
            try:
                while raw.recv()[0] != NEWKEYS:
                    pass
                assert point == b"\xff" * 32, point	# a point like any
            except (Gone, TimeoutError):
                print(point[:4])
        raw = scene.connect(kex=False)
        raw.send(*[offer()] * 5)
        raw.ended(5)


def test_stock_ssh_gets_a_clear_answer(scene):
    """Somebody with no business here, with OpenSSH's own client."""
    key = scene.lab.identity
    with scene.attack(logged='refused a login as "root"'):
        done = subprocess.run(
            ["ssh", "-p", str(scene.port), "-i", key, "-o", "BatchMode=yes",
             "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
             "-o", "UserKnownHostsFile=/dev/null", "root@127.0.0.1", "id"],
            capture_output=True, text=True, timeout=30,
            stdin=subprocess.DEVNULL, env=scene.lab.environment())
        assert done.returncode == 255
        assert "Permission denied" in done.stderr
