# SPDX-License-Identifier: ISC
"""An agent's Docker API by way of the gateway's HTTP API.

The engine is a stand-in: a real one cannot be told to misbehave.  What a real
one answers is the last test's.
"""

import contextlib
import json
import os
import signal
import socket
import threading
import time

import pytest

from lab.charon_http import Api, message, request
from lab.docker_engine import missing
from lab.harness import built_with_asan
from lab.muzzle_engine import Close, Engine, Wait
from lab.system import until

DOCKER = "/api/v1/agents/web-1/docker"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" \
    b"Transfer-Encoding: chunked\r\n\r\n"
LOGS = f"{DOCKER}/containers/x/logs?follow=1&stdout=1"


class Site(Api):
    """With an agent, web-1, and its engine."""

    def __init__(self, lab, *options, engine=None, **sections):
        super().__init__(lab, **sections)
        self.engine = engine or lab.own(Engine(lab.path("engine.sock")))
        self.token = []
        if sections.get("tcp"):
            with open(os.path.join(self.charon.state, "http.token")) as f:
                self.token = ["Authorization: Bearer " + f.read().strip()]
        key = self.charon.add_agent("web-1")
        self.web = self.charon.agent(
            "web-1", f"--docker={self.engine.path}", *options, key=key)
        until("its Docker is there", 10, lambda: self.ask(
            f"{DOCKER}/_ping", headers=self.token).status == 200)
        self.script([])

    def script(self, answers):
        if isinstance(self.engine, Engine):
            self.engine.script(answers)


@pytest.fixture
def site(lab):
    return Site(lab)


def stand_in(line):
    """What the engine answers to a request line."""
    return {"stand-in": line}


# --- requests and answers -----------------------------------------------------


def test_get(site):
    with site.connect() as conn:
        for rest, asked in (
                ("/info", "GET /info"), ("/v1.41/version", "GET /v1.41/version"),
                ("/v1.41/containers/json?all=1&limit=2",
                 "GET /v1.41/containers/json?all=1&limit=2"),
                ("/containers/a%2Db/json", "GET /containers/a-b/json")):
            answer = conn.ask(DOCKER + rest)
            assert answer.status == 200, answer.body
            assert json.loads(answer.body) == stand_in(asked)
            assert answer.header("content-type") == "application/json"
            assert answer.header("api-version") == "1.41"
            assert answer.header("server") == "stand-in"
            assert int(answer.header("content-length")) == len(answer.body)
        assert conn.ask("/healthz").status == 200


def test_head(site):
    with site.connect() as conn:
        for _ in range(2):
            answer = conn.ask(f"{DOCKER}/_ping", "HEAD")
            assert answer.status == 200 and answer.body == b""
            assert answer.header("api-version") == "1.41"
        assert conn.ask(f"{DOCKER}/info").status == 200
    assert site.engine.seen().startswith(b"HEAD /_ping HTTP/1.1\r\n")


def test_the_muzzle_judges(site):
    """Its refusals come through as they are, and the engine sees nothing."""
    cases = [(403, "POST", "/containers/create"), (403, "GET", "/secrets"),
             (403, "POST", "/containers/x/start"), (403, "PUT", "/info"),
             (403, "POST", "/containers/x/attach?stream=1"),
             (403, "GET", "/containers/x/attach/ws"),
             (400, "GET", "/../secrets"), (400, "GET", "//info"),
             (400, "GET", "/containers/%2e%2e/json"), (403, "TRACE", "/info"),
             (403, "DELETE", "/containers/x"), (400, "GET", "/info#x"),
             (400, "GET", "/a\\b"), (403, "GET", ""), (403, "GET", "?all=1"),
             (400, "GET", "/info?a=b"), (403, "OPTIONS", "/info")]
    with site.connect() as conn:
        for status, method, rest in cases:
            answer = conn.ask(DOCKER + rest, method,
                              ["Upgrade: tcp", "Connection: Upgrade"])
            assert answer.status in (status, 403, 404, 405), (rest, answer)
            assert "orthrus: " in message(answer)
    assert site.engine.seen() == b""


RESTART = f"{DOCKER}/containers/x/restart?t=1"


@pytest.fixture
def opened(lab):
    """One whose owner lets restart through."""
    return Site(lab, "--docker-allow", "restart")


def chunked(*parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (*parts, b""))


@pytest.mark.parametrize("headers, body", [
    ([], b""), (["Content-Length: 0"], b""), (["Content-Length: 2"], b"{}"),
    (["Content-Length: 7"], b'{"t":1}'), (["Content-Length: 4"], b"null"),
    (["Transfer-Encoding: chunked"], chunked(b'{"t"', b":1}")),
])
def test_actions_that_were_opened(opened, headers, body):
    """They go by POST; a body may say what the query says, and stays here."""
    answer = opened.ask(RESTART, "POST", headers, body)
    assert answer.status == 200, answer.body
    seen = opened.engine.seen()
    assert seen.startswith(b"POST /containers/x/restart?t=1 HTTP/1.1\r\n")
    assert b"Content-Length: 0\r\n" in seen and seen.endswith(b"\r\n\r\n")


def test_body_that_is_waited_for(opened):
    with opened.connect() as conn:
        conn.send([request(RESTART, "POST", ["Content-Length: 7",
                                             "Expect: 100-continue"])])
        go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
        until("we may", 10, lambda: conn.got == go_on or conn._more())
        assert conn._take(len(go_on)) == go_on
        conn.send([b'{"t":1}'])
        assert conn.answer().status == 200


@pytest.mark.parametrize("status, target, headers, body", [
    (400, RESTART, ["Content-Length: 7"], b'{"t":2}'),
    (400, RESTART, ["Content-Length: 6"], b'{"t":1'),
    (413, RESTART, ["Content-Length: 4097"], b""),
    (413, RESTART, ["Transfer-Encoding: chunked"], chunked(b" " * 4097)),
    (400, RESTART, ["Transfer-Encoding: chunked"], b"x\r\n"),
    (400, RESTART, ["Transfer-Encoding: gzip"], b"{}"),
    (413, RESTART, ["Content-Length: 0", "Content-Length: 2"], b"{}"),
    (405, f"{DOCKER}/info", ["Content-Length: 2"], b"{}"),
    (403, f"{DOCKER}/containers/x/stop", ["Content-Length: 2"], b"{}"),
    (404, "/api/v1/agents/web-2/docker/info", ["Content-Length: 2"], b"{}"),
    (413, "/api/v1/agents/web-1", ["Content-Length: 2"], b"{}"),
    (413, "/api/v1/agents/web-1/dockers", ["Content-Length: 2"], b"{}"),
    (413, "/nowhere", ["Content-Length: 2"], b"{}"),
])
def test_refused_bodies(opened, status, target, headers, body):
    """The engine sees nothing, and what follows is no request."""
    with opened.connect() as conn:
        conn.send([request(target, "POST", headers,
                           body + request("/metrics"))])
        answer = conn.answer()
        assert answer.status == status and message(answer)
        assert conn.ended()
    assert opened.engine.seen() == b""


def test_body_of_a_read(site):
    answer = site.ask(f"{DOCKER}/info", "GET", ["Content-Length: 2"], b"{}")
    assert answer.status == 400 and "orthrus: " in message(answer)
    assert site.engine.seen() == b""


def test_half_a_body(opened):
    """Who leaves in the middle of it has asked for nothing."""
    with opened.connect() as conn:
        conn.send([request(RESTART, "POST", ["Content-Length: 7"], b'{"t"')])
        conn.sock.shutdown(socket.SHUT_WR)
        assert conn.ended()
    assert opened.ask("/healthz").status == 200
    assert opened.engine.seen() == b""


def test_environment_is_redacted(site):
    body = json.dumps({"Config": {"Env": ["SECRET=hunter2"]}}).encode()
    site.script([[b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                  b"Content-Length: %d\r\n\r\n" % len(body), body]])
    answer = site.ask(f"{DOCKER}/containers/x/json")
    assert json.loads(answer.body) == {"Config": {"Env": ["SECRET=***"]}}


def test_pipelining(site):
    with site.connect() as conn:
        conn.send([b"".join(request(f"{DOCKER}/networks/n{i}") +
                            request("/healthz") for i in range(30))])
        for i in range(30):
            assert json.loads(conn.answer().body) == \
                stand_in(f"GET /networks/n{i}")
            assert conn.answer().body == b"ok\n"


def answer_1_0(conn, target, headers=(), method="GET", body=b""):
    """The head and body of an answer that must be HTTP/1.0's."""
    conn.send([request(target, method, headers, body, version="1.0")])
    answer = conn.answer(until_end=True)
    assert conn.got.startswith(b"HTTP/1.0 ")
    assert answer.header("transfer-encoding") is None
    return answer


@pytest.mark.parametrize("headers", [
    [], ["host:none"], ["Connection: keep-alive"]])
def test_http_1_0(site, headers):
    """Its connection ends with the answer; chunks become a length."""
    with site.connect() as conn:
        answer = answer_1_0(conn, f"{DOCKER}/info", headers)
        assert answer.status == 200 and conn.ended()
        assert json.loads(answer.body) == stand_in("GET /info")
    site.script([[CHUNKED + chunked(b'{"Config":{"Env":["SECRET=hunter2"]',
                                    b"}}")]])
    with site.connect() as conn:
        answer = answer_1_0(conn, f"{DOCKER}/containers/x/json", headers)
        assert json.loads(answer.body) == {"Config": {"Env": ["SECRET=***"]}}
        assert int(answer.header("content-length")) == len(answer.body)
        assert conn.ended()
    with site.connect() as conn:
        answer = answer_1_0(conn, f"{DOCKER}/secrets", headers)
        assert answer.status == 403 and "orthrus: " in message(answer)
        assert conn.ended()


@pytest.mark.parametrize("target", [LOGS, f"{DOCKER}/events"])
@pytest.mark.parametrize("headers", [["host:none"],
                                     ["Connection: keep-alive"]])
def test_stream_for_http_1_0(site, target, headers):
    """Its end is that of the connection, whatever is asked."""
    site.script([[CHUNKED + chunked(b'["a', b'b"]')]])
    with site.connect() as conn:
        conn.send([request(target, headers=headers, version="1.0") +
                   request("/metrics")])
        answer = conn.answer(until_end=True)
        assert answer.status == 200 and answer.body == b'["ab"]'
        assert answer.header("transfer-encoding") is None
        assert answer.header("content-length") is None
        assert conn.ended()


def test_stream_for_http_1_0_that_is_cut(lab):
    """On a port a reset tells it from one that is whole."""
    site = Site(lab, tcp=True)
    with site.connect() as conn:
        site.script([[CHUNKED + b"3\r\nabc\r\n", Close]])
        answer = answer_1_0(conn, LOGS, site.token)
        assert b"abc".startswith(answer.body) and not answer.whole


def test_action_for_http_1_0(opened):
    with opened.connect() as conn:
        answer = answer_1_0(conn, RESTART, ["Content-Length: 7"], "POST",
                            b'{"t":1}')
        assert answer.status == 200 and conn.ended()
    assert opened.engine.seen().startswith(b"POST /containers/x/restart")


@pytest.mark.parametrize("status, head, body", [
    (200, b"Content-Length: 0", b""), (204, b"X: y", b""),
    (200, b"Content-Length: 5", b"hello"), (304, b"X: y", b""),
    (200, b"Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n"),
])
def test_kinds_of_answers(site, status, head, body):
    site.script([[b"HTTP/1.1 %d Text\r\n" % status + head + b"\r\n\r\n" +
                  body]])
    with site.connect() as conn:
        answer = conn.ask(LOGS)
        assert answer.status == status
        assert answer.body == (b"hello" if body else b"")
        assert conn.ask("/healthz").status == 200


def test_answers_byte_by_byte(site):
    text = CHUNKED + b"5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n"
    site.script([[bytes([b]) for b in text]])
    answer = site.ask(LOGS)
    assert answer.body == b"hello, world"


@pytest.mark.parametrize("script, begun", [
    ([Close], False), ([b"HTTP/1.1 200 OK\r\nA: b", Close], False),
    ([b"nonsense\r\n\r\n"], False), ([b"HTTP/1.1 101 X\r\n\r\n"], False),
    ([CHUNKED, b"5\r\nhel", Close], True),
    ([CHUNKED, b"5\r\nhello\r\n", Close], True),
    ([CHUNKED, b"5\r\nhello\r\nzz\r\n"], True),
])
def test_engine_misbehaves(site, script, begun):
    """An answer that was cut never looks whole; else there is a 502."""
    site.script([script])
    with site.connect() as conn:
        conn.send([request(LOGS)])
        answer = conn.answer()
        if begun:
            assert answer.status == 200 and not answer.whole
            assert b"hello".startswith(answer.body)
            assert conn.ended()
        else:
            assert answer.status == 502 and answer.whole
            assert "Docker engine" in message(answer)
            assert conn.ask("/healthz").status == 200


# --- streams ---------------------------------------------------------------------


def test_stream_flows_at_once(site):
    """Each piece is there when it was said, and the quiet harms nothing."""
    site.script([[CHUNKED, b"4\r\none\n\r\n", Wait(1), b"4\r\ntwo\n\r\n",
                  Wait(1), b"6\r\nthree\n\r\n0\r\n\r\n"]])
    with site.connect() as conn:
        started = time.monotonic()
        conn.send([request(LOGS)])
        times = []
        for part in b"one\n", b"two\n", b"three\n":
            while part not in conn.got:
                assert conn._more()
            times.append(time.monotonic() - started)
        assert times[0] < 0.8 and 0.8 < times[1] < 1.8 and times[2] < 3
        answer = conn.answer()
        assert answer.whole and answer.body == b"one\ntwo\nthree\n"
        assert conn.ask("/healthz").status == 200


def engine(follow):
    """A handler that leaves requests for logs to follow(conn, target)."""
    def handler(conn, target):
        while head := conn.recv(65536):
            if b"follow" in head:
                return follow(conn, target)
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    return handler


def flood(conn, target):
    """Logs without end."""
    target.sent, target.gone = 0, False
    try:
        conn.sendall(CHUNKED)
        while True:
            conn.sendall(b"8000\r\n" + b"x" * 32768 + b"\r\n")
            target.sent += 32768
    except OSError:
        target.gone = True


@pytest.fixture
def flooded(lab):
    return Site(lab, engine=lab.serve(engine(flood), "unix"))


def wait_still(target, seconds=10):
    """Until it has no more to send; returns how much was."""
    last = [-1, time.monotonic()]

    def is_still():
        if target.sent != last[0]:
            last[:] = [target.sent, time.monotonic()]
        return target.sent > 0 and time.monotonic() - last[1] > 1
    until("nothing more is sent", seconds, is_still)
    return target.sent


def test_slow_reader(flooded):
    """It is waited for, in bounded memory; others are not held up."""
    target = flooded.engine
    before = flooded.charon.memory(), flooded.web.memory()
    with flooded.connect(20) as conn:
        conn.send([request(LOGS)])
        until("it flows", 10, lambda: getattr(target, "sent", 0) > 0)
        sent = wait_still(target, 30)
        assert sent < 40e6
        if not built_with_asan():
            assert flooded.charon.memory() - before[0] < 6e6
            assert flooded.web.memory() - before[1] < 40e6
        started = time.monotonic()
        assert flooded.ask("/healthz").status == 200
        assert flooded.ask(f"{DOCKER}/_ping").status == 200
        assert time.monotonic() - started < 2
        # And it goes on when the client does.
        taken = 0
        while taken < sent + 20e6:
            taken += len(conn.sock.recv(1 << 20))
        assert target.sent > sent
    until("the engine was told", 5, lambda: target.gone)


@pytest.mark.parametrize("script", [CHUNKED + b"3\r\nabc\r\n", b""],
    ids=["while it flows", "before an answer"])
def test_client_leaves(lab, script):
    """Its request ends at the engine within a second."""
    heads, ends = threading.Semaphore(0), threading.Semaphore(0)

    def follow(conn, target):
        conn.sendall(script)
        heads.release()
        with contextlib.suppress(ConnectionError):
            conn.recv(1)
        ends.release()
    site = Site(lab, engine=lab.serve(engine(follow), "unix"))
    for how in range(2):
        conn = site.connect()
        conn.send([request(LOGS)])
        assert heads.acquire(timeout=5)
        if how == 0:
            conn.sock.close()
        else:			# unread requests hide the end from a reader
            conn.send([request("/healthz") * 8000])
            conn.sock.close()
        assert ends.acquire(timeout=3)
    until("nothing is open", 5, lambda: site.metrics()[
        "charon_channels",] == 0)


def test_many_streams(site):
    """One agent gets half; others get their answers all the same."""
    site.script([[CHUNKED, b"3\r\nabc\r\n"]] * 250)
    conns = []
    for _ in range(210):
        conns.append(site.connect(20))
        conns[-1].send([request(LOGS)])
    found = []
    for conn in conns:
        while b"\r\n" not in conn.got:
            assert conn._more()
        found.append(int(conn.got.split()[1]))
    assert found.count(200) == 96 and found.count(503) == 114
    assert site.ask("/healthz").status == 200
    for conn in conns:
        conn.sock.close()
    until("all are over", 10, lambda: site.metrics()[
        "charon_channels",] == 0)
    site.script([])
    assert site.ask(f"{DOCKER}/info").status == 200


# --- the agent goes ---------------------------------------------------------------


def begin_stream(site):
    site.script([[CHUNKED, b"5\r\nhello\r\n"]])
    conn = site.connect(20)
    conn.send([request(LOGS)])
    until("it flows", 10, lambda: conn._more() and b"hello" in conn.got)
    return conn


@pytest.mark.parametrize("how", ["killed", "stopped", "removed", "rekeyed"])
def test_agent_goes_during_a_stream(lab, how):
    """Who was killed could come back to it, unless that is turned off."""
    site = Site(lab, "--resume", "0")
    conn = begin_stream(site)
    if how == "killed":
        site.web.signal(signal.SIGKILL)
    elif how == "stopped":
        site.web.signal(signal.SIGTERM)
    else:
        site.charon.run("agent", {"removed": "remove",
                                  "rekeyed": "rekey"}[how], "web-1")
    started = time.monotonic()
    answer = conn.answer()
    assert answer.body == b"hello" and not answer.whole
    assert conn.ended()
    assert time.monotonic() - started < 5
    answer = site.ask(f"{DOCKER}/info")
    assert answer.status == (404 if how == "removed" else 502)
    assert "web-1" in message(answer)
    site.web.process.kill()
    site.web.wait_exit(10)
    lab.things.remove(site.web)


def test_agent_goes_before_its_answer(lab):
    site = Site(lab, "--resume", "0")
    site.script([[Wait(3)]])
    with site.connect() as conn:
        conn.send([request(f"{DOCKER}/info")])
        time.sleep(0.5)
        site.web.signal(signal.SIGKILL)
        answer = conn.answer()
        assert answer.status == 502 and answer.whole
        message(answer)
        assert conn.ask("/healthz").status == 200
    site.web.wait_exit(10)
    lab.things.remove(site.web)


def test_agent_without_docker(lab):
    api = Api(lab)
    api.charon.agent("web-1", key=api.charon.add_agent("web-1"))
    answer = api.ask(f"{DOCKER}/info")
    assert answer.status == 502 and "Docker" in message(answer)


def test_gateway_stops_during_a_stream(site):
    conn = begin_stream(site)
    site.charon.process.send_signal(signal.SIGTERM)
    answer = conn.answer()
    assert not answer.whole and conn.ended()
    assert site.charon.process.wait(10) == 0
    site.charon.process = None


# --- a real engine ------------------------------------------------------------------


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_real_engine(lab, docker_engine):
    class Real:
        path = docker_engine.socket
    site = Site(lab, engine=Real)
    for rest in "/version", "/info", "/containers/json?all=1", "/images/json":
        answer = site.ask(DOCKER + rest)
        status, body = docker_engine.get(rest)
        assert answer.status == status == 200
        told, bare = json.loads(answer.body), json.loads(body)
        if isinstance(told, dict):		# the values may change
            assert told.keys() == bare.keys()
        else:
            assert {o["Id"] for o in told} == {o["Id"] for o in bare} != set()
    with site.connect() as conn:
        conn.send([request(f"{DOCKER}/events")])
        until("it begins", 10, lambda: conn._more() and
              b"\r\n\r\n" in conn.got)
        assert conn.got.startswith(b"HTTP/1.1 200 ")
        conn.sock.shutdown(socket.SHUT_RDWR)
    assert site.ask(f"{DOCKER}/_ping", "HEAD").header("api-version")
