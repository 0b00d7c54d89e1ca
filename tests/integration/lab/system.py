# SPDX-License-Identifier: ISC
"""Ports, processes and keys of the machine that the tests run on."""

import contextlib
import os
import pathlib
import random
import socket
import subprocess
import time

# The process dies with the test runner, however that one ends.
DIES_WITH_US = ["setpriv", "--pdeathsig", "KILL"]

# Of a block of so many ports, which another process at the same work leaves
# alone: between the choice of a port and its use there is a moment.
PORT_BLOCK = 250
_ports = []
_port_blocks = []

# Processes that outlive a test; children() passes them and theirs by.
lasting = set()


def free_port():
    """A port below the ephemeral range, so that no client can grab it."""
    while True:
        if not _ports:
            _ports.extend(_own_ports())
        port = _ports.pop()
        if _is_free(port):
            return port


def _own_ports():
    """A block's ports, and an abstract socket that says whose it is."""
    blocks = [b for b in range(10000, 32000, PORT_BLOCK)
              if b not in [mine for mine, _ in _port_blocks]]
    random.shuffle(blocks)
    for block in blocks:
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0orthrus-test-ports-{block}")
        except OSError:
            mark.close()
            continue
        _port_blocks.append((block, mark))
        return random.sample(range(block, block + PORT_BLOCK), PORT_BLOCK)
    raise AssertionError("all ports are given away")


def _is_free(port):
    with contextlib.ExitStack() as stack:
        try:
            for family, host in ((socket.AF_INET, "0.0.0.0"),
                                 (socket.AF_INET6, "::")):
                if family == socket.AF_INET6 and not has_ipv6():
                    continue
                s = stack.enter_context(socket.socket(family))
                if family == socket.AF_INET6:
                    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                s.bind((host, port))
        except OSError:
            return False
    return True


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def until(what, seconds, check, every=0.05):
    """Polls check() until it is true, and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)


def children(pid):
    """All living descendants of a process, nearest first."""
    kids = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError, IndexError):
            stat = pathlib.Path("/proc", entry, "stat").read_text()
            state, parent = stat.rpartition(")")[2].split()[:2]
            if state != "Z" and int(entry) not in lasting:
                kids.setdefault(int(parent), []).append(int(entry))
    found, queue = [], [pid]
    while queue:
        more = kids.get(queue.pop(0), [])
        found += more
        queue += more
    return found


def alive(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def send_signal(pids, sig):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sig)


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def keygen(path, *options, kind="ed25519", passphrase=""):
    """Makes a key pair with ssh-keygen and returns the private key's path."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C",
                    "test", "-f", path, *options], check=True,
                   stdin=subprocess.DEVNULL)
    return str(path)


def fingerprint(path):
    out = subprocess.run(["ssh-keygen", "-l", "-f", path], check=True,
                         capture_output=True, text=True).stdout
    return out.split()[1]
