# SPDX-License-Identifier: ISC
"""Every file of tests/corpus/muzzle against "orthrus muzzle".

In front of a recording stand-in (muzzle_engine.py) each file tells what is
answered and what the engine may see, to the byte; in front of a real engine
nothing may succeed that is hostile, and nothing may change.
"""

import concurrent.futures
import contextlib
import json
import subprocess
import time

import pytest

from lab import harness
from lab.muzzle_cases import cases
from lab.muzzle_client import Client
from lab.muzzle_engine import Engine, default_body
from lab.system import until

PING = [b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n"]
HEAD_SECONDS = 10		# for the head of a request
CASES = cases()
FAST = [c for c in CASES if not c.slow]
SLOW = [c for c in CASES if c.slow]


def listens(path, muzzle):
    assert muzzle.running(), muzzle.log()
    with contextlib.suppress(OSError), Client(path):
        return True
    return False


class Muzzles:
    """One "orthrus muzzle" for each set of options, before one engine."""

    def __init__(self, lab, engine_path):
        self.lab, self.engine_path = lab, engine_path
        self.running = {}

    def path(self, options=()):
        key = tuple(options)
        if key not in self.running:
            path = self.lab.path(f"muzzle-{len(self.lab.things)}.sock")
            muzzle = self.lab.own(harness.Orthrus(
                self.lab, [harness.ORTHRUS, "muzzle", "--listen", path,
                           "--docker", self.engine_path, *options],
                self.lab.environment(), None, None))
            until("the Muzzle listens", 20, lambda: listens(path, muzzle))
            self.running[key] = (path, muzzle)
        return self.running[key][0]

    def log(self):
        return "".join(m.log() for _, m in self.running.values())


@pytest.fixture(scope="module")
def stand(keys):
    """The stand-in and the Muzzles before it, for all tests of a worker."""
    lab = harness.Lab(keys)
    engine = lab.own(Engine(lab.path("engine.sock")))
    muzzles = Muzzles(lab, engine.path)
    started = time.monotonic()
    yield engine, muzzles
    seconds = time.monotonic() - started
    log = muzzles.log()
    lab.close()
    for status in (400, 403, 404, 405, 431, 502):	# at most one a second
        assert log.count(f"refused ({status})") <= \
            len(muzzles.running) * (seconds + 2)
    # What clients and engines say is not for the terminal, nor is a query.
    assert all(c.isprintable() or c == "\n" for c in log), repr(log)
    for word in ("SMUGGLED", "secret1", "ps_args", "?", "X-Header"):
        assert word not in log, f"{word} in the log:\n{log}"


@pytest.fixture(scope="module")
def written(stand):
    """What one request becomes: the same words, whoever asks."""
    said = subprocess.run([harness.ORTHRUS, "--version"], check=True,
                          capture_output=True, text=True).stdout.split()
    agent = f"User-Agent: {said[0]}/{said[1]}"

    def request(line):
        lines = [line + " HTTP/1.1", "Host: docker", agent, "Accept: */*"]
        if line.startswith("POST "):
            lines.append("Content-Length: 0")
        return "".join(l + "\r\n" for l in [*lines, ""]).encode()
    return request


def outcome(answer):
    if answer is None:
        return "none"
    return str(answer.status) + ("" if answer.whole else "-cut")


def check_refusal(answer, to_head):
    """Docker's JSON, for people."""
    assert answer.header("content-type") == "application/json"
    if to_head:
        return
    message = json.loads(answer.body)
    assert list(message) == ["message"]
    assert message["message"].startswith("orthrus: ")
    assert message["message"].isprintable() and message["message"].isascii()


def check_answers(case, client):
    """Reads all answers, and compares each with what was expected."""
    until_end = b" HTTP/1.0" in case.sent()
    from_engine = 0
    for i, expected in enumerate(case.expect):
        to_head = case.to_head(i)
        answer = client.answer(to_head, until_end)
        assert outcome(answer) in expected, (i, expected, client.got[:2000])
        if answer is None or not answer.whole:
            continue
        if answer.status >= 400 and case.body is None:
            check_refusal(answer, to_head)
        elif from_engine >= len(case.script) and not to_head:
            assert answer.body == default_body(
                case.engine[from_engine].encode())
        elif case.body is not None and i == len(case.expect) - 1:
            assert answer.body == case.body
        from_engine += answer.status < 400


def check_end(case, client):
    """True when the connection is still good for another request."""
    if case.closes == "yes":
        assert client.ended(), f"more came: {client.got[-300:]}"
        return False
    client.send(PING)
    answer = client.answer()
    if case.closes == "any" and answer is None:
        return False
    assert answer.status == 200, "the next request"
    assert answer.body == default_body(b"GET /_ping")
    return True


def run(case, path, engine, written):
    with Client(path) as client:
        client.send(case.request)
        check_answers(case, client)
        more = check_end(case, client)
    with Client(path) as other:		# behind which nothing is on its way
        other.send(PING)
        assert other.answer().status == 200
    lines = [*case.engine, *["GET /_ping"] * (1 + more)]
    assert engine.seen() == b"".join(map(written, lines))
    assert not case.hides or case.hides not in client.got
    engine.wait_idle(2)


@pytest.mark.parametrize("case", FAST, ids=lambda c: c.name)
def test_stand_in(stand, written, case):
    engine, muzzles = stand
    path = muzzles.path(case.options)
    engine.script(case.script)
    run(case, path, engine, written)


def be_slow(case, path):
    """One slow client; how long it was borne with."""
    with Client(path, 2 * HEAD_SECONDS) as client:
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            sending = pool.submit(client.send, case.request)
            check_answers(case, client)
            assert client.ended()
            took = time.monotonic() - started
            sending.result()
    return took


@pytest.mark.timed
def test_slow_heads(stand, written):
    """All of them at once, since each lasts for as long as it may."""
    engine, muzzles = stand
    path = muzzles.path()
    engine.script([])
    with concurrent.futures.ThreadPoolExecutor(len(SLOW)) as pool:
        waits = {c.name: pool.submit(be_slow, c, path) for c in SLOW}
        while any(w.running() for w in waits.values()):
            with Client(path) as other:		# others are served meanwhile
                started = time.monotonic()
                other.send([b"GET /version HTTP/1.1\r\nHost:\r\n\r\n"])
                assert other.answer().status == 200
                assert time.monotonic() - started < 1
            time.sleep(0.5)
    took = {name: w.result() for name, w in waits.items()}
    print({name: round(t, 1) for name, t in took.items()})
    assert all(HEAD_SECONDS - 1 < t < HEAD_SECONDS + 2 for t in took.values())
    seen = engine.seen().replace(written("GET /version"), b"")
    allowed = [line for c in SLOW for line in c.engine]
    assert seen == b"".join(map(written, allowed))


def state_of(engine_path):
    """All that a hostile request could have changed, in an order of ours."""
    found = []
    for target, volatile in (("/containers/json?all=1", "Status"),
                             ("/images/json?all=1", None),
                             ("/networks", None), ("/volumes", None)):
        with Client(engine_path) as client:
            client.send([f"GET {target} HTTP/1.1\r\nHost: docker\r\n"
                         "\r\n".encode()])
            answer = client.answer()
        assert answer.status == 200, (target, answer.body)
        things = json.loads(answer.body)
        if target == "/volumes":
            things = things["Volumes"]
        for thing in things:
            thing.pop(volatile, None)		# "Up 3 seconds"
        found += sorted(json.dumps(t, sort_keys=True) for t in things)
    assert found
    return found


def ends(case):
    """Is it answered by a real engine, and not for ever?"""
    return not (case.script or case.options or any(
        word in line for word in ("/stats", "/events", "follow")
        for line in case.engine))


def test_real_engine(docker_engine, stand):
    """What is hostile does not succeed, and nothing at all has changed."""
    path = Muzzles(stand[1].lab, docker_engine.socket).path()
    before, wrong = state_of(docker_engine.socket), []
    for case in filter(ends, FAST):
        with Client(path) as client:
            client.send(case.request)
            for i, expected in enumerate(case.expect):
                answer = client.answer(case.to_head(i),
                                       b" HTTP/1.0" in case.sent())
                if expected == ["200"]:		# or what the engine says
                    right = b'"orthrus: ' not in answer.body
                else:
                    right = outcome(answer) in expected
                if not right:
                    wrong.append((case.name, i, outcome(answer)))
    assert not wrong
    assert state_of(docker_engine.socket) == before
