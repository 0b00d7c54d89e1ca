# SPDX-License-Identifier: ISC
"""How a session ends, how it comes back, and what is told meanwhile."""

import contextlib
import os
import signal
import socket
import time

import pytest

from lab import socks
from lab.system import free_port, send_signal, until
from lab.targets import (does_not_read, echo, echoes, payload, read_all,
                         read_exactly, says)

WAITS = 5		# seconds that a new connection waits for the session


def greets(address):
    """True when a says(b"hello") target answers behind address."""
    with contextlib.suppress(OSError):
        with socket.create_connection(address, 5) as s:
            return read_all(s) == b"hello"
    return False


def since(started):
    return time.monotonic() - started


# A session that dies

@pytest.mark.timed
def test_killed_session_is_back_within_2_s(lab, sshd):
    target = lab.serve(echo)
    there, here = free_port(), free_port()
    agent = lab.orthrus(sshd, "-L", f"{there}:{target.spec}",
                        "-R", f"{here}:{target.spec}")
    streams = [socks.open_through(lab, agent, "127.0.0.1", target.port),
               lab.connect(("127.0.0.1", there)),
               lab.connect(("127.0.0.1", here))]
    assert all(echoes(s) for s in streams)
    started = time.monotonic()
    assert sshd.kill_sessions() > 0
    assert all(socks.closed(s) for s in streams), "what was in flight ends"
    ended = since(started)
    by_socks = socks.open_through(lab, agent, "127.0.0.1", target.port)
    assert echoes(by_socks)
    socks_took = since(started)
    assert echoes(lab.connect(("127.0.0.1", there)))
    local_took = since(started)
    agent.wait_ready()
    assert echoes(lab.connect(("127.0.0.1", here)))
    print(f"streams ended after {ended:.2f} s; works again: SOCKS5 "
          f"{socks_took:.2f} s, -L {local_took:.2f} s, "
          f"-R {since(started):.2f} s")
    assert ended < 2 and socks_took <= 2 and local_took <= 2


@pytest.mark.parametrize("option", ["socks5", "-R"])
@pytest.mark.parametrize("reader", ["client", "target"])
def test_stuck_stream_ends_with_the_session(lab, sshd, option, reader):
    """A stream that moves nothing when the session dies ends as well."""
    size = 48 << 20
    target = lab.serve(says(payload("much", size)) if reader == "client"
                       else does_not_read)
    if option == "socks5":
        agent = lab.orthrus(sshd)
        conn = socks.open_through(lab, agent, "127.0.0.1", target.port)
    else:
        port = free_port()
        agent = lab.orthrus(sshd, "-R", f"{port}:{target.spec}")
        conn = lab.connect(("127.0.0.1", port))
    if reader == "client":
        conn.recv(1)
    else:
        conn.settimeout(1)
        with contextlib.suppress(socket.timeout):
            while True:
                conn.send(b"x" * 65536)
    moved = -1
    while moved != (now := sum(agent.status()["bytes"].values())):
        moved = now
        time.sleep(0.3)		# until the pipe is full
    sshd.kill_sessions()
    agent.wait_ready()
    target.go.set()
    conn.settimeout(10)
    assert socks.closed(conn)
    if reader == "target":
        assert target.reports.get(timeout=10)
    until("it is counted out", 10,
          lambda: agent.status()["channels"]["open"] == 0)


@pytest.mark.timed
def test_frozen_server_is_noticed_within_15_s(lab, sshd):
    target = lab.serve(echo)
    agent = lab.orthrus(sshd, "--backoff-max", "2s")
    stream = socks.open_through(lab, agent, "127.0.0.1", target.port)
    assert echoes(stream)
    sshd.freeze()
    started = time.monotonic()
    until("the dead peer is noticed", 30,
          lambda: agent.state() != "connected")
    took = since(started)
    stream.settimeout(5)
    assert socks.closed(stream)
    print(f"frozen: noticed after {took:.1f} s")
    assert 1 < took <= 15.5
    sshd.thaw()
    agent.wait_ready(40)
    assert echoes(socks.open_through(lab, agent, "127.0.0.1", target.port))


@pytest.mark.timed
def test_frozen_under_load_is_noticed(lab, sshd):
    """Bytes that nobody acknowledges do not keep it alive."""
    target = lab.serve(does_not_read)
    agent = lab.orthrus(sshd)
    stream = socks.open_through(lab, agent, "127.0.0.1", target.port)
    stream.setblocking(False)
    sshd.freeze()
    started = time.monotonic()
    junk = payload("junk", 1 << 20)

    def noticed():
        with contextlib.suppress(OSError):
            stream.send(junk)
        return agent.state() != "connected"
    until("the dead peer is noticed", 30, noticed)
    print(f"frozen under load: noticed after {since(started):.1f} s")
    assert since(started) <= 15.5


@pytest.mark.timed
def test_idle_link_stays(lab, sshd):
    """Sixteen silent seconds, longer than any probe's deadline."""
    target = lab.serve(echo)
    agent = lab.orthrus(sshd)
    stream = socks.open_through(lab, agent, "127.0.0.1", target.port)
    time.sleep(16)
    assert echoes(stream)
    assert agent.status()["reconnects"] == 0


@pytest.mark.timed
def test_second_server_when_the_first_is_frozen(lab):
    target = lab.serve(echo)
    first, second = lab.sshd(), lab.sshd()
    agent = lab.orthrus([first, second], "--backoff-max", "2s")
    assert f":{first.port}" in agent.status()["server"]
    first.freeze()
    started = time.monotonic()
    until("the second server is used", 60,
          lambda: f":{second.port}" in agent.status()["server"] and
          agent.state() == "connected")
    print(f"first frozen: on the second after {since(started):.1f} s")
    assert echoes(socks.open_through(lab, agent, "127.0.0.1", target.port))


@pytest.mark.timed
def test_second_server_when_the_first_never_answered(lab):
    """Its TCP port accepts, and that is all."""
    target = lab.serve(echo)
    first, second = lab.sshd(), lab.sshd()
    first.freeze()
    started = time.monotonic()
    agent = lab.orthrus([first, second], "--backoff-max", "2s", wait=60)
    print(f"first mute: on the second after {since(started):.1f} s")
    assert f":{second.port}" in agent.status()["server"]
    assert echoes(socks.open_through(lab, agent, "127.0.0.1", target.port))


def test_second_server_when_the_first_refuses(lab):
    target = lab.serve(echo)
    first, second = lab.sshd(), lab.sshd()
    first.stop()
    agent = lab.orthrus([first, second])
    assert f":{second.port}" in agent.status()["server"]
    second.stop()
    first.start()
    until("back on the first", 30,
          lambda: f":{first.port}" in agent.status()["server"] and
          agent.state() == "connected")
    assert echoes(socks.open_through(lab, agent, "127.0.0.1", target.port))


def test_every_refusal_is_told(lab):
    """Not only that of the server which is tried first."""
    first, second = lab.sshd(), lab.sshd()
    done = lab.refused([first, second], host_key=False)
    assert done.returncode == 77, done.text
    lines = done.text.splitlines()
    told = [i for i, line in enumerate(lines) if f":{second.port}: " in line]
    assert len(told) == 1, done.text
    assert " error " in lines[-1] and f":{first.port}: " in lines[-1]


# A remote port that somebody still holds

def check_held(lab, agent, port):
    """While it is held, status says so and why."""
    held = until("the held port is told", 20, lambda: [
        f for f in agent.forwards("remote") if f["error"]])[0]
    assert held["state"] in ("down", "pending", "retrying")
    assert str(port) in held["listen"]
    done = lab.run("status", "--wait", "1s", "--control", agent.control)
    assert done.returncode == 75, done.text
    text = lab.run("status", "--control", agent.control)
    assert held["error"] in text.stdout


@pytest.mark.timed
def test_remote_port_held_by_another(lab, sshd):
    target = lab.serve(says(b"hello"))
    port = free_port()
    holder = lab.serve(says(b"other"), port=port)
    agent = lab.orthrus(sshd, "-R", f"127.0.0.1:{port}:{target.spec}",
                        wait=0)
    until("connected", 20, lambda: os.path.exists(agent.control) and
          agent.state() == "connected")
    check_held(lab, agent, port)
    holder.close()
    started = time.monotonic()
    agent.wait_ready(20)
    print(f"freed port: up after {since(started):.1f} s")
    assert since(started) < 6
    assert greets(("127.0.0.1", port))
    assert not agent.forwards("remote")[0]["error"]


@pytest.mark.timed
def test_remote_port_held_by_the_dead_session(lab, sshd):
    """The old session's process hangs and keeps the port."""
    target = lab.serve(says(b"hello"))
    port = free_port()
    agent = lab.orthrus(sshd, "-R", f"{port}:{target.spec}",
                        "--backoff-max", "2s")
    assert greets(("127.0.0.1", port))
    old = sshd.sessions()
    send_signal(old, signal.SIGSTOP)
    until("a new session", 40, lambda: agent.status()["reconnects"] > 0 and
          agent.state() == "connected")
    check_held(lab, agent, port)
    send_signal(old, signal.SIGKILL)
    started = time.monotonic()
    agent.wait_ready(20)
    print(f"dead session gone: up after {since(started):.1f} s")
    assert since(started) < 6
    assert greets(("127.0.0.1", port))


# New connections during an outage

@pytest.mark.timed
def test_connection_waits_for_the_session(lab, sshd):
    target = lab.serve(echo)
    there = free_port()
    agent = lab.orthrus(sshd, "-L", f"{there}:{target.spec}",
                        "--backoff-max", "1s")
    sshd.stop()
    until("the end is seen", 10, lambda: agent.state() != "connected")
    waiting = lab.connect(agent.socks5)
    waiting.sendall(socks.greeting(socks.NO_AUTH) +
                    socks.request("127.0.0.1", target.port))
    local = lab.connect(("127.0.0.1", there))
    local.sendall(b"early")
    time.sleep(1)
    sshd.start()
    assert socks.take(waiting, 2) == b"\5\0"
    assert socks.reply(waiting) == socks.SUCCEEDED
    assert echoes(waiting)
    assert read_exactly(local, 5) == b"early"
    assert echoes(local)


@pytest.mark.timed
def test_connection_fails_when_the_outage_lasts(lab, sshd):
    there = free_port()
    agent = lab.orthrus(sshd, "-L", f"{there}:127.0.0.1:9")
    sshd.stop()
    until("the end is seen", 10, lambda: agent.state() != "connected")
    started = time.monotonic()
    local = lab.connect(("127.0.0.1", there))
    conn = lab.connect(agent.socks5)
    code = socks.ask(conn, "127.0.0.1", 9)
    by_socks = since(started)
    assert socks.closed(conn) and socks.closed(local)
    by_local = since(started)
    print(f"gave up: SOCKS5 {by_socks:.1f} s, -L {by_local:.1f} s")
    assert code == socks.FAILURE
    assert WAITS - 0.5 <= by_socks <= WAITS + 2
    assert WAITS - 0.5 <= by_local <= WAITS + 2
    assert agent.status()["channels"]["open"] == 0


def test_client_that_leaves_during_the_outage(lab, sshd):
    target = lab.serve(echo)
    agent = lab.orthrus(sshd, "--backoff-max", "1s")
    sshd.stop()
    until("the end is seen", 10, lambda: agent.state() != "connected")
    for _ in range(50):
        conn = lab.connect(agent.socks5)
        conn.sendall(socks.greeting(socks.NO_AUTH) +
                     socks.request("127.0.0.1", target.port))
        conn.close()
    sshd.start()
    agent.wait_ready()
    assert echoes(socks.open_through(lab, agent, "127.0.0.1", target.port))
    until("nothing is left open", 10,
          lambda: agent.status()["channels"]["open"] <= 1)


def test_backoff_is_told(lab, sshd):
    agent = lab.orthrus(sshd, "--backoff-min", "300ms",
                        "--backoff-max", "600ms")
    sshd.stop()
    until("it says that it waits", 10, lambda: agent.state() == "backoff")
    time.sleep(2)
    assert agent.running()
    sshd.start()
    agent.wait_ready()
    assert agent.status()["reconnects"] >= 1


# The end

@pytest.mark.timed
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT],
                         ids=["TERM", "INT"])
def test_signal_ends_it(lab, sshd, sig):
    """With open streams, one of them stuck: exit code 0 within 3 s."""
    target, stuck = lab.serve(echo), lab.serve(does_not_read)
    there = free_port()
    agent = lab.orthrus(sshd, "-L", f"{there}:{target.spec}")
    streams = [lab.connect(("127.0.0.1", there)),
               socks.open_through(lab, agent, "127.0.0.1", target.port)]
    assert all(echoes(s) for s in streams)
    full = socks.open_through(lab, agent, "127.0.0.1", stuck.port)
    full.settimeout(0.5)
    with contextlib.suppress(socket.timeout):
        while True:
            full.send(b"x" * 65536)
    started = time.monotonic()
    agent.signal(sig)
    code = agent.wait_exit(20)
    print(f"ended after {since(started):.2f} s")
    assert code == 0 and since(started) < 3.5
    assert not os.path.exists(agent.control)


@pytest.mark.timed
def test_signal_ends_an_idle_one_at_once(lab, sshd):
    agent = lab.orthrus(sshd)
    started = time.monotonic()
    assert agent.stop() == 0
    assert since(started) < 1.5
    until("sshd's session is gone", 5, lambda: not sshd.sessions())


@pytest.mark.timed
def test_signal_during_an_outage(lab, sshd):
    agent = lab.orthrus(sshd)
    sshd.stop()
    until("it waits", 10, lambda: agent.state() == "backoff")
    lab.connect(agent.socks5).sendall(
        socks.greeting(socks.NO_AUTH) + socks.request("127.0.0.1", 9))
    started = time.monotonic()
    assert agent.stop() == 0
    assert since(started) < 3.5


@pytest.mark.timed
def test_signal_while_the_server_is_frozen(lab, sshd):
    agent = lab.orthrus(sshd)
    sshd.freeze()
    started = time.monotonic()
    assert agent.stop() == 0
    assert since(started) < 3.5


def test_draining_lets_an_answer_finish(lab, sshd):
    """What was asked before SIGTERM and is under way is not cut."""
    answer = payload("answer", 8 << 20)
    target = lab.serve(says(answer))
    agent = lab.orthrus(sshd)
    conn = socks.open_through(lab, agent, "127.0.0.1", target.port)
    until("the answer has begun", 10, lambda: conn.recv(1, socket.MSG_PEEK))
    agent.signal(signal.SIGTERM)
    assert read_all(conn) == answer
    assert agent.wait_exit(10) == 0


@pytest.mark.parametrize("mute", [False, True], ids=["refused", "mute"])
def test_no_reconnect_to_a_dead_port(lab, sshd, mute):
    sshd.freeze() if mute else sshd.stop()
    done = lab.refused(sshd, "--no-reconnect")
    assert done.returncode == 69, done.text


def test_no_reconnect_ends_with_the_session(lab, sshd):
    agent = lab.orthrus(sshd, "--no-reconnect")
    sshd.kill_sessions()
    assert agent.wait_exit(10) == 69


def test_unknown_server_name(lab):
    name = "x" * 64 + ".test"
    done = lab.refused(name, "--no-reconnect")
    assert done.returncode == 69, done.text
