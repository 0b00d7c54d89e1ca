# SPDX-License-Identifier: ISC
"""--expose at a plain sshd: a loopback port that the server chooses."""

import re
import signal

import pytest

from lab.system import free_port, until
from lab.targets import echo, echoes, says, read_all


def exposed(agent):
    """The port at the server of each, by name."""
    found = {}
    for f in agent.forwards("expose"):
        host, _, port = f["listen"].rpartition(":")
        assert host == "localhost" and f["state"] == "up", f
        found[f["name"]] = int(port)
    return found


def test_port(lab, sshd):
    to = lab.serve(echo)
    agent = lab.orthrus(sshd, "--expose", to.port)
    forward, = agent.forwards("expose")
    assert forward["spec"] == str(to.port)
    assert forward["normalized"] == forward["to"] == f"127.0.0.1:{to.port}"
    port = exposed(agent)["E1"]
    assert port > 0
    assert echoes(lab.connect(("127.0.0.1", port)))
    assert re.search(rf"exposed port E1: the server listens on "
                     rf"localhost:{port}\b", agent.log())
    assert agent.log().count("the server is an ordinary SSH server and no "
                             "charon") == 1
    status = agent.status()
    assert status["gateway"] is False and status["leash"] is False
    shown = lab.run("status", "--control", agent.control).stdout
    assert re.search(rf"expose +E1 +localhost:{port} ", shown)


def test_several_and_again(lab, sshd):
    """Two ports and a name; all come back, and nothing is said twice."""
    one, two = lab.serve(says(b"one")), lab.serve(says(b"two"))
    config = lab.write("a.ini", f"[expose web]\nto = {two.port}\n")
    agent = lab.orthrus(sshd, "--config", config,
                        env={"ORTHRUS_PORTS": f"127.0.0.1:{one.port}"})

    def check():
        ports = exposed(agent)
        assert set(ports) == {"E1", "web"}
        for name, said in (("E1", b"one"), ("web", b"two")):
            assert read_all(lab.connect(("127.0.0.1", ports[name]))) == said
    check()
    assert sshd.kill_sessions() > 0
    until("a new session", 20, lambda: agent.status()["reconnects"] >= 1)
    agent.wait_ready()
    check()
    assert agent.log().count("the server is an ordinary SSH server") == 1


def test_reload(lab, sshd):
    """What is new is offered, what is gone is not, the rest stays."""
    one, two = lab.serve(echo), lab.serve(echo)
    config = lab.write("a.ini", f"[expose a]\nto = {one.port}\n"
                       f"[expose b]\nto = {free_port()}\n")
    agent = lab.orthrus(sshd, "--config", config)
    before = exposed(agent)
    conn = lab.connect(("127.0.0.1", before["a"]))
    assert echoes(conn)
    lab.write("a.ini", f"[expose a]\nto = {one.port}\n"
              f"[expose c]\nto = {two.port}\n")
    agent.signal(signal.SIGHUP)
    until("c is up", 20, lambda: [f["name"] for f in agent.forwards("expose")
                                  if f["state"] == "up"] == ["a", "c"])
    after = exposed(agent)
    assert after["a"] == before["a"]
    assert echoes(conn)
    assert echoes(lab.connect(("127.0.0.1", after["c"])))

    def refused():
        try:
            lab.connect(("127.0.0.1", before["b"])).close()
        except ConnectionRefusedError:
            return True
        return False
    until("b is gone", 20, refused)


def test_target_is_down(lab, sshd):
    agent = lab.orthrus(sshd, "--expose", free_port())
    conn = lab.connect(("127.0.0.1", exposed(agent)["E1"]))
    conn.settimeout(20)
    try:
        assert conn.recv(1) == b""
    except ConnectionResetError:
        pass
    assert agent.running()


@pytest.mark.parametrize("spelling", ["two words", "one word"])
def test_key_on_the_command_line(lab, sshd, spelling):
    """It is gone from there at once, and a reload does not miss it."""
    key = "ch_orthrus_" + "k" * 96
    option = ["--auth-key", key] if spelling == "two words" else \
        [f"--auth-key={key}"]
    agent = lab.orthrus(sshd, *option, "--expose", free_port())
    with open(f"/proc/{agent.pid}/cmdline", "rb") as f:
        line = f.read()
    assert b"kkkk" not in line and b"--expose" in line
    agent.signal(signal.SIGHUP)
    until("the reload", 20,
          lambda: "configuration reloaded" in agent.log())
    assert "AUTH_KEY is not used" in agent.log()
    assert "kkkk" not in agent.log()
