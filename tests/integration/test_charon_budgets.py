# SPDX-License-Identifier: ISC
"""What one agent or client may have at once, however many sessions it has, and
that others do not notice when it wants more."""

import contextlib
import re
import threading
import time

import pytest

from lab import socks
from lab.cgroup import MemoryGroup
from lab.charon_http import Api, request
from lab.muzzle_engine import Engine
from lab.raw_ssh import (CLOSE, DATA, EOF, OPEN,
                         OPEN_CONFIRMATION, OPEN_FAILURE, Fields, Gone,
                         message)
from lab.scene import MB, Scene, channel, target
from lab.system import free_port, until


@pytest.fixture
def scene(lab):
    return Scene(lab)


# --- [limits] streams ----------------------------------------------------

def refusals(scene, reason="limit"):
    """As /metrics has them; the socket is beside those of the agents."""
    return Api.of(scene.charon).metrics()[
        "charon_refusals_total", ("reason", reason)]


def test_streams_of_all_sessions(scene):
    """Those of a client count together, and one that ends makes room."""
    scene.charon.reload(limits={"streams": 20})
    friend = scene.client("friend", "good:*")
    raws = [scene.login(friend) for _ in range(2)]
    with scene.attack("client friend: refused a channel: too many streams"):
        numbers = [channel(scene, raws[i % 2]) for i in range(20)]
        for raw in raws:
            raw.open(*target(scene))
            ok, (reason, text) = raw.opened()
            assert not ok and reason == 4 and "[limits] streams" in text
        assert refusals(scene) == 2
        raws[0].send(message(EOF, numbers[0]), message(CLOSE, numbers[0]))
        raws[0].expect(CLOSE)
        until("there is room", 10, lambda: raws[1].direct(
            "good.orthrus", scene.target.port)[0])
        # Another client has a limit of its own, and a greater one is at once.
        channel(scene, scene.login(scene.client("other", "good:*")))
        scene.charon.reload(limits={"streams": 21})
        channel(scene, raws[0])


def test_streams_of_an_agent(scene):
    """Those that it has asked for; not those that others have of it."""
    scene.charon.reload(limits={"streams": 5})
    own = scene.login(scene.enrol("own"))
    assert own.request("tcpip-forward", "", 80)
    with scene.attack("agent own: refused a channel: too many streams"):
        for _ in range(5):
            own.open("direct-tcpip", "own.orthrus", 80, "", 0)
            own.expect(OPEN)
        own.open("direct-tcpip", "own.orthrus", 80, "", 0)
        ok, (reason, _) = own.opened()
        assert not ok and reason == 4
        raw = scene.login(scene.client("friend", "own:*"))
        raw.open("direct-tcpip", "own.orthrus", 80, "", 0)
        own.expect(OPEN)


def test_a_stream_too_many_by_socks(scene, lab):
    """SOCKS5 answers 1 at once, and what is open goes on."""
    scene.charon.reload(limits={"streams": 3})
    key = scene.charon.add_client("laptop", "good:*")
    laptop = scene.charon.agent("laptop", key=key, 
                                socks5=f"127.0.0.1:{free_port()}")
    where = "good.orthrus", scene.target.port
    conns = [socks.open_through(lab, laptop, *where) for _ in range(3)]
    started = time.monotonic()
    assert socks.ask(lab.connect(laptop.socks5), *where) == socks.FAILURE
    assert time.monotonic() - started < 4	# and not after a wait
    for conn in conns:
        conn.sendall(b"still there?")
        assert socks.take(conn, 12) == b"still there?"
    until("the client says why", 5,
          lambda: "too many channels" in laptop.log())


@pytest.mark.heavy
def test_thousands_of_streams(scene):
    """What was beyond the limit of one session, and all of them idle."""
    raw = scene.login(scene.client("friend", "good:*"))
    with scene.attack(memory=12 * MB, lines=200):
        for _ in range(1200):
            raw.open(*target(scene))
        for _ in range(1200):
            ok, number = raw.opened()
            assert ok, number
        raw.data(number, b"the last one")
        assert raw.expect(94).endswith(b"the last one")


# --- memory ----------------------------------------------------------------

def hoard(raw, streams):
    """
    An agent's streams to itself, with all that they may bring, and nothing of
    it is taken: how many there are, and bytes that were sent.
    """
    assert raw.request("tcpip-forward", "", 80)
    done = sent = 0
    for _ in range(streams // 100):
        for _ in range(100):
            raw.open("direct-tcpip", f"{raw.name}.orthrus", 80, "", 0,
                     window=0)
        due = 200		# at either end of each
        while due > 0:
            packet = raw.expect(OPEN, OPEN_CONFIRMATION, OPEN_FAILURE)
            fields = Fields(packet)
            due -= 1
            if packet[0] == OPEN_FAILURE:
                due -= 1
                continue
            if packet[0] == OPEN:
                fields.string()
                number, window = fields.u32(), fields.u32()
                raw.send(message(OPEN_CONFIRMATION, number, 7, 0, 32768))
            else:
                fields.u32()
                number, window = fields.u32(), fields.u32()
                done += 1
            raw.data(number, bytes(window))
            sent += window
    return done, sent


def hoarder(scene, name):
    raw = scene.login(scene.enrol(name))
    raw.name = name
    return raw


@pytest.mark.heavy
def test_an_agent_that_reads_nothing_of_itself(scene):
    """8,000 streams, as many as there are numbers for: 32 MiB at most."""
    own = hoarder(scene, "own")
    with scene.attack(memory=36 * MB, slow=2, lines=200):
        done, sent = hoard(own, 8000)
        assert done == 8000 and 5 * MB < sent < 24 * MB
    with scene.attack(memory=MB, logged="own: session ended"):
        own.close()


@pytest.mark.heavy
def test_a_client_of_many_sessions_that_reads_nothing(scene):
    """What all of its sessions may bring is what one may."""
    silent = scene.login(scene.enrol("silent"))
    assert silent.request("tcpip-forward", "", 80)
    friend = scene.client("friend", "silent:*")
    sent = 0
    with scene.attack(memory=20 * MB, slow=2, lines=200):
        for _ in range(12):
            raw = scene.login(friend)
            for _ in range(60):
                raw.open("direct-tcpip", "silent.orthrus", 80, "", 0, window=0)
                number, window = accept(silent, window=0)
                silent.data(number, bytes(window))
                fields = Fields(raw.expect(OPEN_CONFIRMATION))
                fields.u32()
                number, more = fields.u32(), fields.u32()
                raw.data(number, bytes(more))
                sent += window + more
        assert sent < 16 * MB


@pytest.mark.heavy
def test_streams_that_somebody_else_pays_for(scene, lab):
    """
    A client that has 15,000 streams to an agent, and reads none, takes nothing
    of what the agent has for others.
    """
    silent = scene.login(scene.enrol("silent"))
    assert silent.request("tcpip-forward", "", 80)
    raw = scene.login(scene.client("greedy", "silent:*"))
    other = scene.client("other", "silent:*")
    with scene.attack(memory=40 * MB, slow=2, lines=200):
        for _ in range(150):
            for _ in range(100):
                raw.open("direct-tcpip", "silent.orthrus", 80, "", 0, window=0)
            for _ in range(100):
                number, window = accept(silent, window=0)
                silent.data(number, bytes(window))
                ok, number = raw.opened()
                assert ok, number
        other = scene.login(other)
        other.open("direct-tcpip", "silent.orthrus", 80, "", 0)
        number, window = accept(silent)
        assert window >= 256 * 1024
        ok, _ = other.opened()
        assert ok
        silent.data(number, b"for the other one")
        assert other.expect(DATA).endswith(b"for the other one")


def accept(raw, window=2 ** 20):
    """A channel that is opened to raw: its number, and what it may bring."""
    fields = Fields(raw.expect(OPEN))
    fields.string()
    number, ours = fields.u32(), fields.u32()
    raw.send(message(OPEN_CONFIRMATION, number, 7, window, 32768))
    return number, ours


# --- the HTTP API ------------------------------------------------------------

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" \
    b"Transfer-Encoding: chunked\r\n\r\n"


def test_an_agent_that_drips_its_answers(scene, lab):
    """It has half of the places at most, and another agent is answered."""
    def drips(conn, target):
        with contextlib.suppress(OSError):
            while conn.recv(65536):
                conn.sendall(CHUNKED)
                while True:
                    conn.sendall(b"1\r\nx\r\n")
                    time.sleep(0.2)
    engines = [lab.serve(drips, "unix"), lab.own(Engine(lab.path("e.sock")))]
    for name, engine in zip(("drip", "rome"), engines):
        scene.charon.agent(name, f"--docker={engine.path}",
                           key=scene.charon.add_agent(name))
    api = Api.of(scene.charon)
    logs = "/api/v1/agents/drip/docker/containers/x/logs?follow=1&stdout=1"
    conns = [api.connect(20) for _ in range(220)]
    with scene.attack(lines=400):
        for conn in conns:
            conn.send([request(logs)])
        found = []
        for conn in conns:
            while b"\r\n" not in conn.got:
                assert conn._more()
            found.append(int(conn.got.split()[1]))
        assert found.count(200) == 96 and found.count(503) == 124
        started = time.monotonic()
        assert api.ask("/api/v1/agents/rome/docker/info").status == 200
        assert api.ask("/healthz").status == 200
        assert time.monotonic() - started < 2
        for conn in conns:
            conn.sock.close()


# --- an agent's Docker -------------------------------------------------------

def docker(raw, target, name="rome", **how):
    """
    Asks an agent's Docker on a stream of its own: our number of that, or -1
    where there is none to be had.
    """
    ours = raw.open("direct-streamlocal@openssh.com", f"/{name}/docker.sock",
                    "", 0, **how)
    ok, number = raw.opened()
    if not ok:
        assert number[0] == 4, number
        return -1
    raw.data(number, request(target))
    return ours


def status(raw, number):
    """Of the answer that comes on that stream of ours, and no other."""
    while True:
        fields = Fields(raw.expect(DATA, seconds=30))
        if fields.u32() == number:
            return int(fields.string().split()[1])


def answers(head, body, again):
    """An engine that says so to each request, once or without an end."""
    def handler(conn, target):
        with contextlib.suppress(OSError):
            while conn.recv(65536):
                conn.sendall(head + body)
                while again:
                    time.sleep(0.2)
                    conn.sendall(body)
    return handler


@pytest.mark.heavy
def test_docker_answers_that_one_client_does_not_read(scene, lab):
    """They are its memory, and then there are no more of them."""
    engine = lab.serve(answers(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
        b"Content-Length: 60000\r\n\r\n", bytes(60000), False), "unix")
    scene.charon.agent("rome", f"--docker={engine.path}", level="info",
                       key=scene.charon.add_agent("rome"))
    greedy = scene.login(scene.client("greedy", "rome:docker"))
    with scene.attack(memory=50 * MB, slow=3, lines=2000):
        asked = 0
        while docker(greedy, "/containers/x/logs?stdout=1", window=0) >= 0:
            asked += 1
            assert asked < 600
        assert asked > 300
        other = scene.login(scene.client("other", "rome:docker"))
        assert status(other, docker(other, "/_ping")) == 200


@pytest.mark.heavy
def test_docker_streams_of_one_client(scene, lab):
    """It has half of the places, and another one finds some."""
    engine = lab.serve(answers(CHUNKED, b"1\r\nx\r\n", True), "unix")
    scene.charon.agent("rome", f"--docker={engine.path}", level="info",
                       key=scene.charon.add_agent("rome"))
    greedy, other = [scene.login(scene.client(name, "rome:docker"))
                     for name in ("greedy", "other")]
    logs = "/containers/x/logs?stdout=1&follow=1"
    with scene.attack(memory=16 * MB, slow=3, lines=2000):
        found = [status(greedy, docker(greedy, logs)) for _ in range(140)]
        assert found.count(200) == 128 and found.count(429) == 12
        assert status(other, docker(other, logs)) == 200


# --- the log ------------------------------------------------------------------

def test_a_client_that_comes_and_goes(scene):
    """It fills no disk; how much was left out is told, and others' lines not."""
    busy, calm = scene.client("busy", "good:*"), scene.client("calm", "good:*")
    with scene.attack(lines=80):
        started = time.monotonic()
        for _ in range(150):
            scene.login(busy).close()
        scene.login(calm)
        seconds = time.monotonic() - started
        until("the other one is in the log", 5,
              lambda: "client calm logged in" in scene.charon.log())
        lines = scene.charon.log().count("client busy")
        assert 60 <= lines < 70 + 2.5 * seconds
    time.sleep(1)
    scene.login(busy)
    until("it is told", 5, lambda: re.search(
        "client busy: [0-9]+ lines about it were left out",
        scene.charon.log()))


# --- [limits] memory ----------------------------------------------------------

class Alive(threading.Thread):
    """Answers the gateway's pings on a connection, and takes all else."""

    def __init__(self, raw):
        super().__init__(daemon=True)
        self.raw, self.why = raw, None
        self.start()

    def run(self):
        try:
            self.raw.expect(-1, seconds=1000)
        except (Gone, OSError) as e:
            self.why = str(e)


@pytest.mark.heavy
def test_more_hoards_than_there_is_memory_for(lab):
    """In a group of 400 MB, for which each had 282 MB once."""
    scene = Scene(lab, limits={"memory": "128m"}, log={"level": "info"})
    group = lab.own(MemoryGroup(400 * MB))
    group.add(scene.charon.pid)
    owners = [scene.enrol(f"hoarder-{i}") for i in range(8)]
    done = []
    with scene.attack(memory=140 * MB, slow=5, lines=400):
        for owner in owners:
            raw = scene.login(owner)
            raw.name = owner.name
            with contextlib.suppress(Gone, OSError):
                done.append(hoard(raw, 8000))
                Alive(raw)
        # Whoever comes now finds something.
        late = scene.login(scene.client("late", "good:*"))
        late.data(channel(scene, late), b"me, too")
        assert late.expect(DATA).endswith(b"me, too")
    print(f"{group.used() / MB:.0f} MB in the group, "
          f"{[f'{n}: {sent / MB:.1f} MB' for n, sent in done]}")


@pytest.mark.heavy
def test_who_has_most_is_cut_off(scene):
    """Of those who have much the one who has most, and nobody else."""
    owners = [scene.enrol(name) for name in ("small", "middle", "large")]
    readers = []
    with scene.attack(memory=70 * MB, slow=5, lines=400,
                      logged="agent large: cut off: .* it has most"):
        before = refusals(scene)
        for owner, streams in zip(owners, (7400, 7600, 8000)):
            raw = scene.login(owner)
            raw.name = owner.name
            assert hoard(raw, streams)[0] == streams
            readers.append(Alive(raw))
        scene.charon.reload("64m or more", limits={"memory": "40m"})
        assert not any(reader.why for reader in readers)
        scene.charon.reload(limits={"memory": "64m"})
        until("it has gone", 10, lambda: readers[2].why)
        assert "memory is full" in readers[2].why
        friend = scene.login(scene.client("friend", "good:*"))
        friend.data(channel(scene, friend), b"and others?")
        assert friend.expect(DATA).endswith(b"and others?")
        assert refusals(scene) == before + 1
        assert not any(reader.why for reader in readers[:2])
