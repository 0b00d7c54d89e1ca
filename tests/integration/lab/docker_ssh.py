# SPDX-License-Identifier: ISC
"""A gateway for DOCKER_HOST=ssh://, and clients that have nothing but it."""

import os
import pathlib
import subprocess

from lab import docker_engine
from lab.charon import Charon
from lab.system import DIES_WITH_US, keygen

# Programs run the ssh that is first in their PATH.
SSH = """#!/bin/sh
exec /usr/bin/ssh -F {config} "$@"
"""

CONFIG = """
Host *
 IdentityFile {key}
 IdentitiesOnly yes
 StrictHostKeyChecking yes
 UserKnownHostsFile {home}/.ssh/known_hosts
 BatchMode yes
 SendEnv LANG LC_*
{more}"""


class Gate:
    """
    Agents "rome" with Docker at socket, "bare" without, "paris" which never
    came; one key for all clients, a home and a PATH that lead to it.
    """

    def __init__(self, lab, socket):
        self.lab = lab
        self.charon = lab.own(Charon(lab))
        self.rome = self.charon.agent("rome", f"--docker={socket}",
                                      key=self.charon.add_agent("rome"))
        self.charon.agent("bare", key=self.charon.add_agent("bare"))
        self.charon.add_agent("paris")
        self.home = pathlib.Path(lab.path("home"))
        self.key = self.home / "key"
        self.bin = self.home / "bin"
        (self.home / ".ssh").mkdir(parents=True, mode=0o700)
        self.bin.mkdir()
        keygen(self.key)
        host_key = pathlib.Path(self.charon.state,
                                "ssh_host_ed25519_key.pub").read_text()
        (self.home / ".ssh/known_hosts").write_text(
            f"[127.0.0.1]:{self.charon.port} {host_key}")
        self.config = self.home / ".ssh/config"
        self.configure()
        (self.bin / "ssh").write_text(SSH.format(config=self.config))
        (self.bin / "ssh").chmod(0o755)

    def configure(self, more=""):
        self.config.write_text(CONFIG.format(key=self.key, home=self.home,
                                             more=more))

    def add(self, client, allow):
        self.charon.add_client(client, allow, f"{self.key}.pub")

    def url(self, user, path=""):
        return f"ssh://{user}@127.0.0.1:{self.charon.port}{path}"

    def env(self, more=None):
        return {"PATH": f"{self.bin}:{os.environ['PATH']}",
                "HOME": str(self.home), "LC_ALL": "C", **(more or {})}

    def docker(self, program, url, *args, **env):
        return docker_engine.docker(url, *args, program=program,
                                    timeout=60, env=self.env(env))

    def run(self, *argv, data=b"", timeout=60):
        """Any program with that home and PATH: .out, .err and .returncode."""
        done = subprocess.run([*DIES_WITH_US, *map(str, argv)], input=data,
                              capture_output=True, timeout=timeout,
                              env=self.env(), cwd=self.home)
        done.out = done.stdout.decode(errors="replace")
        done.err = done.stderr.decode(errors="replace")
        return done

    def ssh(self, user, *command, options=(), data=b""):
        return self.run(self.bin / "ssh", "-T", "-p", self.charon.port,
                        *options, "-l", user, "127.0.0.1", *command,
                        data=data)
