# SPDX-License-Identifier: ISC
"""The programs that are compared, each as something that opens a tunnel."""

import contextlib
import re
import shutil
import subprocess

from lab.system import DIES_WITH_US, children, free_port, until
from tools import NotMeasured, Process, said_by


class Tunnel:
    """Where to connect, what is measured, and where it leads."""

    def __init__(self, via, target, owner, socks=False):
        self.via, self.target, self.socks = via, target, socks
        self.owner = owner

    def pids(self):
        return [self.owner.pid]


def listens(port):
    """Whether a socket listens there, without connecting to it."""
    wanted = f":{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in open(table):
                words = line.split()
                if words[3] == "0A" and words[1].endswith(wanted):
                    return True
    return False


class Orthrus:
    name = "orthrus"
    kinds = "LRD"

    def __init__(self, program):
        self.program = program

    def version(self):
        return said_by(self.program, "--version")

    def start(self, lab, port, kind="L", server=None, more=()):
        """
        kind is L, R or D, as the options are; server is how the port is
        reached, with more options, where it is not by TCP.
        """
        via, target = free_port(), free_port()
        server = server or f"127.0.0.1:{port}"
        options = ["--host-key", lab.fingerprint, *more]
        if kind != "D":
            options += [f"-{kind}", f"127.0.0.1:{via}:127.0.0.1:{target}"]
        agent = lab.orthrus(
            server, *options, level="info",
            socks5=f"127.0.0.1:{via}" if kind == "D" else "off",
            control=lab.path(f"control-{via}.sock"))
        return Tunnel(via, target, agent, kind == "D")

    def cipher(self, lab, port):
        agent = self.start(lab, port).owner
        cipher = agent.status().get("cipher") or "unknown"
        agent.close()
        return cipher


class Ssh:
    name = "ssh"
    kinds = "LRD"

    def argv(self, lab, port, *options):
        return ["-F", "none", "-T", "-p", str(port), "-l", "root",
                "-i", lab.identity, "-o", "IdentitiesOnly=yes",
                "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
                "-o", f"UserKnownHostsFile={lab.known_hosts}",
                "-o", "GlobalKnownHostsFile=none", "-o", "CheckHostIP=no",
                "-o", "ExitOnForwardFailure=yes", *options, "127.0.0.1"]

    def version(self):
        return said_by("ssh", "-V")

    def program(self):
        return ["ssh"], {}

    def start(self, lab, port, kind="L"):
        via, target = free_port(), free_port()
        spec = f"127.0.0.1:{via}"
        if kind != "D":
            spec += f":127.0.0.1:{target}"
        program, env = self.program()
        process = lab.own(Process(
            [*DIES_WITH_US, *program,
             *self.argv(lab, port, "-N", f"-{kind}", spec)],
            log=open(lab.path(f"{self.name}-{via}.log"), "wb"),
            env=lab.environment(env), cwd=lab.dir))
        until(f"{self.name} listens", 20,
              lambda: listens(via) or not process.running())
        if not process.running():
            raise NotMeasured(f"{self.name} ended: " +
                              open(lab.path(f"{self.name}-{via}.log")).read())
        return Tunnel(via, target, process, kind == "D")

    def cipher(self, lab, port):
        done = subprocess.run(
            ["ssh", *self.argv(lab, port, "-v"), "true"], text=True,
            capture_output=True, env=lab.environment(), timeout=30)
        found = re.search(r"server->client cipher: (\S+)", done.stderr)
        return found[1] if found else "unknown"


class Autossh(Ssh):
    """ssh does not come back by itself; this is how people make it."""
    name = "autossh"

    def program(self):
        path = shutil.which("autossh")
        if not path:
            raise NotMeasured("autossh is not installed "
                              "(contrib/deps.sh bench)")
        return [path, "-M", "0", "-o", "ServerAliveInterval=5",
                "-o", "ServerAliveCountMax=3"], {"AUTOSSH_GATETIME": "0"}

    def start(self, lab, port, kind="L"):
        tunnel = super().start(lab, port, kind)
        tunnel.pids = lambda: [tunnel.owner.pid, *children(tunnel.owner.pid)]
        return tunnel
