# SPDX-License-Identifier: ISC
"""The rows in which the server is compared: charon and sshd, each with the
same clients, in turn."""

import contextlib

from gateway_parts import idle_sessions
from rows import LINK_MS, UP_DOWN
from servers import CharonServer, SshdServer

SERVERS = (CharonServer, SshdServer)
AS_FAST = ("ratio>=", 1)


@contextlib.contextmanager
def tunnels(row, kind, client, measures):
    """One of this client to each server, by the servers' names."""
    found = {}
    with row.bench.lab() as lab:
        for make in SERVERS:
            with row.guard(make.name, *measures):
                server = make(lab)
                found[server.name] = client.start(lab, server.port, kind)
                # What is measured is the server's.
                found[server.name].pids = server.pids
        yield found


def row10(row):
    """Bulk, with each client's own defaults."""
    for client in row.bench.pair:
        m = {}
        for test, way in UP_DOWN["L"]:
            label = f"-L {way} by {client.name}"
            m[test] = (row.measure(label, "Mbit/s", AS_FAST),
                       row.measure(f"{label}, CPU of the server", "s/GiB"))
        every = [x for pair in m.values() for x in pair]
        with tunnels(row, "L", client, every) as found:
            for _, name, tunnel in row.rounds(found):
                for test, pair in m.items():
                    with row.guard(name, *pair):
                        said = row.load(test, tunnel)
                        pair[0].add(name, said["mbit_s"])
                        pair[1].add(name, said["cpu_s_gib"])


def row11(row):
    """New connections in a session."""
    for client in row.bench.pair:
        m = {n: row.measure(f"SOCKS5 by {client.name}, {n} at a time",
                            "conn/s", AS_FAST) for n in (1, 64)}
        with tunnels(row, "D", client, m.values()) as found:
            for _, name, tunnel in row.rounds(found):
                for n, measure in m.items():
                    with row.guard(name, measure):
                        said = row.load("connects", tunnel, count=n)
                        measure.add(name, said["per_second"])


def row12(row):
    """Idle sessions of ssh, many at a time."""
    n = row.plan.counts[0]
    measure = row.measure(f"memory of an idle session, of {n}", "KiB",
                          ("ratio<=", 1 / 40))
    for turn in range(row.plan.rounds):
        for make in SERVERS:
            row.bench.say(f"row 12: round {turn + 1}: {make.name}")
            with row.guard(make.name, measure), row.bench.lab() as lab:
                measure.add(make.name, idle_sessions(lab, make(lab), n))


def row13(row):
    """One stream over a long link: orthrus to charon, ssh to sshd."""
    m = {way: row.measure(f"-L {way}, round trip {2 * LINK_MS} ms, orthrus "
                          "to charon and ssh to sshd", "Mbit/s",
                          ("ratio>=", 5)) for way in ("up", "down")}
    with row.bench.lab() as lab:
        found = {}
        for make, client in zip(SERVERS, row.bench.pair):
            with row.guard(make.name, *m.values()):
                link = row.tools.link(lab, make(lab).port, LINK_MS)
                found[make.name] = client.start(lab, link.port, "L")
        for _, name, tunnel in row.rounds(found):
            for way, measure in m.items():
                with row.guard(name, measure):
                    measure.add(name, row.load(way, tunnel)["mbit_s"])


ROWS = {10: row10, 11: row11, 12: row12, 13: row13}
