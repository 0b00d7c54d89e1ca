# SPDX-License-Identifier: ISC
"""Places and penalties for where those come from who have not logged in.

Every address of 127.0.0.0/8 is another source but 127.0.0.1, where a proxy may
stand for anybody.
"""

import contextlib
import random
import socket
import threading
import time

import pytest

from lab.program import Program
from lab.raw_ssh import USERAUTH_REQUEST, Gone, Raw, message
from lab.scene import MB, Scene
from lab.system import free_port, until

DELAYS = (10, 100, 300)		# of a round trip, in ms
ROUNDS = 20			# logins over each
FLOOD = {"one source": ["127.0.0.2"],
         "fifty sources": [f"127.1.{i}.1" for i in range(50)]}


def far_away(lab, port, ms):
    """The same port, ms of a round trip away; each time another source."""
    near = free_port()
    link = lab.own(Program("delay.py", near, port, ms / 2,
                           f"127.9.{ms // 10}"))
    assert link.process.stdout.readline() == "ready\n"
    return near


class Logins:
    """One login after the other, each in a thread of its own."""

    def __init__(self, port, who):
        self.port, self.who = port, who
        self.took, self.failed, self.threads = [], [], []

    def login(self):
        started = time.monotonic()
        try:
            with contextlib.closing(Raw(self.port, timeout=20)) as raw:
                raw.service()
                assert raw.login_key(self.who.name, self.who.key)
                raw.session()
        except (Gone, OSError, AssertionError) as e:
            self.failed.append(repr(e))
            return
        self.took.append(time.monotonic() - started)

    def begin(self):
        self.threads.append(threading.Thread(target=self.login, daemon=True))
        self.threads[-1].start()

    def end(self):
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive()


def bystanders(ports, who, rounds, pause):
    """Logins over each of the ports: those of Logins."""
    logins = [Logins(port, who) for port in ports]
    for _ in range(rounds):
        for each in logins:
            each.begin()
        time.sleep(pause)
    for each in logins:
        each.end()
    return logins


@pytest.mark.heavy
@pytest.mark.parametrize("penalty", ["off", "10m"])
@pytest.mark.parametrize("sources", FLOOD)
def test_flood(lab, sources, penalty):
    """
    97 connections a second that take all places.  Whoever comes from elsewhere
    logs in as ever, at the first attempt, though his login takes a hundred
    times as long as another takes to push somebody out; with shares alone,
    and with penalties.
    """
    scene = Scene(lab, ssh={"penalty": penalty})
    who = scene.client("friend", "good:*")
    ports = [far_away(lab, scene.port, ms) for ms in DELAYS]
    normal = bystanders(ports, who, 2, 0.5)
    assert not any(each.failed for each in normal)
    flood = lab.own(Program("flood.py", scene.port, 97, *FLOOD[sources]))
    with scene.attack(memory=16 * MB, lines=200):
        time.sleep(3)			# all places are taken
        logins = bystanders(ports, who, ROUNDS, 0.3)
        made, ended = map(int, flood.result().split())
    for ms, before, each in zip(DELAYS, normal, logins):
        print(f"{ms} ms: {max(before.took):.2f} s before, "
              f"{max(each.took, default=0):.2f} s at most during "
              f"{made} connections, {len(each.failed)} failed")
    for before, each in zip(normal, logins):
        assert each.failed == []
        assert len(each.took) == ROUNDS
        assert max(each.took) < 2 * max(before.took) + 3
    assert made > 300 and ended > made // 2	# it was a flood


@pytest.mark.heavy
def test_crowd_behind_one_address(lab):
    """
    A gateway has been restarted: 150 agents of one address come at once and
    again, and some among them have no business any more.  All others get in.
    """
    scene = Scene(lab)
    who = scene.client("friend", "good:*")
    deadline, took = time.monotonic() + 60, []

    def come(good):
        started = time.monotonic()
        while time.monotonic() < deadline and len(took) < 128:
            try:
                raw = Raw(scene.port, source="127.0.0.5")
                raw.service()
                if raw.login_key(who.name if good else "nobody", who.key):
                    raw.close()
                    took.append(time.monotonic() - started)
                    return
                raw.close()
            except (Gone, OSError):
                pass
            time.sleep(random.uniform(0.2, 1))
    crowd = [threading.Thread(target=come, args=[i % 7 != 0], daemon=True)
             for i in range(150)]
    with scene.attack(memory=24 * MB, lines=600):
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join(90)
    assert len(took) == 128
    print(f"the last one after {max(took):.1f} s")


# --- penalties --------------------------------------------------------------

OFFENDER = "127.0.0.3"


def is_refused(scene, source):
    raw = scene.connect(kex=False, source=source)
    line = raw.line()
    raw.close()
    assert line.startswith((b"SSH-2.0-charon", b"Not now: too many logins "
                            b"from your address have failed\r\n"))
    return line.startswith(b"Not now")


def bad_key(scene, source):
    """A connection with one AUTH_KEY that is not good."""
    raw = scene.connect(source=source)
    raw.service()
    assert not raw.login_password("enroll", "ch_orthrus_" + "A" * 96)
    raw.close()


def bad_request(scene, source):
    raw = scene.connect(source=source)
    raw.service()
    raw.send(message(USERAUTH_REQUEST, "good", "ssh-connection", "hostbased",
                     "ssh-ed25519", "x", "x", "x", "x"))
    assert not raw.answered()
    raw.close()


def bad_login(scene, source):
    raw = scene.connect(source=source)
    raw.service()
    friend = scene.friend
    assert not raw.login_key("good", friend.key)
    raw.close()


OFFENCES = {"AUTH_KEY": bad_key, "method": bad_request, "key": bad_login}


@pytest.fixture
def scene(lab):
    scene = Scene(lab)
    scene.friend = scene.client("friend", "good:*")
    return scene


@pytest.mark.parametrize("what", OFFENCES)
def test_offences(scene, what):
    """Three connections with what is not good, and the source is refused; no
    other is, and it is for a while only that is counted and said."""
    with scene.attack(logged=f"refusing connections from {OFFENDER} for 1"):
        for _ in range(3):
            assert not is_refused(scene, "127.0.0.4")
            OFFENCES[what](scene, OFFENDER)
        until("it is refused", 5, lambda: is_refused(scene, OFFENDER))
        assert not is_refused(scene, "127.0.0.4")
        assert not is_refused(scene, "127.0.0.1")
    assert scene.charon.log().count(f"from {OFFENDER} for") == 1


def test_cut_logins(scene):
    """Connections that end before the login cost a second each."""
    with scene.attack(logged=f"refusing connections from {OFFENDER} for 1"):
        for _ in range(40):
            with contextlib.suppress(Gone, OSError):
                scene.connect(kex=False, source=OFFENDER).close()
        until("it is refused", 5, lambda: is_refused(scene, OFFENDER))


def looks(scene, source, identification):
    """As an agent does that only wants to know whether a gateway is there."""
    with contextlib.suppress(ConnectionResetError), socket.create_connection(("127.0.0.1", scene.charon.port), 10,
                                  (source, 0)) as s:
        s.sendall(identification + b"\r\n")
        said = b""
        while b"\n" not in said or said.endswith(b"\n"):
            part = s.recv(4096)
            if not part:
                return False
            said += part
        return True
    return False


def test_looks_cost_little(scene):
    """A thousand agents behind one address may look; others may not."""
    for _ in range(100):
        assert looks(scene, OFFENDER, b"SSH-2.0-orthrus_0.1.0")
    assert f"turned away {OFFENDER}" not in scene.charon.log()
    assert not is_refused(scene, OFFENDER)
    with scene.attack(logged=f"refusing connections from {OFFENDER} for 1"):
        until("it is refused", 20, lambda: not looks(
            scene, OFFENDER, b"SSH-2.0-OpenSSH_9.2"), every=0)


@pytest.mark.timed
def test_the_end_of_it(lab):
    """It is over when its time is, at the latest as configured."""
    scene = Scene(lab, ssh={"penalty": "15s"})
    raws = [scene.connect(source=OFFENDER) for _ in range(10)]
    for raw in raws:			# 50 s in all
        raw.service()
        assert not raw.login_password("enroll", "no AUTH_KEY")
        raw.close()
    until("it is refused", 5, lambda: is_refused(scene, OFFENDER))
    started = time.monotonic()
    until("it is over", 30, lambda: not is_refused(scene, OFFENDER),
          every=0.5)
    assert 10 < time.monotonic() - started < 25


def test_reload(scene):
    """It lets everybody in again, and may turn it off."""
    for _ in range(3):
        bad_key(scene, OFFENDER)
    until("it is refused", 5, lambda: is_refused(scene, OFFENDER))
    scene.charon.sections["ssh"]["penalty"] = "off"
    scene.charon.configure()
    scene.charon.process.send_signal(1)
    until("it is let in", 10, lambda: not is_refused(scene, OFFENDER))
    for _ in range(10):
        bad_key(scene, OFFENDER)
    assert not is_refused(scene, OFFENDER)


def test_a_login_makes_up_for_it(scene):
    """Whoever shares his address with somebody who fails is not punished."""
    def login():
        raw = scene.connect(source=OFFENDER)
        raw.service()
        assert raw.login_key("friend", scene.friend.key)
        return raw
    for _ in range(2):
        bad_key(scene, OFFENDER)
    raw = login()
    for _ in range(20):
        bad_key(scene, OFFENDER)
    assert not is_refused(scene, OFFENDER)
    raw.close()
    login().close()
    for _ in range(20):			# he was there just now
        bad_key(scene, OFFENDER)
    assert not is_refused(scene, OFFENDER)


def test_limits(lab):
    """Of all, and of one source."""
    scene = Scene(lab, ssh={"max_unauthenticated": 8, "per_source": 3})

    def stay(raws):
        """How many of them are still there."""
        return sum(not raw.is_closed() for raw in raws)
    one = [scene.connect(kex=False, source="127.0.0.6") for _ in range(6)]
    until("three are left", 5, lambda: stay(one) == 3)
    others = [scene.connect(kex=False, source=f"127.0.0.{i}")
              for i in range(10, 15)]
    assert stay(one) == 3 and stay(others) == 5
    last = scene.connect(kex=False, source="127.0.0.20")
    until("one of three has made room", 5, lambda: stay(one) == 2)
    assert stay(others) == 5 and stay([last]) == 1
