# SPDX-License-Identifier: ISC
"""Those who have logged in and then do what no client does: channels and
requests against RFC 4254, and more of them than anybody needs."""

import random
import time

import pytest

from lab.raw_leash import Leash, hello
from lab.raw_ssh import (CHANNEL_REQUEST, CLOSE, DATA, DEBUG, EOF,
                         EXTENDED_DATA, Fields, GLOBAL_REQUEST, Gone, IGNORE,
                         KEXINIT, OPEN, OPEN_CONFIRMATION,
                         OPEN_FAILURE, REQUEST_FAILURE, REQUEST_SUCCESS,
                         SERVICE_REQUEST, UNIMPLEMENTED, USERAUTH_REQUEST,
                         WINDOW_ADJUST, message, string)
from lab.scene import Scene, channel, idle, in_bursts, target

MANY = 100000


@pytest.fixture
def scene(lab):
    return Scene(lab)


@pytest.fixture
def friend(scene):
    """A client that may use everything of the good agent."""
    return scene.client("friend", "good:*")


@pytest.fixture
def raw(scene, friend):
    return scene.login(friend)


# --- packets against the protocol --------------------------------------

BROKEN = {
    "data for no channel": lambda s, r, c: r.send(message(DATA, 4711, "x")),
    "data for channel 2^32-1":
        lambda s, r, c: r.send(message(DATA, 2 ** 32 - 1, "x")),
    "data beyond the window":
        lambda s, r, c: r.send(*[message(DATA, c, b"x" * 32768)] * 2000),
    "a packet of data too large":
        lambda s, r, c: r.send(message(DATA, c, b"x" * 32769)),
    "data after EOF":
        lambda s, r, c: r.send(message(EOF, c), message(DATA, c, "x")),
    "data after CLOSE":
        lambda s, r, c: r.send(message(CLOSE, c), message(DATA, c, "x")),
    "CLOSE twice": lambda s, r, c: r.send(*[message(CLOSE, c)] * 2),
    "CLOSE of all": lambda s, r, c: r.send(
        *[message(CLOSE, n) for n in range(1000)]),
    "EOF for no channel": lambda s, r, c: r.send(message(EOF, 4711)),
    "request on no channel": lambda s, r, c: r.send(
        message(CHANNEL_REQUEST, 4711, "exec", True, "id")),
    "window for no channel":
        lambda s, r, c: r.send(message(WINDOW_ADJUST, 4711, 1)),
    "window beyond 2^32-1": lambda s, r, c: r.send(
        message(WINDOW_ADJUST, c, 2 ** 32 - 1)),
    "window beyond it in steps": lambda s, r, c: r.send(
        *[message(WINDOW_ADJUST, c, 2 ** 31)] * 3),
    "extended data": lambda s, r, c: r.send(
        message(EXTENDED_DATA, c, 1, "x")),
    "confirmation of nothing": lambda s, r, c: r.send(
        message(OPEN_CONFIRMATION, c, 1, 1, 32768)),
    "failure of nothing": lambda s, r, c: r.send(
        message(OPEN_FAILURE, c, 1, "", "")),
    "an open cut short": lambda s, r, c: r.send(message(OPEN, "session", 1)),
    "data cut short": lambda s, r, c: r.send(message(DATA, c, 1000)),
    "answers to nothing": lambda s, r, c: r.send(
        *[message(REQUEST_SUCCESS)] * 20),
    "no number": lambda s, r, c: r.send(bytes([DATA])),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken(scene, raw, what):
    number = channel(scene, raw)
    with scene.attack(logged="client friend: session ended: protocol error"):
        try:
            BROKEN[what](scene, raw, number)
            why = raw.ended()
            assert "protocol error" in why or "reset" in why
        except OSError:		# ended while there was more to say
            pass


def test_requests_on_a_stream(scene, raw):
    """Nothing can be asked of a forwarded stream; it goes on."""
    number = channel(scene, raw)
    with scene.attack():
        for kind in ("exec", "shell", "subsystem", "window-change", "x" * 999):
            raw.send(message(CHANNEL_REQUEST, number, kind, True, "id"))
            assert raw.expect(99, 100)[0] == 100
        raw.data(number, b"still there")
        assert raw.expect(DATA).endswith(b"still there")


def test_unknown_messages(scene, raw):
    """UNIMPLEMENTED for each, RFC 4253 section 11.4, and on it goes."""
    unknown = [*range(8, 20), *range(22, 30), *range(83, 90),
               *range(101, 256)]
    with scene.attack():
        for kind in unknown:
            raw.send(bytes([kind]) + b"what is this?")
            raw.expect(UNIMPLEMENTED)
        raw.send(*[bytes([kind, 1, 2, 3, 4]) for kind in unknown] * 20)
        for _ in range(20 * len(unknown)):
            raw.expect(UNIMPLEMENTED)
        channel(scene, raw)


@pytest.mark.parametrize("kind", [0, 6, 21, 30, 31, 32, 51, 52, 53, 60, 61,
                                  63, 66, 99, 100])
def test_messages_out_of_order(scene, raw, kind):
    """Those of a login, a key exchange or a server: answered, or the end."""
    with scene.attack():
        try:
            raw.send(bytes([kind]) + string("x") * 3)
            raw.send(message(GLOBAL_REQUEST, "x", True))
            raw.expect(UNIMPLEMENTED, REQUEST_FAILURE)
        except (Gone, OSError):
            pass


def test_more_logins_and_services(scene, raw):
    with scene.attack():
        try:
            raw.send(raw.signed("good", scene.client("x", "good:*").key))
            raw.send(message(USERAUTH_REQUEST, "good", "ssh-connection",
                             "none"))
            in_bursts(raw, message(SERVICE_REQUEST, "ssh-connection"), 20000)
            raw.send(message(GLOBAL_REQUEST, "x", True))
            raw.expect(REQUEST_FAILURE)
        except (Gone, OSError):
            pass
    assert scene.charon.status("good") == "online"


def test_ignored_messages(scene, raw):
    with scene.attack():
        in_bursts(raw, message(IGNORE, b"x" * 100), MANY)
        in_bursts(raw, bytes([DEBUG, 1]) + string("\x1b[2J") + string(""),
                  MANY // 10)
        channel(scene, raw)
    assert "\x1b" not in scene.charon.log()


def test_anything(scene, friend):
    """Packets of random bytes, many sessions one after the other."""
    seed = random.randrange(10 ** 9)
    print("seed", seed)
    rng = random.Random(seed)
    with scene.attack(lines=200):
        for _ in range(40):
            raw = scene.login(friend)
            number = channel(scene, raw)
            try:
                for _ in range(60):
                    kind = rng.choice([rng.randrange(256), OPEN, DATA, EOF,
                                       CHANNEL_REQUEST, GLOBAL_REQUEST,
                                       WINDOW_ADJUST, CLOSE])
                    raw.send(bytes([kind]) + rng.choice(
                        [b"", number.to_bytes(4, "big"),
                         string("direct-tcpip"), string("session")]) +
                        rng.randbytes(rng.randrange(60)))
            except OSError:
                pass
            raw.close()


# --- windows and packets of odd sizes ----------------------------------

@pytest.mark.parametrize("packet", [0, 1, 10, 255])
def test_tiny_maximum_packet(scene, raw, packet):
    with scene.attack():
        for kind in (("session",), target(scene)):
            raw.open(*kind, packet=packet)
            ok, (reason, text) = raw.opened()
            assert not ok and reason == 1 and "too small" in text
        idle(scene.charon)
        channel(scene, raw)


def test_agent_with_tiny_packets(scene):
    """An agent that confirms the channels opened to it with such a size."""
    friend = scene.client("friend", "odd:*")
    odd = scene.login(scene.enrol("odd"))
    assert odd.request("tcpip-forward", "", 80)
    raw = scene.login(friend)
    with scene.attack():
        for packet in (0, 10, 255):
            raw.open("direct-tcpip", "odd.orthrus", 80, "", 0)
            fields = Fields(odd.expect(OPEN))
            fields.string()
            odd.send(message(OPEN_CONFIRMATION, fields.u32(), 7, 2 ** 20,
                             packet))
            ok, (reason, _) = raw.opened()
            assert not ok and reason == 2
            odd.expect(CLOSE)
        idle(scene.charon)


def test_no_window(scene, raw):
    """What comes back waits, and nobody spins meanwhile."""
    number = channel(scene, raw, window=0)
    with scene.attack():
        raw.data(number, b"x" * 50000)
        idle(scene.charon)
        for _ in range(5):
            raw.send(message(WINDOW_ADJUST, number, 1))
            assert Fields(raw.expect(DATA), 5).string() == b"x"
        raw.send(message(WINDOW_ADJUST, number, 0))
        idle(scene.charon)
        got = 5
        raw.send(message(WINDOW_ADJUST, number, 2 ** 31))
        while got < 50000:
            got += len(Fields(raw.expect(DATA), 5).string())


def test_window_of_one_byte_at_a_time(scene, raw):
    number = channel(scene, raw, window=0)
    with scene.attack():
        raw.data(number, b"x" * 30000)
        got = 0
        # Not all at once: the gateway's pings want their answers in time.
        for granted in range(1000, 30001, 1000):
            raw.send(*[message(WINDOW_ADJUST, number, 1)] * 1000)
            while got < granted:
                got += len(Fields(raw.expect(DATA), 5).string())
        assert got == 30000


def test_largest_window(scene, raw):
    number = channel(scene, raw, window=2 ** 32 - 1)
    with scene.attack(logged="protocol error: window beyond"):
        raw.data(number, b"hello")
        assert raw.expect(DATA).endswith(b"hello")
        raw.send(message(WINDOW_ADJUST, number, 5))
        raw.data(number, b"hello")
        assert raw.expect(DATA).endswith(b"hello")
        raw.send(message(WINDOW_ADJUST, number, 6))
        assert "protocol error" in raw.ended()


def test_many_sessions_channels(scene, raw):
    with scene.attack():
        numbers = [raw.session() for _ in range(10)]
        raw.open("session")
        ok, (reason, _) = raw.opened()
        assert not ok and reason == 4
        for number in numbers:
            raw.send(message(EOF, number), message(CLOSE, number))
            raw.expect(CLOSE)
        raw.session()


# --- everything at once ------------------------------------------------

def pipelined(scene, who, *packets):
    """
    The whole login and these packets in one write with the new keys: the
    gateway reads them before it knows that the keys are there.
    """
    raw = scene.connect(kex=False)
    raw.server_banner = raw.line()

    def login(raw):
        kind = () if who.certificate is None else (
            "ssh-ed25519-cert-v01@openssh.com", who.certificate)
        return b"".join(map(raw.pack, (
            message(SERVICE_REQUEST, "ssh-userauth"),
            raw.signed(who.name, who.key, *kind), *packets)))
    raw.kex(behind=login, first=None)
    raw.close()


def test_login_with_all_that_follows(scene):
    """Leash, data and the end of it all in the segment of the new keys."""
    victim = scene.enrol("victim")
    leash = [message(OPEN, "session", 0, 2 ** 20, 32768),
             message(CHANNEL_REQUEST, 0, "subsystem", True, "leash@orthrus"),
             message(DATA, 0, hello("victim"))]
    ends = [[], [b"\1\0\0\0\2" + string("bye") + string("")],
            [message(DATA, 9, "x")], [message(EOF, 0)], [message(CLOSE, 0)],
            [bytes([21])], [message(KEXINIT)], [bytes([200])]]
    with scene.attack(lines=200):
        for end in ends * 3:
            pipelined(scene, victim, *leash, *end)
            scene.login(victim).close()


def test_subsystem_twice(scene):
    """The leash is over but cannot say so; the channel is asked again."""
    raw = scene.login(scene.enrol("victim"))
    number = raw.session(window=0)
    with scene.attack():
        assert raw.subsystem(number, "leash@orthrus")
        raw.send(message(DATA, number, hello("victim")), message(EOF, number))
        time.sleep(0.3)
        for _ in range(3):
            assert not raw.subsystem(number, "leash@orthrus")
        raw.send(message(WINDOW_ADJUST, number, 2 ** 20))
        assert raw.expect(DATA)
        raw.send(message(CLOSE, number))
        raw.expect(CLOSE)
        Leash(raw).welcome("victim")


@pytest.mark.parametrize("kind", ["exec", "shell", "subsystem"])
def test_command_on_a_leash(scene, kind):
    """Refused, and neither its end nor that of the session is disturbed."""
    victim = scene.enrol("victim")
    raw = scene.login(victim)
    with scene.attack():
        leash = Leash(raw).welcome("victim")
        raw.send(message(CHANNEL_REQUEST, leash.number, kind, True, "sftp"))
        assert raw.expect(99, 100)[0] == 100
        raw.close()
        time.sleep(1)
        raw = scene.login(victim)
        for end in (CLOSE, EOF):
            leash = Leash(raw).welcome("victim")
            raw.send(message(CHANNEL_REQUEST, leash.number, kind, True,
                             "sftp"), message(end, leash.number))
            if end == EOF:
                raw.send(message(CLOSE, leash.number))
            raw.expect(CLOSE)
        time.sleep(0.5)


def test_commands_in_a_row(scene, raw):
    with scene.attack(logged="refused a request on a session channel"):
        for kind in ("exec", "shell", "subsystem"):
            number = raw.session()
            raw.send(*[message(CHANNEL_REQUEST, number, kind, True,
                               "rm -rf /")] * 3)
            raw.expect(CLOSE)
            raw.send(message(CLOSE, number))
        number = raw.session()
        raw.send(message(CHANNEL_REQUEST, number, "exec", True, "id"),
                 message(CLOSE, number))
        raw.expect(CLOSE)
        time.sleep(0.5)
        raw.session()
