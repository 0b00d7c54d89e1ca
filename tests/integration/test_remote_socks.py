# SPDX-License-Identifier: ISC
"""-R PORT alone: SOCKS5 at the far end, dialled from this host."""

import socket
import subprocess

import pytest

from lab import socks
from lab.charon import Charon
from lab.system import free_port, until
from lab.targets import answers_at_end, digest, echo, echoes, payload, \
    read_all, read_exactly, says

NO_SUCH_NAME = "numbat-" + "q" * 57 + ".test"	# a label that is too long


def opened(lab, at, host, port):
    conn = lab.connect(at)
    assert socks.ask(conn, host, port) == socks.SUCCEEDED
    return conn


@pytest.mark.parametrize("spec", ["port", "bind", "zero", "unix"])
def test_forms(lab, sshd, spec):
    to, at = lab.serve(says(b"here")), ("127.0.0.1", free_port())
    if spec == "unix":
        at = lab.path("far.sock")
    agent = lab.orthrus(sshd, "-R", {
        "port": str(at[1]), "bind": f"127.0.0.1:{at[1]}", "zero": "0",
        "unix": str(at)}[spec])
    forward, = agent.forwards("remote")
    assert forward["to"] == "socks5" and forward["state"] == "up"
    if spec == "zero":
        at = ("127.0.0.1", int(forward["listen"].rpartition(":")[2]))
    for host in ("127.0.0.1", "localhost"):
        conn = opened(lab, at, host, to.port)
        assert read_all(conn) == b"here"
    assert "remote SOCKS5 R1: the server listens on" in agent.log()
    shown = lab.run("status", "--control", agent.control).stdout
    assert "socks5" in shown
    sshd.kill_sessions()
    until("a new session", 20, lambda: agent.status()["reconnects"] >= 1)
    agent.wait_ready()
    if spec != "zero":
        assert read_all(opened(lab, at, "localhost", to.port)) == b"here"


def test_streams(lab, sshd):
    """Half-close, early data, bulk, and 40 at once; nothing is left."""
    whole = payload("remote socks", 3_000_000)
    answer, mirror = lab.serve(answers_at_end(b"!")), lab.serve(echo)
    at = ("127.0.0.1", free_port())
    agent = lab.orthrus(sshd, "-R", at[1])
    conn = opened(lab, at, "127.0.0.1", answer.port)
    conn.sendall(whole)
    conn.shutdown(socket.SHUT_WR)
    assert read_all(conn) == digest(whole).encode() + b"!"
    conn = lab.connect(at)		# all in one write, and the end, too
    conn.sendall(socks.greeting(socks.NO_AUTH) +
                 socks.request("127.0.0.1", answer.port) + b"early")
    conn.shutdown(socket.SHUT_WR)
    assert socks.take(conn, 2) == b"\5\0"
    assert socks.reply(conn) == socks.SUCCEEDED
    assert read_all(conn) == digest(b"early").encode() + b"!"
    conn = lab.connect(at)		# byte by byte
    for byte in socks.greeting(socks.NO_AUTH) + \
            socks.request("127.0.0.1", mirror.port):
        conn.sendall(bytes([byte]))
    assert socks.take(conn, 2) == b"\5\0"
    assert socks.reply(conn) == socks.SUCCEEDED
    conn.sendall(whole[:300000])
    assert read_exactly(conn, 300000) == whole[:300000]
    conn.close()
    many = [opened(lab, at, "localhost", mirror.port) for _ in range(40)]
    for conn in many:
        assert echoes(conn)
    for conn in many:
        conn.close()
    forward, = agent.forwards("remote")
    assert forward["total"] == 43
    until("all have ended", 20,
          lambda: agent.forwards("remote")[0]["open"] == 0)


def test_refusals_name_nothing(lab, sshd):
    """Each kind has its code; neither log nor status shows a destination."""
    at, gone = ("127.0.0.1", free_port()), free_port()
    agent = lab.orthrus(sshd, "-v", "-R", at[1])
    for host, port, command, code in (
            ("127.77.88.99", gone, socks.CONNECT, socks.REFUSED),
            (NO_SUCH_NAME, 80, socks.CONNECT, socks.UNREACHABLE),
            ("127.77.88.99", gone, socks.BIND, socks.UNSUPPORTED)):
        conn = lab.connect(at)
        assert socks.ask(conn, host, port, command) == code
        assert socks.closed(conn)
    conn = lab.connect(at)
    conn.sendall(b"GET / HTTP/1.0\r\n\r\n")
    assert b"SOCKS5 port" in read_all(conn)
    conn = lab.connect(at)
    conn.sendall(socks.greeting(socks.NO_AUTH))
    conn.shutdown(socket.SHUT_WR)	# half a handshake
    assert read_all(conn) == b"\5\0"
    until("all have ended", 20,
          lambda: agent.forwards("remote")[0]["open"] == 0)
    status = lab.run("status", "--json", "--control", agent.control).stdout
    assert "last connection failed: " in status
    assert "a connection failed: " in agent.log()
    for text in (agent.log(), status):
        assert "127.77.88.99" not in text and "numbat" not in text
        assert str(gone) not in text.replace(str(at[1]), "")


def test_open_to_all_against_our_will(lab):
    """A server that opens it to the world gets nothing; "*" asks for it."""
    sshd = lab.sshd(GatewayPorts="yes")
    port = free_port()
    agent = lab.orthrus(sshd, "-R", port, wait=0)
    until("it is given up", 20, lambda: "not shared: the server listens on "
          "every interface" in agent.log())
    assert agent.forwards("remote")[0]["state"] == "down"
    agent.stop()
    agent = lab.orthrus(sshd, "-R", f"*:{port}")
    to = lab.serve(says(b"here"))
    assert read_all(opened(lab, ("127.0.0.1", port), "127.0.0.1",
                           to.port)) == b"here"


def test_at_charon(lab):
    """It is one of the agent's ports there, for those who may reach it."""
    gateway = lab.own(Charon(lab))
    to = lab.serve(says(b"here"))
    agent = gateway.agent("box", "-R", "1080",
                          key=gateway.add_agent("box"))
    at = str(gateway.socket("box", "1080"))
    assert read_all(opened(lab, at, "127.0.0.1", to.port)) == b"here"
    assert agent.forwards("remote")[0]["listen"] == "box.orthrus:1080"


def test_curl(lab, sshd):
    port = free_port()
    to = lab.serve(says(b"HTTP/1.0 200 OK\r\n\r\nthe page"))
    lab.orthrus(sshd, "-R", f"localhost:{port}")
    done = subprocess.run(
        ["curl", "-q", "-sS", "--noproxy", "", "--max-time", "60",
         "--socks5-hostname", f"127.0.0.1:{port}",
         f"http://localhost:{to.port}/"], capture_output=True, timeout=90,
        env=lab.environment())
    assert (done.returncode, done.stdout) == (0, b"the page"), done.stderr
