# SPDX-License-Identifier: ISC
"""orthrus connect -W: one stream on standard input and output."""

import contextlib
import fcntl
import os
import pty
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from lab.charon import Charon
from lab.stdio import WAYS, Stdio
from lab.system import alive, children, free_port, until
from lab.targets import (answers_at_end, digest, does_not_read, echo,
                         payload, read_all, says, speaks_then_listens)

MB = 1 << 20
ANSWER = 5 * MB + 12345
BOTH = pytest.mark.parametrize("way", WAYS)


@pytest.fixture
def stdio(lab, sshd, way):
    return Stdio(lab, sshd, way)


# --- the stream -----------------------------------------------------------

@BOTH
@pytest.mark.parametrize("where", ["tcp4", "tcp6", "unix"])
def test_client_ends_first(lab, stdio, where):
    answer, question = payload("answer", ANSWER), payload("question", 3 * MB)
    target = lab.serve(answers_at_end(answer), where)
    done = stdio.run(target.spec, input=question)
    assert done.stdout[:64].decode() == digest(question)
    assert digest(done.stdout[64:]) == digest(answer)
    assert (done.returncode, done.said) == (0, "")


@BOTH
def test_server_ends_first(lab, stdio):
    """Standard output ends while standard input goes on."""
    speech, question = payload("speech", ANSWER), payload("question", ANSWER)
    target = lab.serve(speaks_then_listens(speech))
    with stdio.popen(target.spec) as run:
        assert digest(run.stdout.read()) == digest(speech)
        run.stdin.write(question)
        run.stdin.close()
        assert target.reports.get(timeout=30) == digest(question)
        assert (run.wait(30), run.stderr.read()) == (0, b"")


@BOTH
def test_all_arrives_before_the_exit(lab, stdio):
    """A slow reader gets what the far end sent before it went."""
    speech = payload("speech", ANSWER)
    target = lab.serve(says(speech))
    with stdio.popen(target.spec, stdin=subprocess.DEVNULL) as run:
        until("the far end has gone", 20, lambda: target.accepted == 1)
        got = b""
        while part := run.stdout.read(100 * 1000):
            got += part
        assert digest(got) == digest(speech)
        assert (run.wait(30), run.stderr.read()) == (0, b"")


# --- what standard input and output are -----------------------------------

def inputs(lab, stack, data):
    """Everything that standard input may be, with data in it if it may."""
    lab.write("in", "")
    with open(lab.path("in"), "wb") as f:
        f.write(data)
    ours, theirs = map(stack.enter_context, socket.socketpair())
    threading.Thread(target=lambda: (ours.sendall(data),
                                     ours.shutdown(socket.SHUT_WR))).start()
    return {"file": (stack.enter_context(open(lab.path("in"), "rb")), data),
            "socket": (theirs, data),
            "null": (subprocess.DEVNULL, b""),
            "closed": (None, b"")}


@BOTH
def test_kinds_of_input(lab, stdio):
    data = payload("input", 2 * MB)
    target = lab.serve(echo)
    with contextlib.ExitStack() as stack:
        for kind, (source, sent) in inputs(lab, stack, data).items():
            closes = {"preexec_fn": lambda: os.close(0)} \
                if kind == "closed" else {}
            done = stdio.run(target.spec, stdin=source, **closes)
            assert done.stdout == sent, kind
            assert (done.returncode, done.said) == (0, ""), kind


@BOTH
def test_kinds_of_output(lab, stdio):
    speech = payload("speech", 2 * MB)
    target = lab.serve(says(speech))
    with open(lab.path("out"), "wb") as f:
        assert stdio.run(target.spec, stdout=f).returncode == 0
    with open(lab.path("out"), "rb") as f:
        assert f.read() == speech
    assert stdio.run(target.spec,
                     stdout=subprocess.DEVNULL).returncode == 0
    ours, theirs = socket.socketpair()
    with ours, stdio.popen(target.spec, stdin=theirs, stdout=theirs) as run:
        theirs.close()
        ours.shutdown(socket.SHUT_WR)
        assert read_all(ours) == speech
        assert run.wait(30) == 0
    if os.path.exists("/dev/full"):
        with open("/dev/full", "wb") as f:
            done = stdio.run(target.spec, stdout=f)
        assert done.returncode == 74
        assert "standard output: No space left" in done.said


@BOTH
def test_terminal(lab, stdio):
    """What is typed goes there; the terminal is the shell's as before."""
    target = lab.serve(echo)
    ours, theirs = pty.openpty()
    flags = fcntl.fcntl(theirs, fcntl.F_GETFL)
    with stdio.popen(target.spec, stdin=theirs) as run:
        os.write(ours, b"hello\n")
        assert run.stdout.read(6) == b"hello\n"
        assert fcntl.fcntl(theirs, fcntl.F_GETFL) == flags
        os.write(ours, b"\x04")		# Ctrl-D
        assert run.stdout.read() == b""
        assert run.wait(30) == 0
    os.close(ours)
    os.close(theirs)


@BOTH
def test_reader_leaves(lab, stdio):
    """As cat(1) does, it ends without a word, whatever is still to come."""
    target = lab.serve(says(payload("speech", ANSWER)))
    with stdio.popen(target.spec) as run:
        run.stdout.read(10)
        run.stdout.close()
        assert (run.wait(30), run.stderr.read()) == (74, b"")


# --- what goes wrong ------------------------------------------------------

def one_line(done, code, *words):
    assert done.returncode == code, done.said
    assert done.stdout == b""
    assert done.said.count("\n") == 1, done.said
    for word in words:
        assert word in done.said


@BOTH
def test_refused(lab, stdio, sshd):
    port = free_port()
    done = stdio.run(f"127.0.0.1:{port}")
    one_line(done, 69, "connection refused")
    assert str(port) not in done.said
    one_line(stdio.run(f"unknown.invalid:{port}"), 69, "server")
    one_line(stdio.run(lab.path("nobody.sock")), 69, "could not connect")


@BOTH
def test_prohibited(lab, way):
    stdio = Stdio(lab, lab.sshd(PermitOpen="127.0.0.1:1"), way)
    one_line(stdio.run("127.0.0.1:22"), 69, "does not allow it")


@BOTH
def test_cut_off(lab, stdio, sshd):
    """A truncated answer never looks complete."""
    target = lab.serve(does_not_read)
    with stdio.popen(target.spec) as run:
        until("the stream is there", 20, lambda: target.accepted == 1)
        sshd.kill_sessions()
        assert run.wait(30) == 69
        said = run.stderr.read().decode()
        assert said.count("\n") == 1 and "error" in said, said
        assert run.stdout.read() == b""


@BOTH
def test_input_is_not_taken(lab, stdio):
    """The far end goes in the middle of what it is sent."""
    def leaves(conn, target):
        conn.recv(1)

    target = lab.serve(leaves)
    with open(lab.path("in"), "w+b") as f:
        f.truncate(1000 * MB)	# an sshd may throw away quite a lot
        done = stdio.run(target.spec, stdin=f)
    assert done.returncode == 69
    assert "before it had taken" in done.said or "cut off" in done.said


@BOTH
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT,
                                 signal.SIGHUP])
def test_signals(lab, stdio, sig):
    target = lab.serve(echo)
    with stdio.popen(target.spec) as run:
        run.stdin.write(b"hello")
        run.stdin.flush()
        assert run.stdout.read(5) == b"hello"
        run.send_signal(sig)
        assert (run.wait(30), run.stderr.read()) == (128 + sig, b"")


@pytest.mark.skipif(not shutil.which("socat"), reason="needs socat")
@pytest.mark.parametrize("sig", [None, signal.SIGHUP])
def test_its_proxy_command_goes_with_it(lab, sshd, sig):
    stdio, target = Stdio(lab, sshd, "own"), lab.serve(echo)
    stdio.options += ["--proxy-command", "socat - TCP:%h:%p"]
    with stdio.popen(target.spec) as run:
        run.stdin.write(b"hello")
        run.stdin.flush()
        assert run.stdout.read(5) == b"hello"
        started = children(run.pid)
        assert len(started) >= 2, "the command, and who started it"
        if sig:
            run.send_signal(sig)
        run.stdin.close()
        assert run.wait(30) == (128 + sig if sig else 0), run.stderr.read()
    until("the command is gone", 20,
          lambda: not any(map(alive, started)))


def test_usage(lab):
    for bad in ("host", "host:0", "host:99999", "*:80", ":80", "[x:80", "-",
                "/a/", "a b:80", "::1"):
        done = lab.run("connect", "-W", bad, "--server", "x")
        assert done.returncode == 64 and "option -W" in done.text, bad
    assert lab.run("connect", "-W").returncode == 64
    done = lab.run("connect", "-W", "a:1", "--name", "nobody")
    assert done.returncode == 78 and "--server" in done.text
    for good in ("::1:80", "[::1]:80", "[name]:80", "name:80", "/a", "80"):
        done = lab.run("check", "-W", good, "--server", "x", "--name", "a",
                       "--identity", lab.identity)
        assert done.returncode == 0, done.text


def test_server_trouble(lab, sshd):
    dead = Stdio(lab, f"127.0.0.1:{free_port()}", "own")
    one_line(dead.run("a:1"), 69, "refused")
    wrong = Stdio(lab, sshd, "own", host_key=False)
    one_line(wrong.run("a:1"), 77, "host key")
    stranger = Stdio(lab, sshd, "own")
    stranger.options += ["--user", "nobody"]
    one_line(stranger.run("a:1"), 77, "refused user")


# --- the session that is used ---------------------------------------------

def test_nothing_listens(lab, sshd):
    """Of the same file a session without listeners, quiet and of its own."""
    target, port = lab.serve(echo), free_port()
    config = lab.write("a.ini", f"""[agent]
name = a
[server]
address = {sshd.address}
user = root
identity = {lab.identity}
host_key = {sshd.fingerprint}
[socks5]
listen = 127.0.0.1:{port}
[forward x]
spec = {free_port()}:{target.spec}
[log]
level = debug
""")
    stdio = Stdio(lab, sshd, "own")
    stdio.options = ["--config", config]
    with stdio.popen(target.spec) as run:
        run.stdin.write(b"hello")
        run.stdin.flush()
        assert run.stdout.read(5) == b"hello"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        assert os.listdir(lab.path("run")) == []
        run.stdin.close()
        assert (run.wait(30), run.stderr.read()) == (0, b"")


@pytest.mark.parametrize("control", ["unix", "tcp"])
def test_lent_by_the_running_one(lab, sshd, control):
    """By its name, or its control socket; many at once; the log is silent."""
    target = lab.serve(echo)
    at = f"127.0.0.1:{free_port()}" if control == "tcp" else \
        lab.path("run/a.sock")
    agent = lab.orthrus(sshd, "--name", "a", socks5="off", control=at)
    stdio = Stdio(lab, sshd, "own")
    stdio.options = ["--name", "a"] if control == "unix" else \
        ["--control", at]
    sessions = sshd.sessions()
    runs = [stdio.popen(target.spec) for _ in range(20)]
    for i, run in enumerate(runs):
        run.stdin.write(b"%09d" % i)
        run.stdin.flush()
    for i, run in enumerate(runs):
        with run:
            assert run.stdout.read(9) == b"%09d" % i
            run.stdin.close()
            assert (run.wait(30), run.stderr.read()) == (0, b"")
    assert sshd.sessions() == sessions
    assert agent.status()["channels"]["total"] >= 20
    until("all are closed", 10,
          lambda: agent.status()["channels"]["open"] == 0)
    assert str(target.port) not in agent.log()


def test_borrower_is_killed(lab, sshd):
    """Its stream ends, although the far end says nothing at all."""
    stdio, target = Stdio(lab, sshd, "lent"), lab.serve(does_not_read)
    with stdio.popen(target.spec) as run:
        until("the stream is there", 20, lambda: target.accepted == 1)
        assert stdio.agent.status()["channels"]["open"] == 1
        run.kill()
        run.wait()
    until("its channel is closed", 20,
          lambda: stdio.agent.status()["channels"]["open"] == 0)


def test_lender_without_a_session(lab, sshd):
    """It waits a moment for the session, as everybody does."""
    target = lab.serve(echo)
    stdio = Stdio(lab, sshd, "lent")
    sshd.stop()
    with stdio.popen(target.spec) as run:
        sshd.start()
        run.stdin.write(b"hello")
        run.stdin.close()
        assert run.stdout.read() == b"hello"
        assert run.wait(30) == 0
    sshd.stop()
    one_line(stdio.run(target.spec), 69, "no session")


def test_at_a_gateway(lab):
    """A client's way to an agent's port."""
    target = lab.serve(echo)
    charon = lab.own(Charon(lab))
    charon.agent("web", "--expose", target.port, key=charon.add_agent("web"))
    key = charon.add_client("bob", f"web:{target.port}")
    stdio = Stdio(lab, charon.address, "own")
    stdio.options = ["--server", charon.address, "--name", "bob",
                     "--auth-key", key, "--identity", lab.path("bob")]
    for port, out, code in ((target.port, b"hello", 0), (1, b"", 69)):
        done = stdio.run(f"web.orthrus:{port}", input=b"hello")
        assert (done.stdout, done.returncode) == (out, code), done.said
    assert "gateway does not allow" in done.said


# --- programs -------------------------------------------------------------

@pytest.fixture
def hidden(lab):
    """An sshd behind the server, and how ssh(1) gets there."""
    inner = lab.sshd()
    known = lab.write("known", "")
    return inner, ["-F", "none", "-i", lab.identity, "-o",
                   "StrictHostKeyChecking=no", "-o",
                   f"UserKnownHostsFile={known}", "-o", "BatchMode=yes",
                   "-o", "LogLevel=ERROR", "-p", str(inner.port), "-l",
                   "root"]


def proxy(stdio):
    argv = stdio.argv("%h:%p")
    return " ".join(argv)


@BOTH
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_proxy_command(lab, stdio, hidden, host):
    """ssh -o ProxyCommand='orthrus connect -W %h:%p'."""
    _, options = hidden
    done = subprocess.run(
        ["ssh", *options, "-o", "ProxyCommand=" + proxy(stdio), host,
         "cat; exit 7"], input=b"hello", capture_output=True, timeout=60,
        env=lab.environment(), cwd=lab.dir)
    assert (done.stdout, done.returncode) == (b"hello", 7), done.stderr
    assert done.stderr == b""


@BOTH
@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_git(lab, stdio, hidden):
    inner, options = hidden

    def git(*args):
        done = subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *args],
            capture_output=True, text=True, timeout=60, cwd=lab.dir,
            env={**lab.environment(), "GIT_SSH_COMMAND": "ssh " + " ".join(
                f"'{o}'" for o in [*options, "-o", "ProxyCommand=" +
                                   proxy(stdio)])})
        assert done.returncode == 0, done.stderr
        return done.stdout

    git("init", "-q", "there")
    for i in range(3):
        with open(lab.path(f"there/file{i}"), "wb") as f:
            f.write(payload(i, MB))
    git("-C", "there", "add", ".")
    git("-C", "there", "commit", "-qm", "all")
    git("clone", "-q", f"127.0.0.1:{lab.path('there')}", "here")
    assert git("-C", "here", "rev-parse", "HEAD") == \
        git("-C", "there", "rev-parse", "HEAD")
    git("-C", "here", "push", "-q", "origin", "HEAD:refs/heads/other")


@BOTH
@pytest.mark.skipif(not shutil.which("rsync"), reason="needs rsync")
def test_rsync(lab, stdio, hidden):
    _, options = hidden
    os.mkdir(lab.path("from"))
    for i in range(5):
        with open(lab.path(f"from/{i}"), "wb") as f:
            f.write(payload(i, MB))
    shell = "ssh " + " ".join(
        f"'{o}'" for o in [*options, "-o", "ProxyCommand=" + proxy(stdio)])
    done = subprocess.run(
        ["rsync", "-a", "-e", shell, lab.path("from") + "/",
         "127.0.0.1:" + lab.path("to")], capture_output=True, text=True,
        timeout=60, cwd=lab.dir, env=lab.environment())
    assert done.returncode == 0, done.stderr
    for i in range(5):
        with open(lab.path(f"to/{i}"), "rb") as f:
            assert f.read() == payload(i, MB)
