# SPDX-License-Identifier: ISC
"""The gateway's HTTP API under many, slow and rude clients."""

import json
import os
import random
import socket
import subprocess
import time

import pytest

from lab.charon_http import Api, message, request
from lab.harness import built_with_asan
from lab.system import descriptors, until

CONNECTIONS = 256		# that it has at once
LIST = "/api/v1/agents"


# --- one connection ---------------------------------------------------------


def test_keep_alive_and_pipelining(api):
    """200 requests of all kinds at once; answers come in their order."""
    api.charon.add_agent("web-1")
    until("it is there", 5, lambda: len(api.json(LIST)) == 1)
    kinds = [("/healthz", "GET", 200, b"ok\n"), ("/healthz", "HEAD", 200, b""),
             (LIST, "GET", 200, b"[{"), (LIST, "HEAD", 200, b""),
             ("/metrics", "GET", 200, b"# HELP"), (LIST, "PUT", 405, b"{"),
             (f"{LIST}/web-1", "GET", 200, b"{\n"), ("/", "GET", 404, b"{"),
             (f"{LIST}/web-1/docker/info", "GET", 502, b'{"message"'),
             (f"{LIST}/A", "GET", 400, b'{"message"')]
    asked = random.Random(5).choices(kinds, k=200)
    with api.connect() as conn:
        conn.send([b"".join(request(t, m) for t, m, _, _ in asked)])
        for target, method, status, begin in asked:
            answer = conn.answer(to_head=method == "HEAD")
            assert answer.whole and answer.status == status, target
            assert answer.body.startswith(begin), (target, answer.body)
        assert conn.ask("/healthz").status == 200


def test_connection_close(api):
    with api.connect() as conn:
        answer = conn.ask("/healthz", headers=["Connection: close"])
        assert answer.header("connection") == "close"
        assert conn.ended()


def test_http_1_0(api):
    """Its connection ends with the answer, whatever it asks for."""
    for headers in [], ["Connection: keep-alive"], ["host:none"]:
        for target in "/healthz", LIST, "/metrics":
            with api.connect() as conn:
                answer = conn.ask(target, headers=headers, version="1.0")
                assert answer.status == 200 and answer.body
                assert answer.header("transfer-encoding") is None
                assert conn.ended()


@pytest.mark.parametrize("version", ["0.9", "1.2", "2.0", "1", "x"])
def test_other_versions(api, version):
    with api.connect() as conn:
        conn.send([request("/healthz", version=version)])
        answer = conn.answer()
        assert answer.status in (400, 505) and conn.ended()


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "DELETE"])
@pytest.mark.parametrize("target", ["/healthz", f"{LIST}/web-1", "/x"])
def test_bodies(api, method, target):
    """Refused, and what follows is no request."""
    smuggled = request("/metrics")
    for headers, body in ((["Content-Length: 5"], b"hello"),
                          (["Content-Length: %d" % len(smuggled)], smuggled),
                          (["Content-Length: 0", "Content-Length: 5"],
                           b"hello"),
                          (["Transfer-Encoding: chunked"],
                           b"5\r\nhello\r\n0\r\n\r\n"),
                          (["Transfer-Encoding: gzip, chunked"],
                           b"0\r\n\r\n")):
        with api.connect() as conn:
            conn.send([request(target, method, headers, body + smuggled)])
            answer = conn.answer(to_head=method == "HEAD")
            assert answer.status == 413, (headers, answer.status)
            assert method == "HEAD" or "body" in message(answer)
            assert conn.ended()
    # None at all is fine, however it is said.
    answer = api.ask(target, method, ["Content-Length: 0"])
    assert answer.status in (200, 404, 405)


def test_large_body(api):
    before = api.charon.memory()
    with api.connect() as conn:
        conn.send([request("/healthz", "POST", ["Content-Length: 50000000"]),
                   b"x" * 1000000])
        answer = conn.answer()
        assert answer is None or answer.status == 413
        assert conn.ended()
    if not built_with_asan():
        assert api.charon.memory() < before + 1e6


@pytest.mark.parametrize("rude", [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET /healthz\r\n\r\n", b"\0" * 100 +
    b"\r\n\r\n", b"GET /healthz HTTP/1.1\r\nno colon\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"GET http://localhost/healthz HTTP/1.1"
    b"\r\nHost: localhost\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\nHost: "
    b"localhost\r\n\r\n", b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /\x7f HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
def test_malformed(api, rude):
    with api.connect() as conn:
        conn.send([rude])
        answer = conn.answer()
        assert answer is not None and answer.status in (400, 505)
        assert conn.ended()
    assert api.ask("/healthz").status == 200


@pytest.mark.parametrize("head", [
    b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nA: " +
    b"a" * 20000, b"GET / HTTP/1.1\r\n" + b"A: aaaaaaaaaaaaa\r\n" * 2000])
def test_large_head(api, head):
    with api.connect() as conn:
        conn.send([head])
        answer = conn.answer()
        assert answer is None or answer.status == 400
        assert conn.ended()


# --- many connections ---------------------------------------------------------


def test_300_connections(api):
    """All get their answers: who is idle makes room."""
    conns = [api.connect(20) for _ in range(300)]
    before = descriptors(api.charon.pid)
    assert before < CONNECTIONS + 60
    for conn in conns:
        conn.send([request("/healthz")])
    started = time.monotonic()
    assert [c.answer().status for c in conns] == [200] * 300
    assert time.monotonic() - started < 15
    for conn in conns:
        conn.sock.close()
    until("their descriptors are closed", 10,
          lambda: descriptors(api.charon.pid) < 60)


def test_out_of_descriptors(api):
    """It says so and waits, without spinning; then all are served."""
    limit = ["prlimit", "-p", str(api.charon.pid), "--nofile=%d:"]
    few = descriptors(api.charon.pid) + 3
    subprocess.run([*limit[:-1], limit[-1] % few], check=True)
    used = api.charon.cpu()
    conns = [api.connect(20) for _ in range(20)]
    for conn in conns:
        conn.send([request("/healthz")])
    until("it is said", 5, lambda: "http: cannot accept connections: Too many"
          " open files" in api.charon.log())
    time.sleep(2)
    assert api.charon.cpu() - used < 0.5
    assert api.charon.log().count("cannot accept") < 6
    subprocess.run([*limit[:-1], limit[-1] % 1000], check=True)
    assert [c.answer().status for c in conns] == [200] * 20


@pytest.mark.timed
def test_silent_and_slow_heads(api):
    """No whole request within 10 s: gone, whatever comes byte by byte."""
    with api.connect(20) as silent, api.connect(20) as slow:
        slow.send([b"GET /healthz HTTP/1.1\r\nHost: loc"])
        started = time.monotonic()
        while time.monotonic() - started < 9:
            slow.send([b"a"])
            time.sleep(0.2)
        assert silent.ended() and slow.ended()
        assert 9 < time.monotonic() - started < 15


# --- long answers ----------------------------------------------------------------


def test_thousands_of_agents(lab):
    """The list comes in pieces; who takes none of it holds nobody up."""
    api = Api(lab, log={"level": "warn"})
    api.stuff(5000)
    names = sorted(f"agent-{i}" for i in range(5000))
    assert [a["name"] for a in api.json(LIST)] == names
    numbers = api.metrics()
    assert numbers["charon_agents", ("status", "pending")] == 5000
    for of_all in "up", "requests_total":
        assert [dict(k[1:])["agent"] for k in numbers
                if k[0] == f"charon_agent_{of_all}"] == names
    before = api.charon.memory()
    slow = [api.connect(60) for _ in range(100)]
    for i, conn in enumerate(slow):
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        conn.send([request(LIST if i % 2 else "/metrics")])
    assert api.ask("/healthz").status == 200
    time.sleep(0.5)
    # Each list would be 1.5 MB.
    if not built_with_asan():
        assert api.charon.memory() - before < 100 * 150e3
    # Some go on reading, among changes; some leave.
    api.charon.run("agent", "remove", names[-2])
    api.charon.add_agent("zzz")
    until("both are known", 20, lambda: api.json(LIST)[-1]["name"] == "zzz"
          and api.ask(f"{LIST}/{names[-2]}").status == 404)
    answer = slow[1].answer()
    assert answer.whole
    assert [a["name"] for a in json.loads(answer.body)] == \
        [n for n in names if n != names[-2]]
    assert slow[0].answer().whole
    for conn in slow:
        conn.sock.close()
    until("their descriptors are closed", 10, lambda: descriptors(
        api.charon.pid) < 5000 + 60)
    assert api.ask("/healthz").status == 200


def test_leaving_at_any_time(api):
    """Clients that go in the middle of things leave nothing behind."""
    rng = random.Random(7)
    for i in range(20):
        api.charon.add_agent(f"a{i}")
    before = descriptors(api.charon.pid)
    whole = request("/metrics") + request(LIST)
    for _ in range(300):
        conn = api.connect()
        conn.send([(whole * 20)[:rng.randrange(len(whole), len(whole) * 20)]])
        if rng.random() < 0.5:
            conn.sock.recv(rng.randrange(1, 20000))
        if rng.random() < 0.3:
            conn.sock.shutdown(rng.choice([socket.SHUT_WR, socket.SHUT_RD]))
        conn.sock.close()
    until("their descriptors are closed", 10,
          lambda: descriptors(api.charon.pid) <= before + 20)
    # A registry that a loaded machine keeps locked for a moment is told of.
    until("all is well", 20, lambda: api.ask("/healthz").status == 200)
    assert os.path.exists(f"/proc/{api.charon.pid}")
