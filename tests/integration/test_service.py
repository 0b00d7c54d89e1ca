# SPDX-License-Identifier: ISC
"""SIGHUP, and what systemd is told."""

import os
import signal
import socket
import time

import pytest

from lab import socks
from lab.harness import ORTHRUS, Orthrus
from lab.notify import Notify
from lab.system import children, free_port, until
from lab.targets import echo, echoes, read_all, says


# SIGHUP

class Reloaded:
    """An agent with an ini file that is written anew."""

    def __init__(self, lab, sshd):
        self.lab, self.sshd = lab, sshd
        self.socks_port = free_port()

    def write(self, *sections):
        text = f"[socks5]\nlisten = 127.0.0.1:{self.socks_port}\n"
        for kind, name, spec in sections:
            text += f"[{kind} {name}]\nspec = {spec}\n"
        self.lab.write("agent.ini", text)

    def start(self):
        self.agent = self.lab.orthrus(
            self.sshd, "--config", self.lab.path("agent.ini"), socks5=None)
        self.agent.socks5 = ("127.0.0.1", self.socks_port)
        return self.agent


def local_at(address):
    with socket.socket() as s:
        return s.connect_ex(address) == 0


@pytest.mark.parametrize("kind", ["forward", "remote"])
def test_reload(lab, sshd, kind):
    """One stays with its connection, one goes, one comes."""
    target = lab.serve(echo)
    ports = {name: free_port() for name in ("stays", "goes", "comes")}
    part = {name: (kind, name, f"{port}:{target.spec}")
            for name, port in ports.items()}
    reloaded = Reloaded(lab, sshd)
    reloaded.write(part["stays"], part["goes"])
    agent = reloaded.start()
    stream = lab.connect(("127.0.0.1", ports["stays"]))
    by_socks = socks.open_through(lab, agent, "127.0.0.1", target.port)
    assert echoes(stream) and echoes(by_socks)
    reloaded.write(part["comes"], part["stays"])
    agent.signal(signal.SIGHUP)
    until("one comes", 10,
          lambda: local_at(("127.0.0.1", ports["comes"])))
    until("one goes", 10,
          lambda: not local_at(("127.0.0.1", ports["goes"])))
    assert echoes(stream) and echoes(by_socks)
    assert echoes(lab.connect(("127.0.0.1", ports["comes"])))
    listens = " ".join(f["listen"] for f in agent.status()["forwards"])
    assert str(ports["comes"]) in listens and str(ports["stays"]) in listens
    assert str(ports["goes"]) not in listens
    # What was reloaded is what comes back after the session died.
    sshd.kill_sessions()
    until("a new session", 20, lambda: agent.status()["reconnects"] >= 1)
    agent.wait_ready()
    assert echoes(lab.connect(("127.0.0.1", ports["comes"])))
    assert echoes(lab.connect(("127.0.0.1", ports["stays"])))
    assert not local_at(("127.0.0.1", ports["goes"]))


def test_bad_file_changes_nothing(lab, sshd):
    target = lab.serve(echo)
    port, other = free_port(), free_port()
    reloaded = Reloaded(lab, sshd)
    reloaded.write(("forward", "a", f"{port}:{target.spec}"))
    agent = reloaded.start()
    stream = lab.connect(("127.0.0.1", port))
    assert echoes(stream)
    reloaded.write(("forward", "b", f"{other}:{target.spec}"),
                   ("forward", "c", "nonsense"))
    before = agent.status()["forwards"]
    agent.signal(signal.SIGHUP)
    until("the fault is told with file and line", 10,
          lambda: lab.path("agent.ini") + ":6: " in agent.log())
    assert echoes(stream)
    assert echoes(lab.connect(("127.0.0.1", port)))
    assert not local_at(("127.0.0.1", other))
    now = agent.status()["forwards"]
    assert [f["spec"] for f in now] == [f["spec"] for f in before]
    reloaded.write(("forward", "b", f"{other}:{target.spec}"))
    agent.signal(signal.SIGHUP)
    until("a good file is taken again", 10,
          lambda: local_at(("127.0.0.1", other)))


def test_bad_control_touches_no_tunnel(lab, sshd):
    """What fails is found out before a listener comes or goes."""
    target = lab.serve(echo)
    control, port, other = lab.path("status"), free_port(), free_port()

    def write(at, name, listen):
        lab.write("agent.ini", f"[agent]\ncontrol = {at}\n"
                  f"[socks5]\nlisten = off\n"
                  f"[forward {name}]\nspec = {listen}:{target.spec}\n")

    write(control, "a", port)
    argv = lab.connect_argv(sshd, "--config", lab.path("agent.ini"),
                            socks5=None, control=control)
    del argv[argv.index("--control"):argv.index(control) + 1]
    agent = lab.own(Orthrus(lab, [ORTHRUS, *argv], lab.environment(None),
                            control, None)).wait_ready()
    write("/dev/null/status", "b", other)
    agent.signal(signal.SIGHUP)
    until("it is refused", 10, lambda: "not reloaded" in agent.log())
    assert "/dev/null" in agent.log()
    assert "local forward b" not in agent.log()
    assert agent.log().count("local forward a listening") == 1
    assert echoes(lab.connect(("127.0.0.1", port)))


def test_reload_of_what_does_not_touch_the_session(lab, sshd):
    """Waits, pins that hold, further servers: the session goes on."""
    target = lab.serve(echo)
    ini = lab.path("agent.ini")
    lab.write("agent.ini", "[socks5]\nlisten = off\n")
    agent = lab.orthrus(
        sshd, "--config", ini, "-L", f"{free_port()}:{target.spec}",
        socks5=None)
    stream = lab.connect(("127.0.0.1", int(
        agent.forwards("local")[0]["listen"].rsplit(":", 1)[1])))
    assert echoes(stream)
    for n, text in enumerate([
            "[reconnect]\nmax = 20s\n",
            f"[server]\naccept_new = yes\n[reconnect]\nmin = {2}s\n"], 1):
        lab.write("agent.ini", "[socks5]\nlisten = off\n" + text)
        agent.signal(signal.SIGHUP)
        until("it is reloaded", 10, lambda: agent.log().count(
            "configuration reloaded") == n)
        assert echoes(stream)
    assert agent.status()["reconnects"] == 0


def test_reload_with_another_server(lab, sshd):
    """The server in use is not configured any more: the other one is."""
    other = lab.sshd()
    keys = f"host_key = {sshd.fingerprint}, {other.fingerprint}\n"
    lab.write("agent.ini", f"[server]\naddress = {sshd.address}\n{keys}")
    agent = lab.orthrus([], "--config", lab.path("agent.ini"))
    assert str(sshd.port) in agent.status()["server"]
    lab.write("agent.ini", f"[server]\naddress = {other.address}, "
              f"{sshd.address}\n{keys}")
    agent.signal(signal.SIGHUP)
    until("it is reloaded", 10, lambda: "configuration reloaded" in
          agent.log())
    assert str(sshd.port) in agent.status()["server"], "it is still wanted"
    lab.write("agent.ini", f"[server]\naddress = {other.address}\n{keys}")
    agent.signal(signal.SIGHUP)
    until("the other is used", 10, lambda: agent.state() == "connected" and
          str(other.port) in agent.status()["server"])


# systemd

@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_systemd_is_told(lab, sshd, abstract):
    """READY only once the remote port, held at first, is bound.

    127.0.0.1 and not localhost: sshd is content with one of its addresses.
    """
    notify = Notify(lab, abstract)
    target = lab.serve(says(b"hello"))
    port = free_port()
    holder = lab.serve(echo, port=port)
    reloaded = Reloaded(lab, sshd)
    reloaded.write(("remote", "a", f"127.0.0.1:{port}:{target.spec}"))
    agent = lab.orthrus(
        sshd, "--config", lab.path("agent.ini"), socks5=None, wait=0,
        env={"NOTIFY_SOCKET": notify.address, "WATCHDOG_USEC": "1000000"})
    until("the held port is told", 20, lambda: os.path.exists(agent.control)
          and any(f["error"] for f in agent.status()["forwards"]))
    assert "READY=1" not in notify.read()
    holder.close()
    until("READY=1", 20, lambda: "READY=1" in notify.read())
    assert read_all(lab.connect(("127.0.0.1", port))) == b"hello", \
        "ready before the forward was bound"
    beats = notify.read().count("WATCHDOG=1")
    until("three beats more", 5,
          lambda: notify.read().count("WATCHDOG=1") >= beats + 3)
    seen = len(notify.read())
    agent.signal(signal.SIGHUP)
    until("RELOADING=1 and then READY=1", 10, lambda: "READY=1" in
          notify.read()[seen:] and "RELOADING=1" in notify.lines[seen:])
    new = notify.lines[seen:]
    assert new.index("RELOADING=1") < new.index("READY=1")
    stamp, = [s for s in new if s.startswith("MONOTONIC_USEC=")]
    assert abs(int(stamp.split("=")[1]) / 1e6 - time.monotonic()) < 30
    assert "STOPPING=1" not in notify.read()
    assert agent.stop() == 0
    assert "STOPPING=1" in notify.read()


def test_systemd_did_not_ask(lab, sshd):
    """A watchdog meant for another process is not ours to feed."""
    notify = Notify(lab)
    agent = lab.orthrus(sshd, env={
        "NOTIFY_SOCKET": notify.address, "WATCHDOG_USEC": "200000",
        "WATCHDOG_PID": "1"})
    until("READY=1", 10, lambda: "READY=1" in notify.read())
    time.sleep(1)
    assert "WATCHDOG=1" not in notify.read()
    assert children(agent.pid) == []
