# SPDX-License-Identifier: ISC
"""The Muzzle under many and under rude clients: streams, ends, memory.

The engine is a stand-in: a real one cannot be asked for a thousand silent
streams or an endless one, nor how many of its connections are open.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from lab.harness import ORTHRUS, Orthrus
from lab.muzzle_client import Client
from lab.system import DIES_WITH_US, until

STREAMS = 256			# what the Muzzle has at once
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS = b"GET /events HTTP/1.1\r\nHost: docker\r\n\r\n"
LOGS = b"GET /containers/x/logs?follow=1&stdout=1 HTTP/1.1\r\n" \
    b"Host: docker\r\n\r\n"
PING = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n"


class Engine:
    """/events: a line, then silence; logs of "flood": without end."""

    def __init__(self, path):
        self.path, self.open, self.sent = path, 0, 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        until("the engine listens", 5, lambda: os.path.exists(path))

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(
            asyncio.start_unix_server(self._serve, self.path, backlog=2048))
        self._loop.run_forever()

    async def _serve(self, reader, writer):
        self.open += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if b" /events " in head or b"follow" in head:
                    writer.write(HEAD + b"3\r\n{}\n\r\n")
                elif b"/big/" in head:
                    body = b'{"x":"' + b"y" * 7000000 + b'"}'
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d"
                                 b"\r\n\r\n" % len(body) + body)
                elif b"/flood/" in head:
                    writer.write(HEAD)
                    while True:
                        writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                        await writer.drain()
                        self.sent += 65536
                else:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                                 b"\r\n" +
                                 (b"" if head[:4] == b"HEAD" else b"{}"))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


@pytest.fixture(params=["alone", "through the tunnel"])
def way(request, lab):
    """.path: where clients connect; .engine; .agent: the process."""
    class Way:
        engine = lab.own(Engine(lab.path("engine.sock")))
        path = lab.path("docker.sock")
    if request.param == "alone":
        argv = [ORTHRUS, "muzzle", "--listen", Way.path,
                "--docker", Way.engine.path]
        Way.agent = lab.own(Orthrus(lab, argv, lab.environment(), None, None))
        until("it listens", 10,
              lambda: "the Muzzle listens" in Way.agent.log())
    else:
        if "no remote Unix sockets" in lab.run("--version").stdout:
            pytest.skip("this build has no remote Unix sockets")
        Way.agent = lab.orthrus(
            lab.sshd(), f"--docker={Way.engine.path}",
            "--docker-remote", Way.path, socks5="off")
    until("the probe has gone", 5, lambda: Way.engine.open == 0)
    return Way


def status_of(sock):
    line = b""
    while b"\r\n" not in line:
        data = sock.recv(4096)
        assert data, "closed without an answer"
        line += data
    return int(line.split()[1])


def connect(path, request):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)		# blocking: sshd's queue is a short one
    sock.settimeout(20)
    sock.sendall(request)
    return sock


@pytest.mark.heavy
def test_thousand_streams(way):
    streams = [connect(way.path, EVENTS) for _ in range(1000)]
    found = [status_of(s) for s in streams]
    assert found.count(200) == STREAMS
    assert found.count(429) == 1000 - STREAMS
    assert way.engine.open == STREAMS
    # Others are served meanwhile, also on the connections that were refused.
    refused = streams[found.index(429)]
    refused.sendall(PING)
    assert status_of(refused) == 200
    began = time.monotonic()
    with connect(way.path, PING) as s:
        assert status_of(s) == 200
    assert time.monotonic() - began < 2
    for s in streams:
        s.close()
    until("all are gone at the engine", 5, lambda: way.engine.open == 0)
    with connect(way.path, EVENTS) as s:
        assert status_of(s) == 200


def test_client_that_vanishes(way):
    sock = connect(way.path, LOGS)
    assert status_of(sock) == 200
    assert way.engine.open == 1
    sock.close()
    until("the engine's connection is closed", 1,
          lambda: way.engine.open == 0, every=0.01)


def test_client_that_vanishes_behind_junk(way):
    """Its end is seen although more than a head waits in front of it."""
    for _ in range(20):
        sock = connect(way.path, EVENTS)
        assert status_of(sock) == 200
        sock.sendall(b"x" * 30000)
        sock.close()
    until("all are gone at the engine", 5, lambda: way.engine.open == 0)


@pytest.mark.heavy
def test_large_answers_that_nobody_reads(way):
    """They pass as they are read: none is kept, all are answered."""
    big = b"GET /containers/big/json HTTP/1.1\r\nHost: docker\r\n\r\n"
    before = way.agent.memory()
    socks = [connect(way.path, big) for _ in range(20)]
    assert [status_of(s) for s in socks] == [200] * 20
    if "asan" not in open(f"/proc/{way.agent.pid}/maps").read():
        assert way.agent.memory() - before < 20 * 1024 * 1024
    for s in socks:
        s.close()
    until("all are gone at the engine", 5, lambda: way.engine.open == 0)


@pytest.mark.heavy
def test_large_answers_that_are_kept(way):
    """HTTP/1.0 needs a length: bounded for all together, then 503 is said."""
    big = b"GET /containers/big/json HTTP/1.0\r\n\r\n"
    socks = [connect(way.path, big) for _ in range(20)]
    found = [status_of(s) for s in socks]
    assert set(found) <= {200, 502, 503}
    assert 5 <= found.count(200) <= 12
    for s in socks:
        s.close()
    until("all are gone at the engine", 5, lambda: way.engine.open == 0)

    def served():
        with connect(way.path, big) as s:
            return status_of(s) == 200
    until("there is room again", 5, served)


def test_half_close_during_a_finite_answer(way):
    sock = connect(way.path, PING)
    sock.shutdown(socket.SHUT_WR)
    data = b""
    while chunk := sock.recv(4096):
        data += chunk
    assert data.endswith(b"{}")


def test_half_close_during_a_stream(way, request):
    """A Unix socket tells it from an end; through sshd nobody can."""
    sock = connect(way.path, LOGS)
    assert status_of(sock) == 200
    sock.shutdown(socket.SHUT_WR)
    if "alone" in request.node.name:
        time.sleep(1.2)
        assert way.engine.open == 1
        sock.close()
    until("the engine's connection is closed", 1,
          lambda: way.engine.open == 0, every=0.01)


@pytest.mark.heavy
def test_client_that_does_not_read(way):
    before = way.agent.memory()
    socks = [connect(way.path, b"GET /containers/flood/logs?stdout=1 HTTP/1.1"
                     b"\r\nHost: docker\r\n\r\n") for _ in range(20)]

    def stuck():
        sent = way.engine.sent
        time.sleep(1)
        return way.engine.sent == sent > 0
    until("the engine can send no more", 30, stuck)
    # Some 128 KiB of buffers each, and the channel's.
    more = way.agent.memory() - before
    print(f"20 that do not read: memory {more / 1024 / 1024:+.1f} MB")
    # A build with sanitizers keeps what was freed.
    if "asan" not in open(f"/proc/{way.agent.pid}/maps").read():
        assert more < 20 * 1024 * 1024
    with connect(way.path, PING) as s:
        assert status_of(s) == 200
    for s in socks:
        s.close()
    until("all are gone at the engine", 5, lambda: way.engine.open == 0)


def test_sigterm_with_open_streams(way):
    streams = [connect(way.path, EVENTS) for _ in range(20)]
    assert all(status_of(s) == 200 for s in streams)
    began = time.monotonic()
    way.agent.signal(signal.SIGTERM)
    assert way.agent.wait_exit(10) == 0
    assert time.monotonic() - began < 3
    for s in streams:
        s.close()


def test_refusals_are_logged_once_a_second(way):
    request = b"POST /containers/secret-name/exec?q=secret-query HTTP/1.1" \
        b"\r\nHost: docker\r\nContent-Length: 0\r\n\r\n"
    began = time.monotonic()
    with connect(way.path, b"") as s:
        for _ in range(200):
            s.sendall(request)
            assert status_of(s) == 403
    lines = [line for line in way.agent.log().splitlines()
             if "docker: refused" in line]
    assert 1 <= len(lines) <= time.monotonic() - began + 2
    assert "POST containers/.../exec" in lines[0]
    assert "secret" not in way.agent.log()


def test_explain():
    def explain(request, *options):
        done = subprocess.run(
            DIES_WITH_US + [ORTHRUS, "muzzle", "--explain", request, *options],
            capture_output=True, text=True)
        return done.returncode, done.stdout

    code, said = explain("GET /v1.41/containers/json?all=1")
    assert code == 0 and said.startswith("allowed\n")
    assert "GET /containers/json" in said
    code, said = explain("POST /containers/x/stop")
    assert code == 1 and said.startswith("refused: 403")
    assert "--docker-allow stop" in said
    code, said = explain("POST /containers/x/stop?t=3", "--docker-allow",
                         "stop,start")
    assert code == 0 and "POST /containers/x/stop?t=3\n" in said
    code, said = explain("GET /containers/json?limit=-1&all=0&trunc_cmd=1")
    assert code == 0 and "GET /containers/json?all=0\n" in said
    assert "dropped: limit,trunc_cmd\n" in said
    code, said = explain("GET /containers/x/logs?details=1")
    assert code == 1 and '"details"' in said and "false" in said
    assert explain("nonsense")[0] == 64


def test_reload(lab):
    """The new policy holds for those who are connected, too."""
    engine = lab.own(Engine(lab.path("engine.sock")))
    path = lab.write("docker.ini", "[docker]\nsocket = " + engine.path +
                     "\nallow = stop\n")
    agent = lab.orthrus(lab.sshd(), "--config", path, socks5="off")
    host, port = agent.status()["docker"]["remote"].split(":")

    def ask(sock, what):
        sock.sendall(b"POST /containers/x/%s HTTP/1.1\r\nHost: docker\r\n"
                     b"\r\n" % what)
        return status_of(sock)

    def reload(text):
        lab.write("docker.ini", text)
        agent.signal(signal.SIGHUP)

    with socket.create_connection((host, int(port)), 10) as sock:
        assert ask(sock, b"stop") == 200
        assert ask(sock, b"kill") == 403
        reload("[docker]\nsocket = " + engine.path + "\nallow = kill\n")
        until("the new policy holds", 5,
              lambda: ask(sock, b"stop") == 403)
        assert ask(sock, b"kill") == 200
        assert agent.status()["docker"]["remote"] == f"{host}:{port}"
        reload("# nothing\n")
        until("it is not shared any more", 5,
              lambda: agent.status()["docker"] is None)
        sock.settimeout(5)
        assert sock.recv(100) == b""


def test_unreachable_engine(way, lab):
    """502 in Docker's JSON while it is away; nothing else is needed."""
    way.engine.close()
    os.rename(way.engine.path, way.engine.path + ".away")
    with Client(way.path) as c:
        c.send([PING])
        answer = c.answer()
        assert answer.status == 502
        assert "cannot reach the Docker engine" in \
            json.loads(answer.body)["message"]
