# SPDX-License-Identifier: ISC
"""charon behind the usual web servers, as docs/behind-a-web-server.md has
them: enrolment and streams come through, idle sessions stay, and a reload
does what the page says."""

import pathlib
import shutil
import time

import pytest

from lab.authority import Authority
from lab.charon import Charon
from lab.system import free_port, until
from lab.targets import echo, echoes, payload
from lab.web_servers import IDLE, SERVERS

NAME = "gw.example.com"
BULK = payload("web", 3 << 20)


@pytest.fixture
def certificates(lab):
    """An authority, and a folder as the page has it."""
    authority = Authority(lab)
    authority.folder = pathlib.Path(lab.path("tls"))
    authority.folder.mkdir()
    authority.pem = authority.issue("tls/both.pem", NAME)
    for name in ("fullchain.pem", "privkey.pem"):
        shutil.copy(authority.pem, authority.folder / name)
    return authority


@pytest.fixture
def charon(lab, certificates):
    """With one port for HTTP behind a web server and for TLS itself."""
    front = free_port()
    charon = lab.own(Charon(lab, tls={
        "listen": f"127.0.0.1:{front}", "certificate": certificates.pem,
        "key": certificates.pem}))
    charon.front = front
    return charon


class Way:
    """A web server, an agent that came through it, and what it exposes."""

    def __init__(self, lab, charon, certificates, kind):
        self.lab, self.charon, self.kind = lab, charon, kind
        self.web = lab.own(SERVERS[kind](lab, certificates, charon.front))
        target = lab.serve(echo)
        self.agent = charon.agent(
            kind, "--tls-ca", certificates.path, "--tls-name", NAME,
            "--expose", target.port, key=charon.add_agent(kind),
            server=f"wss://127.0.0.1:{self.web.port}")
        self.path = charon.socket(kind, target.port)

    def stream(self):
        self.charon.wait_status(self.kind, "online")
        return self.lab.connect(self.path)

    def resumed(self):
        """How often its session has gone on over another link."""
        return self.agent.status()["link"]["resumed"]


def cut(way):
    """Not each reload of Caddy's does that."""
    if not way.resumed():
        way.web.reload()
    return way.resumed()


@pytest.mark.parametrize("kind", SERVERS)
def test_through(lab, charon, certificates, kind):
    way = Way(lab, charon, certificates, kind)
    conn = way.stream()
    for i in range(0, len(BULK), 1 << 16):
        assert echoes(conn, BULK[i:i + (1 << 16)])
    way.web.reload()
    if not way.web.keeps:
        until("the session has another link", 60, lambda: cut(way), every=2)
    assert all(echoes(conn, BULK[i:i + 999]) for i in range(20))
    assert way.web.keeps == (way.resumed() == 0)
    assert "session ended" not in charon.log().split("is online")[1]


def ways(lab, charon, certificates):
    """One for each server that this machine has."""
    for kind, server in SERVERS.items():
        if not server.missing():
            yield Way(lab, charon, certificates, kind)


def test_idle(lab, charon, certificates):
    """What says nothing for longer than the web server's time-outs stays."""
    there = list(ways(lab, charon, certificates))
    if not there:
        pytest.skip("no web server at all: contrib/deps.sh check")
    conns = [way.stream() for way in there]
    began = time.monotonic()
    until("all have been idle", 60,
          lambda: time.monotonic() > began + IDLE + 2, every=1)
    for way, conn in zip(there, conns):
        assert echoes(conn), way.kind
        assert way.resumed() == 0, way.kind
