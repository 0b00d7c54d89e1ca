# SPDX-License-Identifier: ISC
"""Sessions that want more than anybody needs: requests, channels, key
exchanges, and answers and data that are not read."""

import threading
import time

import pytest

from lab.raw_ssh import (DATA, Fields, GLOBAL_REQUEST, Gone, OPEN,
                         OPEN_CONFIRMATION, OPEN_FAILURE, REQUEST_FAILURE,
                         message)
from lab.scene import MB, Scene, channel, idle, in_bursts

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
    with scene.attack(logged="friend: refused a channel", memory=8 * MB):
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
            raw.data(number, b"x" * 4 * 1024)	# the 100th has so much
        idle(scene.charon)
