# SPDX-License-Identifier: ISC
"""One text for an agent that is away, on every way to it."""

import json
import os
import signal

import pytest

from lab import openssh, socks
from lab.charon import Charon
from lab.charon_http import Connection
from lab.docker_engine import UnixHTTP
from lab.openssh import Ssh, run
from lab.system import free_port, until
from lab.targets import echo, read_all

pytestmark = pytest.mark.skipif(not openssh.available(),
                                reason="this build has no charon")

AWAY = "agent rome is not currently connected"


def over_http(http, target):
    http.request("GET", target)
    answer = http.getresponse()
    return answer.status, json.loads(answer.read())["message"]


def test_away(lab):
    """Never seen, stopped, killed: sockets, SSH and HTTP say the same."""
    charon = lab.own(Charon(lab, agents={"resume": "1s"}))
    target, engine = lab.serve(echo), lab.serve(echo, "unix")
    key = charon.add_agent("rome")
    config = charon.ssh_client("ann", "rome:*")
    docker = charon.socket("rome")
    until("its socket is there", 20, lambda: os.path.exists(docker))

    def check(port):
        status, text = over_http(lab.own(UnixHTTP(docker)), "/version")
        assert (status, text) == (
            502, f"orthrus: cannot reach the Docker engine: {AWAY}")
        with Connection(charon.runtime + "/http.sock") as api:
            answer = api.ask("/api/v1/agents/rome/docker/version")
        assert (answer.status, json.loads(answer.body)["message"]) == \
            (502, AWAY)
        for to in "rome.orthrus:2375", f"rome.orthrus:{port}":
            done = run(lab, "ssh", "-F", config, "-W", to, "gate")
            assert done.said[0] == \
                f"channel 0: open failed: connect failed: {AWAY}"

    check(9)
    for sig in signal.SIGTERM, signal.SIGKILL:
        agent = charon.agent("rome", f"--docker={engine.path}", "--expose",
                             target.port, key=key)
        charon.wait_status("rome", "online")
        until("its port", 20, lambda: os.path.exists(
            charon.socket("rome", target.port)))
        agent.signal(sig)
        agent.wait_exit(20)
        lab.things.remove(agent)
        charon.wait_status("rome", "offline")
        check(target.port)
        said = read_all(lab.connect(charon.socket("rome", target.port)))
        assert said.startswith(b"HTTP/1.1 502 ")
        assert said.endswith(f"\r\n\r\n{AWAY}\n".encode())


def test_gone_while_it_is_asked(lab):
    """A stream that waits for an agent's answer when that one is lost."""
    charon = lab.own(Charon(lab, agents={"heartbeat": "1s",
                                         "timeout": "2s"}))
    target = lab.serve(echo)
    agent = charon.agent("rome", "--expose", target.port,
                         key=charon.add_agent("rome"))
    config = charon.ssh_client("ann", "rome:*")
    socket = charon.socket("rome", target.port)
    until("its port", 20, lambda: os.path.exists(socket))
    agent.signal(signal.SIGSTOP)
    ssh = Ssh(lab, config, "-W", f"rome.orthrus:{target.port}", ready=False)
    assert AWAY.encode() in read_all(lab.connect(socket))
    assert ssh.wait() == 255
    assert f"open failed: connect failed: {AWAY}" in ssh.log()
    agent.signal(signal.SIGKILL)
    agent.wait_exit(20)
    lab.things.remove(agent)


def test_socks(lab):
    """The replies that a client of the gateway gives to its programs."""
    charon = lab.own(Charon(lab))
    closed = free_port()
    charon.add_client("ann", "rome:*,paris:*", key=lab.identity + ".pub")
    rome = charon.agent("rome", "--expose", closed,
                        key=charon.add_agent("rome"))
    charon.add_agent("paris")
    ann = charon.agent("ann", "--identity", lab.identity, "--accept-new",
                       socks5=f"127.0.0.1:{free_port()}")

    def ask(name):
        return socks.ask(lab.connect(ann.socks5), f"{name}.orthrus", closed)

    assert ask("rome") == socks.REFUSED	# "could not connect to it"
    assert ask("paris") == socks.UNREACHABLE
    assert ask("madrid") == socks.PROHIBITED
    assert rome.stop() == 0
    charon.wait_status("rome", "offline")
    assert ask("rome") == socks.UNREACHABLE
