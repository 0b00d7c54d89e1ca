# SPDX-License-Identifier: ISC
"""orthrus with wss:// at servers that answer, refuse, and misbehave: what it
says of each, and with which exit code."""

import concurrent.futures
import queue

import pytest

from lab import websocket
from lab.authority import Authority
from lab.system import free_port, until
from lab.targets import echo, echoes
from lab.websocket import (BINARY, CLOSE, CONTINUATION, PING, TEXT, frame,
                           in_pieces)

UNAVAILABLE = 69


@pytest.fixture
def certificates(lab):
    """An authority, and the file of a server's certificate and key."""
    authority = Authority(lab)
    authority.pem = authority.issue("gw.pem", "127.0.0.1")
    return authority


def says(text):
    return lambda peer: peer.say(text.encode("latin-1"))


def status(line, more=""):
    return says(f"HTTP/1.1 {line}\r\n{more}Content-Length: 5\r\n\r\nhello")


# What a server answers the request with, and what orthrus says of it.
ANSWERS = {
    "200": (status("200 OK"), 'is "200 OK": a page is there'),
    "301": (status("301 Moved", "Location: https://b.example/x\r\n"),
            'the answer is 301, which sends us on to "wss://b.example/x"'),
    "302": (status("302 Found", "Location: /sign-in\r\n"), '"/sign-in"'),
    "400": (status("400 Bad Request"), "does not pass the upgrade on"),
    "401": (status("401 Unauthorized", "WWW-Authenticate: Basic\r\n"),
            "wants a password"),
    "403": (status("403 Forbidden"), "does not let us to this path"),
    "404": (status("404 Not Found"), "nothing is at this path"),
    "426": (status("426 Upgrade Required"), "does not pass the upgrade on"),
    "429": (status("429 Too Many Requests"), "too many requests from here"),
    "500": (status("500 Oops"), "is in trouble"),
    "502": (status("502 Bad Gateway"), "does not reach charon behind it"),
    "503": (status("503 Gone"), "does not reach charon behind it"),
    "504": (status("504 Time-out"), "does not reach charon behind it"),
    "ssh": (says("SSH-2.0-OpenSSH_9.9\r\n"), "an SSH server answers there"),
    "garbage": (says("\x00\x1b[2J\xff" * 50), "no web server answers there"),
    "nothing": (lambda peer: None, "the web server's answer did not come"),
    "long": (says("HTTP/1.1 404 Not Found\r\nX: " + "x" * 100000),
             "the answer's head has over 16384 bytes"),
    "malformed": (says("HTTP/1.1 101 Yes\r\nno field\r\n\r\n"),
                  "not as HTTP has it"),
    "wrong-accept": (
        lambda peer: peer.grant(accept=websocket.accept_for(b"other")),
        "Sec-WebSocket-Accept is not for our key"),
    "no-protocol": (lambda peer: peer.grant(protocol=None),
                    'does not take the subprotocol "ssh"'),
    "other-protocol": (lambda peer: peer.grant(protocol=b"chat"),
                       'does not take the subprotocol "ssh"'),
}

BIG = bytes([0x82, 127]) + (1 << 40).to_bytes(8, "big")

# What it sends for SSH's identification; what orthrus says, and its goodbye.
FRAMES = {
    "text": (frame(TEXT, b"SSH-2.0-x\r\n"), "the server sent a text frame",
             1003),
    "huge": (BIG, "a frame of 1099511627776 bytes; at most", 1009),
    "masked": (frame(BINARY, b"SSH", mask=b"abcd"),
               "a frame with a mask, as only clients do", 1002),
    "noise": (b"\xff" * 100, "WebSocket: the server sent", 1002),
    "continuation": (frame(CONTINUATION, b"SSH"),
                     "the rest of a message that has not begun", 1002),
    "interrupted": (frame(BINARY, b"S", fin=False) + frame(BINARY, b"S"),
                    "a new message inside of one", 1002),
    "close": (frame(CLOSE, (1001).to_bytes(2, "big") + b"see you"),
              "the server closed: 1001 see you", 1001),
    "close-at-once": (frame(CLOSE), "the server closed", 1000),
    "http": (b"HTTP/1.1 200 OK\r\n\r\n", "WebSocket: the server sent", 1002),
    "no-ssh": (frame(BINARY, b"hello\r\n" * 3) + frame(CLOSE),
               "SSH handshake failed", None),
}


def refused(lab, server, certificates, case):
    done = lab.refused(f"wss://127.0.0.1:{server.port}/{case}",
                       "--no-reconnect", "--accept-new", "--tls-ca",
                       certificates.path, control=lab.path(f"c-{case}"))
    assert done.returncode == UNAVAILABLE, (case, done.text)
    return done.text


def refusals(lab, server, certificates, cases):
    """All of them, two at a time: what each said, by case."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return dict(zip(cases, pool.map(
            lambda case: refused(lab, server, certificates, case), cases)))


def test_answers(lab, certificates):
    server = lab.serve(websocket.serves(
        websocket.context(certificates.pem),
        {case: act for case, (act, _) in ANSWERS.items()}))
    said = refusals(lab, server, certificates, ANSWERS)
    for case, (_, expected) in ANSWERS.items():
        assert f": WebSocket: " in said[case], (case, said[case])
        assert expected in said[case], (case, said[case])
        assert "\x1b" not in said[case]


def test_frames(lab, certificates):
    goodbyes = {case: queue.Queue() for case in FRAMES}

    def act(case, data):
        def acts(peer):
            peer.grant(behind=data)
            goodbyes[case].put(peer.until_close())
        return acts

    server = lab.serve(websocket.serves(
        websocket.context(certificates.pem),
        {case: act(case, f[0]) for case, f in FRAMES.items()}))
    said = refusals(lab, server, certificates, FRAMES)
    for case, (_, expected, goodbye) in FRAMES.items():
        assert expected in said[case], (case, said[case])
        if goodbye:
            assert goodbyes[case].get(timeout=20) == goodbye, case


def connected(lab, sshd, server, certificates, *options, **how):
    return lab.orthrus(f"wss://127.0.0.1:{server.port}/", "--tls-ca",
                       certificates.path, "--host-key", sshd.fingerprint,
                       *options, host_key=False, **how)


def test_pieces(lab, sshd, certificates):
    """A server that cuts everything, and pings between: a stock sshd's SSH."""
    peers = []

    def act(peer):
        peers.append(peer)
        assert peer.field(b"Sec-WebSocket-Protocol") == b"ssh"
        peer.grant()
        peer.bridge(("127.0.0.1", sshd.port), in_pieces(peer))

    server = lab.serve(websocket.serves(websocket.context(certificates.pem),
                                        {"": act}))
    target, port = lab.serve(echo), free_port()
    connected(lab, sshd, server, certificates, "-L", f"{port}:{target.spec}")
    conn = lab.connect(("127.0.0.1", port))
    assert all(echoes(conn, bytes([i]) * i * 997) for i in range(1, 30))
    until("pings were answered", 20, lambda: peers[0].pongs)


@pytest.mark.parametrize("what", ["text", "close", "masked"])
def test_later(lab, sshd, certificates, what):
    """The same in the middle of a session, which ends with these words."""
    data, expected, _ = FRAMES[what]
    peers = queue.Queue()

    def act(peer):
        peer.grant()
        peers.put(peer)
        peer.bridge(("127.0.0.1", sshd.port))

    server = lab.serve(websocket.serves(websocket.context(certificates.pem),
                                        {"": act}))
    agent = connected(lab, sshd, server, certificates, "--no-reconnect")
    peers.get(timeout=20).add(data)
    assert agent.wait_exit(20) == UNAVAILABLE
    assert "session lost: WebSocket: " in agent.log()
    assert expected in agent.log()
