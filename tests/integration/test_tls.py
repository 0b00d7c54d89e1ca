# SPDX-License-Identifier: ISC
"""TLS in front of a stock sshd, by stunnel and socat: what it carries, how a
new session comes, and what is said of a server that is not to be trusted."""

import datetime
import os
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from lab import socks
from lab.authority import Authority
from lab.system import DIES_WITH_US, free_port, has_ipv6, until
from lab.targets import digest, echo, echoes, payload, read_all
from lab.tls import Socat, Stunnel

SYSTEM_FILE = "/usr/lib/ssl/cert.pem"
NAMES = "gw.test", "localhost", "127.0.0.1", "::1"


@pytest.fixture
def authority(lab):
    return Authority(lab)


@pytest.fixture
def pem(authority):
    return authority.issue("gw.pem", *NAMES)


def options(authority, sshd):
    return ["--tls-ca", authority.path, "--host-key", sshd.fingerprint]


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param(
    "::1", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6"))])
@pytest.mark.parametrize("program", [Stunnel, Socat])
def test_carries(lab, sshd, authority, pem, program, host):
    """SOCKS5, -L and -R, TCP and Unix, before and after a break."""
    front = program(lab, sshd.port, pem, host)
    to, local, remote = lab.serve(echo), free_port(), free_port()
    agent = lab.orthrus(
        front.url, *options(authority, sshd), "-L", f"{local}:{to.spec}",
        "-L", f"{lab.path('l.sock')}:{to.spec}", "-R", f"{remote}:{to.spec}")
    status = agent.status()
    assert status["transport"] == status["link"]["transport"] == "tls"
    for _ in range(2):
        for at in (("127.0.0.1", local), lab.path("l.sock"),
                   ("127.0.0.1", remote)):
            assert echoes(lab.connect(at), payload(str(at), 100000))
        conn = lab.connect(agent.socks5)
        assert socks.ask(conn, "127.0.0.1", to.port) == socks.SUCCEEDED
        assert echoes(conn)
        reconnects = agent.status()["reconnects"]
        front.close()
        front.start()
        until("a new session", 30,
              lambda: agent.status()["reconnects"] > reconnects)
        agent.wait_ready()
    assert agent.stop() == 0


def test_bulk(lab, sshd, authority, pem):
    """Both ways at once, and nothing lost."""
    front = Stunnel(lab, sshd.port, pem)
    to, port = lab.serve(echo), free_port()
    lab.orthrus(front.url, *options(authority, sshd), "-L",
                f"{port}:{to.spec}")
    data = payload("bulk", 16 << 20)
    conn = lab.connect(("127.0.0.1", port), 60)
    thread = threading.Thread(target=lambda: (
        conn.sendall(data), conn.shutdown(socket.SHUT_WR)))
    thread.start()
    assert digest(read_all(conn)) == digest(data)
    thread.join()


def test_tickets(lab, sshd, authority, pem):
    """A new session with the same server is a resumed one of TLS."""
    front = Stunnel(lab, sshd.port, pem)
    agent = lab.orthrus(front.url, *options(authority, sshd))
    assert "TLS with 127.0.0.1: TLS_" in agent.log()
    assert "resumed" not in agent.log()
    sshd.kill_sessions()
    until("a resumed one", 20, lambda: ", resumed" in agent.log())
    agent.wait_ready()


# --- whom it trusts -----------------------------------------------------

def date(days):
    return (datetime.datetime.utcnow() +
            datetime.timedelta(days=days)).strftime("%Y-%m-%d")


def refuses(lab, sshd, url, code, line, *more):
    done = lab.refused(url, "--host-key", sshd.fingerprint, "--no-reconnect",
                       *more)
    assert done.returncode == code, done.text
    assert f"TLS: {line}" in done.stderr, done.text


def test_untrusted(lab, sshd, authority):
    """Each in its own words, and 77."""
    other, url = Authority(lab, "other"), "127.0.0.1"
    ca = "--tls-ca", authority.path

    def case(file, by, names, line, *more, **dates):
        front = Stunnel(lab, sshd.port, by.issue(file, *names, **dates))
        refuses(lab, sshd, front.url, 77, line, *more)
        front.close()

    case("a.pem", other, NAMES, f"the certificate of {url} was signed by an "
         "authority unknown here (--tls-ca FILE): CN=other", *ca)
    case("b.pem", authority, NAMES, f"the certificate of {url} was signed by "
         "an authority unknown here (--tls-ca FILE): CN=ca")
    case("c.pem", authority, NAMES, f"the certificate of {url} expired on "
         f"{date(-3)}", *ca, start=-9, end=-3)
    case("d.pem", authority, NAMES, f"the certificate of {url} is not valid "
         f"before {date(3)}", *ca, start=3, end=9)
    case("e.pem", authority, ["a.test", "b.test"], f"the certificate of {url} "
         f"is for a.test, b.test, not for {url} (--tls-name)", *ca)
    case("f.pem", authority, NAMES, f"the certificate of {url} is for "
         f"{', '.join(NAMES)}, not for x.test (--tls-name)", *ca,
         "--tls-name", "x.test")


def test_self_signed(lab, sshd):
    """Refused, unless it is the one that was given."""
    pem = lab.path("own.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-keyout", lab.path("own.key"),
         "-out", pem, "-days", "2", "-subj", "/CN=own.test"], check=True,
        capture_output=True)
    front = Stunnel(lab, sshd.port, pem, key=lab.path("own.key"))
    refuses(lab, sshd, front.url, 77, "the certificate of 127.0.0.1 is "
            "self-signed (--tls-ca FILE trusts the one in FILE)")
    lab.orthrus(front.url, "--host-key", sshd.fingerprint, "--tls-ca", pem,
                "--tls-name", "own.test")


def test_other_protocols(lab, sshd, authority, pem):
    """No TLS, an older one, TLS where SSH should be: 69 each."""
    web = lab.serve(lambda conn, target: (
        conn.recv(4096), conn.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")))
    old = Stunnel(lab, sshd.port, pem, sslVersionMin="TLSv1.2",
                  sslVersionMax="TLSv1.2")
    refuses(lab, sshd, old.url, 69, "the server speaks no TLS 1.3, and older "
            "versions are not spoken here", "--tls-ca", authority.path)
    refuses(lab, sshd, f"tls://{sshd.address}", 69, "the server does not "
            "speak TLS there (it answers like an SSH server: ssh://)")
    refuses(lab, sshd, f"tls://127.0.0.1:{web.port}", 69, "the server does "
            "not speak TLS there (it answers like a web server without TLS)")
    done = lab.refused(f"ssh://127.0.0.1:{old.port}", "--no-reconnect",
                       "--host-key", sshd.fingerprint)
    assert done.returncode == 69
    assert "no SSH server answers there" in done.stderr, done.text
    assert "write tls://HOST:PORT" in done.stderr, done.text


def test_after_success(lab, sshd, authority, pem):
    """Whoever was trusted once is waited for, and told what is wrong."""
    front = Stunnel(lab, sshd.port, pem)
    agent = lab.orthrus(front.url, *options(authority, sshd), "--backoff-max",
                        "2s")
    front.close()
    shutil.copy(authority.issue("old.pem", *NAMES, start=-9, end=-3), pem)
    front.start()
    until("it is refused", 20, lambda: "expired on" in agent.log())
    front.close()
    shutil.copy(authority.issue("new.pem", *NAMES), pem)
    front.start()
    until("it is back", 30, lambda: agent.status()["reconnects"] == 1)
    agent.wait_ready()


# --- files --------------------------------------------------------------

def test_bad_ca(lab, sshd):
    for command in "connect", "check":
        done = lab.run(command, "--server", "tls://127.0.0.1", "--identity",
                       lab.identity, "--tls-ca", lab.identity)
        assert done.returncode == 78, done.text
        assert "--tls-ca" in done.stderr
        assert "there is no certificate in it" in done.stderr
    done = lab.run("check", "--server", "tls://127.0.0.1", "--identity",
                   lab.identity, "--tls-ca", "/nowhere")
    assert done.returncode == 78
    assert "/nowhere: No such file or directory" in done.stderr


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_system_authorities(lab, sshd, authority, pem, kind):
    """OpenSSL's places, of which a directory is read behind the walls."""
    folder = lab.path("certs")
    os.mkdir(folder)
    shutil.copy(authority.path, folder)
    subprocess.run(["openssl", "rehash", folder], check=True)
    env = {"SSL_CERT_FILE": authority.path, "SSL_CERT_DIR": "/nowhere"} \
        if kind == "file" else {"SSL_CERT_FILE": "/nowhere",
                                "SSL_CERT_DIR": folder}
    front = Stunnel(lab, sshd.port, pem)
    lab.orthrus(front.url, "--host-key", sshd.fingerprint, env=env)


@pytest.mark.parametrize("links", [True, False], ids=["links", "no-links"])
def test_system_directory(lab, sshd, authority, pem, links, monkeypatch):
    """
    Debian's, with a link for each authority and a file with all: the latter
    is read where there is nothing else, as in many an image.
    """
    folder = lab.path("certs")
    os.mkdir(folder)
    if links:
        shutil.copy(authority.path, folder)
        subprocess.run(["openssl", "rehash", folder], check=True)
        bundle = Authority(lab, "other").path
    else:
        bundle = authority.path
    shutil.copy(bundle, os.path.join(folder, "ca-certificates.crt"))
    if os.path.realpath(SYSTEM_FILE) != "/etc/ssl/certs/ca-certificates.crt":
        pytest.skip("not Debian's places")
    front = Stunnel(lab, sshd.port, pem)
    monkeypatch.setattr("lab.harness.DIES_WITH_US", [
        *DIES_WITH_US, "unshare", "-m", "sh", "-c",
        f'mount --bind {folder} /etc/ssl/certs && exec "$@"', "sh"])
    lab.orthrus(front.url, "--host-key", sshd.fingerprint)


def test_reload(lab, sshd, authority):
    """SIGHUP reads another file of authorities; a bad one changes nothing."""
    other = Authority(lab, "other")
    front = Stunnel(lab, sshd.port, other.issue("gw.pem", *NAMES))
    ini = lab.path("a.ini")

    def write(path):
        lab.write("a.ini", f"[server]\ntls_ca = {path}\n"
                  "[reconnect]\nmax = 1s\n[socks5]\nlisten = off\n")

    write(authority.path)
    good = Stunnel(lab, sshd.port, authority.issue("ok.pem", *NAMES))
    agent = lab.orthrus([good.url, front.url], "--host-key", sshd.fingerprint,
                        "--config", ini, socks5=None)
    good.close()
    until("it is refused", 20, lambda: "unknown here" in agent.log())
    write(ini)
    agent.signal(signal.SIGHUP)
    until("it is not reloaded", 10, lambda: "not reloaded: " in agent.log())
    assert f"{ini}: there is no certificate in it" in agent.log()
    write(other.path)
    agent.signal(signal.SIGHUP)
    until("it is connected", 30, lambda: agent.state() == "connected")
