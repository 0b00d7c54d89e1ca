# SPDX-License-Identifier: ISC
"""A fixed loopback port for an agent's Docker."""

import contextlib
import json
import os
import socket

import pytest

from lab import openssh
from lab.charon import Charon
from lab.charon_home import DATA, NO_USER, UNAVAILABLE, USAGE
from lab.charon_http import Connection
from lab.docker_engine import UnixHTTP, docker
from lab.muzzle_engine import Engine
from lab.system import free_port, until

pytestmark = pytest.mark.skipif(not openssh.available(),
                                reason="this build has no charon")


@pytest.fixture
def charon(lab):
    return lab.own(Charon(lab))


def get(port, target="/version"):
    http = UnixHTTP(("127.0.0.1", port))
    try:
        http.request("GET", target)
        answer = http.getresponse()
        return answer.status, answer.read().decode()
    finally:
        http.close()


def is_open(port):
    with contextlib.suppress(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5).close()
        return True
    return False


def shown(charon, name):
    """Its port as show, list and the API have it."""
    by_list = charon.agents()[name]["docker"].get("tcp")
    one = json.loads(charon.run("agent", "show", name, "--json").stdout)
    assert one["docker"].get("tcp") == by_list
    text = charon.run("agent", "show", name).stdout
    assert (f"tcp://{by_list}" in text) if by_list else "tcp://" not in text
    with Connection(charon.runtime + "/http.sock") as api:
        answer = api.ask(f"/api/v1/agents/{name}")
    assert json.loads(answer.body)["docker"]["tcp"] == by_list
    return by_list


def test_life(lab, charon):
    """From the command to "off", whoever comes and goes."""
    engine = lab.own(Engine(lab.path("engine.sock")))
    key = charon.add_agent("rome")
    assert shown(charon, "rome") is None
    port = free_port()
    done = charon.run("agent", "port", "rome", port)
    assert done.stdout == f"tcp://127.0.0.1:{port}\n" and done.stderr == ""
    assert shown(charon, "rome") == f"127.0.0.1:{port}"
    away = 502, "agent rome is not currently connected"

    def is_away():
        status, text = get(port)
        assert status == away[0] and away[1] in text

    is_away()
    agent = charon.agent("rome", f"--docker={engine.path}", key=key)
    status, text = get(port)
    assert status == 200 and "stand-in" in text
    assert get(port, "/containers/x/archive?path=/")[0] == 403
    agent.signal(15)
    agent.wait_exit(20)
    lab.things.remove(agent)
    charon.wait_status("rome", "offline")
    is_away()
    charon.stop()
    assert not is_open(port)
    charon.start()
    is_away()
    # Again the same: no harm.
    assert charon.run("agent", "port", "rome", port).stdout == done.stdout
    other = free_port()
    charon.run("agent", "port", "rome", other)
    assert not is_open(port) and is_open(other)
    charon.run("agent", "port", "rome", "off")
    assert not is_open(other) and shown(charon, "rome") is None
    charon.run("agent", "port", "rome", "off")
    charon.run("agent", "port", "rome", port)
    charon.run("agent", "remove", "rome")
    assert not is_open(port)


def test_real_cli(lab, charon, docker_engine):
    charon.agent("rome", f"--docker={docker_engine.socket}",
                 key=charon.add_agent("rome"))
    port = free_port()
    host = charon.run("agent", "port", "rome", port).stdout.strip()
    done = docker(host, "ps", "-a", "--format", "{{.Names}}")
    assert "web" in done.stdout.split(), done.text


def test_conflicts(lab, charon):
    """Each is said in its own words, and changes nothing."""
    charon.add_agent("rome")
    charon.add_agent("paris")
    charon.ssh_client("ann", "rome:*")
    port, taken = free_port(), lab.serve(lambda *_: None).port
    charon.run("agent", "port", "rome", port)
    for args, code, why in (
            (("paris", port), DATA, f"port {port} is agent rome's already"),
            (("paris", taken), UNAVAILABLE, "another program listens on "
             f"port {taken} of 127.0.0.1"),
            (("paris", charon.port), DATA, "this gateway's own, [ssh]"),
            (("nobody", 2401), NO_USER, "no agent called \"nobody\""),
            (("ann", 2401), NO_USER, "the name of a client"),
            (("paris", 0), USAGE, "from 1 to 65535"),
            (("paris", 65536), USAGE, "from 1 to 65535"),
            (("paris", "x"), USAGE, "or off"),
            (("paris",), USAGE, "is missing"),
            (("paris", 2401, 2402), USAGE, "unexpected argument"),
            ((), USAGE, "NAME is missing")):
        done = charon.run("agent", "port", *args, check=code)
        assert why in done.stderr and done.stdout == "", done.text
    assert shown(charon, "paris") is None
    assert shown(charon, "rome") == f"127.0.0.1:{port}"
    # What was given back is free at once.
    charon.run("agent", "port", "rome", "off")
    charon.run("agent", "port", "paris", port)


def test_taken_at_the_start(lab, charon):
    """Said in the log; all else works, and so does it when it is free."""
    charon.add_agent("rome")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        charon.stop()
        charon.run("agent", "port", "rome", port, check=UNAVAILABLE)
    charon.run("agent", "port", "rome", port)		# none runs
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        charon.start()
        assert "agent rome: cannot listen on" in charon.log() or \
            f"127.0.0.1:{port}" in charon.log()
        assert "trying again" in charon.log()
        with Connection(charon.runtime + "/http.sock") as api:
            answer = api.ask("/api/v1/agents/rome")
        assert json.loads(answer.body)["docker"]["tcp"] is None
        assert shown(charon, "rome") is None
        assert os.path.exists(charon.socket("rome"))
    until("it listens", 20, lambda: is_open(port))
    assert get(port)[0] == 502


def test_beside_docker_tcp(lab):
    """A fixed port takes the place of the one that comes and goes."""
    charon = lab.own(Charon(lab, agents={"docker_tcp": "yes"}))
    charon.agent("rome", key=charon.add_agent("rome"))

    def api():
        with Connection(charon.runtime + "/http.sock") as conn:
            answer = conn.ask("/api/v1/agents/rome")
        where = json.loads(answer.body)["docker"]["tcp"]
        assert shown(charon, "rome") == where
        return int(where.split(":")[1])

    first, port = api(), free_port()
    charon.run("agent", "port", "rome", port)
    assert api() == port and not is_open(first)
    charon.run("agent", "port", "rome", "off")
    assert api() != port and is_open(api()) and not is_open(port)
    # Who does not run listens nowhere, but for what is fixed.
    charon.run("agent", "port", "rome", port)
    charon.stop()
    assert charon.agents()["rome"]["docker"]["tcp"] == f"127.0.0.1:{port}"
    charon.run("agent", "port", "rome", "off")
    assert "tcp" not in charon.agents()["rome"]["docker"]
