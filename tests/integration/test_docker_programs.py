# SPDX-License-Identifier: ISC
"""The docker CLI, compose and curl, at engines and through the Muzzle."""

import concurrent.futures
import json
import pathlib
import re
import subprocess

import pytest

from lab import registries
from lab.charon_http import Api
from lab.docker_door import found, same
from lab.docker_engine import DOCKER, docker_env
from lab.docker_engines import Newest
from lab.docker_places import ENGINES
from lab.system import DIES_WITH_US
from test_docker import READS

WAYS = "alone-unix", "charon-port"


def unpacked(program):
    """A program of that engine's packages, with their libraries."""
    root = pathlib.Path(registries.debian(Newest.suite, *Newest.packages))
    libraries = root / "usr/lib/x86_64-linux-gnu"
    return [libraries / "ld-linux-x86-64.so.2", "--library-path", libraries,
            root / "usr" / program]


# Under their names in docs/works-with.md.
CLIS = {
    "docker CLI 20.10": lambda: [DOCKER],
    "docker CLI 28": lambda: unpacked("bin/docker"),
}
COMPOSE = "docker compose 2.40"
CURL = "curl"

# The CLI asks for a thing of every kind until there is one.
UNKNOWN = ["inspect nosuch", "inspect no/such:1", "logs nosuch",
           "image inspect nosuch", "volume inspect nosuch"]
# Podman has other words for these.
NO_SWARM = ["plugin ls", "plugin inspect nosuch", "service ls", "node ls",
            "stack ls", "swarm ca"]


def run(argv, host, **more):
    return subprocess.run(
        [*DIES_WITH_US, *map(str, argv)], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, errors="replace", timeout=60,
        env=docker_env(host, more))


def told(done):
    return done.returncode, done.stdout[:400], done.stderr[:400]


def without_proxy(text):
    """
    What podman tells of itself anew each time, or with a password; and what an
    engine has built with, which it forgets a while after.
    """
    for what, instead in ((r"//[^/ ]+@", "//***@"), (r"\bID: \S+", "ID:"),
                          (r"(?m)^Build Cache .*", "Build Cache")):
        text = re.sub(what, instead, text)
    return text


def run_all(argv, hosts, env):
    """What it says at each of the hosts, asked at once."""
    def one(host):
        done = run(argv, host, **env)
        # Older engines measure their disks for one at a time.
        while "operation is already running" in done.stderr:
            done = run(argv, host, **env)
        return done
    with concurrent.futures.ThreadPoolExecutor(len(hosts)) as pool:
        return list(pool.map(one, hosts))


def differs(place, argv, **env):
    """Where the program says what it does not say at the engine."""
    hosts = [place.engine.host, *(place.door(way).host for way in WAYS)]
    bare, *all_ours = run_all(argv, hosts, env)
    for way, ours in zip(WAYS, all_ours):
        if bare.returncode != ours.returncode or \
                bare.stderr != ours.stderr or not \
                same(without_proxy(bare.stdout), without_proxy(ours.stdout)):
            command = " ".join(map(str, argv))
            yield f"{way}: {command[-200:]}: {told(bare)}\n{told(ours)}"
        assert found(ours.stdout.encode(), place.engine.secrets) == []


@pytest.mark.registries
@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("cli", CLIS)
def test_cli(places, kind, cli):
    program, place = CLIS[cli](), places(kind)
    commands = READS + UNKNOWN + ([] if kind == "podman" else NO_SWARM)
    wrong = [text for command in commands
             for text in differs(place, [*program, *command.split()])]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("cli", [
    "docker CLI 20.10",
    pytest.param("docker CLI 28", marks=pytest.mark.registries)])
def test_cli_at_http_api(lab, docker_engine, cli):
    """A host with a path, and the token among the CLI's own headers."""
    api, program = Api(lab, tcp=True), CLIS[cli]()
    api.charon.agent("a1", f"--docker={docker_engine.socket}",
                     key=api.charon.add_agent("a1"))
    token = pathlib.Path(api.charon.state, "http.token").read_text().strip()
    lab.write("config.json", json.dumps({
        "HttpHeaders": {"Authorization": f"Bearer {token}"}}))
    host = "tcp://127.0.0.1:%d/api/v1/agents/a1/docker" % api.address[1]
    for command in ("version", "ps -a", "inspect mounts", "logs done",
                    "stats --no-stream done", "system df"):
        argv = [*program, *command.split()]
        bare = run(argv, docker_engine.host)
        ours = run(argv, host, DOCKER_CONFIG=lab.dir)
        assert ours.returncode == 0, f"{command}: {told(ours)}"
        assert same(bare.stdout, ours.stdout), f"{command}: {told(ours)}"
    refused = run([*program, "exec", "web", "id"], host, DOCKER_CONFIG=lab.dir)
    assert refused.stderr.startswith("Error response from daemon: ")
    assert run([*program, "ps"], host).returncode != 0


# --- compose -------------------------------------------------------------------

PROJECT = """name: demo
services:
  web:
    image: bb:1
    network_mode: none
    command: sh -c 'echo to-stdout; echo to-stderr >&2; sleep 1000'
    environment:
      TOKEN: {secret}
"""
COMPOSE_READS = [
    "ls", "ls --all --format json", "ps", "ps --all",
    "logs --tail 5", "logs --no-color web", "images", "port web 80",
    "events --since 1 --until 2", "volumes", "config --images",
]
COMPOSE_REFUSED = ["exec -T web id", "stop", "restart", "kill", "down",
                   "pause", "run web id", "up -d --force-recreate",
                   "cp web:/etc/passwd -", "export web"]


@pytest.fixture
def project(places, kind, tmp_path):
    """compose with a project that runs, and where it runs."""
    place = places(kind)
    (tmp_path / "compose.yaml").write_text(PROJECT.format(
        secret=place.engine.secrets[0]))
    compose = [*unpacked("libexec/docker/cli-plugins/docker-compose"), "-f",
               tmp_path / "compose.yaml"]
    done = run([*compose, "up", "-d"], place.engine.host)
    assert done.returncode == 0, done.stderr
    yield compose, place
    run([*compose, "down", "-t", "0"], place.engine.host)


@pytest.mark.registries
@pytest.mark.parametrize("kind", ENGINES)
def test_compose(project):
    compose, place = project
    wrong = [text for command in COMPOSE_READS
             for text in differs(place, [*compose, *command.split()])]
    assert not wrong, "\n".join(wrong)
    for way in WAYS:
        host = place.door(way).host
        assert run([*compose, "up", "-d"], host).returncode == 0
        for command in COMPOSE_REFUSED:
            done = run([*compose, *command.split()], host)
            assert done.returncode != 0 and "orthrus: " in done.stderr, \
                f"{way}: {command}: {told(done)}"
    assert "Up" in run([*compose, "ps"], place.engine.host).stdout


# --- curl ----------------------------------------------------------------------

# What is found in manuals, answers and scripts; the socket is put in front.
CURLS = """
http://localhost/containers/json
http://localhost/v1.41/containers/json?all=1
http://docker/containers/json
http://d/containers/json
http://x/info
http://unix/version
http:/v1.41/containers/json
http://127.0.0.1/images/json
http://0.0.0.0:2375/images/json
http://[::1]:2375/images/json
http://docker.sock/containers/json
http://localhost/containers/json?
http://localhost/containers/web/json?
-g http://localhost/containers/json?filters={"label":["role"]}
-G http://localhost/containers/json --data-urlencode filters={"label":["role"]}
-G http://localhost/events -d since=1 -d until=2
-X GET http://localhost/networks
-H Content-Type:application/json http://localhost/volumes
-H Host: http://localhost/containers/json
-H Host; http://localhost/containers/json
-A  http://localhost/containers/json
--compressed http://localhost/containers/json
--http1.0 http://localhost/containers/json
--http1.0 http://localhost/containers/done/logs?stdout=1
--http2 http://localhost/version
-I http://localhost/_ping
http://localhost/_ping
http://localhost/images/bb%3A1/json
http://localhost/images/localhost%3A5000%2Forg%2Fbb%3A1/json
http://localhost/images/localhost:5000/org/bb:1/history
-N http://localhost/containers/done/logs?stdout=1&stderr=1&follow=1
http://localhost/containers/done/stats?stream=false
http://localhost/containers/nobody/json
http://localhost/system/df?type=volume&type=image
"""
MARK = "--- "


def curl(address, argv):
    """(status, body) of a curl at a Unix socket."""
    done = subprocess.run(
        [*DIES_WITH_US, "curl", "-sS", "-m", "20", "--unix-socket", address,
         "-o", "-", "-w", f"\\n{MARK}%{{http_code}}", *argv],
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
        errors="replace", timeout=60)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    body, _, status = done.stdout.rpartition("\n" + MARK)
    return status, body


def test_curl(places):
    place, wrong = places("dockerd"), []
    for line in CURLS.strip().splitlines():
        # -A without a name sends none; "Host;" sends an empty one.
        argv = line.split(" ")
        status, body = curl(place.engine.socket, argv)
        for way in "alone-unix", "charon-unix":
            got, said = curl(place.door(way).address, argv)
            good = same(body, said) if "-I" not in argv else \
                ("Api-Version: 1." in said)
            if got != status or not (good or status[0] == "4"):
                wrong.append(f"{way}: {line}: {status} {got} {said[:300]}")
    assert not wrong, "\n".join(wrong)
