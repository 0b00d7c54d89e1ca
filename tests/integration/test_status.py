# SPDX-License-Identifier: ISC
"""What "orthrus status" and the command line say."""

import json
import os
import re
import shutil
import subprocess
import time

import pytest

from lab import socks
from lab.harness import ORTHRUS
from lab.system import free_port, until
from lab.targets import echo, payload, read_exactly

TOP = {"name", "state", "server", "since", "reconnects", "rtt_ms",
       "transport", "error", "kex", "cipher", "host_key", "socks5", "forwards",
       "channels", "bytes", "backlog_bytes"}
FORWARD = {"kind", "spec", "normalized", "listen", "to", "state", "error", "open", "total"}


@pytest.fixture
def busy(lab, sshd):
    """An agent with a forward of each kind and a target behind them."""
    target = lab.serve(echo)
    there, here = free_port(), free_port()
    agent = lab.orthrus(sshd, "--name", "test-agent-7",
                        "-L", f"{there}:{target.spec}",
                        "-R", f"{here}:{target.spec}")
    agent.there, agent.here, agent.target = there, here, target
    return agent


def test_json(lab, sshd, busy):
    status = busy.status()
    assert TOP <= status.keys(), TOP - status.keys()
    assert status["name"] == "test-agent-7"
    assert status["state"] == "connected"
    assert f":{sshd.port}" in status["server"]
    assert status["since"]
    assert status["reconnects"] == 0
    assert status["transport"] == "tcp"
    assert status["kex"] and status["cipher"]
    assert status["host_key"] == sshd.fingerprint
    assert str(busy.socks5[1]) in str(status["socks5"]["listen"])
    assert {"open", "total"} <= status["channels"].keys()
    assert {"in", "out"} <= status["bytes"].keys()
    assert status["backlog_bytes"] == 0
    assert len(status["forwards"]) == 2
    for forward in status["forwards"]:
        assert FORWARD <= forward.keys(), FORWARD - forward.keys()
        assert forward["state"] == "up" and not forward["error"]
        assert str(busy.target.port) in forward["to"]
    local, = busy.forwards("local")
    remote, = busy.forwards("remote")
    assert str(busy.there) in local["listen"]
    assert str(busy.here) in remote["listen"]
    # As it was written; and in full, with what it stands for.
    assert local["spec"] == f"{busy.there}:{busy.target.spec}"
    assert local["normalized"] == \
        f"localhost:{busy.there}:{busy.target.spec}"
    until("a round trip is measured", 15,
          lambda: isinstance(busy.status()["rtt_ms"], (int, float)) and
          0 <= busy.status()["rtt_ms"] < 5000)


def test_counters(lab, busy):
    size = 1 << 20
    before = busy.status()
    conns = [lab.connect(("127.0.0.1", busy.there)),
             lab.connect(("127.0.0.1", busy.there)),
             lab.connect(("127.0.0.1", busy.here)),
             socks.open_through(lab, busy, "localhost", busy.target.port)]
    for conn in conns:
        conn.sendall(payload("x", 1000))
        assert read_exactly(conn, 1000)
    for _ in range(16):
        conns[0].sendall(payload("count", size // 16))
        read_exactly(conns[0], size // 16)
    status = busy.status()
    assert status["channels"]["open"] == 4
    assert status["channels"]["total"] == before["channels"]["total"] + 4
    assert busy.forwards("local")[0]["open"] == 2
    assert busy.forwards("remote")[0]["open"] == 1
    for way in ("in", "out"):
        moved = status["bytes"][way] - before["bytes"][way]
        assert size <= moved < 2 * size
    for conn in conns:
        conn.close()
    until("all are closed", 10,
          lambda: busy.status()["channels"]["open"] == 0)
    assert busy.forwards("local")[0]["open"] == 0
    assert busy.forwards("local")[0]["total"] == 2


def test_reconnects_are_counted(sshd, busy):
    for n in (1, 2):
        sshd.kill_sessions()
        until("counted", 20, lambda: busy.status()["reconnects"] == n)
        busy.wait_ready()


def test_text(lab, sshd, busy):
    done = lab.run("status", "--control", busy.control)
    assert done.returncode == 0
    for part in ("test-agent-7", "connected", str(sshd.port), "up",
                 str(busy.socks5[1]), str(busy.there), str(busy.here)):
        assert part in done.stdout, f"{part} is not in:\n{done.stdout}"
    with pytest.raises(ValueError):
        json.loads(done.stdout)


def test_control_on_a_port(lab, sshd):
    agent = lab.orthrus(sshd, control=f"127.0.0.1:{free_port()}")
    assert agent.state() == "connected"


def test_default_control_socket(lab, sshd):
    """Two agents on one host are told apart by their names."""
    for name in ("one", "two"):
        lab.orthrus(sshd, "--name", name, socks5="off",
                    control=lab.path(f"run/{name}.sock"))
    for name in ("one", "two"):
        done = lab.run("status", "--json",
                       env={"ORTHRUS_CONTROL": lab.path(f"run/{name}.sock")})
        assert done.returncode == 0, done.text
        assert json.loads(done.stdout)["name"] == name


def test_second_of_the_same_name(lab, sshd, busy):
    """The socket of a running agent is not taken from it."""
    done = lab.refused(sshd, "--no-reconnect")
    assert done.returncode not in (0, 64), done.text
    assert busy.state() == "connected"


@pytest.mark.timed
def test_wait(lab, sshd):
    """0 once all is up; 75 when that takes longer."""
    sshd.stop()
    port = free_port()
    agent = lab.orthrus(sshd, "-R", f"127.0.0.1:{port}:127.0.0.1:9",
                        wait=0)
    until("it runs", 10, lambda: lab.run(
        "status", "--control", agent.control).returncode == 0)
    started = time.monotonic()
    done = lab.run("status", "--wait", "1s", "--control", agent.control)
    took = time.monotonic() - started
    assert done.returncode == 75, done.text
    assert 0.9 <= took < 4, took
    holder = lab.serve(echo, port=port)
    sshd.start()
    until("connected", 20, lambda: agent.state() == "connected")
    done = lab.run("status", "--wait", "1500ms", "--control", agent.control)
    assert done.returncode == 75, "a forward is not up: " + done.text
    holder.close()
    done = lab.run("status", "--wait", "20s", "--control", agent.control)
    assert done.returncode == 0, done.text


def test_nothing_runs(lab):
    for options in ([], ["--json"]):
        done = lab.run("status", *options, "--control",
                       lab.path("nobody.sock"))
        assert done.returncode == 69, done.text
        assert done.stderr.strip(), "it says so"
        assert not done.stdout.strip()


def test_asks_nobody_else(lab, busy):
    """The only socket there is will do, but not if another was named."""
    env = {"RUNTIME_DIRECTORY": lab.path("only")}
    os.mkdir(lab.path("only"))
    os.symlink(busy.control, lab.path("only/x.sock"))
    done = lab.run("status", env=env)
    assert done.returncode == 0, done.text
    lab.write("other.ini", "[agent]\nname = other\n")
    for name, value in (("ORTHRUS_NAME", "other"),
                        ("ORTHRUS_CONTROL", lab.path("none.sock")),
                        ("ORTHRUS_CONFIG", lab.path("other.ini"))):
        done = lab.run("status", env={**env, name: value})
        assert done.returncode == 69, done.text


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_not_permitted(lab, busy):
    """Another user hears so, not that nothing runs."""
    program = lab.path("orthrus")
    shutil.copy(ORTHRUS, program)
    os.chmod(lab.dir, 0o755)
    os.chmod(os.path.dirname(busy.control), 0o755)
    done = subprocess.run([program, "status", "--control", busy.control],
                          user=65534, group=65534, extra_groups=[],
                          capture_output=True, text=True)
    assert done.returncode == 77, done.stderr
    assert "may not" in done.stderr and "not running" not in done.stderr


def test_after_the_end(lab, busy):
    assert busy.stop() == 0
    done = lab.run("status", "--control", busy.control)
    assert done.returncode == 69, done.text


def test_text_of_socks5(lab, sshd, busy):
    """Its counters; and once the session is gone, why."""
    conn = socks.open_through(lab, busy, "localhost", busy.target.port)
    done = lab.run("status", "--control", busy.control)
    assert re.search(r"^SOCKS5 on .*: up, 1 open, 1 in total$", done.stdout,
                     re.MULTILINE), done.stdout
    assert "last error" not in done.stdout
    sshd.stop()
    until("it says why", 20, lambda: "\nlast error: " in lab.run(
        "status", "--control", busy.control).stdout)
    conn.close()


@pytest.mark.parametrize("command", [
    [], ["connect"], ["check"], ["keygen"], ["status"]])
def test_help(lab, command):
    done = lab.run(*command, "--help")
    assert done.returncode == 0, done.text
    assert len(done.stdout) > 100 and not done.stderr
    if not command:
        for name in ("connect", "check", "keygen", "status"):
            assert name in done.stdout
    if command == ["connect"]:
        for option in ("config", "name", "server", "user", "identity",
                       "known-hosts", "host-key", "accept-new",
                       "password-file", "socks5", "forward",
                       "remote-forward", "backoff-min", "backoff-max",
                       "no-reconnect", "control", "log-level", "log-format"):
            assert "--" + option in done.stdout
    if command == ["status"]:
        for option in ("json", "wait", "control"):
            assert "--" + option in done.stdout


def test_version(lab):
    done = lab.run("--version")
    assert done.returncode == 0
    assert re.search(r"orthrus.*\d+\.\d+", done.stdout)
    verbose = lab.run("--version", "--verbose").stdout
    assert verbose.startswith(done.stdout)
    named = dict(line.split()[:2] for line in verbose.splitlines())
    assert {"OpenSSL", "libsodium", "libevent", "jansson", "inih",
            "libssh", "protobuf-c", "wslay", "zlib"} <= set(named)
    assert all(version[0].isdigit() for version in named.values())


@pytest.mark.parametrize("arguments", [
    [], ["no-such-command"], ["--no-such-option"],
    ["connect", "--no-such-option"], ["status", "--no-such-option"],
    ["check", "--no-such-option"], ["keygen", "--no-such-option"],
    ["keygen", "-x"], ["keygen", "surplus"], ["keygen", "-o"],
    ["connect", "--server"], ["status", "--wait", "soon"],
    ["status", "surplus"], ["connect", "h", "surplus"]],
    ids=lambda a: " ".join(a) or "nothing")
def test_bad_usage(lab, arguments):
    done = lab.run(*arguments)
    assert done.returncode == 64, done.text
    assert done.stderr.strip() and not done.stdout
    if arguments and arguments[0] in ("keygen", "status"):
        assert done.stderr.startswith(f"orthrus {arguments[0]}: ")
        assert arguments[-1].lstrip("-") in done.stderr.splitlines()[0]


def test_why_it_is_not_connected(lab):
    """The reason of an outage, and one that lasts counts as one."""
    port = free_port()
    agent = lab.orthrus(f"127.0.0.1:{port}", "--backoff-max", "1s",
                        host_key=False, wait=0)
    until("it has tried", 10, lambda: agent.log().count("trying again") > 1)
    status = agent.status()
    assert status["state"] in ("connecting", "backoff")
    assert "refused" in status["error"] and str(port) in status["error"]
    tries = agent.log().count("trying again")
    until("it has tried more", 10,
          lambda: agent.log().count("trying again") > tries)
    assert agent.status()["since"] == status["since"]


def test_when_it_tries_again(lab):
    """In backoff: the reason, the next try, and no row of dashes."""
    agent = lab.orthrus(f"127.0.0.1:{free_port()}", "--backoff-min", "100s",
                        "--backoff-max", "100s", host_key=False, wait=0)
    until("it waits", 20, lambda: "trying again" in agent.log())
    status = agent.status()
    assert status["state"] == "backoff"
    assert 1000 < status["retry_ms"] <= 100000
    text = lab.run("status", "--control", agent.control).stdout
    assert re.search(r"^last error: .*refused.*\nnext try in \d\d+ s\n", text,
                     re.MULTILINE), text
    assert not re.search(r"(^| )-( |,|$)", text, re.MULTILINE), text


def test_why_a_connection_failed(lab, sshd):
    """A local forward whose target is down: told in words, without it."""
    target, port = free_port(), free_port()
    agent = lab.orthrus(sshd, "-L", f"{port}:127.0.0.1:{target}")
    assert socks.closed(lab.connect(("127.0.0.1", port)))
    until("the status shows it", 5, lambda: agent.forwards("local")[0]["error"])
    error = agent.forwards("local")[0]["error"]
    assert "could not connect" in error and str(target) not in error
    assert "could not connect" in agent.log()
    assert str(target) not in agent.log()


def test_default_socks5_that_gives_way_is_told(lab):
    """A forward on port 1080 leaves no SOCKS5; that is said."""
    done = lab.refused(f"127.0.0.1:{free_port()}", "--no-reconnect",
                       "-L", "1080:localhost:80", socks5=None, host_key=False)
    assert "without SOCKS5" in done.text


AROUND = r"""
set -eu
mount -t tmpfs -o mode=755 none /run
mkdir /run/orthrus /run/user /run/user/65534
chown 65534:65534 /run/user/65534
unset RUNTIME_DIRECTORY ORTHRUS_CONTROL
serve() { "$1" -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
print(flush=True)
while True:
    with s.accept()[0] as c:
        try:
            c.sendall(b"{\"name\": \"%s\"}" % sys.argv[2].encode())
            c.shutdown(socket.SHUT_WR)
            c.recv(1)
        except OSError:
            pass
' "$2" "$3" >"$dir/$3.up" & while [ ! -s "$dir/$3.up" ]; do sleep 0.02; done; }
ask() {
	echo "== $1"
	shift
	code=0
	"$@" "$dir/orthrus" status 2>&1 || code=$?
	echo "code $code"
}
user() { setpriv --reuid 65534 --regid 65534 --clear-groups env \
	XDG_RUNTIME_DIR=/run/user/65534 HOME=/nowhere "$@"; }
ask nobody user
umask 077
serve "$python" /run/orthrus/web-1.sock web-1
ask service user
ask root env HOME=/nowhere
chmod 700 /run/orthrus
ask hidden user
chmod 755 /run/orthrus
serve "$python" /run/orthrus/web-2.sock web-2
ask several env HOME=/nowhere
kill %1
ask stale env HOME=/nowhere
rm /run/orthrus/*
mkdir /run/user/65534/orthrus
serve "$python" /run/user/65534/orthrus/mine.sock mine
ask users env HOME=/nowhere
kill %2 %3
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_asked_by_somebody_else(lab):
    """Beside a service, and where several run: how to ask is said."""
    if subprocess.run(["unshare", "-m", "true"]).returncode != 0:
        pytest.skip("no mount namespaces here")
    os.chmod(lab.dir, 0o755)
    shutil.copy(ORTHRUS, lab.path("orthrus"))
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", AROUND], capture_output=True,
        text=True, timeout=120, env={**os.environ, "dir": str(lab.dir),
                                     "python": "/usr/bin/python3"})
    assert done.returncode == 0, done.stdout + done.stderr
    said = dict(part.split("\n", 1) for part in done.stdout.split("== ")[1:])
    assert "orthrus is not running" in said["nobody"] and \
        '"orthrus connect"' in said["nobody"] and "code 69" in said["nobody"]
    assert '"sudo orthrus status --control /run/orthrus/web-1.sock"' in \
        said["service"] and "code 77" in said["service"]
    assert '"sudo orthrus status"' in said["hidden"] and \
        "code 77" in said["hidden"]
    assert said["root"].startswith("web-1: ") and "code 0" in said["root"]
    assert "2 processes run" in said["several"]
    for name in ("web-1", "web-2"):
        assert f"/run/orthrus/{name}.sock" in said["several"]
    assert "code 64" in said["several"]
    assert said["stale"].startswith("web-2: "), said["stale"]
    assert said["users"].startswith("mine: "), said["users"]
