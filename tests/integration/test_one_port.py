# SPDX-License-Identifier: ISC
"""One port of charon for SSH, TLS and HTTP: each protocol is found by its
first bytes, with stock clients, and the certificate is renewed meanwhile."""

import json
import pathlib
import shutil
import signal
import ssl
import subprocess
import time

import pytest

from lab.front import (CONNECT, UPGRADE, Front, ask, banner, head,
                       make_certificate)
from lab.system import has_ipv6, until
from lab.targets import echo

HOSTS = ["127.0.0.1"] + ["::1"] * has_ipv6()


@pytest.fixture(params=[False, True], ids=["alone", "shared"])
def front(request, lab):
    return Front(lab, ipv6=has_ipv6(), shared=request.param,
                 egress={"allow": "*:*, 127.0.0.0/8:*"})


def websocket(conn, *lines):
    """The upgrade of a client; returns the connection behind the answer."""
    conn.sendall(head(CONNECT, *UPGRADE, *lines, close=False).encode())
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        part = conn.recv(1)
        assert part, got
        got += part
    assert got.startswith(b"HTTP/1.1 101 "), got
    assert b"\r\nSec-WebSocket-Protocol: ssh\r\n" in got
    return conn


def first_frame(conn):
    """The payload of a server's first frame, which is short and whole."""
    start = conn.recv(2)
    assert start[0] == 0x82 and start[1] < 126, start
    return conn.recv(start[1])


@pytest.mark.parametrize("host", HOSTS)
def test_each_protocol(front, host):
    """Each of them at the same port, and at the socket what is no TLS."""
    assert banner(front.tls("ssh", host=host)).startswith(b"SSH-2.0-charon_")
    assert banner(front.tls("http/1.1", "ssh", host=host)).startswith(b"SSH-")
    for conn in (front.tls(host=host), front.tls("http/1.1", host=host),
                 front.connect(host), front.connect(front.socket)):
        assert ask(conn, head("/")).startswith(b"HTTP/1.1 404 Not Found\r\n")
    for conn in (front.tls(host=host), front.tls("http/1.1", host=host),
                 front.connect(host), front.connect(front.socket)):
        conn = websocket(conn, "Sec-WebSocket-Protocol: ssh")
        assert first_frame(conn).startswith(b"SSH-2.0-charon_")


def test_websocket_after_another_request(front):
    """A web server in front asks over connections that it has used before."""
    conn = front.connect(front.socket)
    for path in ("/", "/favicon.ico", "/"):
        conn.sendall(head(path, close=False).encode())
        got = b""
        while not got.endswith(b"</html>\r\n"):
            got += conn.recv(4096)
        assert got.startswith(b"HTTP/1.1 404 ")
        assert b"\r\nConnection: keep-alive\r\n" in got
    websocket(conn, "Sec-WebSocket-Protocol: ssh")
    assert first_frame(conn).startswith(b"SSH-2.0-")


def ssh(front, *options):
    """What the echo behind the gateway sends back to a stock client."""
    config = front.charon.ssh_client("bob", "egress")
    target = front.lab.serve(echo)
    done = subprocess.run(
        ["ssh", "-F", config, *options, "-W", f"127.0.0.1:{target.port}",
         "gateway"], input=b"hello" * 1000, capture_output=True, timeout=60)
    assert done.stdout == b"hello" * 1000, done.stderr


@pytest.mark.parametrize("host", HOSTS)
def test_stock_ssh(front, host):
    at = f"[{host}]:{front.port}"
    ssh(front, "-o", "ProxyCommand=openssl s_client -quiet -alpn ssh "
        f"-connect {at} 2>/dev/null")
    if front.charon.port == front.port and host == HOSTS[0]:
        ssh(front, "-o", f"HostName={host}")


def test_slow_first_bytes(lab):
    """They come one by one, and the port is SSH's as well."""
    front = Front(lab, ipv6=False, shared=True)
    conn = front.connect()
    for byte in b"SSH-2.0-slow\r\n":
        conn.sendall(bytes([byte]))
        time.sleep(0.01)
    assert banner(conn).startswith(b"SSH-2.0-charon_")
    silent = front.connect()
    assert banner(silent).startswith(b"SSH-2.0-charon_")
    conn = front.connect()
    conn.sendall(b"S")
    time.sleep(0.1)
    assert ask(conn, b"EARCH / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 405 ")


def curl(front, *options):
    done = subprocess.run(
        ["curl", "-sS", "--cacert", front.certificate, *options],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("host", HOSTS)
def test_api(front, host):
    """With the token, by TLS only; and a page of a browser has none."""
    url = f"https://[{host}]:{front.port}" if ":" in host else \
        f"https://{host}:{front.port}"
    front.charon.add_agent("web")
    token = f"Authorization: Bearer {front.token()}"
    listed = json.loads(curl(front, "-H", token, url + "/api/v1/agents"))
    assert [a["name"] for a in listed] == ["web"]
    assert "charon_agents" in curl(front, "-H", token, url + "/metrics")
    nothing = curl(front, url + "/nothing")
    for more in ((), ("-H", token[:-1] + "!"), ("-H", "Authorization: x")):
        assert curl(front, *more, url + "/api/v1/agents") == nothing
    assert curl(front, "-H", token, f"http://{url[8:]}/healthz") == nothing
    assert "browsers are not served" in curl(
        front, "-H", token, "-H", "Origin: https://x.example",
        url + "/healthz")


def test_api_after_another_request(front):
    """It is a connection's own request that shows the token."""
    conn = front.tls()
    conn.sendall(head("/healthz", close=False).encode())
    got = b""
    while not got.endswith(b"</html>\r\n"):
        got += conn.recv(4096)
    assert got.startswith(b"HTTP/1.1 404 ")
    got = ask(conn, head("/healthz",
                         f"Authorization: Bearer {front.token()}"))
    assert got.startswith(b"HTTP/1.1 200 ") and got.endswith(b"\r\n\r\nok\n")


# --- the certificate ------------------------------------------------------

def shown(front):
    return front.tls("http/1.1").getpeercert(True)


def test_renewal(lab):
    """Its files are replaced, then are broken, and a session does not mind."""
    front = Front(lab, ipv6=False, egress={"allow": "*:*, 127.0.0.0/8:*"})
    session = subprocess.Popen(
        ["ssh", "-F", front.charon.ssh_client("bob", "egress"), "-o",
         "ProxyCommand=openssl s_client -quiet -alpn ssh -connect "
         f"127.0.0.1:{front.port} 2>/dev/null", "-W",
         f"127.0.0.1:{lab.serve(echo).port}", "gateway"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert shown(front) == front.der
    fresh = make_certificate(front.certificate, front.key, "rsa:2048")
    until("the new one is shown", 30, lambda: shown(front) == fresh)
    log = front.charon.log
    assert "tls: the certificate was read again" in log()
    whole = pathlib.Path(front.key).read_text()
    pathlib.Path(front.key).write_text("nonsense")
    until("it says so", 30,
          lambda: "the former certificate stays in use" in log())
    assert shown(front) == fresh
    assert log().count("stays in use") == 1
    # At a reload at once; and a key that others may read is none.
    pathlib.Path(front.key).write_text(whole)
    pathlib.Path(front.key).chmod(0o644)
    front.charon.reload("everybody may use it")
    assert shown(front) == fresh
    other = make_certificate(lab.path("other.pem"), lab.path("other.key"),
                             "ed25519")
    front.charon.reload(tls={"certificate": lab.path("other.pem"),
                             "key": lab.path("other.key")})
    assert shown(front) == other
    assert session.communicate(b"it goes on", 30)[0] == b"it goes on"


def test_certbot_links(lab):
    """They lead to another folder, where the next one is another file."""
    live, archive = (pathlib.Path(lab.path(n)) for n in ("live", "archive"))
    live.mkdir()
    archive.mkdir()

    def renew(n):
        der = make_certificate(archive / f"c{n}.pem", archive / f"k{n}.pem")
        for link, name in (("c.pem", f"c{n}.pem"), ("k.pem", f"k{n}.pem")):
            (live / "new").symlink_to(archive / name)
            (live / "new").replace(live / link)
        return der

    first = renew(1)
    front = Front(lab, ipv6=False)
    front.charon.reload(tls={"certificate": live / "c.pem",
                             "key": live / "k.pem"})
    if shown(front) != first:	# the walls stand where the start put them
        assert front.charon.stop() == 0
        front.charon.start()
    assert shown(front) == first
    second = renew(2)
    until("the second one is shown", 30, lambda: shown(front) == second)


def test_bad_certificate(lab):
    """Nothing starts with one, and check says the same."""
    front = Front(lab, ipv6=False)
    charon = front.charon
    assert charon.stop() == 0
    charon.run("check")
    for change, line in (
            ({"key": lab.write("x.key", "x", 0o600)}, "key: there is none"),
            ({"certificate": "/nonexistent/c.pem"}, "cannot read the cert"),
            ({"certificate": lab.write("x.pem", "x")}, "certificate: there")):
        before = dict(charon.sections["tls"])
        charon.sections["tls"].update(change)
        charon.configure()
        for command in ("check", "serve"):
            assert line in charon.run(command, check=78).text
        charon.sections["tls"] = before
    charon.configure()
    charon.run("check")


def test_older_tls_and_unknown_protocols(front):
    """Refused by an alert, as everywhere; nothing but TLS is said."""
    for options in (("-tls1_2",), ("-alpn", "h2"), ("-alpn", "imap,ftp")):
        done = subprocess.run(
            ["openssl", "s_client", *options, "-connect",
             f"127.0.0.1:{front.port}"], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=30)
        assert "alert" in done.stdout + done.stderr
        assert done.returncode != 0


@pytest.mark.skipif(not shutil.which("nmap"), reason="there is no nmap")
def test_nmap(lab):
    """It finds a web server, in TLS and without."""
    front = Front(lab, ipv6=False)
    done = subprocess.run(
        ["nmap", "-Pn", "-sV", "-p", str(front.port),
         "--script", "ssl-cert,http-headers", "127.0.0.1"],
        capture_output=True, text=True, timeout=240)
    line = next(line for line in done.stdout.splitlines()
                if line.startswith(f"{front.port}/tcp"))
    assert "open" in line and "http" in line, done.stdout
    found = done.stdout.lower()
    assert not any(w in found for w in ("charon", "orthrus", "ssh-"))
