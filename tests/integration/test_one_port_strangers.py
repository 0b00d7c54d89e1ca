# SPDX-License-Identifier: ISC
"""Who comes to charon's port for TLS and knows nothing of it finds what any
web server says that has no pages, and holds nobody up."""

import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

import pytest

from lab.front import CONNECT, UPGRADE, Front, ask, banner, head, rest, tls
from lab.system import DIES_WITH_US, free_port, until

OURS = re.compile(rb"charon|orthrus|ssh|bearer|docker|json|agent", re.I)
HOST = "Host: gw.example.com\r\n"
REQUESTS = [
    head("/"), head("/healthz"), head("/metrics"), head("/api/v1/agents"),
    head("/api/v1/agents/a/docker/version"), head(CONNECT),
    head("/", method="HEAD"), head(CONNECT, method="HEAD"),
    head("/", method="POST"), head("/", method="OPTIONS"),
    head("/", method="PUT"), head("/", method="DELETE"),
    head("/", method="TRACE"), head("/", method="PATCH"),
    head("/", method="PROPFIND"), head("/", method="BREW"),
    head("/", method="get"), head("*", method="OPTIONS"),
    head("gw.example.com:443", method="CONNECT"),
    head("http://gw.example.com/x"), head("/" + "a" * 8200),
    head("/", "X: " + "a" * 40000), head("/", "Content-Length: 3") + "abc",
    head("/", "Content-Length: 3", method="POST") + "abc",
    head("/", "Content-Length: x", method="POST"),
    head("/", "Content-Length: 1", "Content-Length: 1", method="POST"),
    head("/", "Transfer-Encoding: chunked", method="POST") + "0\r\n\r\n",
    head("/", "Transfer-Encoding: gzip", method="POST"),
    head("/", "Authorization: Bearer x"),
    head("/", "Authorization: Basic eDp4"),
    head("/elsewhere", *UPGRADE, "Sec-WebSocket-Protocol: ssh"),
    head("/", *UPGRADE), head("/", "Host: another.example"),
    "GET / HTTP/1.0\r\n\r\n", "GET /\r\n", "HEAD /\r\n", "GET / \r\n",
    "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.2\r\nConnection: close\r\n" + HOST + "\r\n",
    "GET / HTTP/2.0\r\n" + HOST + "\r\n", "GET / HTTP/0.9\r\n\r\n",
    "GET / HTTP/1.1 x\r\n" + HOST + "\r\n", "GET / FTP/1.0\r\n\r\n",
    "GET / HTTP/1.0\n\n", "\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    "GET  /  HTTP/1.0\r\n\r\n", "GET /\x01 HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.0\r\nA: \0\r\n\r\n", "GET / HTTP/1.0\r\nno header\r\n\r\n",
    "POST /\r\n", "GET / HTTP/1.0\r\nnone\r\n\r\n",
    "GET / HTTP/1.0\r\n: x\r\n\r\n", "GET / HTTP/1.0\r\na_b : x\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "SSH-2.0-OpenSSH_9.9\r\n",
    "EHLO x\r\n", "USER x\r\n", "\0\0\0\0\0\0", "\x05\x01\x00", "nonsense\n",
]


@pytest.fixture
def front(lab):
    return Front(lab, ipv6=False)


def status(answer):
    """0 of HTTP/0.9, None where nothing was said."""
    if not answer:
        return None
    match = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    return int(match[1]) if match else 0


def test_every_request(front):
    """By TLS and without: the same, and not a word of ours in it."""
    for text in REQUESTS:
        plain = ask(front.connect(), text)
        secure = ask(front.tls(), text)
        assert status(plain) == status(secure), (text[:80], plain, secure)
        for answer in (plain, secure):
            assert answer and not OURS.search(answer), (text[:80], answer)
    assert not OURS.search(front.der.replace(b"localhost", b""))


def test_several_requests(front):
    """One after the other on a connection, with bodies that are skipped."""
    conn = front.tls("http/1.1")
    for _ in range(5):
        conn.sendall(head("/", "Content-Length: 4", method="POST",
                          close=False).encode() + b"GET ")
    conn.sendall(head("/").encode())
    got = rest(conn)
    assert got.count(b"HTTP/1.1 404 Not Found\r\n") == 6
    assert got.count(b"\r\nConnection: keep-alive\r\n") == 5


class Nginx:
    """One with an empty folder, and the same certificate."""

    def __init__(self, lab, front):
        folder = pathlib.Path(lab.path("nginx"))
        folder.mkdir()
        self.port, self.tls_port = free_port(), free_port()
        (folder / "conf").write_text(f"""
daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;
events {{ }}
http {{
 access_log off; server_tokens off;
 client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
 fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d;
 scgi_temp_path {folder}/e;
 server {{
  listen 127.0.0.1:{self.port};
  listen 127.0.0.1:{self.tls_port} ssl;
  ssl_protocols TLSv1.3;
  ssl_certificate {front.certificate}; ssl_certificate_key {front.key};
  root {folder}/none; location / {{ index none; }}
 }}
}}
""")
        self.process = subprocess.Popen(
            DIES_WITH_US + ["/usr/sbin/nginx", "-c", str(folder / "conf"),
                            "-e", str(folder / "log")],
            stdin=subprocess.DEVNULL)
        until("nginx listens", 20, lambda: socket.socket().connect_ex(
            ("127.0.0.1", self.tls_port)) == 0)

    def ask(self, text):
        with socket.create_connection(("127.0.0.1", self.port), 20) as conn:
            return ask(conn, text)

    def tls(self, *alpn):
        return tls(socket.create_connection(
            ("127.0.0.1", self.tls_port), 20), *alpn)

    def close(self):
        self.process.terminate()
        self.process.wait()


def timeless(answer):
    return re.sub(rb"\r\nDate: [^\r]*", b"", answer)


# What nginx 1.22 waits for in silence has an end here, and it can read more of
# a head.
OTHER = {head("/", "Transfer-Encoding: gzip", method="POST"): (501,),
         head("/", "X: " + "a" * 40000): (400,)}


@pytest.mark.skipif(not os.access("/usr/sbin/nginx", os.X_OK),
                    reason="there is no nginx")
def test_like_nginx(lab, front):
    """Its answers are the same to the byte, and so are their ends."""
    nginx = lab.own(Nginx(lab, front))
    wrong = []
    for text in REQUESTS:
        ours, theirs = ask(front.connect(), text), nginx.ask(text)
        if status(ours) != status(theirs) and \
                status(ours) not in OTHER.get(text, ()):
            wrong.append((text[:60], status(ours), status(theirs)))
        elif text not in OTHER and timeless(ours) != timeless(theirs):
            wrong.append((text[:60], ours, theirs))
    assert not wrong
    for alpn in ((), ("http/1.1",)):
        with nginx.tls(*alpn) as theirs, front.tls(*alpn) as ours:
            assert ours.version() == theirs.version()
            assert ours.selected_alpn_protocol() == \
                theirs.selected_alpn_protocol()
            for conn in (ours, theirs):
                conn.sendall(head("/").encode())
                assert status(rest(conn)) == 404
                # The end is TLS's own, not only TCP's.
                assert conn.recv(1) == b""


# --- limits -------------------------------------------------------------

def test_silence(front):
    """Nothing is said to who says nothing, and the port is there for others."""
    conns = [front.connect() for _ in range(3)]
    conns[1].sendall(b"\x16")
    conns[2].sendall(b"GET / HT")
    time.sleep(1.2)
    for conn in conns:
        conn.setblocking(False)
        with pytest.raises(BlockingIOError):
            conn.recv(1)
    assert banner(front.tls("ssh"))


def test_many_strangers(lab):
    """They have no more places than there are, and others come in."""
    front = Front(lab, ipv6=False, ssh={"max_unauthenticated": 8})
    before = front.charon.memory()
    strangers = []
    for i in range(100):
        conn = front.connect()
        with contextlib.suppress(OSError):
            conn.sendall((b"\x16\x03\x01\x40\0", b"GET / HTTP/1.1\r\n",
                          b"")[i % 3])
        strangers.append(conn)

    def comes_in(*alpn):
        with contextlib.suppress(OSError):
            conn = front.tls(*alpn)
            return banner(conn) if alpn else status(ask(conn, head("/")))
    until("SSH is served", 20, lambda: comes_in("ssh"))
    until("a page is not there", 20, lambda: comes_in() == 404)
    config = front.charon.ssh_client("bob", "egress")
    until("a client logs in", 30, lambda: subprocess.run(
        ["ssh", "-F", config, "-o",
         "ProxyCommand=openssl s_client -quiet -alpn ssh -connect "
         f"127.0.0.1:{front.port} 2>/dev/null", "gateway", "true"],
        capture_output=True, timeout=60) and
        "bob logged in" in front.charon.log())
    assert front.charon.memory() - before < 8 << 20
    closed = sum(gone(conn) for conn in strangers)
    assert closed >= 90, closed


def gone(conn):
    """Whether the other side has closed it, whatever it sent before."""
    conn.settimeout(0.01)
    try:
        while conn.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def test_slow_strangers(lab):
    """
    What is not whole after 10 s ends, and is held against its source; but not
    where a web server of this machine may stand for others.
    """
    front = Front(lab, ipv6=False)
    slow = [front.connect(source="127.0.0.2") for _ in range(2)]
    slow += [front.connect() for _ in range(2)]
    slow.append(front.tls())
    for conn in slow[:2]:
        conn.sendall(b"\x16\x03\x01")
    for conn in slow[2:]:
        conn.sendall(b"GET / HTTP/1.1\r\n")
    started = time.monotonic()
    for conn in slow:
        rest(conn)
        assert 5 < time.monotonic() - started < 40
    assert rest(front.connect(source="127.0.0.2")) == b""
    assert "127.0.0.2" in front.charon.log()
    assert status(ask(front.tls(), head("/"))) == 404
    assert banner(front.tls("ssh", source="127.0.0.3"))


def test_scans_are_no_offence(front):
    """Many requests and handshakes of one source are answered, each."""
    for _ in range(40):
        assert status(ask(front.connect(source="127.0.0.2"), head("/"))) == 404
        front.tls(source="127.0.0.2").close()
        front.connect(source="127.0.0.2").close()
    assert status(ask(front.tls(source="127.0.0.2"), head("/"))) == 404


def test_nothing_stays_behind(front):
    """Neither a descriptor nor a place of all that comes and goes."""
    def count():
        return len(os.listdir(f"/proc/{front.charon.pid}/fd"))
    ask(front.tls(), head("/"))
    until("there is a start", 10, lambda: count() <= 40)
    before = count()
    for i in range(60):
        ask(front.tls(), head("/"))
        ask(front.connect(), "nonsense\n")
        front.tls("ssh").close()
        conn = front.connect()
        ask(conn, b"\x16\x03\x01\0\x05hello")
    until("all is closed", 30, lambda: count() <= before)


def test_drain(front):
    """A gateway that stops does not wait for who only holds a connection."""
    conns = [front.connect(), front.tls(), front.tls("http/1.1")]
    conns[1].sendall(b"GET /")
    started = time.monotonic()
    assert front.charon.stop() == 0
    assert time.monotonic() - started < 10
    for conn in conns:
        rest(conn)
