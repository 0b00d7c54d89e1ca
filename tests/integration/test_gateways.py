# SPDX-License-Identifier: ISC
"""Several servers: which one is used, and how one takes the place of another
without a break."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from lab.charon import Charon
from lab.harness import ORTHRUS, Orthrus
from lab.openssh import keyscan
from lab.system import free_port, until
from lab.targets import digest, echo, echoes, payload, read_exactly

HERE = os.path.dirname(os.path.abspath(__file__))
MINUTE = "ORTHRUS_TEST_MINUTE"		# set: what takes more than one is tried


def states(agent):
    return [g["state"] for g in agent.status()["gateways"]]


def is_at(agent, server):
    status = agent.status()
    return status["state"] == "connected" and \
        status["server"].endswith(f":{server.port}")


def wait_at(agent, server, seconds=30):
    until(f"it is at {server.port}", seconds, lambda: is_at(agent, server))


class Bulk:
    """A stream that never rests, and knows whether a byte is lost or doubled."""

    def __init__(self, conn):
        self.conn, self.over, self.moved = conn, False, 0
        self.failure = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while not self.over:
                data = payload(f"bulk{self.moved}", 64 * 1024)
                self.conn.sendall(data)
                back = read_exactly(self.conn, len(data))
                assert digest(back) == digest(data)
                self.moved += len(data)
        except Exception as e:		# told in the test's own thread
            self.failure = e

    def goes_on(self):
        before = self.moved
        until("the stream goes on", 30, lambda: self.failure is not None or
              self.moved > before + 256 * 1024)
        assert self.failure is None, self.failure

    def end(self):
        self.over = True
        self.thread.join(30)
        assert self.failure is None, self.failure
        self.conn.close()


def far(lab, server, ms):
    """The way to a server that is so many milliseconds longer, each way."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, os.path.join(HERE, "lab/delay.py"), str(port),
         str(server.port), str(ms), "127.9.7"], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    return port, process


# Which one

def test_order_and_both_gone(lab):
    """The next one when one fails, round and round while there is none."""
    one, two = lab.sshd(), lab.sshd()
    one.stop()
    agent = lab.orthrus([one, two])
    assert is_at(agent, two)
    assert states(agent) == ["down", "connected"]
    link = agent.status()["link"]
    assert link.keys() >= {"transport", "proxy", "address", "since",
                           "resumed", "parked", "resent_bytes"}
    assert link["transport"] == "tcp" and link["address"] == "127.0.0.1"
    assert link["since"] and link["proxy"] is None
    shown = lab.run("status", "--control", agent.control).stdout
    rows = [row.split() for row in shown.splitlines()
            if f":{one.port} " in row or f":{two.port} " in row]
    assert [row[-1] for row in rows[-2:]] == ["down", "connected"], shown
    two.stop()
    until("both are gone", 20, lambda: states(agent) == ["down", "down"])
    assert agent.status()["state"] in ("backoff", "connecting")
    one.start()
    wait_at(agent, one)
    assert states(agent)[0] == "connected"
    one.stop()
    two.start()
    wait_at(agent, two)


def test_one_server_has_no_table(lab, sshd):
    agent = lab.orthrus(sshd)
    assert states(agent) == ["connected"]
    assert "SERVER" not in lab.run("status", "--control", agent.control).stdout


def test_fastest(lab):
    """The nearest, whatever the order; the next one when it is gone."""
    one, two = lab.sshd(), lab.sshd()
    port, process = far(lab, one, 250)
    try:
        agent = lab.orthrus([f"127.0.0.1:{port}", two], "--prefer", "fastest")
        assert is_at(agent, two)
        until("the other has answered, too", 20,
              lambda: states(agent) == ["up", "connected"])
        gateways = agent.status()["gateways"]
        assert gateways[0]["rtt_ms"] >= 500 and gateways[1]["rtt_ms"] >= 0
        two.stop()
        until("it is at the other", 30, lambda: states(agent) ==
              ["connected", "down"])
    finally:
        process.kill()
        process.wait()


# Without a break

def reload_with(agent, lab, *servers):
    listed = ", ".join(s.address for s in servers)
    lab.write("gw.ini", f"[server]\naddress = {listed}\n")
    agent.signal(signal.SIGHUP)


def agent_with_file(lab, server, *options):
    path = lab.write("gw.ini", f"[server]\naddress = {server.address}\n")
    argv = ["--config", path, "--host-key", server.fingerprint]
    return lab.orthrus([], *argv, *options)


def test_reload_moves(lab):
    """What is open stays; what is new goes over the new session."""
    one, two, target = lab.sshd(), lab.sshd(), lab.serve(echo)
    there, here = free_port(), free_port()
    agent = agent_with_file(lab, one, "-L", f"{there}:{target.spec}", "-R",
                            f"{here}:{target.spec}", "-R", f"0:{target.spec}")
    bulk = Bulk(lab.connect(("127.0.0.1", there)))
    idle = lab.connect(("127.0.0.1", here))
    assert echoes(idle)
    since = agent.status()["since"]
    bulk.goes_on()
    reload_with(agent, lab, two)
    wait_at(agent, two)
    bulk.goes_on()
    assert echoes(idle)
    # Listeners are those of the new session: one machine has the port once.
    agent.wait_ready()
    assert echoes(lab.connect(("127.0.0.1", here)))
    one.freeze()
    for port in (there, here, agent.forwards("remote")[1]["listen"].
                 rpartition(":")[2]):
        assert echoes(lab.connect(("127.0.0.1", int(port))))
    one.thaw()
    bulk.goes_on()
    status = agent.status()
    assert status["since"] == since and status["reconnects"] == 1
    assert status["channels"]["open"] >= 2
    bulk.end()
    idle.close()
    until("the old session ends", 20, lambda: not one.sessions())
    assert "nothing is open there any more" in agent.log()
    assert is_at(agent, two) and agent.status()["reconnects"] == 1


def test_reload_to_nowhere(lab):
    """A server that is not configured any more is not kept for want of one."""
    one, two = lab.sshd(), lab.sshd()
    two.stop()
    agent = agent_with_file(lab, one)
    reload_with(agent, lab, two)
    until("it left", 20, lambda: not one.sessions())
    two.start()
    wait_at(agent, two)


def test_reload_adds_a_better_one(lab):
    """The session stays where it is; the new first one has to prove itself."""
    one, two = lab.sshd(), lab.sshd()
    agent = agent_with_file(lab, one)
    reload_with(agent, lab, two, one)
    until("both are known", 20,
          lambda: states(agent) == ["unknown", "connected"])
    assert is_at(agent, one) and agent.status()["reconnects"] == 0


def test_drain(lab):
    """Away from a gateway that stops at once, with a stream left there."""
    charon = lab.own(Charon(lab, agents={"heartbeat": "500ms",
                                         "timeout": "2s"}))
    to = lab.serve(echo)
    key = charon.add_agent("nobody")
    lab.write("ca", open(os.path.join(charon.state, "ca_ed25519.pub")).read())
    sshd = lab.sshd(TrustedUserCAKeys=lab.path("ca"))
    os.mkdir(lab.path("state-nobody"), 0o700)
    lab.write("state-nobody/known_hosts", keyscan(sshd.port))
    agent = charon.agent("nobody", "--server", sshd.address, "--expose",
                         to.port, key=key)
    conn = lab.connect(charon.socket("nobody", to.port))
    assert echoes(conn)
    since = agent.status()["since"]
    charon.process.send_signal(signal.SIGTERM)
    wait_at(agent, sshd, 4)
    assert echoes(conn)			# charon waits for it, and so do we
    assert states(agent) == ["draining", "connected"]
    conn.close()
    assert charon.stop() == 0
    agent.wait_ready()
    status = agent.status()
    assert status["since"] == since, "it was never without a session"
    assert status["gateways"][0]["state"] == "down"
    host, _, port = agent.forwards("expose")[0]["listen"].rpartition(":")
    assert echoes(lab.connect((host, int(port))))


def test_gateway_is_killed(lab):
    """A session that looks for its link holds up nobody for long."""
    target = lab.serve(echo)
    both = [lab.own(Charon(lab, name, egress={"allow": target.spec}))
            for name in ("one", "two")]
    for charon in both:
        charon.add_client("root", "egress", lab.identity + ".pub")
    there = free_port()
    agent = lab.orthrus([c.address for c in both], "-L",
                        f"{there}:{target.spec}", "--accept-new")
    assert is_at(agent, both[0])
    assert echoes(lab.connect(("127.0.0.1", there)))
    until("the session may outlive its link", 20,
          lambda: agent.status()["rtt_ms"] is not None)
    both[0].kill()
    started = time.monotonic()
    assert echoes(lab.connect(("127.0.0.1", there)))
    assert time.monotonic() - started < 20
    assert is_at(agent, both[1])


def test_same_gateway_by_another_way(lab):
    """A second session would displace the first: it is not even logged in."""
    charon = lab.own(Charon(lab))
    first = charon.agent("a", key=charon.add_agent("a"))
    assert first.stop() == 0
    port, process = far(lab, charon, 0)
    try:
        path = lab.write("gw.ini", f"[server]\naddress = {charon.address}\n")
        control = lab.path("again.sock")
        agent = lab.own(Orthrus(
            lab, [ORTHRUS, "connect", "--name", "a", "--config", path,
                  "--socks5", "off", "--control", control, "--accept-new"],
            lab.environment({"STATE_DIRECTORY": lab.path("state-a")}),
            control, None)).wait_ready()
        lab.write("gw.ini", f"[server]\naddress = 127.0.0.1:{port}\n")
        agent.signal(signal.SIGHUP)
        until("it is by the other way", 30, lambda: f":{port}" in
              agent.status()["server"] and agent.state() == "connected")
        assert "this is another way to the gateway" in agent.log()
        assert "takes over from" not in charon.log()
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(MINUTE not in os.environ,
                    reason=f"takes more than a minute: set {MINUTE}")
def test_returns(lab):
    """To the preferred one, when it has been well for a minute."""
    one, two, target = lab.sshd(), lab.sshd(), lab.serve(echo)
    there = free_port()
    one.stop()
    agent = lab.orthrus([one, two], "-L", f"{there}:{target.spec}", "-R",
                        f"0:{target.spec}")
    assert is_at(agent, two)
    bulk = Bulk(lab.connect(("127.0.0.1", there)))
    since = agent.status()["since"]
    one.start()
    wait_at(agent, one, 120)
    bulk.goes_on()
    assert states(agent) == ["connected", "draining"]
    assert agent.status()["since"] == since
    agent.wait_ready()
    two.freeze()
    assert echoes(lab.connect(("127.0.0.1", there)))
    two.thaw()
    bulk.end()
    until("the old session ends", 20, lambda: not two.sessions())
