# SPDX-License-Identifier: ISC
"""Another agent than ours, made of stock ssh and what docs/leash.md says."""

import base64
import hashlib
import os
import struct
import subprocess

import lab.possession as possession
from lab.openssh import keyscan
from lab.protobuf import read_fields, text
from lab.raw_ssh import load_key

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

    def proof(self, key, name, challenge):
        """That the key of the file is ours, for this gateway."""
        return possession.prove(load_key(key), challenge,
                                base64.b64decode(self.known), name)

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
    assert (1 in answer, answer[3]) == (False, name.encode())
    assert answer[2].startswith(b"this agent is too old")
    talk.say(ENROLL, text(2, public[-32:]) + text(3, talk.proof(
        key, name, answer[4])))
    answer = talk.hear(ENROLLED)
    assert answer[3] == name.encode() and 2 not in answer
    write_certificate(key, answer[1])
    talk.close()
    return answer[1]


def write_certificate(key, blob):
    with open(key + "-cert.pub", "w") as f:
        f.write("ssh-ed25519-cert-v01@openssh.com "
                f"{base64.b64encode(blob).decode()}\n")
