# SPDX-License-Identifier: ISC
"""Half-close: who ends one side still gets, or sends, all of the other."""

import socket

import pytest

from lab import socks
from lab.system import free_port
from lab.targets import (answers_at_end, digest, payload, read_all,
                         speaks_then_listens)

MB = 1 << 20
ANSWER = 9 * MB + 12345		# more than any window or socket buffer
PATHS = ["socks5", "L-tcp", "L-unix", "R-tcp", "R-unix"]


def open_path(lab, path, target_handler):
    """A client's connection to a new target, by one of the PATHS."""
    sshd = lab.sshd()
    where = "unix" if path.endswith("unix") else "tcp4"
    target = lab.serve(target_handler, where)
    if path == "socks5":
        agent = lab.orthrus(sshd)
        return agent, target, lambda: socks.open_through(
            lab, agent, "127.0.0.1", target.port)
    if where == "unix":
        at = address = lab.path("listen.sock")
    else:
        at = free_port()
        address = ("127.0.0.1", at)
    agent = lab.orthrus(sshd, "-" + path[0], f"{at}:{target.spec}")
    return agent, target, lambda: lab.connect(address)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("size", [0, 1, 3 * MB], ids=["0", "1", "3MB"])
def test_client_ends_first(lab, path, size):
    """Sends, shuts down, and then reads a long answer to its end."""
    answer = payload("answer", ANSWER)
    _, _, connect = open_path(lab, path, answers_at_end(answer))
    for i in range(2):
        conn = connect()
        question = payload(i, size)
        conn.sendall(question)
        conn.shutdown(socket.SHUT_WR)
        got = read_all(conn)
        assert got[:64].decode() == digest(question)
        assert len(got) == 64 + ANSWER
        assert digest(got[64:]) == digest(answer)


@pytest.mark.parametrize("path", PATHS)
def test_server_ends_first(lab, path):
    """The mirror image: the target shuts down, and then reads."""
    speech = payload("speech", ANSWER)
    _, target, connect = open_path(lab, path, speaks_then_listens(speech))
    for i in range(2):
        conn = connect()
        assert digest(read_all(conn)) == digest(speech)
        question = payload(i, ANSWER)
        conn.sendall(question)
        conn.shutdown(socket.SHUT_WR)
        assert target.reports.get(timeout=30) == digest(question)


@pytest.mark.parametrize("path", PATHS)
def test_close_loses_nothing(lab, path):
    """A client that sends and closes at once: all of it arrives."""
    agent, target, connect = open_path(lab, path, speaks_then_listens(b""))
    data = payload("last words", ANSWER)
    conn = connect()
    assert read_all(conn) == b""
    conn.sendall(data)
    conn.close()
    assert target.reports.get(timeout=30) == digest(data)
