# SPDX-License-Identifier: ISC
"""charon serve as two processes: what the one that speaks with the network
does not have, and that neither outlives the other."""

import base64
import os
import re
import signal

import pytest

from lab.charon import Charon
from lab.front import Front, make_certificate
from lab.harness import built_with_asan, built_with_seccomp
from lab.system import until

KEYS = "ssh_host_ed25519_key", "ca_ed25519"


@pytest.fixture
def charon(lab):
    return lab.own(Charon(lab))


def helpers_of(charon):
    with open(f"/proc/{charon.pid}/task/{charon.pid}/children") as f:
        return {name_of(int(pid)): int(pid) for pid in f.read().split()}


def monitor_of(charon):
    return helpers_of(charon)["charon-monitor"]


def name_of(pid):
    """Its name while it runs; None when it has ended, waited for or not."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            name, rest = f.read().rsplit(")", 1)
    except OSError:
        return None
    return None if rest.split()[0] == "Z" else name.split("(", 1)[1]


def open_files(pid):
    folder = f"/proc/{pid}/fd"
    return [os.readlink(os.path.join(folder, fd))
            for fd in os.listdir(folder)]


def memory_of(pid):
    """Each part of its memory that can be written, as bytes."""
    with open(f"/proc/{pid}/maps") as maps, \
            open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            place, how = line.split()[:2]
            if not how.startswith("rw"):
                continue
            start, end = (int(x, 16) for x in place.split("-"))
            try:
                mem.seek(start)
                yield mem.read(end - start)
            except (OSError, OverflowError):
                pass


def seed_of(path):
    """The 32 secret bytes of an unencrypted Ed25519 key file."""
    with open(path + ".pub") as f:
        public = base64.b64decode(f.read().split()[1])[-32:]
    with open(path) as f:
        text = "".join(line.strip() for line in f if "-----" not in line)
    whole = base64.b64decode(text)
    at = whole.rindex(public)
    return whole[at - 32:at]


@pytest.mark.skipif(built_with_asan(),
                    reason="its shadow memory is too large to read")
def test_no_keys_and_no_registry(lab, charon):
    """Neither open nor in memory, while both keys are being used."""
    key = charon.add_agent("a1")
    charon.agent("a1", key=key)
    charon.wait_status("a1", "online")
    monitor = monitor_of(charon)
    for pid in charon.pid, helpers_of(charon)["charon-egress"]:
        assert [f for f in open_files(pid)
                if f.startswith(charon.state)] == []
    assert any(f.endswith("/registry.db") for f in open_files(monitor))
    secrets = {name: seed_of(os.path.join(charon.state, name))
               for name in KEYS}
    there = b"\0".join(memory_of(monitor))
    here = b"\0".join(memory_of(charon.pid))
    assert len(here) > 100000
    for name, seed in secrets.items():
        assert seed in there, f"{name} is not where it should be"
        assert seed not in here, f"{name} is in the network process"
    with open(os.path.join(charon.state, KEYS[0] + ".pub")) as f:
        public = base64.b64decode(f.read().split()[1])
    assert public[-32:] in here, "the search finds nothing at all"


@pytest.mark.skipif(built_with_asan(),
                    reason="its shadow memory is too large to read")
def test_no_key_of_the_web(lab):
    """That of the certificate is not there either, while TLS uses it."""
    front = Front(lab, ipv6=False)
    der = make_certificate(front.certificate, front.key, "ed25519")
    front.charon.stop()
    front.charon.start()
    assert front.tls("ssh").getpeercert(True) == der
    with open(front.key) as f:
        text = [line.strip() for line in f if "-----" not in line]
    seed = base64.b64decode("".join(text))[-32:]
    there = b"\0".join(memory_of(monitor_of(front.charon)))
    here = b"\0".join(memory_of(front.charon.pid))
    assert seed in there, "it is not where it should be"
    assert seed not in here and text[0].encode() not in here
    assert der[-64:] in here, "the search finds nothing at all"


@pytest.mark.skipif(built_with_asan(), reason="mlock(2) is a stub there")
def test_keys_are_not_swapped(charon):
    def locked(pid):
        with open(f"/proc/{pid}/status") as f:
            return int(re.search(r"VmLck:\s+(\d+) kB", f.read()).group(1))

    assert locked(monitor_of(charon)) > 0
    assert locked(charon.pid) == 0


@pytest.mark.skipif(built_with_asan(), reason="sanitizers need more calls")
@pytest.mark.skipif(not built_with_seccomp(), reason="built without seccomp")
def test_walls(lab, charon):
    """Each of the three processes has a filter for its system calls."""
    pids = {charon.pid, *helpers_of(charon).values()}
    assert len(pids) == 3
    for pid in pids:
        with open(f"/proc/{pid}/status") as f:
            lines = f.read().split("\n")
        assert "Seccomp:\t2" in lines and "NoNewPrivs:\t1" in lines
    # The sockets' files are removed all the same when it ends.
    assert os.path.exists(charon.runtime + "/http.sock")
    charon.stop()
    assert os.listdir(charon.runtime) == ["agents"]
    charon.start()


@pytest.mark.parametrize("who", ["monitor", "network"])
def test_neither_outlives_the_other(lab, charon, who):
    """kill -9 of one ends both, and the next start works at once."""
    agent = charon.agent("a1", key=charon.add_agent("a1"))
    charon.wait_status("a1", "online")
    monitor, process = monitor_of(charon), charon.process
    if who == "monitor":
        os.kill(monitor, signal.SIGKILL)
        assert process.wait(10) == 70
        assert "(charon-monitor) has ended" in charon.log()
        charon.process = None
    else:
        charon.kill()
        until("the monitor ends", 10,
              lambda: name_of(monitor) != "charon-monitor")
    charon.start()
    assert monitor_of(charon) != monitor
    until("the agent is back", 30, lambda: charon.status("a1") == "online")
    assert agent.running()


def test_restart_after_a_kill(lab, charon):
    """A start does not meet the lock of the monitor that is ending."""
    for _ in range(10):
        charon.kill()
        charon.start()


def test_signals_for_all(lab, charon):
    """As systemd and terminals send them: to both processes."""
    charon.agent("a1", key=charon.add_agent("a1"))
    charon.wait_status("a1", "online")
    monitor = monitor_of(charon)
    os.kill(monitor, signal.SIGTERM)
    os.kill(monitor, signal.SIGINT)
    os.kill(monitor, signal.SIGHUP)
    assert charon.status("a1") == "online"
    os.killpg(charon.pid, signal.SIGTERM)
    assert charon.process.wait(15) == 0
    charon.process = None
    assert name_of(monitor) != "charon-monitor"
    assert charon.status("a1") == "offline"
