# SPDX-License-Identifier: ISC
"""Streams that the other side ends with CHANNEL_CLOSE alone, packet by packet,
at a gateway: RFC 4254 section 5.3 asks for no CHANNEL_EOF before it."""

import pytest

from lab.raw_ssh import (BANNER, CLOSE, DATA, EOF, OPEN, OPEN_CONFIRMATION,
                         PACKET, WINDOW, Fields, message)
from lab.scene import Scene
from lab.targets import digest, endless_events, listens, payload

ORTHRUS = b"SSH-2.0-orthrus_0.1.0\r\n"
LONG = payload("long", 300000)


@pytest.fixture
def scene(lab):
    return Scene(lab)


@pytest.mark.parametrize("banner, seen", [
    (BANNER, digest(LONG)), (ORTHRUS, "reset")], ids=["anybody", "orthrus"])
def test_client_closes(lab, scene, banner, seen):
    """The service behind an agent sees all of it, and then an end."""
    target = lab.serve(listens)
    scene.charon.agent("london", "--expose", target.port,
                       key=scene.charon.add_agent("london"))
    raw = scene.login(scene.client("ann", "london:*"), banner=banner)
    for _ in range(3):
        ok, number = raw.direct("london.orthrus", target.port)
        assert ok, number
        raw.data(number, LONG)
        raw.send(message(CLOSE, number))
        raw.expect(CLOSE)
        assert target.reports.get(timeout=20) == seen


def test_client_closes_a_stream_of_docker(lab, scene):
    """Through the Muzzles of the gateway and of the agent."""
    target = lab.serve(endless_events, "unix")
    scene.charon.agent("london", f"--docker={target.path}",
                       key=scene.charon.add_agent("london"))
    raw = scene.login(scene.client("ann", "london:docker"))
    ok, number = raw.direct_path("/london/docker.sock")
    assert ok, number
    raw.data(number, b"GET /v1.41/events HTTP/1.1\r\nHost: d\r\n\r\n")
    heard = b""
    while b"{}" not in heard:
        fields = Fields(raw.expect(DATA))
        fields.u32()
        heard += fields.string()
    raw.send(message(CLOSE, number))
    raw.expect(CLOSE)
    assert target.reports.get(timeout=20) == "gone"


@pytest.mark.parametrize("banner, ends", [
    (BANNER, [EOF, CLOSE]), (ORTHRUS, [CLOSE])], ids=["anybody", "orthrus"])
def test_agent_closes(lab, scene, banner, ends):
    """Its client is told of an end, or of none when there was none."""
    agent = scene.login(scene.enrol("paris"), banner=banner)
    assert agent.request("tcpip-forward", "paris", 80)
    raw = scene.login(scene.client("ann", "paris:*"))
    raw.open("direct-tcpip", "paris.orthrus", 80, "127.0.0.1", 0)
    fields = Fields(agent.expect(OPEN))
    assert fields.string() == b"forwarded-tcpip"
    number = fields.u32()
    agent.send(message(OPEN_CONFIRMATION, number, 0, WINDOW, PACKET))
    ok, mine = raw.opened()
    assert ok, mine
    agent.data(number, LONG)
    agent.send(message(CLOSE, number))
    heard = b""
    while len(heard) < len(LONG):
        fields = Fields(raw.expect(DATA))
        fields.u32()
        heard += fields.string()
    assert heard == LONG
    assert [raw.expect(EOF, CLOSE)[0] for _ in ends] == ends
    raw.send(message(CLOSE, mine))
    agent.expect(CLOSE)
