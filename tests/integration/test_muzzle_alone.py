# SPDX-License-Identifier: ISC
""""orthrus muzzle": where it listens, for whom, and that it wakes nobody."""

import contextlib
import grp
import os
import socket
import stat
import subprocess

import pytest

from lab.docker_door import Door
from lab.docker_engine import SECRETS
from lab.harness import ORTHRUS, Orthrus
from lab.muzzle_engine import Engine
from lab.system import DIES_WITH_US, free_port, until


def start(lab, engine_path, listen, *options):
    return lab.own(Orthrus(
        lab, [ORTHRUS, "muzzle", "--listen", listen, "--docker", engine_path,
              *options], lab.environment(), None, None))


def refused(*options):
    """What it says to options that are wrong."""
    done = subprocess.run(DIES_WITH_US + [ORTHRUS, "muzzle", *options],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 64, done
    return done.stderr.splitlines()[0]


def status(address, host):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as s:
        s.settimeout(20)
        s.connect(address)
        s.sendall(f"GET /version HTTP/1.1\r\nHost: {host}\r\n"
                  "Connection: close\r\n\r\n".encode())
        return int(s.recv(4096).split()[1])


@pytest.fixture
def engine(lab):
    return lab.own(Engine(lab.path("engine.sock")))


def test_beyond_loopback(lab, engine):
    """For a container that others on an internal network use."""
    port = free_port()
    assert "--docker-host" in refused("--listen", f"0.0.0.0:{port}")
    muzzle = start(lab, engine.path, f"0.0.0.0:{port}", "--docker-host",
                   "proxy.internal")
    until("it listens", 20, lambda: "listens on" in muzzle.log())
    assert status(("127.0.0.1", port), f"proxy.internal:{port}") == 200
    assert status(("127.0.0.1", port), "evil.internal") == 403


def test_socket_mode_and_group(lab, engine):
    """Its owner's alone, or as it is told."""
    group = next((g for g in grp.getgrall() if g.gr_gid in os.getgroups()),
                 grp.getgrgid(os.getgid()))
    for options, mode in (((), 0o600),
                          (("--socket-mode", "0660"), 0o660),
                          (("--socket-group", group.gr_name), 0o660),
                          (("--socket-mode", "640", "--socket-group",
                            str(group.gr_gid)), 0o640)):
        path = lab.path(f"m{len(lab.things)}.sock")
        muzzle = start(lab, engine.path, path, *options)
        until("it listens", 20, lambda: "listens on" in muzzle.log())
        found = os.stat(path)
        assert stat.S_IMODE(found.st_mode) == mode
        if "--socket-group" in options:
            assert found.st_gid == group.gr_gid
        assert status(path, "docker") == 200


def test_wrong_options(lab):
    unix = ("--listen", lab.path("x.sock"))
    for mode in "", "66", "0888", "rw", "4660", "01777":
        assert "not a file mode" in refused(*unix, "--socket-mode", mode)
    assert "no group" in refused(*unix, "--socket-group", "no-such-group")
    assert "Unix socket" in refused("--listen", "2375", "--socket-mode",
                                    "0660")
    assert "no patterns" in refused(*unix, "--docker-reveal", "VIRTUAL_*")
    assert "not a registry" in refused(*unix, "--docker-registry", "ghcr.io/x")
    assert "name of a host" in refused(*unix, "--docker-host", "*")


def test_idle_engine_sleeps(lab):
    """Nobody connects to the engine before a client asks, nor after."""
    path, connections = lab.path("engine.sock"), []
    muzzle = start(lab, path, lab.path("m.sock"))
    until("it says that there is none", 20,
          lambda: "there is no socket" in muzzle.log())
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(8)
        listener.settimeout(12)		# more than the status's interval
        with contextlib.suppress(TimeoutError):
            connections.append(listener.accept())
    assert not connections


def test_reveal(lab, docker_engine):
    for way in "alone-unix", "charon-unix":
        door = Door(lab, way, docker_engine.socket, "--docker-reveal",
                    "MODE, NOT_SET")
        until("the list is known", 20, lambda d=door: b'"MODE=fast"' in
              d.get("/images/bb:1/json")[1])
        body = door.get("/images/bb:1/json")[1]
        assert b'"SECRET_IN_IMAGE=***"' in body
        assert SECRETS["image"].encode() not in body


def test_registry(lab, docker_engine):
    """What is listed is for the engine to answer, all else is not asked."""
    for way in "alone-unix", "charon-unix":
        door = Door(lab, way, docker_engine.socket, "--docker-registry",
                    "127.0.0.1:1,ghcr.io")
        ours = "/distribution/127.0.0.1:1/a/b:1/json"
        until("the list is known", 20, lambda d=door, t=ours:
              d.get(t)[0] != 403)
        status, body, _ = door.get(ours)
        assert status >= 400 and b"orthrus: " not in body or b"words" in body
        for image in "bb", "evil.example/a", "127.0.0.1:2/a":
            status, body, _ = door.get(f"/distribution/{image}/json")
            assert status == 403 and b"--docker-registry" in body
