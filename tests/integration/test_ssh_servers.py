# SPDX-License-Identifier: ISC
"""orthrus at other people's SSH servers: every kind of forward, ended in every
way that they know."""

import socket
import subprocess
import threading

import pytest

from lab import socks, ssh_servers
from lab.system import DIES_WITH_US, free_port
from lab.targets import (answers_at_end, digest, echo, echoes, endless_events,
                         listens, payload, read_all, says)

LONG = payload("long", 3 << 20)
TIMES = 10


only = pytest.mark.parametrize


@pytest.fixture(params=ssh_servers.which())
def server(request, lab):
    return ssh_servers.SERVERS[request.param](lab)


def connect(lab, server, *options):
    return lab.orthrus(server, "--host-key", server.fingerprint, *options,
                       host_key=False)


def test_local_ends(lab, server):
    """The whole of an answer, and then its end, not a reset."""
    target, port, path = lab.serve(says(LONG)), free_port(), lab.path("l")
    agent = connect(lab, server, "-L", f"{port}:{target.spec}", "-L",
                    f"{path}:{target.spec}")
    for _ in range(TIMES):
        for conn in (lab.connect(("127.0.0.1", port)), lab.connect(path),
                     socks.open_through(lab, agent, "127.0.0.1",
                                        target.port)):
            assert digest(read_all(conn)) == digest(LONG)


def page(conn, target):
    """Ends with the connection."""
    conn.recv(65536)
    conn.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + LONG)


def test_curl(lab, server):
    port = free_port()
    connect(lab, server, "-L", f"{port}:{lab.serve(page).spec}")
    for _ in range(TIMES):
        done = subprocess.run(
            [*DIES_WITH_US, "curl", "-sS", "-m", "20",
             f"http://127.0.0.1:{port}/"],
            capture_output=True, stdin=subprocess.DEVNULL)
        assert (done.returncode, done.stderr) == (0, b"")
        assert digest(done.stdout) == digest(LONG)


def test_ends_while_the_client_speaks(lab, server):
    """
    Who still speaks when the other side is gone gets the whole answer and its
    end all the same; what he says after that is lost, as with ssh.
    """
    def rude(conn, target):
        conn.recv(1)
        conn.sendall(LONG)
        target.go.wait()
        conn.shutdown(socket.SHUT_RD)

    target, port = lab.serve(rude), free_port()
    connect(lab, server, "-L", f"{port}:{target.spec}")
    conn = lab.connect(("127.0.0.1", port))
    conn.sendall(b"x" * 1000)
    got = b""
    while len(got) < len(LONG):
        got += conn.recv(1 << 20)
    conn.sendall(b"x" * 1000)
    target.go.set()
    assert read_all(conn) == b""
    assert got == LONG


@only("server", ssh_servers.which(unix=True), indirect=True)
def test_unix(lab, server):
    target, port = lab.serve(says(LONG), "unix"), free_port()
    connect(lab, server, "-L", f"{port}:{target.spec}")
    for _ in range(TIMES):
        assert digest(read_all(lab.connect(("127.0.0.1", port)))) == \
            digest(LONG)


@only("server", ssh_servers.which(half_close=True), indirect=True)
def test_half_close(lab, server):
    target, port = lab.serve(answers_at_end(LONG)), free_port()
    connect(lab, server, "-L", f"{port}:{target.spec}")
    conn = lab.connect(("127.0.0.1", port))
    conn.sendall(LONG)
    conn.shutdown(socket.SHUT_WR)
    assert read_all(conn) == digest(LONG).encode() + LONG


def test_refused(lab, server):
    agent = connect(lab, server)
    conn = lab.connect(agent.socks5)
    assert socks.ask(conn, "127.0.0.1", free_port()) == socks.REFUSED
    assert socks.closed(conn)


def test_remote(lab, server):
    """At a port that the server chooses, both ends ending first."""
    target, speaker = lab.serve(listens), lab.serve(says(LONG))
    agent = connect(lab, server, "-R", f"0:{target.spec}", "-R",
                    f"0:{speaker.spec}")
    ports = [int(f["listen"].rpartition(":")[2])
             for f in agent.forwards("remote")]
    for _ in range(TIMES):
        conn = lab.connect(("127.0.0.1", ports[0]))
        conn.sendall(LONG)
        conn.close()
        assert target.reports.get(timeout=20) == digest(LONG)
        assert digest(read_all(lab.connect(("127.0.0.1", ports[1])))) == \
            digest(LONG)


def test_docker(lab, server):
    """A stream that a client leaves is over at the engine, too."""
    target, port = lab.serve(endless_events, "unix"), free_port()
    connect(lab, server, f"--docker={target.path}", "--docker-remote", port)
    for _ in range(3):
        conn = lab.connect(("127.0.0.1", port))
        conn.sendall(b"GET /v1.41/events HTTP/1.1\r\nHost: d\r\n\r\n")
        while b"{}" not in conn.recv(4096):
            pass
        conn.close()
        assert target.reports.get(timeout=20) == "gone"
    conn = lab.connect(("127.0.0.1", port))
    conn.sendall(b"GET /v1.41/version HTTP/1.1\r\nHost: d\r\n"
                 b"Connection: close\r\n\r\n")
    assert read_all(conn).startswith(b"HTTP/1.1 200 OK\r\n")


def test_load(lab, server):
    """Many at once that come and go."""
    echo_port, says_port = free_port(), free_port()
    data, wrong = payload("short", 100000), []
    connect(lab, server,
            "-L", f"{echo_port}:{lab.serve(echo).spec}",
            "-L", f"{says_port}:{lab.serve(says(data)).spec}")

    def client():
        try:
            for _ in range(5):
                with socket.create_connection(("127.0.0.1", echo_port),
                                              60) as conn:
                    assert echoes(conn)
                with socket.create_connection(("127.0.0.1", says_port),
                                              60) as conn:
                    assert digest(read_all(conn)) == digest(data)
        except Exception as e:
            wrong.append(repr(e))
    threads = [threading.Thread(target=client) for _ in range(30)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def test_identification(lab):
    """Who comes is told to the server, RFC 4253 section 4.2."""
    said = []

    def reads_a_line(conn, target):
        conn.sendall(b"SSH-2.0-nobody\r\n")
        said.append(conn.makefile("rb").readline())
    target = lab.serve(reads_a_line)
    lab.refused(f"127.0.0.1:{target.port}", "--no-reconnect", "--accept-new")
    version = lab.run("--version").stdout.split()[1]
    assert said == [f"SSH-2.0-orthrus_{version}\r\n".encode()]
