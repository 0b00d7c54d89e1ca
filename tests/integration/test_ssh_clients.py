# SPDX-License-Identifier: ISC
"""Other people's SSH clients at a gateway, and the services behind an agent."""

import os
import pathlib
import re
import socket
import struct
import subprocess

import pytest

from lab import openssh, socks, ssh_clients, ssh_servers
from lab.charon import Charon
from lab.openssh import run
from lab.system import DIES_WITH_US, fingerprint, free_port, until
from lab.targets import (answers_at_end, digest, echo, listens, payload,
                         read_all, says)

pytestmark = pytest.mark.skipif(not openssh.available(),
                                reason="this build has no charon")

SIZE = 1 << 20
DATA = bytes((i * 31 + i // 251) & 255 for i in range(SIZE))


class Services:
    """Behind the agent "london", for the client "ann" of the gateway."""

    def __init__(self, lab):
        self.charon = lab.own(Charon(lab))
        self.targets = [lab.serve(handler) for handler in (
            echo, answers_at_end(b""), says(DATA), listens)]
        self.echo, self.digest, self.speaks, self.listens = self.targets
        ports = [t.port for t in self.targets]
        self.agent = self.charon.agent(
            "london", *[o for p in ports for o in ("--expose", p)],
            key=self.charon.add_agent("london"))
        self.config = self.charon.ssh_client(
            "ann", ",".join(f"london:{p}" for p in ports))
        self.key = lab.path("key-ann")
        key, = pathlib.Path(self.charon.state).glob("*host*.pub")
        self.fingerprint = fingerprint(key)
        until("the agent's ports", 20, lambda: all(
            os.path.exists(self.charon.socket("london", p)) for p in ports))

    def arguments(self):
        return [self.charon.port, "ann", self.key, self.fingerprint, "london",
                SIZE, *[t.port for t in self.targets], free_port(),
                f"/london/{self.digest.port}.sock"]


@pytest.fixture
def services(lab):
    return Services(lab)


@pytest.mark.parametrize("name", ssh_clients.PARAMETERS)
def test_library(lab, services, name):
    command = ssh_clients.CLIENTS[name]() + services.arguments()
    done = subprocess.run(
        [*DIES_WITH_US, *map(str, command)], capture_output=True, text=True,
        timeout=60, stdin=subprocess.DEVNULL, env=lab.environment(),
        cwd=lab.dir)
    assert done.returncode == 0, done.stdout + done.stderr
    found = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    print(found)
    assert found["echo"].lower() == "true"
    assert found["digest"] == digest(DATA)
    assert found["speaks"] == str(SIZE)
    assert found.get("unix", digest(DATA)) == digest(DATA)
    assert ("unix" in found) == (name not in ("paramiko", "libssh2", "sshj"))
    assert found["refused"]
    # However the client closes it, the service sees an end and no reset.
    assert services.listens.reports.get(timeout=20) == digest(DATA)


def test_table():
    """docs/works-with.md names the versions that are tried."""
    table = pathlib.Path(__file__).parents[2] / "docs/works-with.md"
    tried = table.read_text().partition("## SSH clients")[2]
    for pin in (ssh_servers.X_CRYPTO, ssh_servers.ASYNCSSH,
                ssh_servers.PARAMIKO, ssh_clients.LIBSSH2, ssh_clients.RUSSH,
                ssh_clients.SSHJ, ssh_clients.SSH2):
        version = re.search(r"v?\d[\w.]+", pin.replace("ssh2@", ""))
        assert version.group() in tried, pin


def test_plink(lab, services):
    plink = ssh_clients.plink(lab, services.charon, "ann", services.key,
                              services.fingerprint)
    done = run(lab, *plink, "-nc", f"london.orthrus:{services.digest.port}",
               "127.0.0.1", data=DATA)
    assert (done.returncode, done.said, done.out) == \
        (0, [], digest(DATA).encode())
    port = free_port()
    process = subprocess.Popen(
        [*map(str, plink), "-N", "-L",
         f"{port}:london.orthrus:{services.speaks.port}", "127.0.0.1"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env=lab.environment())

    def connected():
        try:
            return lab.connect(("127.0.0.1", port))
        except ConnectionRefusedError:
            return None
    try:
        assert read_all(until("plink listens", 20, connected)) == DATA
    finally:
        process.kill()
        process.wait()


def test_cut_off(lab):
    """Between our own programs a reset stays one, on all of the way."""
    def breaks_off(conn, target):
        conn.recv(1)
        conn.sendall(payload(1, 100000))
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))

    charon = lab.own(Charon(lab))
    target = lab.serve(breaks_off)
    charon.agent("london", "--expose", target.port,
                 key=charon.add_agent("london"))
    charon.add_client("ann", "london:*", key=lab.identity + ".pub")
    ann = charon.agent("ann", "--identity", lab.identity, "--accept-new",
                       socks5=f"127.0.0.1:{free_port()}")
    for _ in range(5):
        conn = socks.open_through(lab, ann, "london.orthrus", target.port)
        conn.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            read_all(conn)
