# SPDX-License-Identifier: ISC
"""A charon with a port that takes SSH, TLS and HTTP, and who comes there."""

import os
import pathlib
import socket
import ssl
import subprocess

from lab.charon import Charon
from lab.system import free_port

UPGRADE = ("Upgrade: websocket", "Connection: Upgrade",
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
           "Sec-WebSocket-Version: 13")
CONNECT = "/api/v1/orthrus/connect"


def make_certificate(certificate, key, *how):
    """A self-signed one for localhost, in the place of what is there."""
    fresh = f"{certificate}.new"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", *(how or (
            "ec", "-pkeyopt", "ec_paramgen_curve:P-256")), "-nodes", "-days",
         "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1", "-keyout",
         f"{key}.new", "-out", fresh],
        check=True, stdin=subprocess.DEVNULL, capture_output=True)
    os.chmod(f"{key}.new", 0o600)
    os.replace(f"{key}.new", key)
    os.replace(fresh, certificate)
    return ssl.PEM_cert_to_DER_cert(pathlib.Path(certificate).read_text())


def tls(sock, *alpn):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    return context.wrap_socket(sock, server_hostname="localhost",
                               suppress_ragged_eofs=False)


class Front:
    """A charon, its TLS port on both families, and that of SSH beside it."""

    def __init__(self, lab, ipv6=True, shared=False, **sections):
        self.lab, self.port = lab, free_port()
        self.certificate, self.key = lab.path("web.pem"), lab.path("web.key")
        self.der = make_certificate(self.certificate, self.key)
        self.socket = lab.path("web.sock")
        listen = [f"127.0.0.1:{self.port}", self.socket]
        if ipv6:
            listen.append(f"[::1]:{self.port}")
        self.charon = lab.own(Charon(
            lab, port=self.port if shared else None,
            tls={"listen": ", ".join(listen), "certificate": self.certificate,
                 "key": self.key}, **sections))

    def connect(self, host="127.0.0.1", source=None, seconds=20):
        """A connection without anything on it; host may be a socket's path."""
        if host.startswith("/"):
            conn = socket.socket(socket.AF_UNIX)
            conn.settimeout(seconds)
            conn.connect(host)
        else:
            conn = socket.create_connection(
                (host, self.port), seconds, source and (source, 0))
        return self.lab.own(conn)

    def tls(self, *alpn, host="127.0.0.1", source=None):
        return self.lab.own(tls(self.connect(host, source), *alpn))

    def token(self):
        return pathlib.Path(self.charon.state, "http.token").read_text() \
            .strip()


def ask(conn, text):
    """Sends a request, and returns all until the other side closes."""
    with conn:
        conn.sendall(text if isinstance(text, bytes)
                     else text.encode("latin-1"))
        return rest(conn)


def rest(conn):
    """What comes until the end; a reset is one, too."""
    got = b""
    try:
        while part := conn.recv(1 << 16):
            got += part
    except ConnectionResetError:
        pass
    return got


def head(path, *lines, method="GET", close=True):
    lines = ("Host: gw.example.com", *lines,
             *(("Connection: close",) if close else ()))
    return f"{method} {path} HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n"


def banner(conn):
    """The first line of an SSH server."""
    got = b""
    while not got.endswith(b"\n"):
        part = conn.recv(1)
        assert part, got
        got += part
    return got
