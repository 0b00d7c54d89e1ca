# SPDX-License-Identifier: ISC
"""How quickly the gateway knows who is there; printed, with room for a slow
machine in the limits (the aims are in the docstrings)."""

import json
import signal
import subprocess
import time

import pytest

from lab.charon import Charon

pytestmark = pytest.mark.timed


@pytest.fixture
def charon(lab):
    return lab.own(Charon(lab))


def took(what, seconds, limit):
    print(f"{what}: {seconds:.2f} s (limit {limit} s)")
    assert seconds < limit, f"{what} took {seconds:.2f} s"


def test_online_soon(lab, charon):
    """Online within 1 s of the session."""
    key = charon.add_agent("a1")
    assert charon.status("a1") == "pending"
    agent = charon.agent("a1", key=key, wait=0)
    while "connected to ssh://a1@" not in agent.log():
        time.sleep(0.01)
    started = time.monotonic()
    charon.wait_status("a1", "online")
    took("online after the session", time.monotonic() - started, 2)


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGSTOP])
def test_offline_soon(lab, charon, sig):
    """Offline within 10 s of the last heartbeat."""
    agent = charon.agent("a1", key=charon.add_agent("a1"))
    charon.wait_status("a1", "online")
    started = time.monotonic()
    agent.signal(sig)
    charon.wait_status("a1", "offline", 20)
    took(f"offline after {sig.name}", time.monotonic() - started, 12)
    if sig == signal.SIGSTOP:
        agent.signal(signal.SIGCONT)
        charon.wait_status("a1", "online", 20)
    else:
        agent.wait_exit(5)
        lab.things.remove(agent)


def test_back_soon(lab, charon):
    """Connected again within 2 s of charon's restart."""
    agent = charon.agent("a1", key=charon.add_agent("a1"))
    charon.kill()
    charon.start()
    started = time.monotonic()
    charon.wait_status("a1", "online")
    took("back after a restart", time.monotonic() - started, 5)
    agent.wait_ready()
    # Told that it stops, the agent comes back as well.
    assert charon.stop() == 0
    charon.start()
    started = time.monotonic()
    charon.wait_status("a1", "online")
    took("back after an orderly restart", time.monotonic() - started, 5)
    assert "stopping" in agent.log()


def test_renewal(lab):
    """With a lifetime of seconds the certificate is renewed in time, under a
    new key, on the session that there is."""
    charon = lab.own(Charon(lab, agents={"certificate_lifetime": "8s",
                                         "renew_before": "5s"}))
    agent = charon.agent("a1", key=charon.add_agent("a1"))
    cert = lab.path("state-a1/id_ed25519-cert.pub")

    def shown():
        text = subprocess.run(["ssh-keygen", "-L", "-f", cert], check=True,
                              capture_output=True, text=True).stdout
        return {line.split(":", 1)[0].strip(): line.split(":", 1)[1].strip()
                for line in text.splitlines() if ":" in line}

    first = shown()
    started = time.monotonic()
    while shown()["Serial"] == first["Serial"]:
        assert time.monotonic() - started < 20
        time.sleep(0.1)
    took("renewed after", time.monotonic() - started, 8)
    second = shown()
    assert second["Public key"] != first["Public key"]
    time.sleep(9)			# beyond the first one's end
    status = agent.status()
    assert status["state"] == "connected" and status["reconnects"] == 0
    # And the next login is with what was renewed.
    charon.kill()
    charon.start()
    charon.wait_status("a1", "online")
    assert json.loads(charon.run("agent", "list", "--json").stdout)


def test_displaced_at_once(lab, charon):
    """A second session of the same agent takes over, listeners and all."""
    key = charon.add_agent("a1")
    first = charon.agent("a1", "--no-reconnect", key=key)
    charon.wait_status("a1", "online")
    second = charon.agent("a1", state=lab.path("state-a1"),
                          control=lab.path("second.sock"))
    assert second.status()["state"] == "connected"
    first.wait_exit(5)
    lab.things.remove(first)
    assert "displaced" in first.log()
    assert charon.status("a1") == "online"


@pytest.mark.parametrize("command", ["remove", "rekey"])
def test_ended_at_once(lab, charon, command):
    """What is removed or revoked is out within a second."""
    agent = charon.agent("a1", "--no-reconnect", key=charon.add_agent("a1"))
    charon.wait_status("a1", "online")
    started = time.monotonic()
    charon.run("agent", command, "a1")
    agent.wait_exit(10)
    took(f"out after {command}", time.monotonic() - started, 2)
    lab.things.remove(agent)
