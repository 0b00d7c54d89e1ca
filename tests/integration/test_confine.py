# SPDX-License-Identifier: ISC
"""The walls around the programs once they run: that each system call on the
lists is needed and none is missing, what holds, and what a reload can and
cannot bring.

A program runs under strace through all that makes it call the kernel.  A call
that was not made can be taken off the list; one that was refused (ENOSYS) is
missing there, unless it is known to be tried in vain.
"""

import contextlib
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import pytest

from lab import socks
from lab.authority import Authority
from lab.charon import Charon
from lab.charon_http import Connection
from lab.front import banner, make_certificate, tls
from lab.harness import (ORTHRUS, Orthrus, built_with_asan,
                         built_with_seccomp)
from lab.muzzle_engine import Engine
from lab.notify import Notify
from lab.system import DIES_WITH_US, free_port, until
from lab.targets import echo, echoes, read_all
from lab.tls import Stunnel

SOURCE = pathlib.Path(__file__).parents[2] / "src/base/confine_calls.c"
ROW = re.compile(r'\{ "(\w+)", ([GKEAM |]+), (NULL|"\w+") \}')
# Allowed with some arguments only, by code of their own; what the Muzzle does
# without.
LIMITED = {"mmap": "GKEAM", "mprotect": "EA", "clone": "EA",
           "socket": "KEAM", "socketpair": "GA"}
# Tried by the C library, which then goes on with an older call, or copies; and
# by systemd's modules for names, which then say that they cannot.  The files of
# the gateway's sockets are the monitor's to remove.
IN_VAIN = {"clone3", "mremap", "getuid", "prctl", "readlinkat", "unlink"}
# Made or not, as threads, allocators and who holds a lock happen to run; and a C library may have
# the vDSO give it random numbers.
BY_CHANCE = {"exit", "madvise", "futex", "getrandom", "clock_nanosleep"}

traced = pytest.mark.skipif(
    not shutil.which("strace") or platform.machine() != "x86_64" or
    built_with_asan() or not built_with_seccomp(),
    reason="needs strace, x86_64, seccomp, no sanitizers")


def listed(program):
    """The calls of one list, and for whom each stands in (None: itself)."""
    rows = {name: None if instead == "NULL" else instead.strip('"')
            for name, by, instead in ROW.findall(SOURCE.read_text())
            if program in by}
    rows.update({name: None for name, by in LIMITED.items()
                 if program in by})
    return rows


class Trace:
    """
    Runs a program under strace, where names are resolved by these files: one
    has two addresses, and the others are asked for in vain.
    """

    HOSTS = "127.0.0.1 localhost\n127.0.0.1 two.test\n127.0.0.2 two.test\n"
    RESOLV = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"

    def __init__(self, lab, monkeypatch):
        self.path = lab.path("strace")
        self.patch = monkeypatch
        hosts = lab.write("hosts", self.HOSTS, 0o644)
        resolv = lab.write("resolv.conf", self.RESOLV, 0o644)
        self.prefix = [
            *DIES_WITH_US, "unshare", "-m", "sh", "-c",
            f"mount --bind {hosts} /etc/hosts && "
            f"mount --bind {resolv} /etc/resolv.conf && "
            f'exec strace -f -D -q -s 16 -o {self.path} -- "$@"', "sh"]

    def __enter__(self):
        self._set(self.prefix)
        return self

    def __exit__(self, *exc):
        self._set(DIES_WITH_US)

    def _set(self, prefix):
        for module in ("harness", "charon"):
            self.patch.setattr(f"lab.{module}.DIES_WITH_US", prefix)

    def text(self):
        return pathlib.Path(self.path).read_text()

    def calls(self, name):
        """
        {name: a line of it} for all that one process of the gateway called
        after its walls were up: "" is the first.  The only one with threads
        is that which connects.
        """
        until("strace has written it all", 20, lambda: re.search(
            r"\+\+\+ (exited|killed)[^\n]*\n\Z", self.text()))
        lines = re.findall(r"^(\d+) +(\w+)(\(.*)", self.text(), re.M)
        names = {lines[0][0]: ""}
        for pid, call, rest in lines:
            if call == "prctl" and "PR_SET_NAME" in rest:
                names[pid] = rest.split('"')[1]
        threads = "charon-egress" in names.values() and "charon-egress" or ""
        calls, filtered = {}, False
        for pid, call, rest in lines:
            if names.get(pid, threads) != name:
                continue
            if call == "seccomp" and "SECCOMP_SET_MODE_FILTER" in rest:
                calls, filtered = {}, " = -1 " not in rest
            else:
                calls[call] = call + rest
        assert filtered and "landlock_restrict_self" not in calls
        return calls

    def check(self, program):
        self.hold(program, self.calls(
            {"K": "charon-monitor", "E": "charon-egress"}.get(program, "")))

    @staticmethod
    def hold(program, calls):
        """What was called, against what is listed."""
        rows = listed(program)
        assert set(rows.values()) - {None, "vDSO"} <= set(rows), rows
        tried = set(calls) - set(rows) - IN_VAIN - BY_CHANCE
        idle = {name for name, instead in rows.items()
                if instead is None and name not in calls}
        assert not tried and not idle, (
            "not on the list:", [calls[name] for name in tried],
            "not made:", sorted(idle))


def ask(lab, address, target="/containers/json", host="docker"):
    with lab.connect(address) as s:
        s.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n"
                  "Connection: close\r\n\r\n".encode())
        return int(read_all(s).split()[1])


def bulk(lab, address, size=16 << 20):
    """There and back through an echo; nothing is read before all is full."""
    s, sent, full = lab.connect(address, 60), 0, 0
    s.setblocking(False)
    while full < 20 and sent < size:
        try:
            sent += s.send(bytes(min(size - sent, 1 << 16)))
            full = 0
        except BlockingIOError:
            full += 1
            time.sleep(0.02)
    s.settimeout(60)
    sender = threading.Thread(target=lambda: (
        s.sendall(bytes(size - sent)), s.shutdown(socket.SHUT_WR)))
    sender.start()
    got = 0
    while part := s.recv(1 << 20):
        got += len(part)
    sender.join()
    assert got == size


@contextlib.contextmanager
def registered(charon, n):
    """
    So many clients in one transaction, which stays in the log as long as this
    lasts: its index has more pages then than the monitor knows.
    """
    with contextlib.closing(sqlite3.connect(
            os.path.join(charon.state, "registry.db"))) as db:
        db.execute("PRAGMA wal_autocheckpoint = 0")
        with db:
            db.executemany(
                "INSERT INTO peers (kind, name, created, allow, secret) "
                "VALUES (1, ?, 1, ?, ?)",
                [(f"somebody-{i}", "a:1," * 1000 + "b:1", bytes(32))
                 for i in range(n)])
        yield


@traced
def test_gateway_calls(lab, monkeypatch):
    notify = Notify(lab)
    environment = lab.environment
    monkeypatch.setattr(lab, "environment", lambda more=None: environment(
        {"NOTIFY_SOCKET": notify.address, "WATCHDOG_USEC": "1000000",
         "STATE_DIRECTORY": "", "RUNTIME_DIRECTORY": "", **(more or {})}))
    trace, target = Trace(lab, monkeypatch), lab.serve(echo)
    front = ("127.0.0.1", free_port())
    make_certificate(lab.path("web.pem"), lab.path("web.key"))
    with trace:
        charon = lab.own(Charon(
            lab, egress={"allow": "*:*, 127.0.0.0/8:*"},
            tls={"listen": "%s:%d" % front, "key": lab.path("web.key"),
                 "certificate": lab.path("web.pem")},
            agents={"heartbeat": "200ms", "timeout": "2s",
                    "docker_tcp": "yes", "certificate_lifetime": "4s",
                    "renew_before": "3s"}))
    engine = lab.own(Engine(lab.path("engine.sock")))
    # An agent that enrols, renews, is asked, and is gone for good.
    charon.agent("web", f"--docker={engine.path}", "--expose", target.port,
                 key=charon.add_agent("web"))
    charon.wait_status("web", "online")
    until("its Docker answers", 20,
          lambda: ask(lab, charon.socket("web")) == 200)
    bulk(lab, charon.socket("web", target.port))
    api = os.path.join(charon.runtime, "http.sock")
    for path in ("/metrics", "/api/v1/agents", "/api/v1/agents/web",
                 "/api/v1/agents/web/docker/version"):
        assert ask(lab, api, path, "localhost") == 200
    until("it is renewed", 20, lambda: "renewed" in charon.log())
    # A client's egress, by name.
    config = charon.ssh_client("bob", f"egress,web:{target.port}")
    for host, answer in (("two.test", b"hello"), ("unknown.invalid", b""),
                         ("web.orthrus", b"hello")):
        done = subprocess.run(
            ["ssh", "-F", config, "-W", f"{host}:{target.port}", "gateway"],
            input=b"hello", timeout=60, capture_output=True)
        assert done.stdout == answer, (host, done.stderr)
    with tls(lab.connect(front), "ssh") as conn:
        assert banner(conn)
        conn.sendall(b"SSH-2.0-x\r\n")
        assert conn.recv(1)
    assert ask(lab, front, "/", "localhost") == 404
    with Connection(api) as conn:
        shown = json.loads(conn.ask("/api/v1/agents/web").body)
    port = int(shown["docker"]["tcp"].rpartition(":")[2])
    assert ask(lab, ("127.0.0.1", port)) == 200
    lab.connect(("127.0.0.1", port)).sendall(b"GET /")	# and is cut off
    whole = charon.sections.pop("state")	# root's default is looked for
    charon.configure()
    charon.process.send_signal(signal.SIGHUP)
    until("it is not reloaded", 10, lambda: "not reloaded" in charon.log())
    charon.sections["state"] = whole
    charon.configure()
    charon.process.send_signal(signal.SIGHUP)
    until("it is reloaded", 10,
          lambda: "configuration reloaded" in charon.log())
    with registered(charon, 6000):
        until("the monitor has read it", 30, lambda: charon.run(
            "client", "remove", "somebody-5999",
            check=None).returncode == 0)
    until("the registry is free", 30, lambda: charon.run(
        "agent", "rekey", "web", check=None).returncode == 0)
    charon.run("agent", "port", "web", free_port())
    charon.run("agent", "remove", "web")
    until("it is gone", 10, lambda: "was removed" in charon.log())
    until("the watchdog is content", 10,
          lambda: "WATCHDOG=1" in notify.read())
    assert charon.stop() == 0
    for program in "GKE":
        trace.check(program)


@traced
def test_agent_calls(lab, monkeypatch):
    charon = lab.own(Charon(lab, agents={
        "heartbeat": "200ms", "timeout": "2s", "certificate_lifetime": "4s",
        "renew_before": "3s"}))
    trace, target, port = Trace(lab, monkeypatch), lab.serve(echo), free_port()
    engine = lab.own(Engine(lab.path("engine.sock")))
    forward = f"web.orthrus:{target.port}"

    def write(*listens):
        lab.write("a.ini", "".join(
            f"[forward f{i}]\nspec = {listen}:{forward}\n"
            for i, listen in enumerate(listens)))

    write(lab.path("a.sock"))
    key, state = charon.add_agent("web"), lab.path("state-web")
    authority = Authority(lab)
    front = Stunnel(lab, charon.port, authority.issue("gw.pem", "two.test"))
    os.mkdir(state, mode=0o700)
    lab.write("state-web/known_hosts", "# somebody's\n")
    with trace:
        agent = charon.agent(
            "web", f"--docker={engine.path}", "--expose", target.port,
            "--config", lab.path("a.ini"), "--server", "unknown.invalid",
            "--server", f"tls://two.test:{front.port}", "--tls-ca",
            authority.path, key=key, wait=0, state=state,
            socks5=f"127.0.0.1:{port}")
    agent.wait_ready(40)
    until("its Docker answers", 20,
          lambda: ask(lab, charon.socket("web")) == 200)
    bulk(lab, charon.socket("web", target.port))
    until("it is renewed", 20, lambda: "renewed" in charon.log())
    assert socks.ask(lab.connect(("127.0.0.1", port)), "web.orthrus",
                     target.port) == socks.SUCCEEDED
    charon.stop()
    charon.start()
    until("it is back", 30, lambda: agent.status()["reconnects"] >= 1 and
          agent.state() == "connected")
    write(lab.path("b.sock"), free_port())
    agent.signal(signal.SIGHUP)
    until("it is reloaded", 10,
          lambda: "configuration reloaded" in agent.log())
    assert agent.stop() == 0
    trace.check("A")


def leave_open(lab, address):
    """A stream whose client has said all, and one who leaves it unread."""
    request = b"GET /events HTTP/1.1\r\nHost: docker\r\n\r\n"
    for half_close in True, False:
        with lab.connect(address) as s:
            s.sendall(request)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                s.recv(100)		# TCP's may well have left
            time.sleep(0.5)		# it is looked after, now and then


@traced
def test_muzzle_calls(lab, monkeypatch):
    engine = lab.own(Engine(lab.path("engine.sock")))
    path, port = lab.path("muzzle.sock"), free_port()
    calls = []
    for listen, address in ((path, path),
                            (f"127.0.0.1:{port}", ("127.0.0.1", port))):
        trace = Trace(lab, monkeypatch)
        with trace:
            muzzle = lab.own(Orthrus(
                lab, [ORTHRUS, "muzzle", "--listen", listen, "--docker",
                      engine.path], lab.environment(), None, None))
        until("it listens", 20, lambda: "use it with" in muzzle.log())
        head = (b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n"
                b"Content-Type: application/json\r\n")
        # More than the C library keeps without asking for more memory.
        for size in 1000, 4 << 20:
            body = b'{"Name":"' + b"x" * size + b'"}'
            engine.script([[head + b"Content-Length: %d\r\n\r\n" %
                            len(body) + body]])
            assert ask(lab, address) == 200
        event = b'{"Type":"x"}\n'
        stream = head + b"Transfer-Encoding: chunked\r\n\r\n" + \
            (b"%x\r\n%s\r\n" % (len(event), event)) * 1000
        engine.script([[stream], [stream]])
        leave_open(lab, address)
        open_one = lab.connect(address)		# and is cut off
        open_one.sendall(b"GET /")
        assert muzzle.stop() == 0
        calls.append(trace.calls(""))
    Trace.hold("M", {**calls[0], **calls[1]})


# --- what holds ---------------------------------------------------------

def held(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t") for line in f
                    if ":\t" in line)


def said(log):
    return re.findall(r"confined by: .*", log)


def test_what_holds(lab, sshd):
    """What "check" promises is what the kernel says of the process."""
    charon = lab.own(Charon(lab))
    agent = lab.orthrus(sshd)
    promised = lab.run("check", "--name", "a", "--server", "x", "--identity",
                       lab.identity).stdout
    walls = "confined by: " + re.search(r"^confined by = (.*)  # ", promised,
                                        re.M)[1]
    for process in charon, agent:
        # The gateway is three, and each says which one it is.
        who = re.findall(r"(?:info|warn) (?:(\w+): )?confined by: ",
                         process.log())
        assert sorted(who) == (["egress", "gateway", "monitor"]
                               if process is charon else [""])
        assert set(said(process.log())) == {walls}
        assert len(said(process.log())) == (3 if process is charon else 1)
        status = held(process.pid)
        assert status["NoNewPrivs"] == "1"
        assert (status["Seccomp"] == "2") == ("seccomp, " in walls)
        assert not built_with_seccomp() or built_with_asan() or \
            "seccomp, " in walls


@pytest.mark.skipif(built_with_asan(), reason="LeakSanitizer needs to look")
def test_memory_is_closed(lab, sshd):
    """Other processes of the same user cannot look into these."""
    charon = lab.own(Charon(lab))
    agent = lab.orthrus(sshd)
    for pid in charon.pid, agent.pid:
        # The same user without the right of root's to look at everybody.
        done = subprocess.run(
            ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--", "cat",
             f"/proc/{pid}/environ"], capture_output=True, timeout=20)
        assert done.returncode != 0 and not done.stdout


def test_files_beyond(lab, sshd):
    """A reload may name another socket in the same directory, no other."""
    target = lab.serve(echo)
    # Not below the directory that the control socket is in.
    here, there = lab.volatile("here"), lab.volatile("there")
    for folder in here, there:
        os.mkdir(folder)

    def write(path):
        lab.write("a.ini", f"[forward a]\nspec = {path}:{target.spec}\n"
                  "[socks5]\nlisten = off\n")

    write(f"{here}/a.sock")
    agent = lab.orthrus(sshd, "--config", lab.path("a.ini"), socks5=None)
    if "Landlock " not in said(agent.log())[0].partition("not:")[0]:
        pytest.skip("this kernel has no Landlock")
    assert echoes(lab.connect(f"{here}/a.sock"))
    write(f"{here}/b.sock")
    agent.signal(signal.SIGHUP)
    until("the other socket", 10, lambda: os.path.exists(f"{here}/b.sock"))
    write(f"{there}/c.sock")
    agent.signal(signal.SIGHUP)
    until("it is refused", 10, lambda: "not reloaded" in agent.log())
    assert not os.path.exists(f"{there}/c.sock")
    assert echoes(lab.connect(f"{here}/b.sock"))
