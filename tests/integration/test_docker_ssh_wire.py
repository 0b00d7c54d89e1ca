# SPDX-License-Identifier: ISC
"""docker system dial-stdio on the wire: RFC 4254 and whoever may log in."""

import json
import struct

import pytest

from lab import openssh
from lab.muzzle_engine import Engine, Wait
from lab.raw_ssh import (CHANNEL_FAILURE, CHANNEL_REQUEST, CHANNEL_SUCCESS,
                         CLOSE, DATA, EOF, EXTENDED_DATA, OPEN, Fields,
                         message, string)
from lab.scene import Scene

pytestmark = pytest.mark.skipif(not openssh.available(),
                                reason="this build has no charon")

STDIO = "docker system dial-stdio"
GET = b"GET /version HTTP/1.1\r\nHost: docker\r\n\r\n"
LAST = b"GET /version HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"
KINDS = (DATA, EXTENDED_DATA, EOF, CLOSE, CHANNEL_REQUEST, CHANNEL_SUCCESS,
         CHANNEL_FAILURE)


@pytest.fixture
def scene(lab):
    """With an agent "rome" that shares Docker, and "paris" that is away."""
    scene = Scene(lab)
    scene.engine = lab.own(Engine(lab.path("engine.sock")))
    scene.charon.agent("rome", f"--docker={scene.engine.path}",
                       key=scene.charon.add_agent("rome"))
    scene.charon.add_agent("paris")
    return scene


def execute(raw, command, wanted=True, **how):
    """A session channel that has asked for it: its number."""
    number = raw.session(**how)
    raw.send(message(CHANNEL_REQUEST, number, "exec", wanted, command))
    return number


def packets(raw, last=CLOSE):
    """What comes on channels until then, as (kind, what follows)."""
    found = []
    while not found or found[-1][0] != last:
        packet = raw.expect(*KINDS)
        found.append((packet[0], packet[5:]))
    return found


def exit_status(status):
    return CHANNEL_REQUEST, string("exit-status") + b"\0" + \
        struct.pack(">I", status)


def output(found, kind=DATA):
    skip = 4 if kind == EXTENDED_DATA else 0
    return b"".join(what[skip + 4:] for k, what in found if k == kind)


def test_order(scene):
    """Answer, output, exit status, EOF, CLOSE, each once."""
    raw = scene.login(scene.client("ann", "rome:docker"))
    number = execute(raw, STDIO)
    raw.data(number, LAST)
    raw.send(message(EOF, number))
    found = packets(raw)
    assert found[0] == (CHANNEL_SUCCESS, b"")
    assert found[-3:] == [exit_status(0), (EOF, b""), (CLOSE, b"")]
    assert {kind for kind, _ in found[1:-3]} == {DATA}
    assert output(found).startswith(b"HTTP/1.1 200 ")
    raw.send(message(CLOSE, number))
    # No answer where none is wanted.
    number = execute(raw, STDIO, wanted=False)
    raw.data(number, LAST)
    raw.send(message(EOF, number))
    found = packets(raw)
    assert found[0][0] == DATA and found[-3] == exit_status(0)


def test_what_else_is_asked(scene):
    """Environment and terminal before, signals and more after: no harm."""
    raw = scene.login(scene.client("ann", "rome:docker"))
    number = raw.session()
    mark = len(scene.charon.log())
    for wanted in True, False:
        raw.send(message(CHANNEL_REQUEST, number, "env", wanted, "LANG", "C"),
                 message(CHANNEL_REQUEST, number, "pty-req", wanted, "xterm",
                         80, 24, 0, 0, ""))
    for _ in range(2):
        raw.expect(CHANNEL_FAILURE)
    raw.send(message(CHANNEL_REQUEST, number, "exec", True, STDIO))
    raw.expect(CHANNEL_SUCCESS)
    raw.send(message(CHANNEL_REQUEST, number, "exec", True, STDIO),
             message(CHANNEL_REQUEST, number, "exec", True, "id"),
             message(CHANNEL_REQUEST, number, "signal", False, "TERM"))
    for _ in range(2):
        raw.expect(CHANNEL_FAILURE)
    raw.data(number, GET)
    assert b"HTTP/1.1 200 " in raw.expect(DATA)
    raw.send(message(CLOSE, number))
    raw.expect(CLOSE)
    said = scene.charon.log()[mark:]
    assert "refused" not in said and "dial-stdio" not in said


def test_refusals(scene):
    """The command is granted and says why it ends; nothing else is."""
    raw = scene.login(scene.client("ann", "rome:docker"))
    for command in STDIO.replace("docker", "docker --host unix:///good"), \
            "docker --host=unix:///var/run/docker.sock system dial-stdio":
        number = execute(raw, command)
        found = packets(raw)
        assert [kind for kind, _ in found] == [
            CHANNEL_SUCCESS, EXTENDED_DATA, CHANNEL_REQUEST, EOF, CLOSE]
        assert found[2] == exit_status(1)
        said = output(found, EXTENDED_DATA)
        assert said.startswith(b"charon: ") and said.endswith(b"\n")
        raw.data(number, GET)
        raw.send(message(CLOSE, number))
    number = execute(raw, STDIO + "\0")
    assert packets(raw, CHANNEL_FAILURE)[-1][0] == CHANNEL_FAILURE
    raw.send(message(CLOSE, number))
    # Behind the command stands nothing.
    number = raw.session()
    raw.send(message(CHANNEL_REQUEST, number, "exec", True, STDIO, "more"))
    assert packets(raw, CHANNEL_FAILURE)[-1][0] == CHANNEL_FAILURE


def test_away(scene):
    """People read standard error, programs an HTTP answer."""
    raw = scene.login(scene.client("ann", "paris:docker"))
    number = execute(raw, STDIO)
    raw.data(number, LAST)
    raw.send(message(EOF, number))
    found = packets(raw)
    assert output(found, EXTENDED_DATA) == \
        b"charon: agent paris is not currently connected\n"
    head, body = output(found).split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 502 ")
    assert "agent paris is not currently connected" in \
        json.loads(body)["message"]
    assert found[-3:] == [exit_status(1), (EOF, b""), (CLOSE, b"")]


def test_stream_goes_on(scene):
    """The end of its input is not the end of a client; CLOSE is."""
    raw = scene.login(scene.client("ann", "rome:docker"))
    number = execute(raw, STDIO)
    event = b'11\r\n{"Type":"image"}\n\r\n'
    scene.engine.script([[
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n",
        *[Wait(0.6), event] * 3]])
    raw.data(number, b"GET /events HTTP/1.1\r\nHost: docker\r\n\r\n")
    raw.send(message(EOF, number))
    raw.expect(CHANNEL_SUCCESS)
    came = b""
    while came.count(b'"Type":"image"') < 3:
        came += raw.expect(DATA, CLOSE)
    assert came.startswith(bytes([DATA])), came
    raw.send(message(CLOSE, number))
    raw.expect(CLOSE)


def test_in_one_write(scene):
    """Open, exec and the request before anything was answered."""
    raw = scene.login(scene.client("ann", "rome:docker"))
    number = execute(raw, STDIO)
    raw.send(message(CLOSE, number))
    raw.expect(CLOSE)
    raw.send(message(OPEN, "session", 7, 2 ** 20, 32768),
             message(CHANNEL_REQUEST, number, "exec", True, STDIO),
             message(DATA, number, LAST), message(EOF, number))
    raw.opened()
    found = packets(raw)
    assert b"200 OK" in output(found) and found[-3] == exit_status(0)


def test_small_window(scene):
    """No more than there is room for: neither data nor words."""
    raw = scene.login(scene.client("ann", "rome:docker,paris:docker"))
    number = execute(raw, "docker --host unix:///good system dial-stdio",
                     window=10)
    assert [kind for kind, _ in packets(raw)] == [
        CHANNEL_SUCCESS, CHANNEL_REQUEST, EOF, CLOSE]
    raw.send(message(CLOSE, number))
    number = execute(raw, "docker --host unix:///rome system dial-stdio",
                     window=10)
    raw.data(number, LAST)
    raw.expect(CHANNEL_SUCCESS)
    assert len(Fields(raw.expect(DATA)[4:]).string()) == 10


def test_bounds(scene):
    """Each is one of the client's streams, however many are idle."""
    scene.charon.reload(limits={"streams": 50})
    raw = scene.login(scene.client("ann", "rome:docker"))
    with scene.attack("ann: refused a channel: too many streams"):
        for _ in range(50):
            execute(raw, STDIO)
            raw.expect(CHANNEL_SUCCESS)
        execute(raw, STDIO)
        found = packets(raw)
        assert b"too many streams" in output(found, EXTENDED_DATA)
        assert found[-3] == exit_status(1)


# --- who logs in --------------------------------------------------------

def words(raw, command=STDIO):
    """What is said on standard error, or the HTTP status."""
    number = execute(raw, command)
    raw.data(number, LAST)
    raw.send(message(EOF, number))
    found = packets(raw)
    raw.send(message(CLOSE, number))
    said = output(found, EXTENDED_DATA).decode()
    return said or int(output(found).split()[1])


def login(scene, who, user):
    raw = scene.connect()
    raw.service()
    return raw, raw.login_key(user, who.key, who.certificate)


@pytest.mark.parametrize("by", ["key", "certificate"])
def test_agent_behind_the_login(scene, by):
    if by == "key":
        ann = scene.client("ann", "rome:docker,paris:docker")
    else:
        key = scene.charon.add_client("ann", "rome:docker,paris:docker")
        ann = scene.enrol_with("ann", key)
    for user, wanted in (("ann+rome", 200), ("ann+paris", "not currently"),
                         ("ann+good", "not allowed"), ("ann", "whose Docker"),
                         ("ann+", "whose Docker"),
                         ("ann+Rome", "no agent has such a name"),
                         ("ann+rome+paris", "no agent has such a name"),
                         ("ann+" + 63 * "a", "not allowed")):
        raw, ok = login(scene, ann, user)
        assert ok, user
        said = words(raw)
        assert said == wanted or wanted in str(said), (user, said)
        # What the command says counts.
        assert words(raw, "docker --host unix:///rome system dial-stdio") == \
            200
        assert "ann logged in" in scene.charon.log()
        raw.close()
    for user in "+rome", "bob+rome", "rome+ann", "ANN+rome", \
            "ann+" + 64 * "a", "ann/rome", "ann rome":
        raw, ok = login(scene, ann, user)
        assert not ok, user
        raw.close()


def test_agents_are_no_clients(scene):
    """One logs in as itself, and then reaches nothing but its own ports."""
    victim = scene.enrol("victim")
    raw, ok = login(scene, victim, "victim+rome")
    assert not ok
    assert "an agent logs in as itself only" in scene.charon.log()
    raw = scene.login(victim)
    assert "does not use its own Docker" in words(raw)
    assert "does not use its own Docker" in words(
        raw, "docker --host unix:///victim system dial-stdio")
    assert "its own name only" in words(
        raw, "docker --host unix:///rome system dial-stdio")


def test_enrolling_is_for_nothing_else(scene):
    raw = scene.connect()
    raw.service()
    assert raw.login_password("enroll", scene.charon.add_agent("new"))
    execute(raw, STDIO)
    assert packets(raw, CHANNEL_FAILURE)[-1][0] == CHANNEL_FAILURE
