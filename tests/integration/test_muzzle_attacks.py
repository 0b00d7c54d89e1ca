# SPDX-License-Identifier: ISC
"""What stands behind a body, or never becomes one, reaches no engine: alone
and where two Muzzles judge, at the agent and at its gateway."""

import socket

import pytest

from lab.docker_door import Door
from lab.muzzle_client import Client
from lab.muzzle_engine import Engine
from lab.system import until

HOST = "Host: docker\r\n"
HIDDEN = f"POST /containers/web/kill HTTP/1.1\r\n{HOST}\r\n"
RESTART = f"POST /containers/web/restart?t=1 HTTP/1.1\r\n{HOST}"


@pytest.fixture(params=["alone-unix", "alone-port", "charon-unix"])
def door(request, lab):
    engine = lab.own(Engine(lab.path("engine.sock")))
    door = Door(lab, request.param, engine.path, "--docker-allow",
                "restart,kill")
    door.engine = engine
    # At a gateway until it has heard what is open there.
    until("actions are open", 20, lambda: door.get(
        "/containers/web/restart?t=1", "POST")[0] == 200)
    engine.script([])
    return door


def send(door, text):
    """All that comes back until the end of the connection."""
    with door.lab.connect(door.address) as conn:
        conn.settimeout(20)
        conn.sendall(text.encode())
        got = b""
        while part := conn.recv(65536):
            got += part
    return got


def seen(door):
    """Paths that the engine was asked for, in order."""
    return [line.split()[1] for line in door.engine.seen().decode()
            .split("\r\n") if line.endswith(" HTTP/1.1")]


def test_behind_a_body(door):
    for framing, body in (("Content-Length: 7", '{"t":1}'),
                          ("Content-Length: 2", "{}"),
                          ("Transfer-Encoding: chunked",
                           '7\r\n{"t":1}\r\n0\r\n\r\n')):
        door.engine.script([])
        got = send(door, f"{RESTART}{framing}\r\n\r\n{body}{HIDDEN * 3}")
        assert got.startswith(b"HTTP/1.1 200 ")
        assert got.count(b"HTTP/1.1 ") == 1, got
        assert b"connection: close" in got.lower()
        assert seen(door) == ["/containers/web/restart?t=1"]


def test_refused_bodies(door):
    for text in (
            f'{RESTART}Content-Length: 7\r\n\r\n{{"t":2}}{HIDDEN}',
            f'{RESTART}Content-Length: 3\r\n\r\n{{"t":1}}{HIDDEN}',
            f"{RESTART}Content-Length: 4097\r\n\r\n{HIDDEN}",
            f"{RESTART}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"
            f"0\r\n\r\n{HIDDEN}",
            f"{RESTART}Transfer-Encoding: identity\r\n\r\n{HIDDEN}",
            f"{RESTART}Transfer-Encoding: chunked\r\n\r\n{HIDDEN}",
            f"GET /version HTTP/1.1\r\n{HOST}Content-Length: {len(HIDDEN)}"
            f"\r\n\r\n{HIDDEN}"):
        got = send(door, text)
        assert got.split()[1] in (b"400", b"413"), got
        assert got.count(b"HTTP/1.1 ") == 1, got
    assert seen(door) == []


def test_http10_keeps_no_stream(door):
    """The end of a stream is that of the connection, whatever is asked."""
    door.engine.script([[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                         b"\r\n3\r\n{ }\r\n0\r\n\r\n"]])
    got = send(door, "GET /events HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" +
               HIDDEN)
    assert got.startswith(b"HTTP/1.0 200 ") and got.endswith(b"\r\n\r\n{ }")
    assert b"chunked" not in got.lower()
    assert seen(door) == ["/events"]


def test_half_a_body(door):
    """Who leaves in the middle of it has asked for nothing."""
    with door.lab.connect(door.address) as conn:
        conn.sendall(f'{RESTART}Content-Length: 7\r\n\r\n{{"t"'.encode())
        conn.shutdown(socket.SHUT_WR)
        conn.settimeout(20)
        while conn.recv(65536):
            pass
    if isinstance(door.address, str):
        with Client(door.address) as other:
            other.send([f"GET /version HTTP/1.1\r\n{HOST}\r\n".encode()])
            assert other.answer().status == 200
        assert seen(door) == ["/version"]
    else:
        assert seen(door) == []
