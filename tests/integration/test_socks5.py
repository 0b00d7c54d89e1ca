# SPDX-License-Identifier: ISC
"""SOCKS5 as curl and raw clients see it."""

import hashlib
import http.server
import socket
import subprocess
import threading
import time

import pytest

from lab import socks
from lab.system import descriptors, free_port, has_ipv6, until
from lab.targets import echo, echoes, payload, read_all, says

MB = 1 << 20
needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")


class Page(http.server.BaseHTTPRequestHandler):
    """GET gives server.page; PUT answers with the body's checksum."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(self.server.page)

    def do_PUT(self):
        h = hashlib.sha256()
        left = int(self.headers["Content-Length"])
        while left:
            data = self.rfile.read(min(left, MB))
            left -= len(data)
            h.update(data)
        self.answer(h.hexdigest().encode())

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Web(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host, page=b"the page"):
        self.page = page
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, 0), Page)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,),
                         daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


def curl(lab, agent, url, *options, user=None):
    proxy = f"socks5h://{user + '@' if user else ''}" \
        f"{agent.socks5[0]}:{agent.socks5[1]}"
    return subprocess.run(
        ["curl", "-q", "-sS", "--fail", "--noproxy", "", "--max-time", "60",
         "--proxy", proxy, *options, url], capture_output=True,
        env=lab.environment(), timeout=90)


@pytest.mark.parametrize("host,bind", [
    ("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"),
    pytest.param("[::1]", "::1", marks=needs_ipv6)],
    ids=["name", "ipv4", "ipv6"])
def test_curl(lab, sshd, host, bind):
    web = lab.own(Web(bind))
    agent = lab.orthrus(sshd)
    done = subprocess.run(
        ["curl", "-q", "-sS", "--noproxy", "", "--max-time", "60",
         "--socks5-hostname", f"127.0.0.1:{agent.socks5[1]}",
         f"http://{host}:{web.port}/"], capture_output=True,
        env=lab.environment(), timeout=90)
    assert (done.returncode, done.stdout) == (0, b"the page"), done.stderr


def test_name_is_resolved_by_the_server(lab):
    """Only the sshd's own mount namespace knows this name."""
    hosts = lab.write("hosts", "127.0.0.1 localhost\n"
                      "127.0.0.1 only-over-there.test\n", 0o644)
    if subprocess.run(["unshare", "-m", "true"]).returncode != 0:
        pytest.skip("no mount namespaces here")
    web = lab.own(Web("127.0.0.1"))
    sshd = lab.sshd(mounts={"/etc/hosts": hosts})
    agent = lab.orthrus(sshd)
    done = curl(lab, agent, f"http://only-over-there.test:{web.port}/")
    assert (done.returncode, done.stdout) == (0, b"the page"), done.stderr


@pytest.mark.heavy
def test_64_mb_each_way(lab, sshd):
    page = payload("page", 64 * MB)
    web = lab.own(Web("127.0.0.1", page))
    agent = lab.orthrus(sshd)
    url = f"http://localhost:{web.port}/"
    got = lab.path("got")
    started = time.monotonic()
    done = curl(lab, agent, url, "-o", got)
    assert done.returncode == 0, done.stderr
    middle = time.monotonic()
    with open(got, "rb") as f:
        assert hashlib.sha256(f.read()).digest() == \
            hashlib.sha256(page).digest()
    with open(got, "wb") as f:
        f.write(page)
    put = time.monotonic()
    done = curl(lab, agent, url, "-T", got)
    print(f"64 MB: down {middle - started:.2f} s, "
          f"up {time.monotonic() - put:.2f} s")
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == hashlib.sha256(page).hexdigest()


# A label of 64 bytes: no resolver needs to ask anybody about it.
NO_SUCH_NAME = "x" * 64 + ".test"


@pytest.mark.parametrize("host,code", [
    ("127.0.0.1", socks.REFUSED), ("localhost", socks.REFUSED),
    ("255.255.255.255", socks.UNREACHABLE),
    (NO_SUCH_NAME, socks.UNREACHABLE)],
    ids=["refused", "refused-name", "unreachable", "no-such-name"])
def test_reply_of_a_failed_open(lab, sshd, host, code):
    agent = lab.orthrus(sshd)
    conn = lab.connect(agent.socks5)
    assert socks.ask(conn, host, free_port()) == code
    assert socks.closed(conn)


@pytest.mark.parametrize("how", ["AllowTcpForwarding", "PermitOpen"])
def test_reply_of_a_prohibited_open(lab, how):
    target = lab.serve(echo)
    sshd = lab.sshd(**{how: "no" if how == "AllowTcpForwarding"
                       else f"127.0.0.1:{free_port()}"})
    agent = lab.orthrus(sshd)
    conn = lab.connect(agent.socks5)
    assert socks.ask(conn, "127.0.0.1", target.port) == socks.PROHIBITED
    assert socks.closed(conn)
    assert target.accepted == 0


@pytest.mark.parametrize("command", [socks.BIND, socks.ASSOCIATE])
def test_other_commands(lab, sshd, command):
    agent = lab.orthrus(sshd)
    conn = lab.connect(agent.socks5)
    assert socks.ask(conn, "127.0.0.1", 80, command) == socks.UNSUPPORTED
    assert socks.closed(conn)


def test_success_is_said_after_the_open(lab, sshd):
    """The target must have seen the connection by then."""
    target = lab.serve(echo)
    agent = lab.orthrus(sshd)
    for i in range(1, 6):
        socks.open_through(lab, agent, "127.0.0.1", target.port)
        until("the target accepts", 5, lambda: target.accepted == i)


def test_one_byte_at_a_time(lab, sshd):
    target = lab.serve(echo)
    agent = lab.orthrus(sshd)
    conn = lab.connect(agent.socks5)
    for byte in socks.greeting(socks.NO_AUTH):
        conn.sendall(bytes([byte]))
        time.sleep(0.01)	# else the kernel joins them
    assert socks.take(conn, 2) == b"\5\0"
    for byte in socks.request("localhost", target.port):
        conn.sendall(bytes([byte]))
        time.sleep(0.01)
    assert socks.reply(conn) == socks.SUCCEEDED
    assert echoes(conn)


def test_all_in_one_packet(lab, sshd):
    """A client that does not wait: its data belong to the stream."""
    target = lab.serve(echo)
    agent = lab.orthrus(sshd)
    conn = lab.connect(agent.socks5)
    early = payload("early", 100000)
    conn.sendall(socks.greeting(socks.NO_AUTH) +
                 socks.request("127.0.0.1", target.port) + early)
    conn.shutdown(socket.SHUT_WR)
    assert socks.take(conn, 2) == b"\5\0"
    assert socks.reply(conn) == socks.SUCCEEDED
    assert read_all(conn) == early


def test_server_speaks_first(lab, sshd):
    target = lab.serve(says(b"220 ready\r\n"))
    agent = lab.orthrus(sshd)
    for _ in range(20):
        conn = socks.open_through(lab, agent, "localhost", target.port)
        assert read_all(conn) == b"220 ready\r\n"


def test_unix_listener(lab, sshd):
    target = lab.serve(echo)
    agent = lab.orthrus(sshd, socks5=lab.path("socks.sock"))
    conn = socks.open_through(lab, agent, "127.0.0.1", target.port)
    assert echoes(conn)


def test_http_is_told(lab, sshd):
    agent = lab.orthrus(sshd)
    for head in (b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
                 b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n",
                 b"POST / HTTP/1.0\r\n\r\n"):
        conn = lab.connect(agent.socks5)
        conn.sendall(head)
        answer = read_all(conn)
        assert answer.startswith(b"HTTP/1."), answer
        assert b"SOCKS5" in answer and len(answer) < 1024
        status = int(answer.split()[1])
        assert 400 <= status < 600


def test_socks4_is_refused(lab, sshd):
    agent = lab.orthrus(sshd)
    conn = lab.connect(agent.socks5)
    conn.sendall(b"\4\1\0\x50\x7f\0\0\1user\0")
    answer = read_all(conn)
    assert answer[:2] == b"\0\x5b" and len(answer) < 1024


def test_garbage_is_closed(lab, sshd):
    target = lab.serve(echo)
    agent = lab.orthrus(sshd)
    for junk in (b"\x16\3\1\2\0\1\0", b"\5\0", b"\5\1\0\4\1\0\1",
                 b"\5\1\0\5\1\0\x09abc", b"\5\1\0\5\1\0\3\0\0\x50",
                 b"\5\1\0\5\1\0\3\4a\0b\n\0\x50", b"\xff" * 4096):
        conn = lab.connect(agent.socks5)
        conn.sendall(junk)
        assert socks.closed(conn), junk
    socks.open_through(lab, agent, "127.0.0.1", target.port)


@pytest.mark.timed
def test_silent_client_is_cut(lab, sshd):
    """After 10 s, whether it said nothing, half or drips; others work."""
    target = lab.serve(echo)
    agent = lab.orthrus(sshd)
    working = socks.open_through(lab, agent, "localhost", target.port)
    half = socks.greeting(socks.NO_AUTH) + socks.request("a.test", 80)[:-1]
    started = time.monotonic()
    silent = []
    for said in (b"", b"\5", half):
        conn = lab.connect(agent.socks5)
        conn.sendall(said)
        silent.append(conn)
    drips = lab.connect(agent.socks5)
    drips.sendall(b"\5\xff")
    silent.append(drips)
    for conn in silent:
        conn.setblocking(False)
    cut = {}
    while len(cut) < len(silent) and time.monotonic() - started < 25:
        if drips not in cut:
            try:
                drips.send(b"\1")
            except OSError:
                cut[drips] = time.monotonic() - started
        for conn in silent:
            try:
                while conn.recv(100):
                    pass
                cut.setdefault(conn, time.monotonic() - started)
            except BlockingIOError:
                pass
            except OSError:
                cut.setdefault(conn, time.monotonic() - started)
        assert echoes(working)
        fresh = socks.open_through(lab, agent, "localhost", target.port, 5)
        fresh.close()
        time.sleep(0.2)
    print("cut after", [f"{t:.1f} s" for t in cut.values()])
    assert len(cut) == len(silent)
    assert all(9 <= t <= 14 for t in cut.values())


@pytest.mark.timed
def test_half_open_handshakes_are_bounded(lab, sshd):
    """1,024 at most; work goes on, and the flood is over after 10 s."""
    target = lab.serve(echo)
    agent = lab.orthrus(sshd)
    working = socks.open_through(lab, agent, "127.0.0.1", target.port)
    idle = agent.descriptors()
    flood = []
    for _ in range(1300):
        conn = lab.own(socket.socket())
        conn.setblocking(False)
        conn.connect_ex(agent.socks5)
        flood.append(conn)
    until("it takes many", 5,
          lambda: agent.descriptors() >= idle + 1000)
    most = 0
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        most = max(most, agent.descriptors() - idle)
        assert echoes(working)
        time.sleep(0.05)
    print("half-open handshakes held:", most)
    assert most <= 1024 + 8
    started = time.monotonic()
    conn = socks.open_through(lab, agent, "127.0.0.1", target.port, 30)
    print(f"a client behind the flood waited "
          f"{time.monotonic() - started:.1f} s")
    conn.close()
    until("the flood is cut", 30, lambda: agent.descriptors() <= idle + 2)


AUTH_INI = """[socks5]
listen = {listen}
username = tunnel
password_file = {file}
"""


@pytest.fixture
def with_password(lab, sshd):
    """An agent that listens on all interfaces, with a password."""
    port = free_port()
    ini = lab.write("auth.ini", AUTH_INI.format(
        listen=f"0.0.0.0:{port}",
        file=lab.write("socks-password", "correct horse\n")))
    agent = lab.orthrus(sshd, "--config", ini, socks5=None)
    agent.socks5 = ("127.0.0.1", port)
    return agent


def test_password(lab, with_password):
    web = lab.own(Web("127.0.0.1"))
    url = f"http://localhost:{web.port}/"
    done = curl(lab, with_password, url, user="tunnel:correct%20horse")
    assert (done.returncode, done.stdout) == (0, b"the page"), done.stderr
    done = curl(lab, with_password, url, user="tunnel:wrong")
    assert done.returncode != 0 and not done.stdout


@pytest.mark.parametrize("user,password", [
    ("tunnel", "wrong"), ("other", "correct horse"), ("tunnel", ""),
    ("tunnel", "correct horse\n"), ("tunne", "lcorrect horse")])
def test_wrong_password(lab, with_password, user, password):
    conn = lab.connect(with_password.socks5)
    conn.sendall(socks.greeting(socks.NO_AUTH, socks.USER_PASSWORD))
    assert socks.take(conn, 2) == bytes([5, socks.USER_PASSWORD])
    conn.sendall(socks.credentials(user, password))
    version, status = socks.take(conn, 2)
    assert version == 1 and status != 0
    assert socks.closed(conn)


def test_password_is_required(lab, with_password):
    conn = lab.connect(with_password.socks5)
    conn.sendall(socks.greeting(socks.NO_AUTH))
    assert socks.take(conn, 2) == b"\5\xff"
    assert socks.closed(conn)


def test_open_listener_needs_a_password(lab, sshd):
    ini = lab.write("open.ini",
                    f"[socks5]\nlisten = 0.0.0.0:{free_port()}\n")
    done = lab.refused(sshd, "--config", ini, socks5=None)
    assert done.returncode == 78, done.text
    assert f"{ini}:2: " in done.text
    assert "username" in done.text and "password_file" in done.text


def test_taken_port_is_an_error_when_asked_for(lab, sshd):
    taken = lab.serve(echo)
    done = lab.refused(sshd, "--no-reconnect",
                       socks5=f"127.0.0.1:{taken.port}")
    assert done.returncode != 0
    assert str(taken.port) in done.text


def test_no_descriptor_stays_behind(lab, sshd):
    """After failed handshakes of every kind, as many as before."""
    agent = lab.orthrus(sshd)
    conn = lab.connect(agent.socks5)
    socks.ask(conn, "127.0.0.1", free_port())
    conn.close()
    idle = agent.descriptors()
    for said in (b"", b"\5", b"\5\1\0", b"GET / HTTP/1.1\r\n\r\n",
                 b"\4\1\0\x50\x7f\0\0\1\0", b"\5\1\0\5\2\0\1\0\0\0\0\0\0"):
        conn = lab.connect(agent.socks5)
        conn.sendall(said)
        conn.close()
    until("all are closed", 5, lambda: descriptors(agent.pid) <= idle)
