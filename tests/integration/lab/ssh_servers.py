# SPDX-License-Identifier: ISC
"""Other people's SSH servers, with a host key of the lab's: x/crypto/ssh for
Go, asyncssh, paramiko and dropbear.  sshd is in harness.py."""

import os
import pathlib
import shutil
import subprocess

import pytest

from lab import registries
from lab.system import DIES_WITH_US, fingerprint, free_port, until

X_CRYPTO = "golang.org/x/crypto@v0.59.0"
ASYNCSSH = "asyncssh==2.24.1"
PARAMIKO = "paramiko==5.1.0"
PEERS = pathlib.Path(__file__).parent / "peers"


class Server:
    """A program that is given the host key and prints its port."""

    unix = False		# it forwards to Unix sockets
    half_close = False		# one side of a stream may end before the other
    host = "127.0.0.1"

    def __init__(self, lab, *options):
        self.lab, self.options = lab, options
        self.log_path = lab.path(f"{type(self).__name__}.log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [*DIES_WITH_US, *self.command()], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=log, cwd=lab.dir,
                env=lab.environment(), start_new_session=True)
        lab.own(self)
        self.port = int(self.process.stdout.readline() or b"0")
        assert self.port != 0, self.log()

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    @property
    def fingerprint(self):
        return fingerprint(self.lab.host_key + ".pub")

    def log(self):
        return pathlib.Path(self.log_path).read_text(errors="replace")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Go(Server):
    """Listens where it likes for its clients, whatever they ask for."""

    unix = True

    def __init__(self, lab, address="127.0.0.1", forwards="127.0.0.1"):
        self.host = address
        super().__init__(lab, address, forwards)

    def command(self):
        return [registries.go("peers/server.go", X_CRYPTO), self.lab.host_key,
                self.lab.identity + ".pub", *self.options]


class Asyncssh(Server):
    unix = half_close = True

    def command(self):
        return [registries.python(ASYNCSSH), PEERS / "asyncssh_server.py",
                self.lab.host_key]


class Paramiko(Server):
    def command(self):
        return [registries.python(PARAMIKO), PEERS / "paramiko_server.py",
                self.lab.host_key]


class Dropbear(Server):
    """Its keys are in a home folder: a mount of its own puts them there."""

    half_close = True

    def __init__(self, lab, *options):
        if shutil.which("dropbear") is None:
            pytest.skip("dropbear is missing")
        self.key = lab.path("dropbear-key")
        made = subprocess.run(
            ["dropbearkey", "-t", "ed25519", "-f", self.key], check=True,
            capture_output=True, text=True)
        lab.write("dropbear-key.pub", next(
            line for line in made.stdout.splitlines()
            if line.startswith("ssh-ed25519")) + "\n", 0o644)
        self.home = lab.path("dropbear-home")
        os.makedirs(self.home + "/.ssh", mode=0o700)
        shutil.copy(lab.identity + ".pub",
                    self.home + "/.ssh/authorized_keys")
        super().__init__(lab, *options)
        until("dropbear listens", 10, lambda: "Not backgrounding" in
              self.log())

    def command(self):
        port = free_port()
        return ["unshare", "-m", "sh", "-c",
                f"mount --bind {self.home} /root && echo {port} && "
                'exec "$@"', "sh", "dropbear", "-F", "-E", "-r", self.key,
                "-P", "", "-p", f"127.0.0.1:{port}", *self.options]

    @property
    def fingerprint(self):
        return fingerprint(self.key + ".pub")


def openssh(lab):
    return lab.sshd()


openssh.unix = openssh.half_close = True

SERVERS = {"x/crypto/ssh": Go, "asyncssh": Asyncssh, "paramiko": Paramiko,
           "dropbear": Dropbear, "openssh": openssh}
REGISTRIES = ("x/crypto/ssh", "asyncssh", "paramiko")


def which(**can):
    """Parameters of a test: the names of the servers that can do this."""
    return [pytest.param(name, marks=pytest.mark.registries)
            if name in REGISTRIES else name
            for name, server in SERVERS.items()
            if all(getattr(server, what) is value
                   for what, value in can.items())]
