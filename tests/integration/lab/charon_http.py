# SPDX-License-Identifier: ISC
"""The HTTP API of a gateway, as a strict client sees it."""

import contextlib
import json
import os
import re
import socket
import sqlite3

import pytest

from lab.charon import Charon
from lab.muzzle_client import Client
from lab.system import free_port

JSON = "application/json"


def request(target, method="GET", headers=(), body=b"", version="1.1"):
    """The bytes of one; Host is there unless headers say something of it."""
    lines = [f"{method} {target} HTTP/{version}"]
    if not any(h.lower().startswith("host:") for h in headers):
        lines.append("Host: localhost")
    lines += [h for h in headers if h != "host:none"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Connection(Client):
    """One, to the API's socket or (host, port)."""

    def __init__(self, address, seconds=10):
        if isinstance(address, str):
            super().__init__(address, seconds)
            return
        self.sock = socket.create_connection(address, seconds)
        self.got, self._at = b"", 0
        self._ended = self._reset = False

    def ask(self, target, method="GET", headers=(), body=b"", **how):
        self.send([request(target, method, headers, body, **how)])
        answer = self.answer(to_head=method == "HEAD",
                             until_end=how.get("version") == "1.0")
        assert answer is not None, "no answer"
        assert answer.whole, "an answer that was cut"
        return answer


class Api:
    """A charon with HTTP on a Unix socket, or on a port."""

    def __init__(self, lab, tcp=False, **sections):
        self.lab = lab
        http = {}
        if tcp:
            self.address = ("127.0.0.1", free_port())
            http = {"http": {"listen": "127.0.0.1:%d" % self.address[1]}}
        self.charon = lab.own(Charon(lab, **http, **sections))
        if not tcp:
            self.address = os.path.join(self.charon.runtime, "http.sock")

    @classmethod
    def of(cls, charon):
        """That of a gateway that is there, on its socket."""
        api = cls.__new__(cls)
        api.lab, api.charon = charon.lab, charon
        api.address = os.path.join(charon.runtime, "http.sock")
        return api

    def connect(self, seconds=10):
        return Connection(self.address, seconds)

    def ask(self, target, method="GET", headers=(), body=b"", **how):
        with self.connect() as conn:
            return conn.ask(target, method, headers, body, **how)

    def json(self, target):
        answer = self.ask(target)
        assert answer.status == 200, answer.body
        assert answer.header("content-type") == JSON
        return json.loads(answer.body)

    def agent(self, name):
        return self.json(f"/api/v1/agents/{name}")

    def metrics(self):
        """{(name, (label, value), ...): number}"""
        answer = self.ask("/metrics")
        assert answer.status == 200
        return parse_metrics(answer.body.decode())

    def stuff(self, count):
        """Registers agent-0 and so on, faster than by the command line."""
        self.charon.stop()
        path = os.path.join(self.charon.state, "registry.db")
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            db.executemany(
                "INSERT INTO peers (kind, name, created, allow, secret) "
                "VALUES (0, ?, 1, '', ?)",
                [(f"agent-{i}", bytes(32)) for i in range(count)])
        self.charon.start()


NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:{{({LABEL}(?:,{LABEL})*)}})? "
                    r"(\d+(?:\.\d+)?(?:e[+-]\d+)?)")


def parse_metrics(text):
    """Prometheus' text format, as strictly as we write it."""
    found, helped, typed, family = {}, set(), {}, None
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            assert family not in helped, f"{family} comes twice"
            assert len(line.split(" ", 3)[3]) > 5
            helped.add(family)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == family and name not in typed
            assert kind == ("counter" if name.endswith("_total")
                            else "gauge")
            typed[name] = kind
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample, f"no sample: {line!r}"
            assert sample[1] == family and family in typed, line
            labels = re.findall(LABEL, sample[2] or "")
            key = (family, *labels)
            assert key not in found, f"{key} comes twice"
            found[key] = float(line.rpartition(" ")[2])
    assert helped == set(typed)
    return found


@pytest.fixture
def api(lab):
    return Api(lab)


def message(answer):
    """What an error says, which is in JSON as Docker's are."""
    assert answer.header("content-type") == JSON, answer.body
    said = json.loads(answer.body)
    assert list(said) == ["message"]
    return said["message"]
