# SPDX-License-Identifier: ISC
"""-L and -R between TCP and Unix sockets, before and after a session died."""

import os
import re
import socket
import time

import pytest

from lab.system import free_port, has_ipv6, until
from lab.targets import digest, echo, payload, read_all, read_exactly, says

needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")


def round_trip(lab, address, size=300000):
    """Data there and back through one connection, half-closed at its end."""
    conn = lab.connect(address)
    data = payload(str(address), size)
    conn.settimeout(30)
    conn.sendall(data[:1000])
    assert read_exactly(conn, 1000) == data[:1000]
    sent = 1000
    while sent < size:
        conn.sendall(data[sent:sent + 50000])
        part = data[sent:sent + 50000]
        assert digest(read_exactly(conn, len(part))) == digest(part)
        sent += len(part)
    conn.shutdown(socket.SHUT_WR)
    assert read_all(conn) == b""
    conn.close()


def works_within(lab, address, seconds):
    """Tries until a round trip succeeds; how long it took."""
    started = time.monotonic()

    def check():
        try:
            round_trip(lab, address, 2000)
            return True
        except (OSError, EOFError):
            return False
    until("the forward works", seconds, check)
    return time.monotonic() - started


def chosen_port(agent, index=0):
    """The port that the server chose, as "status" tells it."""
    found = re.search(r":(\d+)$", agent.forwards("remote")[index]["listen"])
    return int(found[1]) if found else 0


@pytest.mark.parametrize("target", ["tcp4", "unix"])
@pytest.mark.parametrize("option,listen", [
    ("-L", "tcp"), ("-L", "unix"),
    ("-R", "tcp"), ("-R", "unix"), ("-R", "port0")])
def test_combination(lab, sshd, option, listen, target):
    to = lab.serve(echo, target)
    if listen == "unix":
        spec = address = lab.path("listen.sock")
    else:
        spec = "0" if listen == "port0" else str(free_port())
        address = ("127.0.0.1", int(spec))
    agent = lab.orthrus(sshd, option, f"{spec}:{to.spec}")
    if listen == "port0":
        address = ("127.0.0.1", chosen_port(agent))
        assert address[1] > 0
        assert re.search(rf"\b{address[1]}\b", agent.log()), \
            "the chosen port is not in the log"
    round_trip(lab, address)
    round_trip(lab, address)
    assert sshd.kill_sessions() > 0
    until("a new session", 20, lambda: agent.status()["reconnects"] >= 1)
    agent.wait_ready()
    if listen == "port0":
        address = ("127.0.0.1", chosen_port(agent))
    round_trip(lab, address)


def test_everything_at_once(lab, sshd):
    """Sixteen forwards in one session, all back after it was killed."""
    targets = [lab.serve(says(str(i).encode()), where)
               for i, where in enumerate(["tcp4", "unix"] * 8)]
    options, where = [], []
    for i, to in enumerate(targets):
        at = str(free_port()) if i & 2 else lab.path(f"l{i}.sock")
        options += ["-L" if i < 8 else "-R", f"{at}:{to.spec}"]
        where.append(("127.0.0.1", int(at)) if i & 2 else at)
    agent = lab.orthrus(sshd, *options)
    for _ in range(2):
        for i, at in enumerate(where):
            assert read_all(lab.connect(at)) == str(i).encode()
        sshd.kill_sessions()
        until("the session's end is seen", 10,
              lambda: agent.status()["reconnects"] > 0 or
              agent.state() != "connected")
        agent.wait_ready()


@pytest.mark.parametrize("option", ["-L", "-R"])
@needs_ipv6
def test_ipv6(lab, sshd, option):
    to = lab.serve(echo, "tcp6")
    port = free_port()
    lab.orthrus(sshd, option, f"[::1]:{port}:{to.spec}")
    round_trip(lab, ("::1", port))
    with pytest.raises(OSError):
        lab.connect(("127.0.0.1", port))


@pytest.mark.parametrize("bind", ["*", ""], ids=["star", "empty"])
@pytest.mark.parametrize("option", ["-L", "-R"])
def test_all_interfaces(lab, sshd, option, bind):
    to = lab.serve(echo)
    port = free_port()
    lab.orthrus(sshd, option, f"{bind}:{port}:{to.spec}")
    round_trip(lab, ("127.0.0.1", port))
    round_trip(lab, ("127.0.0.2", port))
    if has_ipv6():
        round_trip(lab, ("::1", port))


@pytest.mark.parametrize("option", ["-L", "-R"])
def test_loopback_unless_told(lab, sshd, option):
    to = lab.serve(echo)
    port = free_port()
    lab.orthrus(sshd, option, f"{port}:{to.spec}")
    round_trip(lab, ("127.0.0.1", port))
    if has_ipv6():
        round_trip(lab, ("::1", port))
    with pytest.raises(OSError):
        lab.connect(("127.0.0.2", port))


@pytest.mark.parametrize("option", ["-L", "-R"])
@pytest.mark.parametrize("where", ["tcp4", "unix"])
def test_target_is_down(lab, sshd, option, where):
    """The connection is closed promptly; it works once the target is up."""
    port, to = free_port(), free_port()
    path = lab.path("later.sock")
    spec = path if where == "unix" else f"127.0.0.1:{to}"
    agent = lab.orthrus(sshd, option, f"{port}:{spec}")
    for _ in range(5):
        conn = lab.connect(("127.0.0.1", port), 5)
        started = time.monotonic()
        try:
            assert conn.recv(1) == b""
        except ConnectionError:
            pass
        assert time.monotonic() - started < 3
    until("no channel stays", 5,
          lambda: agent.status()["channels"]["open"] == 0)
    if where == "unix":
        lab.serve(echo, "unix", path=path)
    else:
        lab.serve(echo, port=to)
    round_trip(lab, ("127.0.0.1", port))


def test_names_as_targets(lab, sshd):
    to = lab.serve(echo)
    there, here = free_port(), free_port()
    lab.orthrus(sshd, "-L", f"{there}:localhost:{to.port}",
                "-R", f"{here}:localhost:{to.port}")
    round_trip(lab, ("127.0.0.1", there))
    round_trip(lab, ("127.0.0.1", here))


def test_local_port_is_taken(lab, sshd):
    taken = lab.serve(echo)
    done = lab.refused(sshd, "--no-reconnect",
                       "-L", f"{taken.port}:127.0.0.1:9")
    assert done.returncode != 0
    assert str(taken.port) in done.text


def test_stale_socket_file(lab, sshd):
    """Left behind by a killed process: replaced.  A plain file: kept."""
    to = lab.serve(echo)
    path = lab.path("stale.sock")
    left = socket.socket(socket.AF_UNIX)
    left.bind(path)
    left.close()
    agent = lab.orthrus(sshd, "-L", f"{path}:{to.spec}")
    round_trip(lab, path)
    assert agent.stop() == 0
    assert not os.path.exists(path)
    lab.write("stale.sock", "a file of somebody's")
    done = lab.refused(sshd, "--no-reconnect", "-L", f"{path}:{to.spec}")
    assert done.returncode != 0
    with open(path) as f:
        assert f.read() == "a file of somebody's"


def test_remote_socket_file_is_free_after_the_end(lab, sshd):
    """The cancel at SIGTERM is ours to send; sshd removes the file."""
    to = lab.serve(echo)
    path, port = lab.path("remote.sock"), free_port()
    agent = lab.orthrus(sshd, "-R", f"{path}:{to.spec}",
                        "-R", f"{port}:{to.spec}")
    round_trip(lab, path)
    assert agent.stop() == 0
    until("the port is free", 5, lambda: not listens(("127.0.0.1", port)))
    until("the path is free", 5, lambda: not listens(path))


def listens(address):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as s:
        return s.connect_ex(address) == 0


def test_prohibited_by_the_server(lab):
    """One refused listener: it says so, and the rest works."""
    to = lab.serve(echo)
    good, bad = free_port(), free_port()
    sshd = lab.sshd(PermitListen=f"127.0.0.1:{good} localhost:{good}")
    agent = lab.orthrus(sshd, "-R", f"{good}:{to.spec}",
                        "-R", f"{bad}:{to.spec}", wait=0)
    assert works_within(lab, ("127.0.0.1", good), 20) < 20
    refused = until("the refusal is told", 20, lambda: [
        f for f in agent.forwards("remote") if f["error"]])[0]
    assert refused["state"] != "up" and str(bad) in refused["listen"]
    assert not listens(("127.0.0.1", bad))
    done = lab.run("status", "--wait", "1s", "--control", agent.control)
    assert done.returncode == 75


def test_refused_local_open_closes(lab):
    sshd = lab.sshd(AllowTcpForwarding="no")
    port = free_port()
    lab.orthrus(sshd, "-L", f"{port}:127.0.0.1:{free_port()}")
    conn = lab.connect(("127.0.0.1", port), 5)
    try:
        assert conn.recv(1) == b""
    except ConnectionError:
        pass
