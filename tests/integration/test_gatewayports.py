# SPDX-License-Identifier: ISC
"""Servers that listen on every interface for whoever asked for loopback."""

import re
import socket

import pytest

from lab import ssh_servers
from lab.system import free_port, until
from lab.targets import echo, echoes

OPEN = "listens on every interface"
CLOSED = "listens on its loopback only instead of on "


def connect(lab, server, *options, **how):
    return lab.orthrus(server, "--host-key", server.fingerprint, *options,
                       host_key=False, socks5="off", **how)


def refuses(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) != 0


def check_not_shared(lab, server):
    """The filtered Docker socket and an exposed port are not; -R warns."""
    target, engine = lab.serve(echo), lab.serve(echo, "unix")
    docker, remote = free_port(), free_port()
    agent = connect(lab, server, f"--docker={engine.path}", "--docker-remote",
                    docker, "--expose", target.port, "-R",
                    f"{remote}:{target.spec}", wait=0)
    until("they are settled", 20, lambda: agent.log().count(OPEN) == 3)
    status = agent.status()
    assert status["docker"]["state"] == "down"
    assert OPEN in status["docker"]["error"]
    assert "--docker-remote /PATH" in status["docker"]["error"]
    assert status["docker"]["docker_host"] is None
    expose, = agent.forwards("expose")
    assert expose["state"] == "down" and OPEN in expose["error"]
    forward, = agent.forwards("remote")
    assert (forward["state"], forward["listen"]) == ("up", f"*:{remote}")
    log = agent.log()
    assert len(re.findall(" error .*GatewayPorts clientspecified", log)) == 2
    assert len(re.findall(r" warn remote forward .*instead of on localhost "
                          r"\(sshd_config: GatewayPorts\)", log)) == 1
    assert "DOCKER_HOST" not in log
    assert target.accepted == 0		# by whatever it was found out
    assert echoes(lab.connect(("127.0.0.1", remote)))
    until("Docker's listener is gone", 10, lambda: refuses(docker))
    done = lab.run("status", "--wait", "1s", "--control", agent.control)
    assert done.returncode == 75
    return agent


def test_sshd_says_so(lab):
    sshd = lab.sshd(GatewayPorts="yes")
    agent = check_not_shared(lab, sshd)
    # Whoever puts it right needs to do no more.
    sshd.settings["GatewayPorts"] = "no"
    sshd.stop()
    sshd.start()
    agent.wait_ready()
    forward, = agent.forwards("remote")
    assert forward["listen"].startswith("localhost:")


@pytest.mark.registries
def test_server_says_nothing(lab):
    check_not_shared(lab, ssh_servers.Go(lab, forwards=""))


@pytest.mark.registries
def test_on_the_address_that_was_dialled(lab):
    """Only there, and not on any loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))		# sends nothing
        except OSError:
            pytest.skip("this machine has no other address than loopback's")
        mine = s.getsockname()[0]
    server = ssh_servers.Go(lab, mine, mine)
    target = lab.serve(echo)
    agent = connect(lab, server, "-R", f"0:{target.spec}")
    assert agent.forwards("remote")[0]["listen"].startswith("*:")
    assert agent.log().count(OPEN) == 1
    assert target.accepted == 0


def test_other_loopback_address(lab):
    """Asked for the address that is otherwise the one to ask by."""
    server = ssh_servers.Dropbear(lab, "-a")
    target, port = lab.serve(echo), free_port()
    agent = connect(lab, server, "-R", f"127.0.0.2:{port}:{target.spec}")
    assert agent.forwards("remote")[0]["listen"] == f"127.0.0.2:{port}"
    assert OPEN not in agent.log()
    assert echoes(lab.connect(("127.0.0.2", port)))


def test_asked_for(lab):
    """It is as open as it was asked to be: nothing is to be said."""
    sshd = lab.sshd(GatewayPorts="yes")
    target, engine, port = lab.serve(echo), lab.serve(echo, "unix"), \
        free_port()
    agent = connect(lab, sshd, "-R", f"*:{port}:{target.spec}",
                    f"--docker={engine.path}", "--docker-remote",
                    lab.path("docker.sock"))
    assert agent.forwards("remote")[0]["listen"] == f"*:{port}"
    assert OPEN not in agent.log()


def test_asked_for_one_address(lab):
    """Not that one alone: it is every one."""
    sshd = lab.sshd(GatewayPorts="yes")
    target, port = lab.serve(echo), free_port()
    agent = connect(lab, sshd, "-R", f"127.0.0.3:{port}:{target.spec}")
    assert agent.forwards("remote")[0]["listen"] == f"*:{port}"
    assert "instead of on 127.0.0.3" in agent.log()
    assert echoes(lab.connect(("127.0.0.1", port)))


@pytest.mark.parametrize("server", ["sshd", "dropbear -a"])
def test_heeds_what_is_asked(lab, server):
    """GatewayPorts clientspecified, and its like."""
    server = lab.sshd(GatewayPorts="clientspecified") if server == "sshd" \
        else ssh_servers.Dropbear(lab, "-a")
    target = lab.serve(echo)
    agent = connect(lab, server, "--expose", target.port, "-R",
                    f"0:{target.spec}")
    for forward in agent.status()["forwards"]:
        host, port = forward["listen"].split(":")
        assert host == "localhost"
        assert echoes(lab.connect(("127.0.0.1", int(port))))
    assert OPEN not in agent.log()


#: What is asked for, and what the warning calls it.
ELSEWHERE = {"*": "every interface", "0.0.0.0": "0.0.0.0", "[::]": "::",
             "127.0.0.3": "127.0.0.3"}


def asked_elsewhere(lab, server, target, hosts=ELSEWHERE):
    """An agent with a port at each, its ports by host."""
    ports = {host: free_port() for host in hosts}
    options = [x for host, port in ports.items()
               for x in ("-R", f"{host}:{port}:{target.spec}")]
    return connect(lab, server, *options), ports


def check_loopback_only(lab, server):
    target = lab.serve(echo)
    agent, ports = asked_elsewhere(lab, server, target)
    shown = [f["listen"] for f in agent.forwards("remote")]
    assert shown == [f"localhost:{port}" for port in ports.values()]
    said = re.findall(f" warn remote forward .*{re.escape(CLOSED)}(\\S.*): nob",
                      agent.log())
    assert sorted(said) == sorted(ELSEWHERE.values())
    assert target.accepted == 0
    for port in ports.values():
        assert echoes(lab.connect(("127.0.0.1", port)))
    return agent, ports


def test_loopback_only(lab):
    """GatewayPorts no: sshd says nothing of it, as ssh does not."""
    sshd = lab.sshd(GatewayPorts="no")
    agent, ports = check_loopback_only(lab, sshd)
    said = agent.log().count(CLOSED)
    sshd.settings["GatewayPorts"] = "clientspecified"
    sshd.stop()
    sshd.start()
    agent.wait_ready()
    shown = [f["listen"] for f in agent.forwards("remote")]
    assert shown == [f"{host}:{port}" for host, port in ports.items()]
    assert agent.log().count(CLOSED) == said


def test_loopback_only_elsewhere(lab):
    """A dropbear without -a does the same."""
    check_loopback_only(lab, ssh_servers.Dropbear(lab))


@pytest.mark.parametrize("server", ["sshd", "dropbear -a"])
def test_where_it_was_asked_for(lab, server):
    server = lab.sshd(GatewayPorts="clientspecified") if server == "sshd" \
        else ssh_servers.Dropbear(lab, "-a")
    target = lab.serve(echo)
    agent, ports = asked_elsewhere(lab, server, target)
    shown = [f["listen"] for f in agent.forwards("remote")]
    assert shown == [f"{host}:{port}" for host, port in ports.items()]
    assert CLOSED not in agent.log() and OPEN not in agent.log()
    assert target.accepted == 0


def test_server_that_may_not_be_asked(lab):
    """No proof, no claim: it is shown as it was asked for."""
    sshd = lab.sshd(GatewayPorts="no", AllowTcpForwarding="remote")
    target = lab.serve(echo)
    agent, ports = asked_elsewhere(lab, sshd, target)
    shown = [f["listen"] for f in agent.forwards("remote")]
    assert shown == [f"{host}:{port}" for host, port in ports.items()]
    assert CLOSED not in agent.log()


def test_server_that_may_be_asked_of_one_address(lab):
    """Refused by a rule is not refused by the machine."""
    sshd = lab.sshd(GatewayPorts="clientspecified", PermitOpen="127.0.0.1:*")
    target, port = lab.serve(echo), free_port()
    agent = connect(lab, sshd, "-R", f"*:{port}:{target.spec}")
    assert agent.forwards("remote")[0]["listen"] == f"*:{port}"
    assert CLOSED not in agent.log()


def test_somebody_else_beside_it(lab):
    """On the address by which it is asked: nothing is proven."""
    sshd = lab.sshd(GatewayPorts="no")
    target, port = lab.serve(echo), free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.2", port))
        other.listen()
        agent = connect(lab, sshd, "-R", f"*:{port}:{target.spec}")
    assert agent.forwards("remote")[0]["listen"] == f"*:{port}"
    assert CLOSED not in agent.log()
