# SPDX-License-Identifier: ISC
"""Many agents whose gateway goes away: all are back on the other one soon, and
it refuses none of them.  ORTHRUS_TEST_AGENTS=1000 for as many as they may be."""

import json
import os
import select
import signal
import subprocess

import pytest

from lab.charon import CHARON, Charon
from lab.harness import SANITIZERS
from lab.openssh import keyscan
from lab.system import DIES_WITH_US, fingerprint, keygen

FAILOVER = os.path.join(os.path.dirname(CHARON), "bench/failover")
AGENTS = int(os.environ.get("ORTHRUS_TEST_AGENTS", "60"))
WITHIN = 35
OF_A_USER = 50				# charon lets one have 100 sessions


class Fleet:
    """Links in one process, each with the same servers."""

    def __init__(self, lab, gateways, key):
        self.pins = []
        for g in gateways:
            path = lab.write(f"known-{g.port}", keyscan(g.port))
            self.pins += ["-p", fingerprint(path)]
        self.process = subprocess.Popen(
            DIES_WITH_US + [FAILOVER, "-i", key, "-n", str(AGENTS), "-u",
                            str(OF_A_USER), *self.pins,
                            *(g.address for g in gateways)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=lab.environment())

    def settled(self, seconds=120):
        """What it says when all are connected (again)."""
        ready = select.select([self.process.stdout], [], [], seconds)[0]
        assert ready, f"not all are connected within {seconds} s"
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        print(line.strip())
        return json.loads(line)

    def say(self, line):
        """leave: all do; gone: all will have to."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def close(self):
        said = self.process.communicate(timeout=60)[1]
        assert self.process.returncode == 0, said
        assert not any(s in said for s in SANITIZERS), said


@pytest.fixture
def gateways(lab):
    """Two, and clients of both who may have many sessions."""
    if not os.access(FAILOVER, os.X_OK):
        pytest.skip("bench/failover is not built")
    key = lab.path("key-fleet")
    keygen(lab.path("key-fleet"))
    both = [lab.own(Charon(lab, name)) for name in ("one", "two")]
    for g in both:
        for i in range(-(-AGENTS // OF_A_USER)):
            g.add_client(f"u{i}", "none:1", key + ".pub")
    return both


@pytest.fixture
def fleet(lab, gateways):
    fleet = Fleet(lab, gateways, lab.path("key-fleet"))
    assert fleet.settled()["at"] == [AGENTS, 0]
    yield fleet
    fleet.close()


def test_gateway_is_killed(gateways, fleet):
    fleet.say("gone")
    gateways[0].kill()
    back = fleet.settled()
    assert back["at"] == [0, AGENTS]
    assert back["failed"] == back["lost"], "the other one refused some"
    assert back["seconds"] < WITHIN


def test_all_are_asked_to_leave(gateways, fleet):
    """By make-before-break: none is without a session for a moment."""
    fleet.say("leave")
    moved = fleet.settled()
    assert moved["at"] == [0, AGENTS]
    assert moved["moved"] == AGENTS and moved["lost"] == 0
    assert moved["failed"] == 0
    assert moved["seconds"] < WITHIN
    gateways[0].process.send_signal(signal.SIGTERM)
    assert gateways[0].stop() == 0
