# SPDX-License-Identifier: ISC
"""What dashboards and monitors ask, at an engine and through the Muzzle."""

import concurrent.futures
import http.client
import json
import re
import socket
import time

import pytest

from lab import docker_sequences
from lab.docker_places import ENGINES

READERS = docker_sequences.readers()
API = "/api/v1/agents/a1/docker"


def connect(address):
    """A socket to a Unix path or to (host, port)."""
    if not isinstance(address, str):
        return socket.create_connection(address, 30)
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(30)
    sock.connect(address)
    return sock


def shape(request, answer):
    """What of an answer is the same a moment later and with secrets out."""
    kind = answer.getheader("content-type")
    if request.method == "HEAD":
        return kind, answer.getheader("api-version")
    if request.stream and answer.status == 200:
        if "/stats" in request.target:
            return kind, type(json.loads(answer.readline()))
        if "/logs" in request.target:
            return kind, len(answer.read(1))
        return (kind,)
    body = answer.read()
    if request.target.startswith("/events") or \
            request.target.endswith("/top"):	# podman's may be nothing
        return (kind,)
    if kind != "application/json":
        return kind, bool(body)
    found = json.loads(body)
    return kind, len(found) if isinstance(found, list) else type(found)


def ask(address, request, target):
    """(status, what came, the words of an error)"""
    got = ask_once(address, request, target)
    # Older engines measure their disks for one at a time.
    while b"operation is already running" in got[2]:
        time.sleep(0.1)
        got = ask_once(address, request, target)
    return got


def ask_once(address, request, target):
    with connect(address) as sock:
        sock.sendall(request.bytes(target))
        answer = http.client.HTTPResponse(sock, method=request.method)
        answer.begin()
        if answer.status >= 400 and request.method != "HEAD":
            return answer.status, None, answer.read()
        return answer.status, shape(request, answer), b""


def of_api(charon):
    """Where its HTTP API is: beside it, and open to whoever is root."""
    return f"{charon.runtime}/http.sock"


SWARM = re.compile(r"(/v[0-9.]+)?/(swarm|nodes|services|tasks)\b")


def wanted_of(request, bare, target):
    if request.status:
        return request.status, None
    # Podman has other words for it, and one client hears the same of both.
    if SWARM.match(target):
        return 503, None
    if target.endswith("/plugins"):
        return 200, ("application/json", 0)
    return bare[:2]


def replay(place, doors, request, words, api):
    """What is wrong with it; api: by the HTTP API, too."""
    target = request.filled(words)
    asked = {"bare": (place.engine.socket, target)}
    asked |= {way: (door.address, target) for way, door in doors.items()}
    if api and request.version == "1.1":	# which is all that it speaks
        asked["http"] = of_api(doors["charon-unix"].charon), API + target
    with concurrent.futures.ThreadPoolExecutor(len(asked)) as pool:
        got = dict(zip(asked, pool.map(
            lambda a: ask(a[0], request, a[1]), asked.values())))
    wanted = wanted_of(request, got.pop("bare"), target)
    return "\n".join(f"{way}: {request.method} {target}:\n"
                     f"  wanted {wanted}, got {told}"
                     for way, told in got.items() if told[:2] != wanted)


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.name)
def test_reader(places, kind, reader):
    place = places(kind)
    words = docker_sequences.words(place.engine)
    doors = {way: place.door(way, *reader.options)
             for way in ("alone-unix", "charon-unix")}
    api = not reader.options		# it has no such list of its own
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(
            lambda r: replay(place, doors, r, words, api), reader.requests))
    wrong = [f for f in found if f]
    assert not wrong, "\n".join(wrong)
