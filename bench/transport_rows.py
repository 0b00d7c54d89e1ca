# SPDX-License-Identifier: ISC
"""The rows in which transports are compared: orthrus over another one and
over TCP, to the same server, in turn."""

import functools

from lab.authority import Authority
from lab.system import free_port
from lab.tls import Stunnel
from rows import UP_DOWN
from tools import GCM, family_of


def sshd_in_tls(lab, orthrus):
    """stunnel in front of sshd; what is measured is orthrus alone."""
    authority = Authority(lab)
    port = lab.sshd_port(GCM)
    front = Stunnel(lab, port, authority.issue("gw.pem", "127.0.0.1"))
    return {"tcp": orthrus.start(lab, port),
            "tls": orthrus.start(lab, port, "L", front.url,
                                 ["--tls-ca", authority.path])}


def charon_over(scheme, lab, orthrus):
    """charon's own TLS or WebSocket; what is measured is both ends."""
    authority, port = Authority(lab), free_port()
    pem = authority.issue("gw.pem", "127.0.0.1")
    charon = lab.charon(
        ssh={"host_key": lab.host_key}, egress={"allow": "127.0.0.1:*"},
        tls={"listen": f"127.0.0.1:{port}", "certificate": pem, "key": pem})
    charon.add_client("root", "egress", lab.identity + ".pub")
    tunnels = {"tcp": orthrus.start(lab, charon.port),
               scheme: orthrus.start(lab, charon.port, "L",
                                     f"{scheme}://127.0.0.1:{port}",
                                     ["--tls-ca", authority.path])}
    for tunnel in tunnels.values():
        tunnel.pids = lambda owner=tunnel.owner: [
            owner.pid, *family_of(charon.pid)]
    return tunnels


def charon_resumes(lab, orthrus):
    """A session that could go on over another link, and one that could not;
    what is measured is both ends."""
    charon = lab.charon(ssh={"host_key": lab.host_key},
                        egress={"allow": "127.0.0.1:*"})
    charon.add_client("root", "egress", lab.identity + ".pub")
    tunnels = {"tcp": orthrus.start(lab, charon.port, "L", None,
                                    ["--resume", "0"]),
               "resumable": orthrus.start(lab, charon.port)}
    for tunnel in tunnels.values():
        tunnel.pids = lambda owner=tunnel.owner: [
            owner.pid, *family_of(charon.pid)]
    return tunnels


def bulk_over(row, name, whose, start, limit):
    """One stream each way over both, and whose CPU that takes."""
    m = {}
    for test, way in UP_DOWN["L"]:
        label = f"-L {way} over {name} and tcp"
        m[test] = (row.measure(f"{label}, {whose}", "Mbit/s"),
                   row.measure(f"{label}, CPU of {whose}", "s/GiB",
                               ("ratio<=", limit)))
    every = [x for pair in m.values() for x in pair]
    tunnels = {}
    with row.bench.lab() as lab:
        with row.guard(name, *every):
            tunnels = start(lab, row.bench.pair[0])
        for _, which, tunnel in row.rounds(tunnels):
            for test, pair in m.items():
                with row.guard(which, *pair):
                    said = row.load(test, tunnel)
                    pair[0].add(which, said["mbit_s"])
                    pair[1].add(which, said["cpu_s_gib"])


def row14(row):
    """Bulk in TLS."""
    bulk_over(row, "tls", "orthrus", sshd_in_tls, 1.5)
    bulk_over(row, "tls", "orthrus and charon",
              functools.partial(charon_over, "tls"), 1.5)


def row15(row):
    """Bulk in WebSocket, which is in TLS."""
    bulk_over(row, "wss", "orthrus and charon",
              functools.partial(charon_over, "wss"), 1.6)


def row16(row):
    """Bulk in a session that keeps what is not acknowledged."""
    bulk_over(row, "resumable", "orthrus and charon", charon_resumes, 1.05)


ROWS = {14: row14, 15: row15, 16: row16}
# What is compared with TCP in each.
OURS = {14: "tls", 15: "wss", 16: "resumable"}
