# SPDX-License-Identifier: ISC
"""SIGHUP: charon.ini is read again while sessions go on."""

import signal
import subprocess
import time

import pytest

from lab.charon import Charon
from lab.system import until
from lab.targets import echo


@pytest.fixture
def charon(lab):
    return lab.own(Charon(lab))


def reload(charon, *expected, **sections):
    charon.reload(*expected, **sections)


def test_intervals_reach_the_agent(lab, charon):
    """A shorter heartbeat is told over the leash, and the time-out with it."""
    agent = charon.agent("a1", key=charon.add_agent("a1"))
    charon.wait_status("a1", "online")
    reload(charon, agents={"heartbeat": "300ms", "timeout": "1500ms"})
    time.sleep(4)			# longer than the new time-out
    status = agent.status()
    assert (status["state"], status["reconnects"]) == ("connected", 0)
    assert charon.status("a1") == "online"
    agent.signal(signal.SIGSTOP)
    started = time.monotonic()
    charon.wait_status("a1", "offline", 8)
    assert time.monotonic() - started < 5
    agent.signal(signal.SIGCONT)
    charon.wait_status("a1", "online")


def test_bad_file_changes_nothing(lab, charon):
    agent = charon.agent("a1", key=charon.add_agent("a1"))
    reload(charon, "not reloaded", agents={"heartbeat": "often"})
    assert f"{charon.config}:" in charon.log()
    reload(charon, "not reloaded", agents={"heartbeat": "5s"},
           ssh={"listen": "127.0.0.1:1"})
    assert "[ssh] listen changes with a restart" in charon.log()
    assert agent.status()["reconnects"] == 0
    charon.wait_status("a1", "online", 2)


def test_agents_disabled_and_enabled(lab, charon):
    charon.agent("a1", key=charon.add_agent("a1"))
    charon.wait_status("a1", "online")
    reload(charon, agents={"enabled": "no"})
    charon.wait_status("a1", "offline")
    assert "agents are disabled" in charon.log()
    reload(charon, agents={"enabled": "yes"})
    # The agent was refused once and comes back at its longest interval.
    charon.wait_status("a1", "online", 45)


def test_egress(lab, charon):
    """Rules hold for the next channel; sessions stay."""
    target = lab.serve(echo)
    config = charon.ssh_client("joe", "egress")
    host, port = target.address

    def reaches():
        return subprocess.run(
            ["ssh", "-F", config, "-W", f"{host}:{port}", "gateway"],
            input=b"hello", capture_output=True, timeout=20).stdout == b"hello"
    assert not reaches()
    reload(charon, egress={"allow": f"{host}:{port}"})
    assert reaches()
    reload(charon, egress={"allow": "192.0.2.1:1"})
    assert not reaches()
