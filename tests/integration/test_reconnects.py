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

from lab.harness import built_with_asan
from lab.system import children, descriptors, until
from lab.targets import echo, echoes
from lab.ways import TRANSPORTS, Gateway, Way, cut_way

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


def links(agent):
    """How often the session has been renewed, and gone on over another link."""
    now = ask(agent.control)
    return (now["reconnects"], now["link"]["resumed"]) \
        if now["state"] == "connected" else (0, 0)


def cut(cutter, agent, times):
    """Cuts so often; what of links() that has brought."""
    first = last = links(agent)
    for _ in range(times):
        cutter.cut()
        until("another link", 30, lambda: sum(links(agent)) > sum(last),
              every=0.005)
        last = links(agent)
    return last[0] - first[0], last[1] - first[1]


@pytest.mark.parametrize("what", ["renewed", "resumed"])
@pytest.mark.parametrize("transport", [*TRANSPORTS, "command"])
def test_nothing_is_left(lab, transport, what):
    resume = "0" if what == "renewed" else "60s"
    gateway = Gateway(lab, agents={"resume": resume})
    charon, target, way = gateway.charon, lab.serve(echo), Way(transport)
    cutter, server = cut_way(lab, way, gateway)
    agent = charon.agent(
        "a", "--expose", target.port, "--resume", resume, "--backoff-min",
        "10ms", "--backoff-max", "50ms", *way.options(gateway, {}),
        server=server, key=charon.add_agent("a"), level="error")
    household = Household(agent, charon)
    cut(cutter, agent, WARM)	# the first may come before all is agreed
    agent.wait_ready()
    counts, memory = household.counts(), household.memory()
    assert cut(cutter, agent, COUNT)[what == "resumed"] == COUNT
    agent.wait_ready()
    with lab.connect(charon.socket("a", target.port)) as conn:
        assert echoes(conn)
    until("descriptors and processes are as before", 30,
          lambda: household.counts() == counts, every=0.2)
    growth = [now - then for now, then in zip(household.memory(), memory)]
    print(f"{COUNT} links {what} by {transport}: descriptors "
          f"{counts}, memory {[m // KB for m in memory]} KiB, grown by "
          f"{[g // KB for g in growth]} KiB")
    if not built_with_asan():
        assert max(growth) < SLACK + 16 * COUNT
