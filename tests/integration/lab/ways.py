# SPDX-License-Identifier: ISC
"""The ways to a gateway: each transport, alone and behind each proxy."""

import shutil

import pytest

from lab.cutter import Cutter


class Way:
    """One transport, from here to a port of a gateway."""

    def __init__(self, transport):
        self.transport = transport

    def __str__(self):
        return self.transport

    def server(self, address):
        """How the server behind address is named to orthrus."""
        scheme = {"tcp": "", "command": ""}[self.transport]
        return scheme + address

    def options(self, address):
        if self.transport != "command":
            return []
        if not shutil.which("socat"):
            pytest.skip("needs socat")
        return ["--proxy-command", "socat - TCP:%h:%p"]

    def port(self, charon):
        return charon.port


def cut_way(lab, way, charon):
    """A Cutter on the way, and what an agent takes to go through it."""
    cutter = lab.own(Cutter(way.port(charon)))
    address = f"127.0.0.1:{cutter.port}"
    return cutter, {"server": way.server(address)}, way.options(address)
