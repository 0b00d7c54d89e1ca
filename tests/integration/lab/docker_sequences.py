# SPDX-License-Identifier: ISC
"""Reads docker_sequences.txt, which tells its own form."""

import dataclasses
import json
import pathlib
import re
import time
import urllib.parse

FILE = pathlib.Path(__file__).with_name("docker_sequences.txt")
METHODS = "GET", "HEAD", "POST"


@dataclasses.dataclass
class Request:
    method: str
    target: str
    version: str
    headers: dict
    status: int = None		# None: whatever the engine says
    why: str = ""

    def filled(self, words):
        """Its target with {words} filled in and filters encoded."""
        target = re.sub(r"\{(\w+)\}", lambda m: words.get(m[1], m[0]),
                        self.target)
        return re.sub(r"filters=(\{.*\})", lambda m: "filters=" +
                      urllib.parse.quote(m[1], safe=""), target)

    def bytes(self, target):
        head = [f"{self.method} {target} HTTP/{self.version}"]
        head += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*head, "", ""]).encode()

    @property
    def stream(self):
        """Does its answer not end by itself?"""
        path, _, query = self.target.partition("?")
        asked = urllib.parse.parse_qs(query)
        if path.endswith("/events"):
            return "until" not in asked
        if path.endswith("/logs"):
            return asked.get("follow", ["0"])[0] in ("1", "true")
        return path.endswith("/stats") and \
            asked.get("stream", ["1"])[0] not in ("0", "false")


@dataclasses.dataclass
class Reader:
    name: str
    options: tuple = ()
    requests: list = dataclasses.field(default_factory=list)

    @property
    def refused(self):
        """{what it asks for without getting it: why}"""
        return {shortest(r): r.why for r in self.requests if r.status}


def shortest(request):
    """"POST containers/.../exec" of a request."""
    path = request.target.partition("?")[0]
    parts = [p for p in path.split("/")[1:] if not p.startswith("v1.")]
    if len(parts) > 2:
        parts[1:-1] = ["..."]
    verb = "" if request.method == "GET" else request.method + " "
    return verb + "/".join(parts)


def readers():
    """All of them, in the order of the file."""
    libraries, found, headers = {}, [], None
    for number, line in enumerate(FILE.read_text().splitlines(), 1):
        word, _, rest = line.strip().partition(" ")
        if not word or word == "#":
            continue
        if word == "library":
            headers = libraries[rest] = {}
        elif word == "reader":
            headers = {}
            found.append(Reader(rest))
        elif word == "as":
            headers = dict(libraries[rest])
        elif word == "with":
            found[-1].options = tuple(rest.split())
        elif word.endswith(":"):
            headers[word[:-1]] = rest
        else:
            assert word in METHODS, f"{FILE.name}:{number}: {line}"
            found[-1].requests.append(request(word, rest, headers))
    return found


def request(method, rest, headers):
    asked, _, answer = rest.partition(" -> ")
    target, _, version = asked.partition(" HTTP/")
    status, _, why = answer.partition(" ")
    return Request(method, target, version or "1.1", dict(headers),
                   int(status) if status else None, why)


def words(engine):
    """What an engine has to fill in."""
    web = json.loads(engine.get("/containers/web/json")[1])
    api = json.loads(engine.get("/version")[1])["ApiVersion"]
    return {"v": f"/v{api}", "web": web["Id"], "web12": web["Id"][:12],
            "image": web["Image"], "now": str(int(time.time()))}
