# SPDX-License-Identifier: ISC
"""The gateway's HTTP API: every route, who is let in, and what is refused."""

import json
import os
import signal
import socket
import sqlite3
import stat
import time

import pytest

from lab.charon_http import Api, message, request
from lab.system import free_port, until
from lab.targets import echo

ROUTES = ["/healthz", "/metrics", "/api/v1/agents", "/api/v1/agents/web-1"]
AGENT = "/api/v1/agents/web-1"


# --- what there is to be had ---------------------------------------------


def test_healthz(api):
    for target in "/healthz", "/healthz?verbose":
        answer = api.ask(target)
        assert answer.status == 200 and answer.body == b"ok\n"
        assert answer.header("content-type") == "text/plain"
        assert answer.header("cache-control") == "no-store"
        assert answer.header("x-content-type-options") == "nosniff"


def test_healthz_in_trouble(lab):
    """What an agent says cannot be written; then it can again."""
    api = Api(lab, agents={"heartbeat": "300ms"})
    key = api.charon.add_agent("web-1")
    api.charon.agent("web-1", key=key)
    db = sqlite3.connect(os.path.join(api.charon.state, "registry.db"),
                         isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    until("it is in trouble", 20,
          lambda: api.ask("/healthz").status == 503, every=0.2)
    assert b"registry" in api.ask("/healthz").body
    db.execute("ROLLBACK")
    db.close()
    until("it is well again", 20,
          lambda: api.ask("/healthz").status == 200, every=0.2)


def test_agents(api):
    assert api.json("/api/v1/agents") == []
    for name in "web-2", "web-1", "a":
        api.charon.add_agent(name)

    def names():
        return [a["name"] for a in api.json("/api/v1/agents")]
    until("they are there", 5, lambda: names() == ["a", "web-1", "web-2"])
    pending = api.agent("a")
    assert pending == api.json("/api/v1/agents")[0]
    assert pending["status"] == "pending" and not pending["enrolled"]
    assert pending["last_seen"] is pending["session"] is None
    assert pending["ports"] == [] and pending["version"] is None
    api.charon.run("agent", "remove", "web-1")
    until("one has gone", 5, lambda: names() == ["a", "web-2"])
    assert api.ask(AGENT).status == 404


def test_agent_comes_and_goes(lab):
    api = Api(lab, agents={"docker_tcp": "yes", "heartbeat": "1s"})
    key = api.charon.add_agent("web-1")
    port = lab.serve(echo).port
    config = lab.write("a.ini", f"[expose echo]\nto = {port}\n")
    before = time.time()
    agent = api.charon.agent("web-1", "--config", config,
                             f"--docker={lab.path('none.sock')}", key=key)
    until("its heartbeat", 10, lambda: api.agent("web-1")["load"] is not None)
    shown = api.agent("web-1")
    assert shown["status"] == "online" and shown["enrolled"]
    assert shown["hostname"] == socket.gethostname()
    assert shown["version"] and shown["os"] == "Linux" and shown["arch"]
    assert 0 < shown["memory"]["used"] < shown["memory"]["total"]
    assert shown["ports"] == [{
        "port": port, "name": "echo",
        "socket": api.charon.socket("web-1", port),
        "address": f"web-1.orthrus:{port}"}]
    docker = shown["docker"]
    assert docker["shared"] and docker["networks"] == []
    assert docker["socket"] == api.charon.socket("web-1")
    host, _, tcp = docker["tcp"].rpartition(":")
    lab.connect((host, int(tcp))).close()
    assert shown["session"]["peer"] == "127.0.0.1"
    for moment in shown["session"]["since"], shown["last_seen"]:
        when = time.mktime(time.strptime(moment, "%Y-%m-%dT%H:%M:%SZ"))
        assert before - 2 <= when - time.timezone <= time.time() + 2
    # The command line shows the same, with what only we know.
    def told_by_command():
        told = api.charon.run("agent", "show", "web-1", "--json").stdout
        return json.loads(told)
    until("its hello is written", 10, lambda: told_by_command()["version"])
    told = told_by_command()
    changes = {"load", "memory", "last_seen"}
    assert {k: v for k, v in told.items() if k not in changes} == \
        {k: v for k, v in shown.items() if k not in changes}
    agent.stop()
    until("it is offline", 5,
          lambda: api.agent("web-1")["status"] == "offline")
    gone = api.agent("web-1")
    assert gone["session"] is gone["docker"]["tcp"] is None
    assert [p["name"] for p in gone["ports"]] == ["echo"]


def test_port_of_a_stock_client(lab, api):
    """What ssh -R listens on is shown without a Hello that says so."""
    key = api.charon.add_agent("web-1")
    agent = api.charon.agent("web-1", "--expose", lab.serve(echo).port,
                             "-R", f"8099:127.0.0.1:{free_port()}", key=key)
    assert agent.running()
    ports = [p["port"] for p in api.agent("web-1")["ports"]]
    assert 8099 in ports and len(ports) == 2


def test_head(api):
    api.charon.add_agent("web-1")
    until("it is there", 5, lambda: api.ask(AGENT).status == 200)
    with api.connect() as conn:
        for target in *ROUTES, "/api/v1/agents/nobody", "/nothing":
            wanted = conn.ask(target)
            answer = conn.ask(target, "HEAD")
            assert answer.status == wanted.status
            assert answer.body == b""
            assert answer.header("content-type") == \
                wanted.header("content-type")
            assert answer.header("content-length") == \
                wanted.header("content-length")


def test_errors(api):
    api.charon.add_agent("web-1")
    until("it is there", 5, lambda: api.ask(AGENT).status == 200)
    base = "/api/v1/agents"
    names = ["", "A", "a_b", "-a", "a-", "%61", "a" * 64, "..", "a%2fb"]
    cases = [(400, "malformed agent name", f"{base}/{name}{rest}")
             for name in names
             for rest in ("", "?x=1", "/docker", "/docker/_ping")]
    cases += [(404, "no such agent: nobody", f"{base}/nobody{rest}")
              for rest in ("", "?x", "/docker", "/docker/info", "/docker?x")]
    cases += [(404, "page not found", target) for target in (
        "/", "/healthz/", "/Healthz", "/metrics/x", "/api", "/api/v1",
        "/api/v2/agents", f"{base}x", f"{AGENT}/", f"{AGENT}/x",
        f"{AGENT}/dockerx", f"{AGENT}/ports", f"{base}/nobody/x",
        "//healthz", "/./healthz", "/%68ealthz", "/" + "a" * 8000)]
    cases += [(502, "web-1 is not currently connected", f"{AGENT}/docker{r}")
              for r in ("", "/", "/_ping", "/x/../y", "?a", "/info?a=b")]
    with api.connect() as conn:
        for status, said, target in cases:
            answer = conn.ask(target)
            assert (answer.status, said in message(answer)) == \
                (status, True), (target, answer.status, answer.body)


def test_methods(api):
    with api.connect() as conn:
        for method in "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH":
            for target in ROUTES:
                answer = conn.ask(target, method)
                assert answer.status == 405, (method, target)
                assert answer.header("allow") == "GET, HEAD"
                assert "GET" in message(answer)
    # What has no name here is answered before it gets to us.
    assert api.ask("/healthz", "FETCH").status == 501


def test_agents_disabled(lab):
    api = Api(lab, agents={"enabled": "no"})
    api.charon.add_agent("web-1")
    until("it is there", 5, lambda: api.ask(AGENT).status == 200)
    answer = api.ask(f"{AGENT}/docker/_ping")
    assert answer.status == 503
    assert "disabled" in message(answer)
    assert api.ask("/api/v1/agents/A/docker/_ping").status == 400
    assert api.ask("/healthz").status == 200


# --- who is let in ---------------------------------------------------------


def test_browsers(api):
    for header in ("Origin: http://localhost", "origin: null",
                   "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: none"):
        with api.connect() as conn:
            answer = conn.ask("/healthz", headers=[header])
            assert answer.status == 403 and "browser" in message(answer)
            assert conn.ended()
    for header in "Sec-Fetch-Mode: cors", "Sec-Fetch-Site: same-origin":
        assert api.ask("/healthz", headers=[header]).status == 200
    before = api.metrics()["charon_refusals_total", ("reason", "http")]
    assert before == 4


def test_hosts(api):
    for host in ("localhost", "localhost:80", "127.0.0.1:8080", "[::1]",
                 "docker", "api.localhost", "", "10.0.0.1", "2130706433",
                 "charon", "http.sock", "%2Frun%2Fcharon%2Fhttp.sock"):
        assert api.ask("/healthz", headers=[f"Host: {host}"]).status == 200
    for host in ("evil.example", "localhost.evil.example", "EVIL.example.",
                 "127.0.0.1.evil.example:80", "localhost@evil"):
        answer = api.ask("/healthz", headers=[f"Host: {host}"])
        assert answer.status == 403 and "Host" in message(answer)
    for headers in (["host:none"], ["Host: localhost", "Host: localhost"]):
        answer = api.ask("/healthz", headers=headers)
        assert answer.status == 400 and "Host" in message(answer)


def test_token(lab):
    api = Api(lab, tcp=True)
    path = os.path.join(api.charon.state, "http.token")
    with open(path) as f:
        token = f.read().rstrip("\n")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert len(token) == 43 and token.replace("-", "").replace(
        "_", "").isalnum()
    right = f"Authorization: Bearer {token}"
    other = "A" if token[-1] != "A" else "Q"
    wrong = ["Authorization: Bearer", "Authorization: Bearer ",
             f"Authorization: Basic {token}", f"Authorization: {token}",
             f"Authorization: Bearer {token}x",
             f"Authorization: Bearer {token[:-1]}",
             f"Authorization: Bearer {token[:-1]}{other}",
             f"Authorization: Bearer {token.swapcase()}"]
    for target in *ROUTES, f"{AGENT}/docker/_ping", "/nothing":
        for headers in [[]] + [[w] for w in wrong] + [[right, wrong[0]]]:
            with api.connect() as conn:
                answer = conn.ask(target, headers=headers)
                assert answer.status == 401, (target, headers)
                assert answer.header("www-authenticate") == \
                    'Bearer realm="charon"'
                assert "http.token" in message(answer)
                assert conn.ended()
    for header in right, right.replace("Bearer", "bearer"):
        assert api.ask("/healthz", headers=[header]).status == 200
    assert token not in api.charon.log()
    # It stays the same one.
    api.charon.stop()
    api.charon.start()
    assert api.ask("/healthz", headers=[right]).status == 200


@pytest.mark.parametrize("content, mode, said", [
    ("short\n", 0o600, "not a token of 43 characters"),
    ("a" * 42 + "!\n", 0o600, "not a token of 43 characters"),
    ("a" * 300, 0o600, "cannot read the http token"),
    ("a" * 43 + "\n", 0o640, "http token"),
])
def test_bad_token_file(lab, content, mode, said):
    api = Api(lab, tcp=True)
    api.charon.stop()
    path = os.path.join(api.charon.state, "http.token")
    with open(path, "w") as f:
        f.write(content)
    os.chmod(path, mode)
    done = api.charon.run("serve", check=78)
    assert said in done.text and path in done.text
    assert "aaaa" not in done.text


def test_no_token_on_a_socket(api):
    assert not os.path.exists(os.path.join(api.charon.state, "http.token"))


# --- the socket --------------------------------------------------------------


def test_socket(api):
    status = os.stat(api.address)
    assert stat.S_ISSOCK(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o660
    api.charon.kill()		# and leaves its socket behind
    assert os.path.exists(api.address)
    api.charon.start()
    assert api.ask("/healthz").status == 200
    api.charon.stop()
    assert not os.path.exists(api.address)


def test_socket_is_something_else(api):
    api.charon.stop()
    with open(api.address, "w") as f:
        f.write("somebody's")
    done = api.charon.run("serve", check=69)
    assert f"cannot listen on {api.address}" in done.text
    with open(api.address) as f:
        assert f.read() == "somebody's"


def test_stops_with_connections(api):
    """Idle ones, and one in the middle of a request."""
    with api.connect() as idle, api.connect() as slow:
        idle.ask("/healthz")
        slow.send([b"GET /healthz HT"])
        time.sleep(0.2)
        api.charon.process.send_signal(signal.SIGTERM)
        assert idle.ended()
        assert api.charon.process.wait(10) == 0
        api.charon.process = None
    assert "stopping" in api.charon.log()


def test_request_bytes():
    """What the helper of these tests sends is what it says."""
    assert request("/x") == b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert request("/x", "PUT", ["host:none", "A: b"], b"c", "1.0") == \
        b"PUT /x HTTP/1.0\r\nA: b\r\n\r\nc"
