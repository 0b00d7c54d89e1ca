# SPDX-License-Identifier: ISC
"""Leashes that say what none should, or too much, or at the wrong time."""

import struct
import time

import pytest

from lab.charon_http import Api
from lab.protobuf import number, text
from lab.raw_leash import Leash, frame, heartbeat, hello
from lab.raw_ssh import (CLOSE, EOF, GLOBAL_REQUEST, REQUEST_FAILURE,
                         REQUEST_SUCCESS, Gone, message, new_key, public, u32)
from lab.scene import MB, Scene
from lab.system import until

MANY = 10000
WINDOW = 64 * 1024 - 1000	# what may be sent without waiting


@pytest.fixture
def scene(lab):
    return Scene(lab)


@pytest.fixture
def other(scene):
    """An agent of its own that is up, by hand."""
    identity = scene.enrol("other")
    raw = scene.login(identity)
    raw.identity = identity
    raw.leash = Leash(raw).welcome("other")
    scene.charon.wait_status("other", "online")
    return raw


LEASHES = {
    "a frame over its limit": [u32(65537)],
    "a frame of 4 GiB": [u32(2 ** 32 - 1) + b"x" * 1000],
    "malformed": [frame(b"\xff" * 20)],
    "a field cut short": [frame(b"\x0a\x7f")],
    "no message": [frame(b"")],
    "another name": [hello("good")],
    "no name": [hello("")],
    "a name that is none": [hello("../good")],
    "no Hello first": [heartbeat()],
    "a renewal first": [frame(text(3, text(1, public(new_key()))))],
    "port 0": [hello("other", [0])],
    "port 65536": [hello("other", [65536])],
    "too many ports": [hello("other", range(1, 66))],
    "a port twice": [hello("other", [80, 80])],
    "what a gateway says": [hello("other"), frame(text(11, b""))],
    "an enrolment": [hello("other"), frame(
        text(21, text(1, "other") + text(2, public(new_key()))))],
    "a key of 31 bytes": [hello("other"), frame(text(3, text(1, b"x" * 31)))],
    "half a frame": [hello("other"), u32(100) + b"x" * 50],
    "deep nesting": [frame(b"\x0b" * 60000)],
    "many small fields": [frame(text(1, b"\x3a\x00" * 30000))],
    "a control character": [frame(text(1, text(1, "\x1b[2J") +
                                       text(2, "other")))],
}


@pytest.mark.parametrize("what", LEASHES)
def test_bad_leash(scene, what):
    raw = scene.login(scene.enrol("other"))
    leash = Leash(raw)
    with scene.attack(logged="other: ended for what it sent to the gateway"):
        leash.say(*LEASHES[what])
        if what == "half a frame":
            raw.send(message(EOF, leash.number))
        assert raw.ended(5)
    scene.charon.wait_status("other", "offline")
    assert "\x1b" not in scene.charon.log()


def test_unknown_messages(scene, other):
    """Each is answered with an Error, and too many are the end."""
    leash = other.leash
    with scene.attack(logged="other: ended for what it sent to the "
                      "gateway: too many unknown"):
        for _ in range(16):
            leash.say(frame(text(99, "what?")))
            assert leash.hear()[0] == 15
        leash.say(heartbeat())
        assert scene.charon.status("other") == "online"
        leash.say(frame(text(99, "what?")))
        assert other.ended(5)


def test_unknown_fields_are_ignored(scene, other):
    with scene.attack():
        other.leash.say(frame(text(2, number(1, 5) + number(77, 1))),
                        frame(text(1, text(2, "other") + text(99, "x"))))
        time.sleep(0.3)
        assert scene.charon.status("other") == "online"


def test_any_load(scene, other):
    """Whatever it says of its host, all that /metrics has can be read."""
    api = Api.of(scene.charon)
    with scene.attack():
        for load in 1.7e308, 5e-324, 1e15, 0.25:
            other.leash.say(heartbeat(
                b"\x11" + struct.pack("<d", load) +
                number(3, 2 ** 64 - 1) + number(4, 2 ** 64 - 1)))
            until("it is told", 10, lambda: api.metrics().get(
                ("charon_agent_load", ("agent", "other"))) ==
                float(f"{load:.6g}"))
        assert api.metrics()["charon_agent_up", ("agent", "good")] == 1


@pytest.mark.parametrize("kind", ["heartbeat", "hello", "renewal"])
def test_ten_thousand_messages(scene, other, kind):
    one = {"heartbeat": frame(text(2, b"")), "hello": hello("other", [80]),
           "renewal": frame(text(3, text(1, public(new_key()))))}[kind]
    with scene.attack(logged="other: ended for what it sent to the "
                      "gateway: too many messages",
                      memory=4 * MB):
        other.leash.say((one * MANY)[:WINDOW])
        assert other.ended(5)
    scene.charon.wait_status("other", "offline")


@pytest.mark.heavy
def test_leash_after_leash(scene, other):
    """The rate is the agent's, whatever number of leashes it opens."""
    with scene.attack(logged="other: ended for what it sent to the "
                      "gateway: too many messages",
                      memory=4 * MB):
        other.send(message(EOF, other.leash.number),
                   message(CLOSE, other.leash.number))
        other.expect(CLOSE)
        with pytest.raises((Gone, OSError)):
            for _ in range(200):
                try:
                    leash = Leash(other)
                except AssertionError:	# refused, as it is being ended
                    raise Gone(other.ended(20)) from None
                leash.say(hello("other"), *[heartbeat()] * 30)
                leash.hear()
                other.send(message(EOF, leash.number),
                           message(CLOSE, leash.number))
                other.expect(CLOSE)


def test_ports_that_come_and_go(scene, other):
    """Each makes sockets: so many are made for an agent, by whichever way, and
    however often it comes back."""
    hellos = [hello("other", range(1000 + n, 1064 + n)) for n in (0, 100)]
    with scene.attack(logged="other: ended for what it sent to the gateway: "
                      "its ports change too "
                      "fast", memory=4 * MB):
        other.leash.say(*hellos * 10)
        assert other.ended(10)
    scene.charon.wait_status("other", "offline")
    # By a stock client's way it is refused.
    raw = scene.login(other.identity)
    with scene.attack(memory=4 * MB, lines=4000):
        for n in range(2000):
            raw.send(message(GLOBAL_REQUEST, "tcpip-forward", True, "",
                             2000 + n),
                     message(GLOBAL_REQUEST, "cancel-tcpip-forward", True, "",
                             2000 + n))
        answers = [raw.expect(REQUEST_SUCCESS, REQUEST_FAILURE,
                              answer=False)[0] for _ in range(4000)]
    granted = answers[::2].count(REQUEST_SUCCESS)
    assert granted < 1000 and answers[-2] == REQUEST_FAILURE
    raw.close()


def test_frames_are_its_memory(scene, other):
    """Of frames that are not whole, in what it may have altogether."""
    api = Api.of(scene.charon)

    def used():
        return api.metrics()["charon_memory_used_bytes",]
    with scene.attack(memory=4 * MB):
        before = used()
        other.leash.say(u32(64000) + b"x" * 60000)
        until("it is accounted for", 10, lambda: used() > before + 50000)
        other.close()
        scene.charon.wait_status("other", "offline")
        until("it is given back", 10, lambda: used() <= before)


def test_hundreds_of_leashes(scene, other):
    """One at a time, and ten session channels."""
    with scene.attack(logged="other: refused a second channel for heartbeats"):
        for n in range(300):
            other.open("session")
            ok, number = other.opened()
            if not ok:
                assert number[0] == 4
                continue
            assert not other.subsystem(number, "leash@orthrus")
            if n % 2:
                other.send(message(CLOSE, number))
                other.expect(CLOSE)
        other.leash.say(heartbeat())
        assert scene.charon.status("other") == "online"


def test_leash_that_is_not_read(scene):
    """Answers wait for a window that never comes; up to a limit."""
    raw = scene.login(scene.enrol("other"))
    number = raw.session(window=0)
    assert raw.subsystem(number, "leash@orthrus")
    with scene.attack(memory=2 * MB):
        raw.data(number, hello("other"))
        for _ in range(20):
            raw.data(number, frame(text(3, text(1, public(new_key())))))
            time.sleep(0.1)
        assert scene.charon.status("other") == "online"


def test_early_renewals(scene, other):
    """Not due for days: refused, and no certificate is kept for it."""
    with scene.attack():
        for _ in range(5):
            other.leash.say(frame(text(3, text(1, public(new_key())))))
            kind, fields = other.leash.hear()
            assert kind == 13 and 1 not in fields and b"due" in fields[2]
