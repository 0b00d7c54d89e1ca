# SPDX-License-Identifier: ISC
"""Requests as real clients send them, byte for byte, at a real engine: what
reads only is answered as the engine answers it, whoever asks."""

import json

import pytest

from lab.docker_door import Door, same
from lab.muzzle_client import Client

SITE = "portainer.example.net"


def request(target, host="docker", *headers, version="1.1"):
    lines = [f"GET {target} HTTP/{version}", *headers]
    if host is not None:
        lines.insert(1, f"Host: {host}")
    return "".join(line + "\r\n" for line in [*lines, ""]).encode()


# Who sends it, and what.
READERS = {
    "docker-py containers.list()": request(
        "/v1.41/containers/json?limit=-1&all=0&size=0&trunc_cmd=0",
        "localhost"),
    "docker-py containers(quiet=True, latest=True)": request(
        "/v1.41/containers/json?limit=1&all=1&size=0&trunc_cmd=1",
        "localunixsocket"),
    "docker-py images.list()": request(
        "/v1.41/images/json?only_ids=0&all=0", "localhost"),
    "docker-py images(quiet=True)": request(
        "/v1.41/images/json?only_ids=1&all=1", "localhost"),
    "docker-py images(name) of API 1.24": request(
        "/v1.24/images/json?filter=bb&only_ids=0&all=0", "localhost"),
    "go-dockerclient ListImages(Filter)": request(
        "/v1.24/images/json?filter=localhost%3A5000%2Forg%2Fbb", "unix.sock"),
    "go-dockerclient ListImages(Filter, Filters)": request(
        "/v1.40/images/json?filter=bb&filters="
        "%7B%22dangling%22%3A%5B%22false%22%5D%7D", "unix.sock"),
    "go-dockerclient": request("/containers/json?all=1", "unix.sock"),
    "Docker.DotNet": request("/containers/json?all=True", "docker.sock"),
    "node fetch": request(
        "/containers/json", "localhost", "accept: */*",
        "accept-language: *", "sec-fetch-mode: cors", "user-agent: node",
        "accept-encoding: gzip, deflate"),
    "curl http:/v1.41/...": request("/containers/json", "v1.41"),
    "zabbix": request("/info", "1.28"),
    "curl http://d/...": request("/containers/json", "d"),
    "an address": request("/containers/json", "192.0.2.7:2375"),
    "an address in hexadecimal": request("/containers/json", "0x7f000001"),
    "bollard": request(
        "/v1.41/containers/json?all=false&size=false&filters=%7B%7D",
        "2f7661722f72756e2f646f636b65722e736f636b:0"),
    "bollard logs": request(
        "/containers/done/logs?follow=false&stdout=true&stderr=true&since=0&"
        "until=0&timestamps=false&tail=all&details=false",
        "2f7661722f72756e2f646f636b65722e736f636b"),
    "requests-unixsocket": request("/info", "%2Fvar%2Frun%2Fdocker.sock"),
    "hackney": request("/version", "%2fvar%2frun%2fdocker.sock"),
    "telegraf storage_objects": request(
        "/v1.42/system/df?type=container&type=image&type=volume"),
    "telegraf, with an older engine": request(
        "/v1.41/system/df?type=container&type=image&type=volume"),
    "docker-java inspectImage": request(
        "/images/localhost:5000%2Forg%2Fbb:1/json", "localhost:2375"),
    "an encoded digest": request("/images/bb%3A1/history"),
    "docker-java top": request("/containers/done/top?ps_args="),
    "top with the default": request("/containers/done/top?ps_args=-ef"),
    "details=0": request("/containers/done/logs?stdout=1&details=0"),
    "details=None": request("/containers/done/logs?stdout=1&details=None"),
    "a query of nothing": request("/info?"),
    "portainer": request(
        "/containers/json?all=1", SITE + ":9443",
        "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors",
        "Sec-Fetch-Dest: empty", "Referer: https://x/"),
    "portainer at localhost": request(
        "/volumes", "localhost:9000", "Sec-Fetch-Site: same-origin",
        "Sec-Fetch-Mode: cors"),
    "a compose service": request("/networks", "socket-proxy:2375"),
    "a compose service with _": request("/networks", "docker_proxy"),
    "traefik": request("/v1.41/containers/json?all=1", "api.moby.localhost"),
    "fluent-bit": request("/events?since=1&until=2", None, version="1.0"),
    "logs for HTTP/1.0": request("/containers/done/logs?stdout=1&stderr=1",
                                 None, version="1.0"),
    "netcat": request("/containers/json", None, version="1.0"),
}

# Who must stay out of it, and with what.
STRANGERS = {
    "a page": request("/containers/json", "localhost:2375",
                      "Origin: http://evil.example"),
    "a page without Origin": request("/containers/json", "localhost:2375",
                                     "Sec-Fetch-Site: cross-site"),
    "a page of the dashboard's neighbour": request(
        "/containers/json", SITE, "Sec-Fetch-Site: same-site"),
    "a rebound name": request("/containers/json", "evil.example.com:2375"),
    "a rebound name with its dot": request("/info", "evil.example.com."),
    "the environment, by ps": request("/containers/done/top?ps_args=eww"),
    "the environment, by logs": request(
        "/containers/done/logs?stdout=1&details=1"),
    "another encoded name": request("/images/a%2Fb/get"),
}


@pytest.fixture
def door(lab, docker_engine):
    return Door(lab, "alone-unix", docker_engine.socket, "--docker-host",
                SITE)


def ask(path, question):
    with Client(path) as client:
        client.send([question])
        return client.answer(until_end=True)


def refused(answer):
    return b'"orthrus: ' in answer.body


def test_readers(door, docker_engine):
    wrong = []
    for who, question in READERS.items():
        bare, ours = ask(docker_engine.socket, question), \
            ask(door.address, question)
        # An engine of API 1.41 knows no newer one, and says so to both.
        good = bare.status == ours.status and not refused(ours) and \
            same(bare.body.decode("latin-1"), ours.body.decode("latin-1"))
        if "top" in who or b"/df" in question:
            good = bare.status == ours.status and not refused(ours)
        if not good:
            wrong.append((who, bare.status, bare.body, ours.status,
                          ours.body))
    assert not wrong


def test_strangers(door):
    for who, question in STRANGERS.items():
        answer = ask(door.address, question)
        assert answer.status in (400, 403) and refused(answer), who


def test_filters(door):
    """What an old client asks for by filter is what it gets."""
    for target in ("/v1.24/images/json?filter=bb", "/images/json?filter=bb",
                   "/v1.41/images/json?filter=bb&filters=%7B%7D"):
        found = json.loads(ask(door.address, request(target)).body)
        tags = [tag for image in found for tag in image["RepoTags"]]
        assert "bb:1" in tags and not any(t.startswith("built") for t in tags)


def test_refusals_teach(door):
    """Each says what it is about, and what can be done."""
    for question, words in {
            request("/info", "dash.example.org:9443"):
                ['"dash.example.org:9443"', "--docker-host"],
            request("/info", "localhost", "Origin: https://x.example"):
                ["web page", "--docker-host"],
            request("/containers/done/top?ps_args=eww"):
                ['"ps_args"', "-ef", "GET /containers/{name}/top"],
            request("/containers/done/logs?details=1"):
                ['"details"', "false"],
            request("/containers/json?a%22b=1"): ['\\"a?b\\"', "limit"]
            }.items():
        message = ask(door.address, question).body.decode()
        for word in words:
            if not word.startswith("\\"):
                word = word.replace('"', '\\"')
            assert word in message, (word, message)
    assert "example" not in door.log() and "ps_args" not in door.log()


SWARMISH = ["/plugins", "/swarm", "/services", "/services?status=true",
            "/services?all=true", "/services/web", "/nodes", "/nodes/self",
            "/tasks", "/tasks/x", "/v1.41/nodes?filters=%7B%7D",
            "/plugins/no.such/json", "/v1.41/plugins/a-b_c/json"]


@pytest.mark.parametrize("way", ["alone-unix", "charon-unix", "charon-raw"])
def test_no_swarm(lab, docker_engine, way):
    """Dashboards hear what an engine without Swarm says, to the letter."""
    door = Door(lab, way, docker_engine.socket)
    for target in SWARMISH:
        bare = docker_engine.get(target)
        status, body, _ = door.get(target)
        assert (status, json.loads(body)) == (bare[0], json.loads(bare[1]))
    for target in ("/secrets", "/configs", "/swarm/unlockkey",
                   "/services/x/logs?stdout=1", "/tasks/x/logs?stdout=1",
                   "/plugins/privileges?remote=x", "/plugins/x"):
        assert door.get(target)[0] == 403, target
    assert "not a swarm manager" in door.docker("service", "ls").stderr
    assert door.docker("plugin", "ls").returncode == 0


def serve_info(state, **more):
    """An engine that says this of its Swarm, and counts what else it hears."""
    body = json.dumps({"Swarm": {"LocalNodeState": state, **more}}).encode()

    def handler(conn, target):
        head = b""
        while b"\r\n\r\n" not in head:
            part = conn.recv(65536)
            if not part:
                return
            head += part
        target.reports.put(head.split(b" HTTP")[0].decode())
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    return handler


@pytest.mark.parametrize("state, more, status", [
    ("inactive", {}, 503), ("inactive", {"ControlAvailable": True}, 403),
    ("active", {"ControlAvailable": True}, 403), ("active", {}, 403),
    ("locked", {}, 403), ("pending", {}, 403), ("error", {}, 403),
    ("", {}, 403), (None, {}, 403)])
def test_swarm(lab, state, more, status):
    """With Swarm, or where it is not known, they are refused and not asked."""
    engine = lab.serve(serve_info(state, **more), "unix")
    door = Door(lab, "alone-unix", engine.path)
    for target, without in {
            "/swarm": 503, "/services": 503, "/nodes": 503, "/tasks": 503,
            "/services/x": 503, "/nodes/x": 503, "/tasks/x": 503,
            "/plugins": 200, "/plugins/x/json": 404}.items():
        found = door.get(target)[0]
        assert found == (without if status == 503 else status), target
        assert engine.reports.get(timeout=10) == "GET /info"
