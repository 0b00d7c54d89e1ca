# SPDX-License-Identifier: ISC
"""What one agent or client may have at once, however many sessions it has, and
that others do not notice when it wants more."""

import time

import pytest

from lab import socks
from lab.charon_http import Api
from lab.raw_ssh import CLOSE, EOF, OPEN, message
from lab.scene import MB, Scene, channel, target
from lab.system import free_port, until


@pytest.fixture
def scene(lab):
    return Scene(lab)


# --- [limits] streams ----------------------------------------------------

def refusals(scene, reason="limit"):
    """As /metrics has them; the socket is beside those of the agents."""
    return Api.of(scene.charon).metrics()[
        "charon_refusals_total", ("reason", reason)]


def test_streams_of_all_sessions(scene):
    """Those of a client count together, and one that ends makes room."""
    scene.charon.reload(limits={"streams": 20})
    friend = scene.client("friend", "good:*")
    raws = [scene.login(friend) for _ in range(2)]
    with scene.attack("client friend: refused a channel: too many streams"):
        numbers = [channel(scene, raws[i % 2]) for i in range(20)]
        for raw in raws:
            raw.open(*target(scene))
            ok, (reason, text) = raw.opened()
            assert not ok and reason == 4 and "[limits] streams" in text
        assert refusals(scene) == 2
        raws[0].send(message(EOF, numbers[0]), message(CLOSE, numbers[0]))
        raws[0].expect(CLOSE)
        until("there is room", 10, lambda: raws[1].direct(
            "good.orthrus", scene.target.port)[0])
        # Another client has a limit of its own, and a greater one is at once.
        channel(scene, scene.login(scene.client("other", "good:*")))
        scene.charon.reload(limits={"streams": 21})
        channel(scene, raws[0])


def test_streams_of_an_agent(scene):
    """Those that it has asked for; not those that others have of it."""
    scene.charon.reload(limits={"streams": 5})
    own = scene.login(scene.enrol("own"))
    assert own.request("tcpip-forward", "", 80)
    with scene.attack("agent own: refused a channel: too many streams"):
        for _ in range(5):
            own.open("direct-tcpip", "own.orthrus", 80, "", 0)
            own.expect(OPEN)
        own.open("direct-tcpip", "own.orthrus", 80, "", 0)
        ok, (reason, _) = own.opened()
        assert not ok and reason == 4
        raw = scene.login(scene.client("friend", "own:*"))
        raw.open("direct-tcpip", "own.orthrus", 80, "", 0)
        own.expect(OPEN)


def test_a_stream_too_many_by_socks(scene, lab):
    """SOCKS5 answers 1 at once, and what is open goes on."""
    scene.charon.reload(limits={"streams": 3})
    key = scene.charon.add_client("laptop", "good:*")
    laptop = scene.charon.agent("laptop", key=key, 
                                socks5=f"127.0.0.1:{free_port()}")
    where = "good.orthrus", scene.target.port
    conns = [socks.open_through(lab, laptop, *where) for _ in range(3)]
    started = time.monotonic()
    assert socks.ask(lab.connect(laptop.socks5), *where) == socks.FAILURE
    assert time.monotonic() - started < 4	# and not after a wait
    for conn in conns:
        conn.sendall(b"still there?")
        assert socks.take(conn, 12) == b"still there?"
    until("the client says why", 5,
          lambda: "too many channels" in laptop.log())


@pytest.mark.heavy
def test_thousands_of_streams(scene):
    """What was beyond the limit of one session, and all of them idle."""
    raw = scene.login(scene.client("friend", "good:*"))
    with scene.attack(memory=12 * MB, lines=200):
        for _ in range(1200):
            raw.open(*target(scene))
        for _ in range(1200):
            ok, number = raw.opened()
            assert ok, number
        raw.data(number, b"the last one")
        assert raw.expect(94).endswith(b"the last one")
