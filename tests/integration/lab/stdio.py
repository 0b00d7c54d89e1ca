# SPDX-License-Identifier: ISC
"""Runs of "orthrus connect -W", by a session of its own or a running one's."""

import subprocess

from lab import harness
from lab.system import DIES_WITH_US

WAYS = ["own", "lent"]


class Stdio:
    """How to have one stream to a destination behind one server."""

    def __init__(self, lab, server, way, **how):
        self.lab, self.way, self.agent = lab, way, None
        control = lab.path("lender.sock")
        if way == "lent":
            self.agent = lab.orthrus(server, socks5="off", control=control)
        # With another's session no server is needed.
        self.options = ["--control", control] if way == "lent" else \
            lab.connect_argv(server, socks5=False, level="error",
                             control=control, **how)[1:]

    def argv(self, destination, *options):
        return [harness.ORTHRUS, "connect", "-W", str(destination),
                *map(str, options), *self.options]

    def popen(self, destination, *options, **how):
        how = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE,
               "stderr": subprocess.PIPE, **how}
        return subprocess.Popen(
            DIES_WITH_US + self.argv(destination, *options),
            env=self.lab.environment(), cwd=self.lab.dir, **how)

    def run(self, destination, *options, timeout=60, **how):
        """To its end: .said is what it says on standard error."""
        if "input" not in how:
            how.setdefault("stdin", subprocess.DEVNULL)
        how.setdefault("stdout", subprocess.PIPE)
        done = subprocess.run(
            DIES_WITH_US + self.argv(destination, *options),
            stderr=subprocess.PIPE, timeout=timeout,
            env=self.lab.environment(), cwd=self.lab.dir, **how)
        done.said = done.stderr.decode()
        assert not any(s in done.said for s in harness.SANITIZERS), done.said
        return done
