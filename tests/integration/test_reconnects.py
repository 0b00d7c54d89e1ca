# SPDX-License-Identifier: ISC
"""
A thousand reconnects by each transport leave no descriptor, no child and no
memory behind, in orthrus and in charon.  ORTHRUS_RECONNECTS is how many; that
not one byte was lost in each is the sanitizers' to say, at the programs' end.
"""

import json
import os
import socket

import pytest

from lab.charon import Charon
from lab.harness import built_with_asan
from lab.system import children, descriptors, until
from lab.targets import echo, echoes
from lab.ways import Way, cut_way

COUNT = int(os.environ.get("ORTHRUS_RECONNECTS", "30"))
WARM = 10			# until caches and pools have what they keep
KB = 1 << 10
SLACK = 256 * KB		# pages that the allocator has touched at last


def ask(control):
    """The status, without a process for each question."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(control)
        s.shutdown(socket.SHUT_WR)
        said = b""
        while part := s.recv(1 << 16):
            said += part
    return json.loads(said)


def anonymous(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) * KB for line in f
                    if line.startswith("RssAnon:"))


class Household:
    """What the processes of both programs hold."""

    def __init__(self, agent, charon):
        self.agent, self.charon = agent, charon

    def families(self):
        return [[p.pid, *children(p.pid)] for p in (self.agent, self.charon)]

    def counts(self):
        """Descriptors of each process, and how many there are."""
        return [[descriptors(pid) for pid in family]
                for family in self.families()]

    def memory(self):
        return [sum(map(anonymous, family)) for family in self.families()]


def reconnect(cutter, agent, times):
    before = ask(agent.control)["reconnects"]
    for i in range(1, times + 1):
        cutter.cut()
        until("a new session", 30, lambda: (
            now := ask(agent.control))["reconnects"] >= before + i and
            now["state"] == "connected", every=0.01)


@pytest.mark.parametrize("transport", ["tcp"])
def test_nothing_is_left(lab, transport):
    charon, target = lab.own(Charon(lab, agents={"resume": "0"})), \
        lab.serve(echo)
    cutter, how, options = cut_way(lab, Way(transport), charon)
    agent = charon.agent("a", "--expose", target.port, "--backoff-min",
                         "10ms", "--backoff-max", "50ms", *options,
                         key=charon.add_agent("a"), level="error", **how)
    household = Household(agent, charon)
    reconnect(cutter, agent, WARM)
    agent.wait_ready()
    counts, memory = household.counts(), household.memory()
    reconnect(cutter, agent, COUNT)
    agent.wait_ready()
    until("descriptors and processes are as before", 30,
          lambda: household.counts() == counts, every=0.2)
    with lab.connect(charon.socket("a", target.port)) as conn:
        assert echoes(conn)
    growth = [now - then for now, then in zip(household.memory(), memory)]
    print(f"{COUNT} reconnects by {transport}: descriptors {counts}, memory "
          f"{[m // KB for m in memory]} KiB, grown by "
          f"{[g // KB for g in growth]} KiB")
    if not built_with_asan():
        assert max(growth) < SLACK + 16 * COUNT
