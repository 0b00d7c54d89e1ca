# SPDX-License-Identifier: ISC
"""An agent's folder of sockets, as a container has it mounted: it stays the
same one over every end of the gateway, and goes with the agent."""

import contextlib
import os
import pathlib
import re
import socket
import subprocess

import pytest

from lab.charon import Charon
from lab.system import until

UNIT = pathlib.Path(__file__).parents[2] / "contrib/charon.service"


class Mounted:
    """A folder as somebody sees it who has had it open since before."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_PATH | os.O_DIRECTORY)

    def close(self):
        os.close(self.fd)

    def status(self):
        """What the Docker API answers there; None: nobody does."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            if s.connect_ex(f"/proc/self/fd/{self.fd}/docker.sock") != 0:
                return None
            s.sendall(b"GET /_ping HTTP/1.1\r\nHost: localhost\r\n"
                      b"Connection: close\r\n\r\n")
            with contextlib.suppress(OSError):
                head = s.recv(4096)
                return int(head.split()[1]) if head else None
        return None


def folder(charon, name):
    return pathlib.Path(charon.runtime) / "agents" / name


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_folder_stays(lab, end):
    """Over a clean end and a crash; the agent is away, which is answered."""
    charon = lab.own(Charon(lab))
    charon.add_agent("web")
    path = folder(charon, "web")
    until("its socket", 20, (path / "docker.sock").exists)
    with contextlib.closing(Mounted(path)) as mounted:
        assert mounted.status() == 502
        getattr(charon, end)()
        assert mounted.status() is None
        charon.start()
        until("it answers again", 20, lambda: mounted.status() == 502)
        assert os.fstat(mounted.fd).st_ino == path.stat().st_ino
        charon.run("agent", "remove", "web")
        until("it is gone", 20, lambda: not path.exists())


def test_removed_while_it_did_not_run(lab):
    """Of who is gone nothing is left, of others what is stale goes."""
    charon = lab.own(Charon(lab))
    for name in "web", "old":
        charon.add_agent(name)
        until("its socket", 20, (folder(charon, name) /
                                 "docker.sock").exists)
    charon.kill()
    with contextlib.closing(Mounted(folder(charon, "web"))) as mounted:
        charon.run("agent", "remove", "old")
        for name in "web", "old":
            with socket.socket(socket.AF_UNIX) as s:
                s.bind(str(folder(charon, name) / "9100.sock"))
        charon.start()
        until("it runs", 20, lambda: mounted.status() == 502)
    assert not folder(charon, "old").exists()
    assert [p.name for p in folder(charon, "web").iterdir()] == \
        ["docker.sock"]


def test_folder_that_root_mounted(lab):
    """The kernel's own mount of it, in a namespace of somebody's."""
    if subprocess.run(["unshare", "-m", "true"]).returncode != 0:
        pytest.skip("no mount namespaces here")
    charon = lab.own(Charon(lab))
    charon.add_agent("web")
    path = folder(charon, "web")
    until("its socket", 20, (path / "docker.sock").exists)
    there = pathlib.Path(lab.dir) / "mounted"
    there.mkdir()
    container = subprocess.Popen(
        ["unshare", "-m", "--kill-child", "sh", "-ec", f"mount --bind {path} "
         f"{there}; echo mounted; exec cat"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True)
    try:
        assert container.stdout.readline() == "mounted\n"
        seen = f"/proc/{container.pid}/root{there}"
        charon.stop(60)
        charon.start()
        with contextlib.closing(Mounted(seen)) as mounted:
            until("it answers", 20, lambda: mounted.status() == 502)
    finally:
        container.stdin.close()
        container.wait(timeout=20)


def test_unit_keeps_it():
    """systemd would take the folder away with the service, and make anew."""
    assert re.search("^RuntimeDirectoryPreserve=yes$", UNIT.read_text(),
                     re.M)
