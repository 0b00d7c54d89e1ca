# SPDX-License-Identifier: ISC
"""What orthrus and charon say when something is not as it should be: what it
is, and what to do."""

import json
import os
import shutil
import socket
import subprocess
import sys

import pytest

from lab import harness
from lab.authority import Authority
from lab.charon import CHARON, Charon
from lab.docker_engine import UnixHTTP
from lab.system import DIES_WITH_US, free_port, until
from lab.targets import says
from test_agent_gateway import docker

pytestmark = pytest.mark.skipif(not os.access(CHARON, os.X_OK),
                                reason="this build has no charon")
NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
             "--clear-groups"]


@pytest.fixture
def charon(lab):
    return lab.own(Charon(lab, agents={"heartbeat": "500ms",
                                       "timeout": "5s"}))


# The Docker engine

def test_engine_is_absent(lab, charon):
    path = lab.path("late.sock")
    agent = charon.agent("a", f"--docker={path}", key=charon.add_agent("a"))

    def seen():
        return charon.agents()["a"]["docker"]
    until("it says so", 20, lambda: seen()["answers"] is False)
    assert seen()["shared"] and seen()["error"] == "No such file or directory"
    said = f"there is no socket {path}: start the engine (systemctl start " \
        "docker), or name"
    assert said in agent.log()
    listed = charon.run("agent", "list").stdout
    assert "no answer" in listed and "shared" not in listed
    shown = charon.run("agent", "show", "a").stdout
    assert "the engine does not answer (No such file or directory)" in shown
    status = lab.run("status", "--control", agent.control).stdout
    assert ": the engine does not answer, " in status and said in status
    assert agent.status()["docker"]["ping_error"].startswith("there is no")
    http = lab.own(UnixHTTP(charon.socket("a")))
    http.request("GET", "/version")
    assert json.load(http.getresponse())["message"].endswith(
        "No such file or directory; on its host, \"orthrus doctor\" says "
        "what to do")

    lab.serve(docker(), "unix", path=path)
    until("it answers", 30, lambda: seen()["answers"] is True)
    assert seen()["error"] is None and seen()["version"] == "24.0.7"
    assert agent.log().count(said) == 1
    until("it says so", 20, lambda: "answers again" in agent.log())
    assert "24.0.7" in charon.run("agent", "list").stdout


def test_engine_is_forbidden(lab, charon):
    """An ordinary user is told of the socket's own group."""
    path = lab.path("root.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    os.chown(path, 0, 4711)
    os.chmod(path, 0o660)
    os.chmod(lab.dir, 0o755)
    state = lab.path("state-a")
    os.makedirs(state)
    os.chown(state, NOBODY, NOBODY)
    control = lab.path("state-a/control.sock")
    agent = charon.agent("a", f"--docker={path}", key=charon.add_agent("a"),
                         before=AS_NOBODY, control=control, wait=None)
    charon.wait_status("a", "online")
    until("it says so", 20, lambda: "may not use" in agent.log())
    with listener:
        assert f'the user nobody may not use {path}: run "usermod -aG 4711 ' \
            'nobody" as root' in agent.log()
        until("the gateway knows", 20, lambda: charon.agents()["a"]["docker"]
              ["error"] == "Permission denied")


# The wrong port, and the wrong kind of server

# A network of its own, where nothing but sshd, if asked for, has port 22.
ALONE = ["unshare", "--net", "sh", "-euc", 'ip link set lo up; exec "$@"', "-"]
WITH_SSHD = ["unshare", "--net", "sh", "-euc", 'ip link set lo up; '
             '/usr/sbin/sshd -o PidFile=none -o UsePAM=no -p 22 -h "$0" & '
             'exec "$@"']


def in_namespace(lab, prefix, *args):
    if subprocess.run(["unshare", "--net", "true"],
                      capture_output=True).returncode:
        pytest.skip("no network namespaces here")
    return subprocess.run(
        [*DIES_WITH_US, *prefix, harness.ORTHRUS, *args], text=True,
        capture_output=True, timeout=60, cwd=lab.dir,
        env=lab.environment({"STATE_DIRECTORY": lab.path("s")}))


def test_port_is_missing(lab, charon):
    """Who means charon and writes no port hears of it."""
    key = charon.add_agent("a")
    enrol = ["connect", "--name", "a", "--no-reconnect", "--socks5", "off",
             "--auth-key", key]
    done = in_namespace(lab, ALONE, *enrol, "--server", "127.0.0.1")
    assert done.returncode == 69
    assert 'nothing listens at port 22; a gateway mostly does at 2222, so ' \
        'is ":2222" missing after the host?' in done.stderr
    done = in_namespace(lab, ALONE, *enrol, "--server", "127.0.0.1:22")
    assert done.returncode == 69 and "nothing listens at that port" in \
        done.stderr and "2222" not in done.stderr
    # Without an answer of sshd's in time it would be the first case again.
    wait = "until ss -Hltn sport = 22 | grep -q .; do sleep 0.05; done; "
    prefix = [*WITH_SSHD[:-1], WITH_SSHD[-1].replace("exec", wait + "exec"),
              lab.host_key]
    done = in_namespace(lab, prefix, *enrol, "--server", "127.0.0.1")
    assert done.returncode == 77, done.stderr
    assert "the AUTH_KEY is for the gateway whose key is" in done.stderr
    assert 'is ":2222" missing after the host?' in done.stderr


def test_ordinary_sshd(lab, charon):
    """It knows no AUTH_KEY, even with the gateway's own host key."""
    key = charon.add_agent("a")
    other = lab.sshd(HostKey=os.path.join(charon.state,
                                          "ssh_host_ed25519_key"))
    done = lab.run("connect", "--name", "a", "--no-reconnect", "--socks5",
                   "off", "--auth-key", key, "--server", other.address)
    assert done.returncode == 77
    assert "an ordinary SSH server, which knows no AUTH_KEY: write the port " \
        "of charon (mostly 2222)" in done.stderr


@pytest.mark.parametrize("says_what, hint", [
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "wss://HOST:PORT"),
    (b"\x15\x03\x01\x00\x02\x02\x46", "tls://HOST:PORT"),
    (b"", "tls://HOST:PORT")], ids=["web", "tls", "silence"])
def test_other_servers(lab, says_what, hint):
    def answer(conn, target):
        conn.recv(4096)
        conn.sendall(says_what)
    where = lab.serve(answer if says_what else says(b""))
    done = lab.refused(f"127.0.0.1:{where.port}", "--no-reconnect")
    assert done.returncode == 69
    assert "no SSH server answers there: " in done.stderr
    assert hint in done.stderr, done.stderr


def test_charon_behind_tls(lab):
    """ssh:// to a port for TLS says that tls:// is meant."""
    pem = Authority(lab).issue("good.pem", "127.0.0.1")
    port = free_port()
    lab.own(Charon(lab, tls={"listen": f"127.0.0.1:{port}",
                             "certificate": pem, "key": pem}))
    done = lab.refused(f"127.0.0.1:{port}", "--no-reconnect")
    assert done.returncode == 69 and "tls://HOST:PORT" in done.stderr


# Nothing is silent

def test_first_attempt_tells_of_itself(lab):
    def never(conn, target):
        while conn.recv(4096):
            pass
    where = lab.serve(never)
    agent = lab.orthrus(f"127.0.0.1:{where.port}", wait=0, socks5="off")
    server = f"ssh://root@127.0.0.1:{where.port}"
    until("it begins", 20, lambda: f"connecting to {server}" in agent.log())
    until("it says what it waits for", 30, lambda: f"{server}: still waiting "
          "for an SSH server to name itself there" in agent.log())
    until("it gives up", 30, lambda: "no SSH server has named itself" in
          agent.log())
    assert agent.log().count("still waiting") == 1


def test_full_backlog(lab):
    """A host that takes no connection, as one behind a firewall."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fill = []
        for _ in range(3):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", port))
            fill.append(s)
        agent = lab.orthrus(f"127.0.0.1:{port}", wait=0, socks5="off")
        until("it says what it waits for", 30, lambda: "still waiting for "
              "the host to take the connection (TCP)" in agent.log())
        until("it gives up", 30, lambda: "for a firewall in between" in
              agent.log())
        for s in fill:
            s.close()


def test_names_are_not_answered(lab):
    """A name server that takes every question and says nothing."""
    silent = lab.write("silent.py", "import socket, time\n"
                       "s = socket.socket(2, 2); s.bind(('127.0.0.1', 53))\n"
                       "time.sleep(60)\n")
    conf = lab.write("resolv.conf", "nameserver 127.0.0.1\n", 0o644)
    prefix = ["unshare", "--net", "--mount", "sh", "-uc", f"""
ip link set lo up; mount --bind {conf} "$(realpath /etc/resolv.conf)"
{sys.executable} {silent} >/dev/null 2>&1 &
until grep -q :0035 /proc/net/udp; do sleep 0.05; done
"$@"; code=$?; kill $!; exit $code""", "-"]
    done = in_namespace(lab, prefix, "connect", "--server", "gw.example.net",
                        "--no-reconnect", "--socks5", "off", "--identity",
                        lab.identity)
    assert done.returncode == 69, done.stderr
    assert "ssh://" in done.stderr and "gw.example.net:22: still waiting " \
        "for a name server to answer" in done.stderr, done.stderr


# Machines that were copied

def test_copied_machine(lab, charon):
    """Both say so, one keeps its place, and the other comes seldom."""
    key = charon.add_agent("a")
    first = charon.agent("a", "--backoff-max", "20s", key=key)
    shutil.copytree(lab.path("state-a"), lab.path("state-copy"))
    second = charon.agent("a", "--backoff-max", "20s", wait=None,
                          state=lab.path("state-copy"),
                          control=lab.path("copy.sock"))
    copy = "seems to be a copy, for both have one identity: remove the " \
        "state directory here"
    until("the second waits", 60, lambda: copy in second.log())
    assert "displaced by another orthrus with the same identity" in \
        first.log()
    until("the first is back", 20, lambda: first.state() == "connected")
    assert copy not in first.log()
    until("it waits long", 20, lambda: second.state() == "backoff")
    line = [x for x in charon.log().splitlines() if "two machines have" in x]
    assert len(line) == 1 and "agent a: " in line[0]
    assert "from 127.0.0.1 and from 127.0.0.1" in line[0]
    assert "charon agent add" in line[0]
    second.stop()
    lab.things.remove(second)


def test_restart_is_no_copy(lab, charon):
    """Processes that were killed and started anew, and breaks of a link."""
    agent = charon.agent("a", key=charon.add_agent("a"))
    for _ in range(3):
        charon.wait_status("a", "online")
        os.kill(agent.pid, 9)
        agent.process.wait()
        lab.things.remove(agent)
        agent = charon.agent("a")
    charon.wait_status("a", "online")
    assert "two machines" not in charon.log()
    assert "copy" not in agent.log()
