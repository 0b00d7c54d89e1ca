# SPDX-License-Identifier: ISC
"""What becomes of a printing command whose output does not arrive: a full
disk and a closed descriptor are told in one line, and a reader that has read
enough ends it in silence, as with the programs of coreutils."""

import os
import signal
import socket
import subprocess
import threading

import pytest

from lab.charon import CHARON
from lab.charon_home import IO
from lab.harness import ORTHRUS, SANITIZERS
from lab.system import keygen

# Each command of the two programs that prints.
GATEWAY = [("--help",), ("--version",), ("help",),
           ("check",), ("serve", "--help"), ("agent", "--help"),
           ("agent", "list"), ("agent", "list", "--json"),
           ("agent", "list", "--help"), ("agent", "show", "web-1"),
           ("agent", "show", "web-1", "--json"), ("client", "--help"),
           ("client", "list"), ("client", "list", "--json"),
           ("fingerprint",), ("snippet", "--help"),
           ("snippet", "web-1", "--for", "compose")]
AGENT = [("--help",), ("--version",), ("connect", "--help"),
         ("check", "--server", "gw.example", "--accept-new", "-i", "key"),
         ("keygen", "--help"), ("enroll", "--help"), ("doctor", "--help"),
         ("status", "--help"), ("status",),
         ("status", "--json"), ("muzzle", "--help"),
         ("muzzle", "--explain", "GET /v1.41/info")]
EVERY = [(CHARON, a) for a in GATEWAY] + [(ORTHRUS, a) for a in AGENT]


def answer(listener):
    """A running agent, as far as "orthrus status" knows."""
    while True:
        try:
            conn, _ = listener.accept()
        except OSError:
            return
        with conn:
            conn.sendall(b'{"name": "web-1", "state": "connected"}')


@pytest.fixture
def run(home):
    """Runs a command: its exit code and what it complains of."""
    control = str(home.path / "control.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(control)
    listener.listen()
    thread = threading.Thread(target=answer, args=(listener,))
    thread.start()
    home.run("agent", "add", "web-1")
    home.run("client", "add", "joe", "--allow", "egress")
    keygen(home.path / "key")
    env = home.environment({
        "STATE_DIRECTORY": str(home.path / "u"), "ORTHRUS_CONTROL": control,
        "RUNTIME_DIRECTORY": str(home.path / "u")})

    def run_command(*command, stdout=None):
        done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE,
                              text=True, env=env, cwd=home.path, timeout=60)
        assert not any(s in done.stderr for s in SANITIZERS), done.stderr
        return done.returncode, done.stderr

    yield run_command
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def broken_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


def test_full_disk_is_told(run):
    for program, args in EVERY:
        with open("/dev/full", "w") as full:
            code, err = run(program, *args, stdout=full)
        assert code == IO, (args, err)
        told = [line for line in err.splitlines() if "written" in line]
        assert len(told) == 1, (args, err)
        assert told[0].startswith(
            f"{os.path.basename(program)} {args[0]}"), told
        assert told[0].endswith("written: No space left on device"), told


def test_closed_output_is_told(run):
    for program, args in EVERY:
        code, err = run("sh", "-c", 'exec "$@" >&-', "sh", program, *args)
        assert code == IO, (args, err)
        assert err.count("written: standard output is closed\n") == 1, err


def test_reader_that_is_gone_is_not(run):
    for program, args in EVERY:
        with broken_pipe() as writer:
            code, err = run(program, *args, stdout=writer)
        assert code == -signal.SIGPIPE, (args, code, err)
        assert "written" not in err and "pipe" not in err, (args, err)


def test_where_the_signal_is_ignored(run):
    """As below systemd: in silence all the same."""
    with broken_pipe() as writer:
        code, err = run("sh", "-c", 'trap "" PIPE; exec "$@"', "sh", CHARON,
                        "agent", "list", stdout=writer)
    assert (code, err) == (-signal.SIGPIPE, "")


def fill(home):
    """More agents than a pipe and all buffers hold."""
    home.run("agent", "add", "web-1")
    with home.database() as db:
        db.executemany("INSERT INTO peers (kind, name, created, allow, secret)"
                       " VALUES (0, ?, 1795276291, '', randomblob(32))",
                       [(f"agent-{i}-{'x' * 40}",) for i in range(2000)])
    db.close()


def test_long_list_into_head(home):
    fill(home)
    for args in (["list"], ["list", "--json"]):
        done = subprocess.run(
            ["bash", "-c", '"$@" | head -n 1; echo "${PIPESTATUS[*]}"',
             "bash", CHARON, "agent", *args], capture_output=True, text=True,
            env=home.environment(None), timeout=60)
        first, codes = done.stdout.splitlines()
        assert first.startswith("[" if args[1:] else "NAME ")
        assert (codes, done.stderr) == (f"{128 + signal.SIGPIPE} 0", "")


def test_long_list_onto_a_full_disk(home):
    fill(home)
    with open("/dev/full", "w") as full:
        done = home.run("agent", "list", "--json", stdout=full, code=IO)
    assert done.stderr.startswith(
        "charon agent list: what was to be printed could not be written: ")
    assert done.stderr.count("\n") == 1


def test_what_is_lost_with_it(home, run):
    """And how to come by it again."""
    for name in ("web-1", "joe"):
        with broken_pipe() as writer:
            code, err = run(CHARON, "agent", "rekey", name, stdout=writer)
        assert code == IO and f'"charon agent rekey {name}"' in err
    key = home.path / "new"
    with open("/dev/full", "w") as full:
        code, err = run(ORTHRUS, "keygen", "-o", str(key), stdout=full)
    assert code == IO and f"{key}.pub" in err and key.exists()
