# SPDX-License-Identifier: ISC
"""Agents and clients that ask for what is another's."""

import contextlib
import os
import signal
import time

import pytest

from lab.raw_leash import Leash, heartbeat, hello
from lab.raw_ssh import (CLOSE, DATA, Fields, GLOBAL_REQUEST, OPEN,
                         OPEN_CONFIRMATION, REQUEST_FAILURE, REQUEST_SUCCESS,
                         message)
from lab.scene import MB, Scene
from lab.system import until
from lab.targets import echo

STREAMLOCAL = "streamlocal-forward@openssh.com"
CANCEL_STREAMLOCAL = "cancel-" + STREAMLOCAL
MANY = 10000


@pytest.fixture
def scene(lab):
    return Scene(lab)


@pytest.fixture
def other(scene):
    """An agent of its own that is up, by hand."""
    raw = scene.login(scene.enrol("other"))
    raw.leash = Leash(raw).welcome("other")
    scene.charon.wait_status("other", "online")
    return raw


def listing(scene):
    """Every socket in the runtime directory."""
    return sorted(os.path.join(folder, name)
                  for folder, _, names in os.walk(scene.charon.runtime)
                  for name in names)


# --- an agent and others' names ----------------------------------------

HOSTS = ["good", "good.orthrus", "GOOD.orthrus", "*.orthrus", "orthrus",
         "other.good.orthrus", "good.orthrus.other",
         "other/../good", "example.com", "10.0.0.1", "127.0.0.2", "0", "\n",
         "other.orthru", "x" * 255, "x" * 5000, "other\0.orthrus"]


def test_listening_under_other_names(scene, other):
    before = listing(scene)
    with scene.attack(logged="other: refused to listen"):
        for host in HOSTS:
            for name in ("tcpip-forward", "cancel-tcpip-forward"):
                assert not other.request(name, host, 8080), host
    assert listing(scene) == before


def test_listening_on_other_paths(scene, other):
    good = scene.target.port
    runtime, state = scene.charon.runtime, scene.charon.state
    paths = ["/good/docker.sock", f"/good/{good}.sock", "/good/8080.sock",
             f"{runtime}/agents/good/docker.sock",
             f"{runtime}/agents/good/1.sock",
             f"{runtime}/agents/other/../good/docker.sock",
             f"{runtime}/agents/other/../../http.sock",
             "/other/../good/docker.sock", "/../other/docker.sock",
             "/other/../docker.sock", "/other//docker.sock",
             "//other/docker.sock", "/other/docker.sock/", "/other/docker",
             "/other/docker.sock/../../good/docker.sock", "/other/0.sock",
             "/other/65536.sock", "/other/-1.sock", "/other/+80.sock",
             "/other/80.sock.sock", "/other/http.sock", "/other/.sock",
             "/other/80", "/other/ 80.sock", "/other/80.sock\0",
             "other/docker.sock", "/other", "/", "", f"{runtime}/http.sock",
             f"{state}/ca_ed25519", "/etc/cron.d/x", "/tmp/x.sock",
             "/" + "a" * 107 + "/docker.sock", "/other/" + "8" * 5000]
    before = listing(scene)
    with scene.attack(logged="other: refused to listen"):
        for path in paths:
            for name in (STREAMLOCAL, CANCEL_STREAMLOCAL):
                assert not other.request(name, path), path
    assert listing(scene) == before
    scene.ask()


def test_cancelling_anothers(scene, other):
    """What good listens on is not other's to cancel, by any name for it."""
    port = scene.target.port
    with scene.attack():
        for host in ("", "localhost", "other.orthrus", "good.orthrus"):
            assert not other.request("cancel-tcpip-forward", host, port)
        # Its own it may have and give back; good's stays.
        assert other.request("tcpip-forward", "", port)
        assert other.request("cancel-tcpip-forward", "", port)
        assert not other.request("cancel-tcpip-forward", "", port)


def test_reaching_others(scene, other):
    port, runtime = scene.target.port, scene.charon.runtime
    with scene.attack(logged="agent other: refused a channel"):
        for host, p in (("good.orthrus", port), ("good.orthrus", 2375),
                        ("GOOD.orthrus", port), ("good", port),
                        ("localhost", scene.port), ("127.0.0.1", port),
                        ("good.orthrus.", port), ("nobody.orthrus", 80),
                        ("::1", 22), ("169.254.169.254", 80)):
            ok, (reason, said) = other.direct(host, p)
            assert not ok and reason == 1, (host, said)
        for path in ("/good/docker.sock", f"/good/{port}.sock",
                     f"{runtime}/agents/good/docker.sock",
                     f"{runtime}/agents/other/../good/{port}.sock",
                     "/other/../good/docker.sock", f"{runtime}/http.sock",
                     "/var/run/docker.sock", "/etc/passwd", ""):
            ok, (reason, said) = other.direct_path(path)
            assert not ok and reason == 1, (path, said)


def test_too_many_listeners(scene, other):
    """1,000 of them: as many as a Hello may name, and no more."""
    with scene.attack(memory=4 * MB):
        granted = sum(other.request("tcpip-forward", "", port)
                      for port in range(20000, 21000))
        granted += sum(other.request(STREAMLOCAL, f"/other/{port}.sock")
                       for port in range(30000, 30100))
        granted += sum(other.request("tcpip-forward", "", 0)
                       for _ in range(100))
        assert 60 < granted <= 65
        mine = [path for path in listing(scene) if "/other/" in path]
        assert len(mine) <= 66
    other.close()
    scene.charon.wait_status("other", "offline")


@pytest.mark.heavy
def test_listeners_that_come_and_go(scene, other):
    """Each is a socket made and removed, or refused: 10,000 times."""
    with scene.attack(memory=4 * MB):
        for _ in range(MANY // 100):
            other.send(*[
                message(GLOBAL_REQUEST, name, True, "", 8080)
                for name in ("tcpip-forward", "cancel-tcpip-forward")] * 100)
            for _ in range(200):
                other.expect(REQUEST_SUCCESS, REQUEST_FAILURE)


def test_channels_to_itself(scene, other):
    """An agent that is its own client, and answers nothing or everything."""
    assert other.request("tcpip-forward", "", 80)
    with scene.attack(memory=8 * MB):
        for n in range(200):
            other.send(message(OPEN, "direct-tcpip", 1000 + n, 2 ** 20, 32768,
                               "other.orthrus", 80, "", 0))
            fields = Fields(other.expect(OPEN))
            assert fields.string() == b"forwarded-tcpip"
            theirs = fields.u32()
            other.send(message(OPEN_CONFIRMATION, theirs, 5000 + n, 2 ** 20,
                               32768))
            fields = Fields(other.expect(OPEN_CONFIRMATION))
            assert fields.u32() == 1000 + n
            mine = fields.u32()
            # What goes in at one end comes out at the other.
            other.data(mine, b"around")
            fields = Fields(other.expect(DATA))
            assert fields.u32() == 5000 + n and fields.string() == b"around"
            if n % 2:
                other.send(message(CLOSE, mine), message(CLOSE, theirs))
    with scene.attack(memory=MB, logged="agent other: session ended"):
        other.close()
        time.sleep(0.5)


def test_own_docker(scene, other):
    """Whoever has an agent's key does not use its Docker from afar; a client
    whose list has it does, and its port is the agent's own all the same."""
    assert other.request("tcpip-forward", "", 80)
    client = scene.login(scene.client("person", "other:docker"))
    with scene.attack(logged="agent other: refused a channel"):
        for form in forms(scene, "other", 0):
            assert not reaches(other, form), form
            assert reaches(client, form), form
    # What is exposed at Docker's number is a port like others.
    assert not reaches(other, ("tcp", "other.orthrus", 2375))
    assert other.request("tcpip-forward", "", 2375)
    other.open("direct-tcpip", "other.orthrus", 2375, "", 0)
    fields = Fields(other.expect(OPEN))
    assert fields.string() == b"forwarded-tcpip"


@pytest.mark.heavy
def test_a_stopped_agent(scene, lab):
    """SIGSTOP with streams open: offline in time, its users are told."""
    target = lab.serve(echo)
    agent = scene.charon.agent("frozen", "--expose", target.port,
                               "--resume", "0",
                               key=scene.charon.add_agent("frozen"))
    path = scene.charon.socket("frozen", target.port)
    conns = [lab.connect(path) for _ in range(50)]
    for conn in conns:
        conn.sendall(b"x")
        assert conn.recv(1) == b"x"
    try:
        with scene.attack(logged="agent frozen: session ended",
                          memory=16 * MB):
            agent.signal(signal.SIGSTOP)
            started = time.monotonic()
            for conn in conns:		# as much as is taken
                conn.setblocking(False)
                try:
                    while True:
                        conn.send(b"x" * 65536)
                except OSError:
                    pass
            scene.charon.wait_status("frozen", "offline")
            assert time.monotonic() - started < 10.5
            for conn in conns:
                conn.settimeout(5)
                try:
                    while conn.recv(65536):
                        pass
                except ConnectionError:
                    pass
            late = lab.connect(path)
            assert late.recv(100).startswith(b"HTTP/1.1 502")
    finally:
        agent.signal(signal.SIGCONT)
    scene.charon.wait_status("frozen", "online")


def answer(agent, window=2 ** 20):
    """The agent takes the next channel that is opened to it."""
    fields = Fields(agent.expect(OPEN))
    fields.string()
    number = fields.u32()
    agent.send(message(OPEN_CONFIRMATION, number, 7, window, 32768))
    return number


@pytest.mark.parametrize("how", ["remove", "rekey", "close", "displace"])
def test_end_with_everything_open(scene, lab, how):
    """Streams at each stage: asked for, open, full, and through Docker."""
    who = scene.enrol("other")
    other = scene.login(who)
    assert other.request("tcpip-forward", "", 80)
    assert other.request(STREAMLOCAL, "/other/docker.sock")
    Leash(other).welcome("other", [80])
    client = scene.login(scene.client("c", "other:*"))
    path = scene.charon.socket("other", 80)
    docker = scene.charon.socket("other")
    conns = []
    with scene.attack(memory=8 * MB, lines=100):
        conns += [lab.connect(path), lab.connect(path)]
        conns[0].sendall(b"x" * 100000)
        answer(other, window=1000)
        answer(other)
        for _ in range(3):
            client.send(message(OPEN, "direct-tcpip", 1, 2 ** 20, 32768,
                                "other.orthrus", 80, "", 0))
        answer(other)
        assert client.expect(OPEN_CONFIRMATION)
        for request in (b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n",
                        b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n",
                        b"GET /v1.41/info HTTP/1.1\r\n"):
            conns.append(lab.connect(docker))
            conns[-1].sendall(request)
        client.send(message(OPEN, "direct-tcpip", 2, 2 ** 20, 32768,
                            "other.orthrus", 2375, "", 0))
        client.expect(OPEN_CONFIRMATION)
        answer(other)
        conns.append(lab.connect(path))
        if how in ("remove", "rekey"):
            scene.charon.run("agent", how, "other")
            assert other.ended(1)
        elif how == "displace":
            scene.login(who)
            assert "displaced" in other.ended(5)
        else:
            other.close()
        for conn in conns[:2]:
            conn.settimeout(5)
            with contextlib.suppress(ConnectionError):
                while conn.recv(65536):
                    pass
        time.sleep(0.5)
        client.send(message(GLOBAL_REQUEST, "x", True))
        client.expect(REQUEST_FAILURE)
    assert os.path.exists(docker) == (how != "remove")


# --- a client and its permissions --------------------------------------

def forms(scene, name, port):
    """Every way to say agent NAME and PORT (0: Docker)."""
    runtime = scene.charon.runtime
    if port == 0:
        return [("tcp", f"{name}.orthrus", 2375),
                ("path", f"/{name}/docker.sock"),
                ("path", f"{runtime}/agents/{name}/docker.sock")]
    return [("tcp", f"{name}.orthrus", port),
            ("path", f"/{name}/{port}.sock"),
            ("path", f"{runtime}/agents/{name}/{port}.sock")]


def reaches(raw, form):
    kind, *where = form
    ok, why = raw.direct(*where) if kind == "tcp" else raw.direct_path(*where)
    assert ok or why[0] in (1, 2), why
    return ok or why[0] != 1


def test_permissions_in_every_form(scene, other):
    port = scene.target.port
    assert other.request("tcpip-forward", "", 80)
    allows = {f"good:{port}": [("good", port)],
              "good:docker": [("good", 0)],
              "good:*": [("good", port), ("good", 0)],
              "other:81": [], "egress": []}
    targets = [("good", port), ("good", 0), ("other", 82), ("other", 0),
               ("nobody", 80)]
    for n, (allow, reachable) in enumerate(allows.items()):
        raw = scene.login(scene.client(f"c{n}", allow))
        with scene.attack(logged=f"client c{n}: refused a channel"):
            for target in targets:
                for form in forms(scene, *target):
                    assert reaches(raw, form) == (target in reachable), \
                        (allow, form)


def test_clients_do_not_listen(scene):
    raw = scene.login(scene.client("c", "good:*,egress"))
    before = listing(scene)
    with scene.attack(logged="client c: refused to listen"):
        for host in ("", "localhost", "c", "c.orthrus", "good.orthrus"):
            assert not raw.request("tcpip-forward", host, 0)
            assert not raw.request("tcpip-forward", host, 8080)
            assert not raw.request("cancel-tcpip-forward", host,
                                   scene.target.port)
        for path in ("/c/80.sock", "/good/80.sock", "/tmp/x.sock"):
            assert not raw.request(STREAMLOCAL, path)
    assert listing(scene) == before


def test_clients_leash(scene):
    """A client may say Hello, and is no agent for it."""
    raw = scene.login(scene.client("c", "good:*"))
    with scene.attack():
        leash = Leash(raw)
        leash.say(hello("c", [80]), heartbeat())
        assert leash.hear()[0] == 11
        time.sleep(0.5)
    assert set(scene.charon.agents()) == {"good"}
    assert not any("/c/" in path for path in listing(scene))


def test_permissions_are_taken_back(scene):
    """While the client is connected: for what it opens next."""
    friend = scene.client("c", "good:*")
    raw = scene.login(friend)
    assert raw.direct("good.orthrus", scene.target.port)[0]
    scene.charon.run("client", "remove", "c")
    assert raw.ended(1)
    scene.charon.add_client("c", "good:81", scene.lab.path("key-c.pub"))
    raw = scene.login(friend)
    with scene.attack(logged="client c: refused a channel"):
        assert not raw.direct("good.orthrus", scene.target.port)[0]


# --- egress -------------------------------------------------------------

INSIDE = ["127.0.0.1", "localhost", "::1", "[::1]", "0.0.0.0", "::", "0",
          "127.1", "2130706433", "0x7f000001", "017700000001",
          "::ffff:127.0.0.1", "127.0.0.2", "10.0.0.1", "192.168.0.1",
          "172.16.0.1", "169.254.169.254", "fe80::1", "fd00::1",
          "100.64.0.1", "224.0.0.1", "255.255.255.255", "localhost.",
          "LOCALHOST", "ip6-localhost"]


def test_no_egress(scene, lab):
    """Neither by the client's permissions nor by the gateway's."""
    inside = lab.serve(echo)
    without = scene.login(scene.client("without", "good:*"))
    allowed = scene.login(scene.client("allowed", "egress"))
    with scene.attack(logged="client without: refused a channel"):
        for host in INSIDE + ["example.com"]:
            ok, (reason, _) = without.direct(host, inside.port)
            assert not ok and reason == 1, host
    with scene.attack(logged="client allowed: refused a channel"):
        for host in INSIDE + ["example.com"]:
            ok, (reason, _) = allowed.direct(host, inside.port)
            assert not ok and reason == 1, host
    assert inside.accepted == 0


def test_egress_to_the_inside(lab):
    """A rule for everything does not name loopback or private networks."""
    scene = Scene(lab, egress={"allow": "*:*"})
    inside = lab.serve(echo)
    raw = scene.login(scene.client("c", "egress"))
    with scene.attack(slow=3):
        for host in INSIDE:
            raw.open("direct-tcpip", host, inside.port, "", 0)
        for host in INSIDE:
            ok, why = raw.opened()
            assert not ok, why
        for port in (scene.port, 22):
            assert not raw.direct("127.0.0.1", port)[0]
    assert inside.accepted == 0


def test_egress_to_what_is_named(lab):
    inside = lab.serve(echo)
    scene = Scene(lab, egress={"allow": f"127.0.0.1:{inside.port}"})
    raw = scene.login(scene.client("c", "egress"))
    with scene.attack(logged="client c: refused a channel"):
        assert raw.direct("127.0.0.1", inside.port)[0]
        for host, port in (("127.0.0.1", inside.port + 1),
                           ("127.0.0.2", inside.port),
                           ("localhost", inside.port), ("::1", inside.port),
                           ("127.1", inside.port)):
            assert not raw.direct(host, port)[0], host
    until("it was reached once", 5, lambda: inside.accepted == 1)


@pytest.mark.heavy
def test_displacing_oneself(scene):
    """The same agent from many places: one is up, the others are told."""
    who = scene.enrol("other")
    raws = []
    with scene.attack(memory=8 * MB, lines=400):
        for _ in range(60):
            raws.append(scene.login(who))
            raws[-1].session()
        for raw in raws[:-1]:
            assert "displaced" in raw.ended(5)
        scene.charon.wait_status("other", "online")
        raws[-1].session()
