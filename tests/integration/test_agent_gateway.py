# SPDX-License-Identifier: ISC
"""The agent at a gateway: what it tells, what it offers under its name, and
what becomes of it when the gateway narrows, renews, stops or is another."""

import datetime
import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from lab.charon import CHARON, Charon
from lab.openssh import keyscan
from lab.system import free_port, until
from lab.targets import echo, echoes, read_all, says

pytestmark = pytest.mark.skipif(not os.access(CHARON, os.X_OK),
                                reason="this build has no charon")


@pytest.fixture
def charon(lab):
    return lab.own(Charon(lab, agents={"heartbeat": "500ms",
                                       "timeout": "2s"}))


def docker(networks=("bridge", "host")):
    """An engine that knows its version and networks, and little else."""
    answers = {"/version": {"Version": "24.0.7", "ApiVersion": "1.43"},
               "/networks": [{"Name": n} for n in networks],
               "/containers/json": []}

    def handler(conn, target):
        buffered = b""
        while True:
            while b"\r\n\r\n" not in buffered:
                part = conn.recv(65536)
                if not part:
                    return
                buffered += part
            head, buffered = buffered.split(b"\r\n\r\n", 1)
            method, path = head.decode().split()[:2]
            path = re.sub(r"^/v[\d.]+", "", path).split("?")[0]
            target.reports.put(f"{method} {path}")
            body = json.dumps(answers.get(path, {})).encode()
            size, text = f"Content-Length: {len(body)}\r\n", body
            if path == "/networks":	# as an engine does with long ones
                size = "Transfer-Encoding: chunked\r\n"
                text = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
            conn.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: application/json"
                         f"\r\n{size}\r\n".encode() +
                         (b"" if method == "HEAD" else text))
    return handler


def get(path, target, host="docker"):
    """One request on a Docker socket: status and body."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(path)
        s.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n"
                  "Connection: close\r\n\r\n".encode())
        head, _, body = read_all(s).partition(b"\r\n\r\n")
    return int(head.split()[1]), body


# What it tells

def test_hello(lab, charon):
    engine = lab.serve(docker(), "unix")
    config = lab.write("a.ini", "[expose metrics]\nto = 9100\n")
    charon.agent("a", f"--docker={engine.path}", "--expose", "9200",
                 "--config", config, key=charon.add_agent("a"))
    charon.wait_status("a", "online")

    def told():
        engine = charon.agents()["a"]["docker"]
        return engine["version"] and engine["networks"]
    until("what the engine has told", 20, told)
    a = charon.agents()["a"]
    assert a["kex"]
    assert a["docker"]["shared"] is True
    assert a["docker"]["version"] == "24.0.7"
    assert a["docker"]["networks"] == ["bridge", "host"]
    assert [(p["port"], p["name"]) for p in a["ports"]] == \
        [(9200, None), (9100, "metrics")]
    assert a["version"] == json.loads(lab.run(
        "status", "--json", "--control", lab.path("a.sock")).stdout)["version"]
    assert a["hostname"] == socket.gethostname()
    assert (a["os"], a["arch"]) == (os.uname().sysname, os.uname().machine)
    assert 0 < a["memory"]["used"] < a["memory"]["total"]
    assert a["load"] >= 0


def test_no_engine(lab, charon):
    charon.agent("a", f"--docker={lab.path('none.sock')}",
                 key=charon.add_agent("a"))
    charon.wait_status("a", "online")
    until("its Hello", 20, lambda: charon.agents()["a"]["docker"]["shared"])
    assert charon.agents()["a"]["docker"]["version"] is None
    assert get(charon.socket("a"), "/version")[0] == 502


def test_hosts(lab, charon):
    """The gateway's Muzzle answers the names that the agent's owner lists."""
    engine = lab.serve(docker(), "unix")
    path = lab.write("hosts.ini", "[docker]\nhosts = site.example.net\n")
    agent = charon.agent("a", f"--docker={engine.path}", "--config", path,
                         key=charon.add_agent("a"))
    charon.wait_status("a", "online")

    def status(host):
        return get(charon.socket("a"), "/containers/json", host)[0]
    until("its Hello", 20, lambda: status("site.example.net:9443") == 200)
    code, body = get(charon.socket("a"), "/containers/json",
                     "other.example.net:9443")
    message = json.loads(body)["message"]
    assert code == 403 and '"other.example.net:9443"' in message
    assert "--docker-host" in message
    lab.write("hosts.ini", "[docker]\nhosts = other.example.net\n")
    agent.signal(signal.SIGHUP)
    until("the new list", 20, lambda: status("other.example.net") == 200)
    assert status("site.example.net") == 403
    assert "example.net" not in charon.log()


# What it offers

def test_endpoints_outlive_the_agent(lab, charon):
    """Of one that stops in order as of one that is killed: 502 at once."""
    web, engine = lab.serve(echo), lab.serve(docker(), "unix")
    key = charon.add_agent("a")
    ports = [charon.socket("a", web.port), charon.socket("a")]
    for sig in signal.SIGTERM, signal.SIGKILL:
        agent = charon.agent("a", f"--docker={engine.path}", "--expose",
                             web.port, key=key)
        until("its port", 10, lambda: os.path.exists(ports[0]))
        agent.signal(sig)
        agent.wait_exit(10)
        lab.things.remove(agent)
        charon.wait_status("a", "offline")
        for path in ports:
            status, body = get(path, "/version")
            assert status == 502 and b"agent a is not currently connected" in body
    # Without the port in its Hello it has none.
    charon.agent("a", f"--docker={engine.path}", key=key)
    until("the port goes", 10, lambda: not os.path.exists(ports[0]))
    charon.run("agent", "remove", "a")
    until("the rest goes", 10, lambda: not os.path.exists(
        os.path.dirname(ports[1])))


def test_places(lab, charon):
    """Docker and ports under the agent's name, also after a reload."""
    one, two = lab.serve(says(b"one")), lab.serve(says(b"two"))
    engine = lab.serve(docker(), "unix")
    config = lab.write("a.ini", f"[expose web]\nto = {one.port}\n")
    agent = charon.agent("a", f"--docker={engine.path}", "--config", config,
                         key=charon.add_agent("a"))
    forward, = agent.forwards("expose")
    assert forward["listen"] == f"a.orthrus:{one.port}"
    status = agent.status()
    shown = lab.run("status", "--control", agent.control).stdout
    assert "the server is a gateway, which shows this agent as online" in shown
    expires = datetime.datetime.fromisoformat(
        status["certificate"]["expires"].replace("Z", "+00:00")).astimezone()
    assert f"certificate 1, until {expires:%Y-%m-%d %H:%M}" in shown
    assert status["docker"]["remote"] == "/a/docker.sock"
    assert status["docker"]["docker_host"] is None
    assert get(charon.socket("a"), "/v1.43/containers/json")[0] == 200
    assert get(charon.socket("a"), "/containers/x/archive?path=/")[0] == 403
    assert read_all(lab.connect(charon.socket("a", one.port))) == b"one"

    lab.write("a.ini", f"[expose web]\nto = {one.port}\n"
              f"[expose more]\nto = {two.port}\n")
    agent.signal(signal.SIGHUP)
    until("the new port's socket", 20,
          lambda: os.path.exists(charon.socket("a", two.port)))
    until("the new port is up", 20,
          lambda: [f["state"] for f in agent.forwards("expose")] ==
          ["up", "up"])
    assert read_all(lab.connect(charon.socket("a", two.port))) == b"two"
    assert agent.status()["reconnects"] == 0


def test_remote_forward_has_a_place_as_well(lab, charon):
    """Where a gateway listens for -R is told, not what was asked for."""
    to, port = lab.serve(says(b"here")), free_port()
    agent = charon.agent("a", "-R", f"{port}:127.0.0.1:{to.port}",
                         key=charon.add_agent("a"))
    forward, = agent.forwards("remote")
    assert forward["listen"] == f"a.orthrus:{port}"
    assert forward["normalized"].startswith(f"localhost:{port}:")
    assert f"the server listens on a.orthrus:{port}" in agent.log()
    assert read_all(lab.connect(charon.socket("a", port))) == b"here"


def test_place_of_another(lab, charon):
    """Refused, and told once."""
    engine = lab.serve(docker(), "unix")
    charon.add_agent("b")
    agent = charon.agent("a", f"--docker={engine.path}", "--docker-remote",
                         "/b/docker.sock", key=charon.add_agent("a"), wait=0)
    until("it was refused", 20, lambda: "the server refused to listen on "
          "/b/docker.sock: the gateway's log says why" in agent.log())
    assert agent.status()["docker"]["state"] == "retrying"
    charon.wait_status("a", "online")
    assert get(charon.socket("b"), "/version")[0] == 502
    time.sleep(2.5)
    assert agent.log().count("refused to listen") == 1


def test_stream_survives_heartbeats(lab, charon):
    """Bulk through a port does not make it look dead, nor the other way."""
    to = lab.serve(echo)
    agent = charon.agent("a", "--expose", to.port, key=charon.add_agent("a"))
    charon.wait_status("a", "online")
    conn = lab.connect(charon.socket("a", to.port))
    end = time.monotonic() + 4
    data = bytes(64 * 1024)
    while time.monotonic() < end:
        assert echoes(conn, data)
    assert "is offline" not in charon.log()
    assert agent.status()["reconnects"] == 0


# Another server

def test_from_gateway_to_plain_server_and_back(lab, charon):
    """Where things are listened on follows the server."""
    to = lab.serve(echo)
    port = charon.port
    key = charon.add_agent("nobody")
    with open(lab.path("ca"), "wb") as f:
        f.write(open(os.path.join(charon.state, "ca_ed25519.pub"),
                     "rb").read())
    sshd = lab.sshd(TrustedUserCAKeys=lab.path("ca"))
    os.mkdir(lab.path("state-nobody"), 0o700)
    lab.write("state-nobody/known_hosts", keyscan(sshd.port))
    agent = charon.agent("nobody", "--server", sshd.address, "--expose",
                         to.port, key=key)
    assert agent.forwards("expose")[0]["listen"] == \
        f"nobody.orthrus:{to.port}"
    assert charon.stop() == 0
    until("the agent is at sshd", 20, lambda: agent.status()["server"].
          endswith(str(sshd.port)) and agent.state() == "connected")
    agent.wait_ready()
    assert "the gateway asks us to go elsewhere" in agent.log()
    status = agent.status()
    assert status["gateway"] is False and status["leash"] is False
    host, _, there = agent.forwards("expose")[0]["listen"].rpartition(":")
    assert host == "localhost" and int(there) > 0
    assert echoes(lab.connect(("127.0.0.1", int(there))))
    charon.start()
    assert charon.port == port
    sshd.kill_sessions()
    charon.wait_status("nobody", "online")
    assert agent.wait_ready().forwards("expose")[0]["listen"] == \
        f"nobody.orthrus:{to.port}"
    assert agent.log().count("the server is an ordinary SSH server") == 1


def test_streams_end_in_peace(lab, charon):
    """A gateway that stops lets what runs come to its end."""
    def slow(conn, target):
        conn.sendall(b"begin ")
        time.sleep(1.5)
        conn.sendall(b"end")
    to = lab.serve(slow)
    agent = charon.agent("a", "--expose", to.port, key=charon.add_agent("a"))
    conn = lab.connect(charon.socket("a", to.port))
    assert conn.recv(6) == b"begin "
    charon.process.send_signal(signal.SIGTERM)
    assert read_all(conn) == b"end"
    assert charon.stop() == 0
    charon.start()
    charon.wait_status("a", "online")
    assert agent.running()


# Certificates

def test_renewal(lab):
    """New keys again and again, and one session."""
    charon = lab.own(Charon(lab, agents={
        "heartbeat": "500ms", "timeout": "2s",
        "certificate_lifetime": "6s", "renew_before": "4s"}))
    to = lab.serve(echo)
    agent = charon.agent("a", "--expose", to.port, key=charon.add_agent("a"))
    state = lab.path("state-a/id_ed25519")
    first = open(state).read()
    conn = lab.connect(charon.socket("a", to.port))
    assert echoes(conn)
    until("three renewals", 40,
          lambda: int(agent.status()["certificate"]["serial"]) >= 4)
    assert open(state).read() != first
    assert echoes(conn)
    assert agent.status()["reconnects"] == 0
    # The next login is with the last one.
    charon.kill()
    charon.start()
    until("a new session", 20, lambda: agent.status()["reconnects"] == 1)
    charon.wait_status("a", "online")
    done = subprocess.run(["ssh-keygen", "-L", "-f", state + "-cert.pub"],
                          capture_output=True, text=True, check=True)
    assert 'Key ID: "a"' in done.stdout
    assert not [n for n in os.listdir(lab.path("state-a"))
                if n in ("id_ed25519.new", "id_ed25519.new-cert.pub")]


def test_renewal_that_fails(lab):
    """A directory that cannot be written to is told once, and tried again."""
    charon = lab.own(Charon(lab, agents={
        "heartbeat": "500ms", "timeout": "2s",
        "certificate_lifetime": "12s", "renew_before": "10s"}))
    agent = charon.agent("a", key=charon.add_agent("a"))
    state = lab.path("state-a")
    # In the way of the next key; root is not stopped by modes.
    os.makedirs(os.path.join(state, "id_ed25519.new/x"))
    until("it is told", 20,
          lambda: "the certificate cannot be renewed: " in agent.log())
    time.sleep(2.5)
    assert agent.log().count("cannot be renewed") == 1
    os.rmdir(os.path.join(state, "id_ed25519.new/x"))
    os.rmdir(os.path.join(state, "id_ed25519.new"))
    until("a renewal", 20,
          lambda: int(agent.status()["certificate"]["serial"]) >= 2)
    assert agent.status()["reconnects"] == 0


def test_renewal_written_later(lab):
    """What the gateway gave is kept until it can be put in its place."""
    charon = lab.own(Charon(lab, agents={
        "heartbeat": "500ms", "timeout": "2s",
        "certificate_lifetime": "20s", "renew_before": "19s"}))
    agent = charon.agent("a", key=charon.add_agent("a"))
    public = os.path.join(lab.path("state-a"), "id_ed25519.pub")
    os.unlink(public)
    os.mkdir(public)
    until("it is told", 30,
          lambda: "the certificate cannot be renewed: " in agent.log())
    time.sleep(2.5)
    os.rmdir(public)
    until("the renewal", 20,
          lambda: "certificate renewed (serial 2)" in agent.log())
    assert agent.log().count("cannot be renewed") == 1
    assert charon.log().count("certificate renewed, serial") == 1
    assert os.path.isfile(public)
    assert agent.status()["reconnects"] == 0


def test_stop_is_quick(lab, charon):
    """The leash is a channel that nobody waits for."""
    agent = charon.agent("a", key=charon.add_agent("a"))
    charon.wait_status("a", "online")
    started = time.monotonic()
    assert agent.stop() == 0
    assert time.monotonic() - started < 1.5
    charon.wait_status("a", "offline")
