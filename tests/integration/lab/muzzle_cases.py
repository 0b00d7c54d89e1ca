# SPDX-License-Identifier: ISC
"""Reads the files of tests/corpus/muzzle; their README tells the format."""

import pathlib
import re

from lab.muzzle_engine import Close, Wait

CORPUS = pathlib.Path(__file__).parents[2] / "corpus" / "muzzle"
ANSWER = "== engine answers"
PLAIN = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}
ESCAPE = re.compile(rb"\\(?:([rnt0\\])|x([0-9a-fA-F]{2})|\{([^{}]*)\})")
TIMES = re.compile(r"(.+?) ?\*(\d+)$")
ONCE = ("expect", "closes", "options", "body", "hides", "slow")


def repeated(text):
    """["x", "x"] of "x*2"."""
    match = TIMES.match(text)
    return [match[1]] * int(match[2]) if match else [text]


def steps(text):
    """The bytes, Wait and Close that an escaped text stands for."""
    found, at = [b""], 0
    for match in ESCAPE.finditer(text):
        plain, hexa, brace = match.groups()
        found[-1] += literal(text[at:match.start()])
        at = match.end()
        if plain:
            found[-1] += PLAIN[plain]
        elif hexa:
            found[-1] += bytes.fromhex(hexa.decode())
        elif brace == b"close":
            found += [Close, b""]
        elif brace.startswith(b"wait "):
            found += [Wait(float(brace[5:])), b""]
        else:
            what, _, times = brace.rpartition(b"*")
            found[-1] += flat(what) * int(times)
    found[-1] += literal(text[at:])
    return [s for s in found if s != b""]


def literal(text):
    assert b"\\" not in text, f"an unknown escape: {text!r}"
    return text


def flat(text):
    """The same where there is nothing but bytes."""
    return b"".join(steps(text))


class Case:
    def __init__(self, path):
        self.name = path.stem
        text = path.read_text("ascii")
        assert not re.search(r"[ \t]$", text, re.M), \
            f"{path}: a blank at the end of a line: write \\x20"
        head, _, rest = text.partition("\n\n")
        request, *answers = rest.split(ANSWER + "\n")
        fields, self.engine = {}, []
        for line in head.splitlines():
            if line.startswith("#"):
                continue
            key, _, value = line.partition(":")
            value = value.strip()
            if key == "engine":
                self.engine += repeated(value)
                continue
            assert key in ONCE and key not in fields, f"{path}: {line}"
            fields[key] = value
        assert self.engine, f"{path}: no \"engine:\""
        if self.engine == ["none"]:
            self.engine = []
        self.expect = [] if fields["expect"] == "none" \
            else [e.split("|") for word in fields["expect"].split()
                  for e in repeated(word)]
        self.closes = fields.get("closes", "no")
        self.options = fields.get("options", "").split()
        self.body = flat(fields["body"].encode()) if "body" in fields else None
        self.hides = flat(fields.get("hides", "").encode())
        self.slow = float(fields.get("slow", 0))
        self.request = self._section(request)
        self.script = [self._section(a) for a in answers]

    @staticmethod
    def _section(text):
        """The ends of its lines are for the reader only."""
        return steps(text.replace("\n", "").encode())

    def sent(self):
        return b"".join(s for s in self.request if isinstance(s, bytes))

    def to_head(self, i):
        """Does the i-th answer belong to a HEAD?"""
        heads = self.sent().split(b"\r\n\r\n")
        return i < len(heads) and heads[i].startswith(b"HEAD ")

    @property
    def hostile(self):
        return any(e[0][0] != "2" for e in self.expect) or not self.expect


def cases():
    return [Case(p) for p in sorted(CORPUS.glob("*.case"))]
