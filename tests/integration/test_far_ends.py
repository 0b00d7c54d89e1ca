# SPDX-License-Identifier: ISC
"""
Every far end that is not what was asked for, hostile or wrong: each ends in
its own message and exit code.  The overview; the parts have tests of their
own.  All of them at once, as some have their ten seconds.
"""

import contextlib
import ssl
import subprocess
import time

from lab import proxies
from lab.authority import Authority
from lab.harness import ORTHRUS, SANITIZERS
from lab.system import DIES_WITH_US, free_port
from lab.websocket import BINARY, CLOSE, TEXT, Peer, frame

UNAVAILABLE, NOT_TRUSTED = 69, 77
PAGE = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
NAMES = "localhost", "127.0.0.1"


def hangs(conn, target):
    target.go.wait()


def closes(conn, target):
    conn.recv(4096)		# else it would be a reset


def answers(data):
    """Hears what it is asked, then says data and waits."""
    def handler(conn, target):
        conn.recv(4096)
        with contextlib.suppress(OSError):
            conn.sendall(data)
            target.go.wait()
    return handler


def says_first(data):
    def handler(conn, target):
        conn.sendall(data)
        target.go.wait()
    return handler


def says_and_closes(data):
    def handler(conn, target):
        conn.recv(4096)
        conn.sendall(data)
    return handler


def context_of(pem, **versions):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.set_alpn_protocols(["ssh", "http/1.1"])
    for name, version in versions.items():
        setattr(context, name, version)
    return context


def in_tls(pem, handler=hangs, **versions):
    context = context_of(pem, **versions)

    def serve(conn, target):
        with contextlib.suppress(OSError):
            handler(context.wrap_socket(conn, server_side=True), target)
    return serve


def in_websocket(pem, frames):
    """Takes the upgrade, and then sends these."""
    context = context_of(pem)

    def serve(conn, target):
        with contextlib.suppress(OSError, EOFError):
            peer = Peer(conn, context, target)
            peer.grant()
            peer.say(frames)
            target.go.wait()
    return serve


class Rows:
    """name: (arguments, exit code, what it says)"""

    def __init__(self, lab, sshd):
        self.lab, self.sshd, self.rows = lab, sshd, {}
        self.ca, self.other = Authority(lab), Authority(lab, "other")
        self.good = self.issue("good")
        self.tls_rows()
        self.certificate_rows()
        self.http_proxy_rows()
        self.socks_proxy_rows()
        self.websocket_rows()

    def issue(self, name, by=None, names=NAMES, **dates):
        return (by or self.ca).issue(f"{name}.pem", *names, **dates)

    def add(self, name, server, code, words, *options):
        trust = ["--tls-ca", self.ca.path] if "s://" in server and \
            name != "system-ca" else []
        self.rows[name] = (["--server", server, *trust, *options], code,
                           words)

    def at(self, handler):
        return f"127.0.0.1:{self.lab.serve(handler).port}"

    def tls_rows(self):
        def row(name, scheme, at, words):
            self.add(name, scheme + at, UNAVAILABLE, words)

        row("nobody", "", f"127.0.0.1:{free_port()}", "cannot connect: ")
        row("nobody-tls", "tls://", f"127.0.0.1:{free_port()}",
            "cannot connect: ")
        row("web-server-at-ssh", "", self.at(says_and_closes(PAGE)),
            "no SSH server answers there")
        row("web-server-that-waits", "", self.at(answers(PAGE)),
            "no answer: no SSH server has named itself within 10 s")
        row("tls-at-ssh", "", self.at(in_tls(self.good)),
            "no SSH server answers there")
        row("ssh-closes", "", self.at(closes), "SSH handshake failed")
        row("sshd-at-tls", "tls://", self.sshd.address,
            "TLS: the server does not speak TLS there (it answers like an "
            "SSH server")
        row("sshd-at-wss", "wss://", self.sshd.address,
            "TLS: the server does not speak TLS there (it answers like an "
            "SSH server")
        row("web-server-at-tls", "tls://", self.at(answers(PAGE)),
            "TLS: the server does not speak TLS there (it answers like a web "
            "server")
        row("tls-hangs", "tls://", self.at(hangs),
            "TLS: the server's answer did not come within 10 s")
        row("tls-closes", "tls://", self.at(closes),
            "TLS: the server closed the connection in the middle")
        row("tls-1.2", "tls://", self.at(in_tls(
            self.good, maximum_version=ssl.TLSVersion.TLSv1_2)),
            "TLS: the server speaks no TLS 1.3")

    def certificate_rows(self):
        cases = {
            "wrong-ca": (self.issue("wrong", self.other), "an authority "
                         "unknown here"),
            "expired": (self.issue("expired", start=-9, end=-3),
                        "expired on "),
            "not-yet": (self.issue("early", start=3, end=9),
                        "is not valid before "),
            "wrong-name": (self.issue("name", names=["a.test"]),
                           "is for a.test, not for 127.0.0.1"),
        }
        for name, (pem, words) in cases.items():
            for scheme in "tls", "wss":
                self.add(f"{name}-{scheme}", f"{scheme}://" + self.at(in_tls(
                    pem)), NOT_TRUSTED, "TLS: the certificate of 127.0.0.1 ")
                self.rows[f"{name}-{scheme}"] += (words,)
        self.add("system-ca", "tls://" + self.at(in_tls(self.good)),
                 NOT_TRUSTED, "an authority unknown here (--tls-ca FILE)")
        self.add("self-signed", "tls://" + self.at(in_tls(self.self_signed())),
                 NOT_TRUSTED, "is self-signed (--tls-ca FILE")

    def self_signed(self):
        pem, key = self.lab.path("own.pem"), self.lab.path("own.key")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", pem,
             "-days", "2", "-subj", "/CN=localhost"], check=True,
            capture_output=True)
        with open(pem, "a") as both, open(key) as f:
            both.write(f.read())
        return pem

    def proxy_rows(self, scheme, cases):
        for name, (handler, words) in cases.items():
            for way in "", "tls://", "wss://":
                self.add(f"{scheme}-{name}-{way}", f"{way}gw.invalid",
                         UNAVAILABLE, words, "--proxy", f"{scheme}://" + (
                             handler if isinstance(handler, str)
                             else self.at(handler)))

    def http_proxy_rows(self):
        self.proxy_rows("http", {
            "nobody": (f"127.0.0.1:{free_port()}",
                       "proxy: cannot connect to http://"),
            "refuses": (answers(b"HTTP/1.1 403 Forbidden\r\n\r\n"),
                        "its rules do not let us connect"),
            "wants-a-login": (answers(
                b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n\r\n"),
                "it wants a user and a password"),
            "does-not-reach-it": (answers(b"HTTP/1.1 502 Bad\r\n\r\n"),
                                  "it cannot connect to the server (502"),
            "hangs": (hangs, "proxy: its answer did not come within 10 s"),
            "closes": (closes, "without an answer"),
            "garbage": (answers(bytes(range(255, 0, -1))),
                        "something else than HTTP answers"),
            "100-KB": (answers(b"HTTP/1.1 200 OK\r\nX: " +
                               b"x" * 100 * 1024), "of more than 16 KiB"),
        })

    def socks_proxy_rows(self):
        self.proxy_rows("socks5h", {
            "refuses": (proxies.answers(b"\5\0\5\2\0\1\0\0\0\0\0\0"),
                        "its rules do not let us connect"),
            "wants-a-login": (answers(b"\5\xff"),
                              "it wants a user and a password"),
            "hangs": (hangs, "proxy: its answer did not come within 10 s"),
            "closes": (closes, "without an answer"),
            "garbage": (answers(b"\xff" * 1000),
                        "something else than SOCKS5 answers"),
        })

    def websocket_rows(self):
        huge = bytes([0x82, 127]) + (1 << 40).to_bytes(8, "big")
        for name, (handler, words) in {
            "no-such-path": (in_tls(self.good, answers(
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")),
                "nothing is at this path"),
            "ssh-inside": (in_tls(self.good, says_first(
                b"SSH-2.0-x\r\n")), "an SSH server answers there"),
            "hangs": (in_tls(self.good), "did not come within 10 s"),
            "closes": (in_tls(self.good, closes), "WebSocket: "),
            "text": (in_websocket(self.good, frame(TEXT, b"SSH-2.0-x\r\n")),
                     "the server sent a text frame"),
            "huge": (in_websocket(self.good, huge), "a frame of 10995116277"),
            "close": (in_websocket(self.good, frame(
                CLOSE, (1001).to_bytes(2, "big") + b"bye")),
                "the server closed: 1001 bye"),
            "no-ssh": (in_websocket(self.good, frame(
                BINARY, b"hello\r\n" * 3) + frame(CLOSE)),
                "SSH handshake failed"),
        }.items():
            self.add(f"websocket-{name}", "wss://" + self.at(handler),
                     UNAVAILABLE, words)


def start(lab, number, arguments):
    return subprocess.Popen(
        DIES_WITH_US + [ORTHRUS, "connect", "--name", "a", "--no-reconnect",
                        "--accept-new", "--socks5", "off", "--identity",
                        lab.identity, "--control", lab.path(f"{number}.sock"),
                        "--known-hosts", lab.path("known"), *arguments],
        env=lab.environment(), cwd=lab.dir, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def fault(run, code, *words):
    """What is wrong with how it ended, or None."""
    said = run.communicate(timeout=60)[0]
    errors = [line for line in said.splitlines() if " error " in line]
    if any(s in said for s in SANITIZERS) or run.returncode != code or \
            len(errors) != 1 or not all(w in errors[0] for w in words):
        return f"{run.returncode} for {code}, without {words}: {said}"
    return None


def test_far_ends(lab, sshd):
    rows = Rows(lab, sshd).rows
    started = time.monotonic()
    runs = {name: start(lab, i, row[0])
            for i, (name, row) in enumerate(rows.items())}
    faults = {name: fault(run, *rows[name][1:])
              for name, run in runs.items()}
    faults = {name: text for name, text in faults.items() if text}
    assert not faults, "\n".join(f"{n}: {t}" for n, t in faults.items())
    print(f"{len(rows)} far ends in {time.monotonic() - started:.1f} s")
