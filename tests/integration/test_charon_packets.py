# SPDX-License-Identifier: ISC
"""Packets as the network may cut them, and as nobody's program makes them."""

import itertools
import random
import time

import pytest

from lab.raw_ssh import (DATA, GLOBAL_REQUEST, IGNORE, REQUEST_FAILURE,
                         REQUEST_SUCCESS, SERVICE_ACCEPT, SERVICE_REQUEST,
                         message)
from lab.scene import Scene, channel, sanitized

PACKET = 32768


@pytest.fixture
def scene(lab):
    return Scene(lab)


@pytest.fixture
def raw(scene):
    return scene.login(scene.client("friend", "good:*"))


def cut(raw, data, sizes):
    """Sends data in pieces of these sizes."""
    at = 0
    for size in sizes:
        raw.sock.sendall(data[at:at + size])
        at += size
        if at >= len(data):
            return


def forever(rng, *choices):
    while True:
        yield rng.choice(choices)


PIECES = {"tiny": (1, 2, 3, 30), "small": (1, 100, 1460, 20000),
          "of packets": (36, PACKET + 36, 4 * PACKET, 140000),
          "of reads": (131216, 131840, 70000)}


@pytest.mark.parametrize("pieces", PIECES)
def test_cut_anywhere(scene, raw, pieces):
    """Whatever the pieces, and wherever the packets begin in them: each is
    authentic, or the session would end, and is answered in its turn."""
    rng = random.Random(pieces)
    number = channel(scene, raw)
    raw.hold()
    n = 20 if pieces == "tiny" else 200
    for size in itertools.islice(forever(rng, 1, 17, 100, 5000, 30000, 30000,
                                         PACKET), n):
        raw.send(message(GLOBAL_REQUEST, rng.randbytes(size), True))
    raw.data(number, b"and this is behind them")
    cut(raw, raw.release(), forever(rng, *PIECES[pieces]))
    for _ in range(n):
        raw.expect(REQUEST_FAILURE)
    assert raw.expect(DATA).endswith(b"and this is behind them")


@pytest.mark.parametrize("piece", [1, 7])
def test_login_in_segments(scene, piece):
    """Right behind the key exchange, so that the gateway is in the middle of a
    packet each time it looks, which the first one makes often."""
    friend = scene.client("friend", "good:*")
    raw = scene.connect(kex=False)
    raw.server_banner = raw.line()
    raw.kex(behind=lambda raw: b"".join(map(raw.pack, (
        message(IGNORE, "x" * 1000), message(SERVICE_REQUEST, "ssh-userauth"),
        raw.signed(friend.name, friend.key)))))
    for at in range(0, len(raw.behind), piece):
        time.sleep(0.002)
        raw.sock.sendall(raw.behind[at:at + piece])
    raw.expect(SERVICE_ACCEPT)
    assert raw.answered()
    channel(scene, raw)


def stack(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmStk:"):
            return int(line.split()[1]) * 1024


def test_smallest_packets(scene, raw):
    """As many as a read brings.  Some libssh handle each inside of the one
    before: 180 KiB of stack, and 470 if they were given a whole read."""
    before = stack(scene.charon.pid)
    for _ in range(8):
        raw.send(*[bytes([IGNORE])] * 40000)
        raw.send(message(GLOBAL_REQUEST, "are you there?", True))
        raw.expect(REQUEST_SUCCESS, REQUEST_FAILURE)
    if not sanitized(scene.charon.pid):
        assert stack(scene.charon.pid) - before < 400 * 1024


def test_packet_that_is_too_large(scene, raw):
    """RFC 4253 section 6.1 asks for 35,000 bytes; 64 KiB are taken."""
    raw.send(bytes([IGNORE]) + bytes(60000))
    raw.send(message(GLOBAL_REQUEST, "are you there?", True))
    raw.expect(REQUEST_SUCCESS, REQUEST_FAILURE)
    with scene.attack(logged="friend: session ended: .*too long"):
        raw.send(bytes([IGNORE]) + bytes(200000))
        raw.ended()
