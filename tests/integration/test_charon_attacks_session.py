"""Those who have logged in and then do what no client does: channels and
requests against RFC 4254, and more of them than anybody needs."""

import random
import threading
import time

import pytest

from raw_ssh import (CHANNEL_REQUEST, CLOSE, DATA, DEBUG, ECDH_INIT, EOF,
                     EXTENDED_DATA, Fields, GLOBAL_REQUEST, Gone, IGNORE,
                     KEXINIT, NEWKEYS, OPEN, OPEN_CONFIRMATION, OPEN_FAILURE,
                     REQUEST_FAILURE, REQUEST_SUCCESS, SERVICE_REQUEST,
                     UNIMPLEMENTED, USERAUTH_REQUEST, WINDOW_ADJUST, message,
                     string)
from scene import MB, Leash, Scene, hello
from targets import read_all

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


class Reader(threading.Thread):
    """Reads all answers, so that a flood is not held up by them."""

    def __init__(self, raw):
        super().__init__(daemon=True)
        self.raw, self.counts, self.why = raw, {}, None
        self.start()

    def run(self):
        try:
            while True:
                kind = self.raw.recv()[0]
                self.counts[kind] = self.counts.get(kind, 0) + 1
        except (Gone, OSError) as e:
            self.why = str(e)

    def wait(self, kind, n, seconds=30):
        deadline = time.monotonic() + seconds
        while self.counts.get(kind, 0) < n:
            assert self.why is None, self.why
            assert time.monotonic() < deadline, self.counts
            time.sleep(0.01)


def in_bursts(raw, payload, n, size=1000):
    for at in range(0, n, size):
        raw.send(*[payload] * min(size, n - at))


def idle(charon, seconds=1.0, most=0.3):
    """It does not spin."""
    before = charon.cpu()
    time.sleep(seconds)
    assert charon.cpu() - before < most * seconds


# --- packets against the protocol --------------------------------------

def target(scene):
    return "direct-tcpip", "good.orthrus", scene.target.port, "127.0.0.1", 0


def channel(scene, raw, **how):
    raw.open(*target(scene), **how)
    ok, number = raw.opened()
    assert ok, number
    return number


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
        raw.send(*[message(WINDOW_ADJUST, number, 1)] * 30000)
        got = 0
        while got < 30000:
            got += len(Fields(raw.expect(DATA), 5).string())


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


# --- too many ----------------------------------------------------------

@pytest.mark.heavy
def test_many_global_requests(scene, raw):
    """Without an answer, with one that is read, and with all kinds."""
    with scene.attack(memory=4 * MB):
        in_bursts(raw, message(GLOBAL_REQUEST, "x", False), MANY)
        reader = Reader(raw)
        in_bursts(raw, message(GLOBAL_REQUEST, "x", True), MANY)
        in_bursts(raw, message(GLOBAL_REQUEST, "tcpip-forward", True, "", 80),
                  MANY // 10)
        in_bursts(raw, message(GLOBAL_REQUEST, "streamlocal-forward@"
                               "openssh.com", True, "/x/y"), MANY // 10)
        reader.wait(REQUEST_FAILURE, MANY + MANY // 5)


@pytest.mark.heavy
def test_many_global_requests_unread(scene, raw):
    """Their answers are kept up to a limit, then nothing more is read."""
    raw.sock.settimeout(2)
    with scene.attack(memory=12 * MB):
        with pytest.raises((TimeoutError, OSError)):
            in_bursts(raw, message(GLOBAL_REQUEST, "x", True), 20 * MANY)
        idle(scene.charon)
        raw.close()
    with scene.attack(memory=1 * MB):
        time.sleep(1)


@pytest.mark.heavy
def test_requests_during_an_endless_key_exchange(scene, raw):
    """A key exchange is begun and not finished, and on go the requests."""
    raw.sock.settimeout(3)
    with scene.attack(memory=12 * MB, logged="friend: session ended"):
        raw.send(raw.kexinit())
        try:
            in_bursts(raw, message(GLOBAL_REQUEST, "x" * 1000, True), MANY)
        except (TimeoutError, OSError):
            pass
        assert raw.ended(15)


@pytest.mark.heavy
def test_key_exchanges(scene, raw):
    number = channel(scene, raw)
    with scene.attack():
        for _ in range(300):
            raw.kex()
        raw.data(number, b"same as ever")
        assert raw.expect(DATA).endswith(b"same as ever")


@pytest.mark.heavy
def test_many_refused_opens(scene, raw):
    kinds = [("x11", "", 0), ("session",), ("auth-agent@openssh.com",),
             ("forwarded-tcpip", "", 80, "", 0),
             ("direct-tcpip", "nobody.orthrus", 80, "", 0),
             ("direct-tcpip", "127.0.0.1", 22, "", 0),
             ("direct-tcpip", "good.orthrus", 1, "", 0),
             ("direct-streamlocal@openssh.com", "/etc/passwd", "", 0)]
    reader = Reader(raw)
    with scene.attack(logged="friend: refused a channel", memory=4 * MB):
        for kind in kinds:
            in_bursts(raw, message(OPEN, kind[0], 1, 2 ** 20, 32768,
                                   *kind[1:]), MANY // len(kinds))
        reader.wait(OPEN_FAILURE, MANY - 10)
        assert reader.counts.get(OPEN_CONFIRMATION) == 10	# sessions


@pytest.mark.heavy
def test_many_opens_never_used(scene):
    """100,000 opens to an agent that never answers."""
    friend = scene.client("friend", "silent:*")
    silent = scene.login(scene.enrol("silent"))
    assert silent.request("tcpip-forward", "", 80)
    Reader(silent)
    raw = scene.login(friend)
    reader = Reader(raw)
    with scene.attack(memory=40 * MB):
        in_bursts(raw, message(OPEN, "direct-tcpip", 1, 2 ** 20, 32768,
                               "silent.orthrus", 80, "", 0), MANY)
        reader.wait(OPEN_FAILURE, MANY - 16384)
    with scene.attack(memory=MB, logged="friend: session ended"):
        raw.close()
        time.sleep(2)


@pytest.mark.heavy
def test_client_that_does_not_read(scene, lab):
    """Streams that pour out data, all windows open, and nobody reads."""
    def pours(conn, target):
        while True:
            conn.sendall(b"x" * 65536)
    more = lab.serve(pours)
    scene.charon.agent("pours", "--expose", more.port,
                       key=scene.charon.add_agent("pours"))
    friend = scene.client("friend", "pours:*")
    raw = scene.login(friend)
    with scene.attack(memory=12 * MB):
        for number in range(50):
            raw.send(message(OPEN, "direct-tcpip", number, 2 ** 32 - 1, 32768,
                             "pours.orthrus", more.port, "", 0))
        time.sleep(4)
        idle(scene.charon)


@pytest.mark.heavy
def test_agent_that_does_not_read(scene):
    """The other way: a client sends to an agent that takes nothing."""
    friend = scene.client("friend", "deaf:*")
    deaf = scene.login(scene.enrol("deaf"))
    assert deaf.request("tcpip-forward", "", 80)
    raw = scene.login(friend)
    raw.sock.settimeout(1)
    numbers = []
    for _ in range(100):
        raw.open("direct-tcpip", "deaf.orthrus", 80, "", 0)
        fields = Fields(deaf.expect(OPEN))
        fields.string()
        deaf.send(message(OPEN_CONFIRMATION, fields.u32(), 7, 0, 32768))
        ok, number = raw.opened()
        assert ok
        numbers.append(number)
    with scene.attack(memory=16 * MB):
        for number in numbers:
            raw.data(number, b"x" * 64 * 1024)
        idle(scene.charon)


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
    plain = raw.send

    def send(*payloads):
        if payloads[0][0] == NEWKEYS:
            raw.hold()
        plain(*payloads)
    raw.send = send
    expect = raw.expect

    def stop(*kinds):
        if kinds == (NEWKEYS,):
            raise StopIteration
        return expect(*kinds)
    raw.expect = stop
    try:
        raw.kex()
    except StopIteration:
        pass
    plain(message(SERVICE_REQUEST, "ssh-userauth"),
          raw.signed(who.name, who.key) if who.certificate is None else
          raw.signed(who.name, who.key, "ssh-ed25519-cert-v01@openssh.com",
                     who.certificate), *packets)
    raw.release()
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
