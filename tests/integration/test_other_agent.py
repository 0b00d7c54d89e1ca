# SPDX-License-Identifier: ISC
"""Another agent than ours, made of stock ssh and what docs/leash.md says: it
enrols, holds the leash, offers a port and renews its certificate."""

import base64
import hashlib
import os
import struct
import subprocess
import time

import pytest

from lab.charon import CHARON, Charon
from lab.openssh import keyscan
from lab.protobuf import number, read_fields, text
from lab.system import keygen, until
from lab.targets import read_all, says

pytestmark = pytest.mark.skipif(not os.access(CHARON, os.X_OK),
                                reason="this build has no charon")

# Of proto/leash.proto: what an Envelope holds.
HELLO, HEARTBEAT, RENEW, WELCOME, UPDATE, RENEWED, DRAIN, ERROR = \
    1, 2, 3, 11, 12, 13, 14, 15
ENROLL, ENROLLED = 21, 22


class Conversation:
    """One ssh whose input and output are a subsystem's frames."""

    def __init__(self, lab, charon, user, subsystem, *options, env=None):
        known = lab.path("kh")
        if not os.path.exists(known):
            with open(known, "w") as f:
                f.write(keyscan(charon.port))
        self.known = open(known).read().split()[2]
        self.ssh = subprocess.Popen(
            ["ssh", "-F", "none", "-p", str(charon.port), "-o",
             f"UserKnownHostsFile={known}", "-o", "IdentitiesOnly=yes",
             *options, "-s", f"{user}@127.0.0.1", subsystem],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**lab.environment(), **(env or {})})
        lab.own(self)

    def say(self, kind, body=b""):
        message = text(kind, body)
        self.ssh.stdin.write(struct.pack(">I", len(message)) + message)
        self.ssh.stdin.flush()

    def hear(self, kind):
        """The next message, which must be of this kind."""
        head = self.ssh.stdout.read(4)
        assert len(head) == 4, self.ssh.stderr.read().decode()
        length = struct.unpack(">I", head)[0]
        message = read_fields(self.ssh.stdout.read(length))
        assert list(message) == [kind]
        return read_fields(message[kind])

    def close(self):
        self.ssh.kill()
        self.ssh.communicate()


def enrol(lab, charon, name, key):
    """With the AUTH_KEY, for the key of the file."""
    auth = charon.add_agent(name)
    ask = lab.write("ask", f"#!/bin/sh\necho {auth}\n", mode=0o700)
    public = base64.b64decode(open(key + ".pub").read().split()[1])
    talk = Conversation(lab, charon, "enroll", "enroll@orthrus", env={
        "SSH_ASKPASS": ask, "SSH_ASKPASS_REQUIRE": "force"})
    raw = base64.urlsafe_b64decode(auth[len("ch_orthrus_"):])
    assert hashlib.sha256(base64.b64decode(talk.known)).digest() == raw[40:]
    talk.say(ENROLL, text(2, public[-32:]))
    answer = talk.hear(ENROLLED)
    assert answer[3] == name.encode()
    write_certificate(key, answer[1])
    talk.close()


def write_certificate(key, blob):
    with open(key + "-cert.pub", "w") as f:
        f.write("ssh-ed25519-cert-v01@openssh.com "
                f"{base64.b64encode(blob).decode()}\n")


def test_another_agent(lab):
    charon = lab.own(Charon(lab, agents={
        "certificate_lifetime": "20s", "renew_before": "19s"}))
    key, web = lab.path("id"), lab.serve(says(b"from the other"))
    keygen(lab.path("id"))
    enrol(lab, charon, "other", key)
    talk = Conversation(
        lab, charon, "other", "leash@orthrus", "-i", key, "-R",
        f"other.orthrus:8123:127.0.0.1:{web.port}")
    talk.say(HELLO, text(1, "0.0") + text(2, "other") + text(3, "far away") +
             text(8, number(1, 8123) + text(2, "web")))
    welcome = talk.hear(WELCOME)
    assert (welcome[1], welcome[2], welcome[3]) == (5000, 10000, 19)
    talk.say(HEARTBEAT, number(1, int(time.time() * 1000)) +
             number(3, 1 << 20) + number(4, 1 << 30))
    charon.wait_status("other", "online")
    path = charon.socket("other", 8123)
    until("its port", 10, lambda: os.path.exists(path))
    until("its target", 10, lambda: read_all(lab.connect(path)) ==
          b"from the other")
    until("what it told", 10, lambda: charon.agents()["other"]["hostname"]
          == "far away")
    assert charon.agents()["other"]["memory"]["total"] == 1 << 30

    talk.say(99)
    assert talk.hear(ERROR) == {1: b"unknown message"}
    new = lab.path("new")
    keygen(lab.path("new"))
    public = base64.b64decode(open(new + ".pub").read().split()[1])
    talk.say(RENEW, text(1, public[-32:]))
    write_certificate(new, talk.hear(RENEWED)[1])

    # A login with the new pair, which displaces: the old one is over.
    again = Conversation(lab, charon, "other", "leash@orthrus", "-i", new)
    again.say(HELLO, text(2, "other"))
    again.hear(WELCOME)
    assert talk.ssh.wait(10) != 0
    assert b"displaced by a newer session" in talk.ssh.stderr.read()
    old = Conversation(lab, charon, "other", "leash@orthrus", "-o",
                       f"CertificateFile={key}-cert.pub", "-i", key, "-o",
                       "BatchMode=yes")
    assert old.ssh.wait(10) == 255
    assert b"Permission denied" in old.ssh.stderr.read()
    assert again.ssh.poll() is None


def test_renewal_too_early(lab):
    """As whoever's clock is days ahead asks for it."""
    charon = lab.own(Charon(lab))
    key = lab.path("id")
    keygen(lab.path("id"))
    enrol(lab, charon, "other", key)
    talk = Conversation(lab, charon, "other", "leash@orthrus", "-i", key)
    talk.say(HELLO, text(2, "other"))
    talk.hear(WELCOME)
    talk.say(RENEW, text(1, b"k" * 32))
    assert talk.hear(RENEWED) == {2: b"not yet due (is this clock ahead?)"}


def test_what_ends_it(lab):
    charon = lab.own(Charon(lab))
    key = lab.path("id")
    keygen(lab.path("id"))
    enrol(lab, charon, "other", key)
    for kind, body, why in (
            (HEARTBEAT, b"", b"no Hello came first"),
            (HELLO, text(2, "somebody"), b"Hello under another name"),
            (HELLO, text(2, "No Name"), b"the agent's name is no name"),
            (DRAIN, b"", b"no Hello came first")):
        talk = Conversation(lab, charon, "other", "leash@orthrus", "-i", key)
        talk.say(kind, body)
        assert talk.ssh.wait(10) != 0
        assert why in talk.ssh.stderr.read()
    talk = Conversation(lab, charon, "other", "leash@orthrus", "-i", key)
    talk.say(HELLO, text(2, "other"))
    talk.hear(WELCOME)
    talk.say(DRAIN)
    assert talk.ssh.wait(10) != 0
    assert b"not for gateways" in talk.ssh.stderr.read()
