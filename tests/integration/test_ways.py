# SPDX-License-Identifier: ISC
"""
The matrix: every transport, and every proxy in front of it, over IPv4 and
IPv6, carries an enrolment, SOCKS5, -L, -R, Unix sockets, Docker and -W.
"""

import os

import pytest

from lab import proxies, socks
from lab.harness import Orthrus, ORTHRUS
from lab.muzzle_engine import Engine
from lab.stdio import Stdio
from lab.system import free_port, has_ipv6, keygen
from lab.targets import echo, echoes, payload, read_all
from lab.ways import Gateway, every_way, stock_proxies

SIZE = 300 * 1000		# more than a window begins with


class Row:
    """One agent, which came its own way, and all that it carries."""

    def __init__(self, world, number, way):
        self.world, self.way, self.name = world, way, f"agent-{number}"
        lab, target = world.lab, world.target
        self.local, self.remote, socks5 = (free_port() for _ in range(3))
        self.socket = lab.path(f"l{number}.sock")
        state = lab.path(f"s{number}")
        os.mkdir(state, mode=0o700)
        self.route = ["--server", way.server(
            world.gateway.port(way.transport)),
            *way.options(world.gateway, world.urls)]
        argv = [ORTHRUS, "connect", "--name", self.name, *self.route,
                "--control", lab.path(f"c{number}.sock"),
                "--socks5", f"127.0.0.1:{socks5}",
                "-L", f"{self.local}:{self.name}.orthrus:{target.port}",
                "-L", f"{self.socket}:/{self.name}/{target.port}.sock",
                "-R", f"{self.remote}:{target.spec}",
                "--expose", str(target.port),
                f"--docker={world.engine.path}"]
        self.agent = lab.own(Orthrus(
            lab, argv, lab.environment({
                "STATE_DIRECTORY": state, "AUTH_KEY":
                world.gateway.charon.add_agent(self.name)}),
            lab.path(f"c{number}.sock"), ("127.0.0.1", socks5)))

    def check(self):
        world, port = self.world, self.world.target.port
        lab, data = world.lab, payload(self.name, SIZE)
        self.agent.wait_ready(60)
        link = self.agent.status()["link"]
        assert link["transport"] == self.way.transport
        with lab.connect(self.agent.socks5) as conn:
            assert socks.ask(conn, f"{self.name}.orthrus",
                             port) == socks.SUCCEEDED
            assert echoes(conn, data)
        for address in (("127.0.0.1", self.local), self.socket,
                        world.gateway.charon.socket(self.name, self.remote),
                        world.gateway.charon.socket(self.name, port)):
            with lab.connect(address) as conn:
                assert echoes(conn, data), address
        with lab.connect(world.gateway.charon.socket(self.name)) as conn:
            conn.sendall(b"GET /containers/json HTTP/1.1\r\nHost: d\r\n"
                         b"Connection: close\r\n\r\n")
            assert read_all(conn).startswith(b"HTTP/1.1 200 ")
        self.check_stdio(data)

    def check_stdio(self, data):
        """By a session of its own, of somebody who is a client."""
        world = self.world
        stdio = Stdio(world.lab, None, None)
        stdio.options = [*self.route, *world.client,
                         "--control", world.lab.path("nobody.sock")]
        done = stdio.run(f"{self.name}.orthrus:{world.target.port}",
                         input=data)
        assert done.returncode == 0 and done.stdout == data, done.said


class World:
    """What all rows share."""

    def __init__(self, lab, host, nrows):
        self.lab, self.target = lab, lab.serve(echo)
        self.gateway = Gateway(lab, sorted({"127.0.0.1", host}))
        self.urls = stock_proxies(lab)
        self.engine = lab.own(Engine(lab.path("engine.sock")))
        key = keygen(lab.path("client"))
        charon = self.gateway.charon
        charon.add_client("bob", ",".join(
            f"agent-{i}:{self.target.port}" for i in range(nrows)),
            key + ".pub")
        self.client = ["--user", "bob", "--identity", key, "--known-hosts",
                       lab.path("known"), "--accept-new"]


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param(
    "::1", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6"))])
def test_every_way(lab, host):
    ways = every_way([host])
    world = World(lab, host, len(ways))
    rows = [Row(world, i, way) for i, way in enumerate(ways)]
    failed = []
    for row in rows:
        try:
            row.check()
        except Exception as e:
            failed.append(f"{row.way}: {e!r}"[:2000])
    assert not failed, "\n".join(failed)
    for row in rows:
        assert proxies.PASSWORD not in row.agent.log()
