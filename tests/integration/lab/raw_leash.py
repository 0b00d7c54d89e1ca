# SPDX-License-Identifier: ISC
"""The leash and enrolment in sessions of raw_ssh.py."""

import time

from lab.possession import prove
from lab.protobuf import number, read_fields, text
from lab.raw_ssh import DATA, Fields, public, u32


def frame(message):
    return u32(len(message)) + message


def hello(name, ports=()):
    body = text(1, "raw") + text(2, name)
    for port in ports:
        body += text(8, number(1, port))
    return frame(text(1, body))


def heartbeat(more=b""):
    return frame(text(2, number(1, int(time.time() * 1000)) + more))


class Leash:
    """A leash in a raw session; hear() gives what came, one by one."""

    def __init__(self, raw, name="leash@orthrus"):
        self.raw, self.input = raw, b""
        self.number = raw.session()
        assert raw.subsystem(self.number, name)

    def say(self, *frames):
        self.raw.data(self.number, b"".join(frames))

    def hear(self):
        """The next message: its field in the envelope and its fields."""
        while len(self.input) < 4 or \
                len(self.input) < 4 + int.from_bytes(self.input[:4], "big"):
            fields = Fields(self.raw.expect(DATA))
            fields.u32()
            self.input += fields.string()
        n = int.from_bytes(self.input[:4], "big")
        (kind, body), = read_fields(self.input[4:4 + n]).items()
        self.input = self.input[4 + n:]
        return kind, read_fields(body)

    def welcome(self, name, ports=()):
        self.say(hello(name, ports))
        kind, _ = self.hear()
        assert kind == 11
        return self


def request(name, key, proof=b""):
    """An EnrollRequest."""
    return frame(text(21, text(1, name) + text(2, public(key)) +
                      (text(3, proof) if proof else b"")))


def renewal(key, proof=b""):
    """A RenewRequest."""
    return frame(text(3, text(1, public(key)) +
                      (text(2, proof) if proof else b"")))


def asked(leash, name, key):
    """The fields of the answer to an EnrollRequest that is proven."""
    leash.say(request(name, key))
    kind, fields = leash.hear()
    assert kind == 22
    if 4 in fields:
        leash.say(request(name, key, prove(key, fields[4],
                                           leash.raw.host_key, name)))
        kind, fields = leash.hear()
        assert kind == 22
    return fields


def enrolled(raw, name, key):
    """Asks in a session of "enroll" for the certificate of key."""
    fields = asked(Leash(raw, "enroll@orthrus"), name, key)
    assert 1 in fields, fields.get(2)
    return fields[1]
