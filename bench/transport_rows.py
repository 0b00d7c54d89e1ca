# SPDX-License-Identifier: ISC
"""The rows in which transports are compared: orthrus over another one and
over TCP, to the same sshd, in turn."""

from lab.authority import Authority
from lab.tls import Stunnel
from rows import UP_DOWN
from tools import GCM


def over_tls(lab, port):
    """stunnel's, which is not measured."""
    authority = Authority(lab)
    front = Stunnel(lab, port, authority.issue("gw.pem", "127.0.0.1"))
    return front.url, ["--tls-ca", authority.path]


def bulk_over(row, name, way_to, limit):
    """One stream each way, and the CPU of the client alone."""
    orthrus = row.bench.pair[0]
    m = {}
    for test, way in UP_DOWN["L"]:
        label = f"-L {way}, {name} and tcp, aes256-gcm"
        m[test] = (row.measure(label, "Mbit/s"),
                   row.measure(f"{label}, CPU", "s/GiB",
                               ("ratio<=", limit)))
    every = [x for pair in m.values() for x in pair]
    with row.bench.lab() as lab:
        port = lab.sshd_port(GCM)
        tunnels = {}
        with row.guard(name, *every):
            tunnels["tcp"] = orthrus.start(lab, port)
            url, options = way_to(lab, port)
            tunnels[name] = orthrus.start(lab, port, "L", url, options)
        for _, which, tunnel in row.rounds(tunnels):
            for test, pair in m.items():
                with row.guard(which, *pair):
                    said = row.load(test, tunnel)
                    pair[0].add(which, said["mbit_s"])
                    pair[1].add(which, said["cpu_s_gib"])


def row14(row):
    """Bulk in TLS."""
    bulk_over(row, "tls", over_tls, 1.5)


ROWS = {14: row14}
# What is compared with TCP in each.
OURS = {14: "tls"}
