# SPDX-License-Identifier: ISC
"""No destination and no payload in the log, at level debug."""

import json
import re
import socket
import subprocess

import pytest

from lab import socks
from lab.system import free_port, until
from lab.targets import answers_at_end, digest, read_all

# All of 127.0.0.0/8 is this machine: addresses nobody else talks about.
SECRET_HOSTS = {
    "socks": "127.77.88.91", "refused": "127.77.88.92",
    "local": "127.77.88.93", "remote": "127.77.88.94",
    "local-down": "127.77.88.95", "remote-down": "127.77.88.96",
    "outage": "127.77.88.97"}
# Resolvers are asked about neither: a label of 64 bytes is no name.
BAD_NAME = "wombat-" + "q" * 57 + ".example.test"
BAD_TARGET = "numbat-" + "q" * 57 + ".example.test"
MAPPED = "::ffff:127.77.88.98"
QUESTION = b"GET /quokka-question-8c1f HTTP/1.1\r\nCookie: bilby-4d2e\r\n\r\n"
ANSWER = b"echidna-answer-77aa " * 500


def exchange(conn):
    conn.sendall(QUESTION)
    conn.shutdown(socket.SHUT_WR)
    got = read_all(conn)
    assert got == digest(QUESTION).encode() + ANSWER


def ends(address, lab):
    try:
        conn = lab.connect(address)
        conn.sendall(QUESTION)
        assert socks.closed(conn)
    except OSError:
        pass


@pytest.mark.parametrize("format", ["text", "json"])
def test_log_is_silent_about_streams(lab, sshd, format):
    handler = answers_at_end(ANSWER)
    by_socks, by_local, by_remote = [
        lab.serve(handler, host=SECRET_HOSTS[n])
        for n in ("socks", "local", "remote")]
    by_path = lab.serve(handler, "unix",
                        path=lab.path("potoroo-target.sock"))
    dead = {n: free_port() for n in ("refused", "local-down", "remote-down",
                                     "outage", "mapped", "bad-name",
                                     "bad-local", "bad-remote")}
    no_path = lab.path("dunnart-missing.sock")
    specs = [
        ("-L", by_local.spec), ("-R", by_remote.spec),
        ("-L", by_path.spec), ("-R", by_path.spec),
        ("-L", f"{SECRET_HOSTS['local-down']}:{dead['local-down']}"),
        ("-R", f"{SECRET_HOSTS['remote-down']}:{dead['remote-down']}"),
        ("-L", f"{BAD_TARGET}:{dead['bad-local']}"),
        ("-R", f"{BAD_TARGET}:{dead['bad-remote']}"),
        ("-L", no_path), ("-R", no_path)]
    at = [free_port() for _ in specs]
    options = [word for (option, to), port in zip(specs, at)
               for word in (option, f"{port}:{to}")]
    agent = lab.orthrus(sshd, *options, "--log-format", format,
                        "--backoff-max", "1s")

    def through_the_tunnel():
        exchange(socks.open_through(lab, agent, SECRET_HOSTS["socks"],
                                    by_socks.port))
        for port in at[:4]:
            exchange(lab.connect(("127.0.0.1", port)))
        for port in at[4:]:
            ends(("127.0.0.1", port), lab)
        for host, port in ((SECRET_HOSTS["refused"], dead["refused"]),
                           (BAD_NAME, dead["bad-name"]),
                           (MAPPED, dead["mapped"])):
            conn = lab.connect(agent.socks5)
            assert socks.ask(conn, host, port) != socks.SUCCEEDED

    through_the_tunnel()
    # Other protocols, other commands, and a request that is cut short.
    for said in (QUESTION, b"\4\1\0\x50\x7f\x4d\x58\x5bwallaby\0",
                 socks.greeting(0) + socks.request(BAD_NAME, 80, 3),
                 socks.greeting(0) + socks.request(BAD_NAME, 80)[:-3]):
        conn = lab.connect(agent.socks5)
        conn.sendall(said)
        conn.shutdown(socket.SHUT_WR)
        socks.closed(conn)
    # A stream that is cut, a request that waits in vain, another session.
    cut = socks.open_through(lab, agent, SECRET_HOSTS["socks"],
                             by_socks.port)
    cut.sendall(QUESTION)
    sshd.stop()
    until("the end is seen", 10, lambda: agent.state() != "connected")
    late = lab.connect(agent.socks5)
    socks.ask(late, SECRET_HOSTS["outage"], dead["outage"])
    sshd.start()
    agent.wait_ready()
    through_the_tunnel()
    assert agent.stop() == 0

    log = agent.log()
    assert len(log.splitlines()) > 10, "level debug says more than that"
    words = [*SECRET_HOSTS.values(), "127.77.88", "wombat", "numbat",
             "example.test", "::ffff:", "7f4d:58", "potoroo", "dunnart",
             "quokka", "bilby", "echidna", "wallaby"]
    ports = [by_socks.port, by_local.port, by_remote.port, *dead.values()]
    found = [w for w in words if w.lower() in log.lower()]
    found += [p for p in ports if re.search(rf"(?<!\d){p}(?!\d)", log)]
    lines = [line for line in log.splitlines()
             if any(str(f) in line for f in found)]
    assert not found, "\n".join(lines)
    for line in log.splitlines() if format == "json" else []:
        assert isinstance(json.loads(line), dict), line


def test_secrets_are_not_logged(lab, sshd):
    """SOCKS5 credentials, right and wrong, and the private key."""
    port = free_port()
    ini = lab.write("auth.ini", f"""[socks5]
listen = 127.0.0.1:{port}
username = cassowary
password_file = {lab.write("password", "kookaburra-51c0")}
""")
    agent = lab.orthrus(sshd, "--config", ini, socks5=None)
    for user, password, good in (("cassowary", "kookaburra-51c0", True),
                                 ("lorikeet", "galah-9e9e", False)):
        conn = lab.connect(("127.0.0.1", port))
        conn.sendall(socks.greeting(socks.USER_PASSWORD))
        assert socks.take(conn, 2) == bytes([5, socks.USER_PASSWORD])
        conn.sendall(socks.credentials(user, password))
        assert (socks.take(conn, 2)[1] == 0) == good
    assert agent.stop() == 0
    with open(lab.identity) as f:
        key_lines = [s.strip() for s in f if "KEY" not in s]
    for secret in ("kookaburra", "galah", "lorikeet", *key_lines):
        assert secret not in agent.log()
    done = lab.run("check", "--config", ini, "--server", "127.0.0.1")
    assert "kookaburra" not in done.text


def test_no_lookup_leaves_for_a_destination(lab, sshd):
    """A name for SOCKS5 makes no new socket on this side at all."""
    if subprocess.run(["strace", "-V"], capture_output=True).returncode:
        pytest.skip("strace is not installed")
    agent = lab.orthrus(sshd)
    trace = lab.path("trace")
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", trace, "-e",
         "trace=socket,connect,sendto,sendmmsg,openat",
         "-p", str(agent.pid)], stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE, start_new_session=True)
    try:
        until("strace is attached", 10, lambda: traced(agent.pid) or
              tracer.poll() is not None)
        if tracer.poll() is not None:
            pytest.skip("strace may not attach here")
        for name in ("localhost", BAD_NAME, "127.77.88.91"):
            conn = lab.connect(agent.socks5)
            assert socks.ask(conn, name, free_port()) != socks.SUCCEEDED
    finally:
        tracer.terminate()
        tracer.communicate()
    with open(trace) as f:
        calls = f.read()
    assert "socket(" not in calls and "connect(" not in calls, calls
    assert "resolv.conf" not in calls and "/etc/hosts" not in calls


def traced(pid):
    with open(f"/proc/{pid}/status") as f:
        return not re.search(r"^TracerPid:\t0$", f.read(), re.M)
