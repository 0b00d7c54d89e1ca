# SPDX-License-Identifier: ISC
"""The servers that clients are measured against: OpenSSH's sshd and charon,
with the same host key and for the same user, so that either does for every
client."""

import os

from lab import harness, system
from lab.charon import Charon
from tools import family_of


class Lab(harness.Lab):
    """The laboratory of the integration tests, with servers that are meant
    to be fast and not to write much."""

    def __init__(self, keys):
        super().__init__(keys)
        self.server = None
        self.fingerprint = system.fingerprint(self.host_key + ".pub")
        with open(self.host_key + ".pub") as f:
            self.known_hosts = self.write("known", f"* {f.read()}")

    def sshd_port(self, cipher=None):
        settings = {"Ciphers": cipher} if cipher else {}
        self.server = self.sshd(LogLevel="ERROR", **settings)
        return self.server.port

    def charon(self, name="charon", **sections):
        """A gateway as people run it: without a debug log."""
        return self.own(Charon(self, name, log={"level": "warn"}, **sections))


class SshdServer:
    name = "sshd"

    def __init__(self, lab, cipher=None):
        self.port = lab.sshd_port(cipher)
        self.server = lab.server

    def pids(self):
        """Of the sessions; the listener costs the same without them."""
        return self.server.sessions()


class CharonServer:
    """Lets the user of all our clients go on to this machine."""
    name = "charon"

    def __init__(self, lab):
        self.server = lab.charon(ssh={"host_key": lab.host_key},
                                 egress={"allow": "127.0.0.1:*"})
        self.port = self.server.port
        self.server.add_client("root", "egress", lab.identity + ".pub")

    def pids(self):
        return family_of(self.server.pid)


def known_agents(server):
    """How many have their sockets there."""
    return len(os.listdir(os.path.join(server.runtime, "agents")))
