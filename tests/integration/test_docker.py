# SPDX-License-Identifier: ISC
"""The Docker CLI at a real engine, through the Muzzle and a real sshd."""

import json
import os
import re
import shutil
import time

import pytest

from lab.docker_door import (ALONE, CHARON, SSHD, Door, Follower, Recorder,
                             found, same)
from lab.docker_engine import DOCKER, LONG_NAME, SECRETS
from lab.system import until

# A pause in "logs -f" that no idle limit may end; minutes, by hand.
QUIET = float(os.environ.get("ORTHRUS_TEST_QUIET", "3"))

# Of these a door gives what the engine gives, but for the redaction.
READS = [
    "version", "info", "ps", "ps -a", "ps -s", "ps -l", "ps -n 2",
    "ps -a --filter label=role", "ps --filter name=web --no-trunc",
    "images", "images -a --digests", "images --filter reference=bb",
    "inspect web", "inspect -s mounts", "inspect web none nfs",
    f"inspect {LONG_NAME}", f"image inspect {LONG_NAME}",
    "image inspect built:0", "network inspect none", "volume inspect nfs",
    "logs done", "logs -t --tail 1 done", "stats --no-stream done",
    "diff done", f"history {LONG_NAME}", "network ls",
    "network ls --filter driver=null", "volume ls", "system df",
    "system df -v", "port web",
    "events --since 0 --until 1 --filter type=image",
]

REFUSED = {
    "run bb:1 true": "containers/.../create",
    "create bb:1": "containers/.../create",
    "exec web id": "containers/.../exec",
    "stop web": "--docker-allow stop", "start done": "--docker-allow start",
    "restart web": "--docker-allow restart",
    "kill web": "--docker-allow kill", "pause web": "--docker-allow pause",
    "unpause web": "--docker-allow unpause", "rm -f web": "DELETE containers",
    "rename web x": "containers/.../rename",
    "update -m 64m web": "containers/.../update", "commit web x:1": "commit",
    "wait done": "containers/.../wait",
    "pull bb:2": "images/.../create", "tag bb:1 x:1": "images/.../tag",
    "rmi built:0": "DELETE images", "export web": "containers/.../export",
    "save bb:1": "images/.../get", "search bb": "images/.../search",
    "import TAR": "images/.../create",
    "load -i TAR": "images/.../load", "build -f FILE ROOT": "build",
    "volume create v": "volumes", "volume rm nfs": "volumes",
    "network create n": "networks",
    "network rm none": "networks", "system prune -f": ".../prune",
    "image prune -f": ".../prune", "top web -eo args": "top",
    "top web eww": "top", "logs --details web": "logs",
    "swarm init": "swarm", "secret ls": "secrets", "config ls": "configs",
    "cp web:/etc/passwd -": ".../archive",
    "cp /etc/passwd web:/x": ".../archive", "attach web": "403",
}

ROUTES = """
/_ping /version /info /containers/json /containers/json?all=1&size=1&limit=9
/containers/json?all=true&since=web /containers/json?before=mounts
/containers/json?filters=%7B%22status%22%3A%5B%22exited%22%5D%7D
/containers/web/json /containers/web/json?size=1 /containers/mounts/json
/containers/done/logs?stdout=1&stderr=1
/containers/done/logs?stdout=1&timestamps=1&tail=all&since=1&until=0
/containers/done/stats?stream=0&one-shot=1 /containers/done/stats?stream=false
/containers/web/top /containers/quiet/top /containers/done/changes
/images/json /images/json?all=1&digests=1&shared-size=1
/images/json?filters=%7B%22reference%22%3A%5B%22bb%22%5D%7D
/images/bb:1/json /images/LONG/json /images/built:0/json
/images/built:1/json /images/bb:1/history /images/LONG/history
/images/built:0/history /images/built:1/history
/networks /networks/none /networks/none?verbose=true&scope=local
/networks?filters=%7B%22name%22%3A%5B%22none%22%5D%7D
/volumes /volumes?filters=%7B%22name%22%3A%5B%22nfs%22%5D%7D
/volumes/nfs /volumes/cifs /volumes/nobody /containers/nobody/json
/images/nobody/json /networks/nobody /containers/done/top
/system/df /system/df?type=volume&verbose=1 /events?since=1&until=2
/events?until=1&filters=%7B%22type%22%3A%5B%22image%22%5D%7D
""".replace("LONG", LONG_NAME).split()


@pytest.fixture(params=ALONE + SSHD + CHARON)
def way(request):
    return request.param


@pytest.fixture(params=["alone-unix", "sshd-unix", "charon-unix"])
def short_way(request):
    return request.param


@pytest.fixture
def idle_engine(docker_engine):
    """It has nothing left to do for the test before."""
    until("it is idle", 5, lambda: docker_engine.connections() == 0)
    return docker_engine


def programs():
    """The engine's own CLI, and a newer one where there is one."""
    other = shutil.which("docker")
    return [DOCKER] + [other] * (other not in (DOCKER, None))


def state(engine):
    """All that a refused command could have changed; what is of one age comes
    in no order."""
    return [sorted(engine.docker(*a).stdout.splitlines()) for a in (
        ("ps", "-aq", "--no-trunc"), ("images", "-a", "--no-trunc", "-q"),
        ("volume", "ls"), ("network", "ls"),
        ("inspect", "-f", "{{.Name}} {{json .State}} {{.HostConfig.Memory}}",
         "web", "quiet", "done", "mounts"))]


def test_reads(lab, docker_engine, way):
    door = Door(lab, way, docker_engine.socket)
    recorder = Recorder(lab, door.address)
    wrong = []
    for program in programs() if way == "alone-unix" else [DOCKER]:
        for command in READS:
            how = {"program": program, "check": False}
            bare = docker_engine.docker(*command.split(), **how)
            ours = docker_engine.docker(*command.split(),
                                        host=recorder.host, **how)
            if bare.returncode or ours.returncode or \
                    not same(bare.stdout, ours.stdout) or \
                    bare.stderr != ours.stderr:
                wrong.append(f"{program} {command}: {bare.text}\n{ours.text}")
    assert not wrong, "\n".join(wrong)
    assert recorder.size() > 10000
    assert recorder.found(docker_engine.secrets) == []
    assert found(door.log().encode(), docker_engine.secrets) == []


def test_moving_reads(lab, docker_engine, way):
    """Those whose answers are never twice the same."""
    door = Door(lab, way, docker_engine.socket)
    recorder = Recorder(lab, door.address)

    def docker(*args):
        return docker_engine.docker(*args, host=recorder.host)
    assert "while :; do echo tick" in docker("top", "web").stdout
    shown = docker("stats", "--no-stream").stdout
    assert all(name in shown for name in ("web", "quiet")), shown
    assert docker("logs", "--tail", "2", "web").stdout == "tick\n" * 2
    assert "tick" in docker("logs", "--since", "10s", "web").stdout
    inspected = docker("inspect", "web").stdout
    assert '"TOKEN=***"' in inspected and '"NOT_SET"' in inspected
    assert '"o": "***"' in docker("volume", "inspect", "nfs").stdout
    assert recorder.found(docker_engine.secrets) == []


def test_recorder_sees_secrets(lab, docker_engine):
    """Without a door they are found: the search is good for something."""
    recorder = Recorder(lab, docker_engine.socket)
    docker_engine.docker("inspect", "web", "mounts", host=recorder.host)
    docker_engine.docker("history", "--no-trunc", "built:0",
                         host=recorder.host)
    docker_engine.docker("volume", "inspect", "nfs", host=recorder.host)
    assert set(recorder.found(docker_engine.secrets)) == \
        set(docker_engine.secrets) - {SECRETS["proxy"]}


def test_no_redaction(lab, docker_engine):
    door = Door(lab, "alone-unix", docker_engine.socket, "--docker-redact",
                "none")
    assert SECRETS["container"] in door.docker("inspect", "web").stdout
    assert SECRETS["nfs"] in door.docker("volume", "inspect", "nfs").stdout


def test_routes(lab, docker_engine, way):
    """Every route with every parameter: JSON for JSON, and no secret."""
    door = Door(lab, way, docker_engine.socket)
    http, wrong, everything = door.http(), [], b""
    images = docker_engine.docker("images", "-aq").stdout.split()
    for target in ["/v1.41" + r for r in ROUTES] + ROUTES + \
            [f"/images/{i}/json" for i in images]:
        bare = docker_engine.get(target)
        ours = door.get(target, http=http)
        everything += ours[1] + repr(ours[2]).encode()
        if "/web/top" in target:
            good = ours[0] == 200 and json.loads(ours[1]).keys() == \
                json.loads(bare[1]).keys()
        else:
            good = bare[0] == ours[0] and same(bare[1].decode("latin-1"),
                                               ours[1].decode("latin-1"))
        if not good:
            wrong.append(f"{target}: {bare}\n{ours}")
    assert not wrong, "\n".join(wrong)
    assert b"TOKEN=***" in everything
    assert found(everything, docker_engine.secrets) == []


def test_ping_headers(lab, docker_engine, short_way):
    """From these a client learns which version of the API to speak."""
    door = Door(lab, short_way, docker_engine.socket)
    version = json.loads(docker_engine.get("/version")[1])["ApiVersion"]
    for method, body in ("HEAD", b""), ("GET", b"OK"):
        status, got, headers = door.get("/_ping", method)
        assert (status, got) == (200, body)
        assert headers["Api-Version"] == version
        assert headers["Ostype"] == "linux"
        assert headers["Docker-Experimental"] == "false"


def test_refused(lab, docker_engine, way):
    door = Door(lab, way, docker_engine.socket)
    recorder = Recorder(lab, door.address)
    files = {"ROOT": docker_engine.path("rootfs"),
             "FILE": docker_engine.path("context0/Dockerfile"),
             "TAR": docker_engine.path("bb.tar")}
    before = state(docker_engine)
    wrong = []
    for command, words in REFUSED.items():
        words_of_it = [files.get(w, w) for w in command.split()]
        done = docker_engine.docker(*words_of_it, host=recorder.host,
                                    check=False)
        # The CLI does not look at the answer when it asked for an upgrade.
        good = ("orthrus: " in done.stderr or command == "attach web") and \
            words in done.stderr
        if done.returncode == 0 or not good:
            wrong.append(f"{command}: {done.returncode} {done.text}")
    assert not wrong, "\n".join(wrong)
    assert state(docker_engine) == before
    assert recorder.found(docker_engine.secrets) == []
    assert found(door.log().encode(), docker_engine.secrets) == []


def test_logs_follow(lab, idle_engine, way):
    """A container that is quiet for a while, and then speaks."""
    door = Door(lab, way, idle_engine.socket)
    follower = Follower(lab, door.host, "logs", "-f", "--tail", "0", "quiet")

    def follows():
        # Before the stream there are other questions, and an open connection.
        idle_engine.speak("hello")
        return "hello" in follower.said()
    until("the stream is open", 30, follows, every=0.2)
    words = [f"after the pause {time.monotonic_ns()}-{i}" for i in range(2)]
    time.sleep(QUIET if way == "sshd-unix" else 0.5)
    for word in words:
        idle_engine.speak(word)
        until("it is heard", 30, lambda: word in follower.said())
    assert follower.said().split("\n")[-3:] == [*words, ""]
    assert follower.process.poll() is None


def test_logs_follow_ends(lab, docker_engine, short_way):
    """A stream that the engine ends ends at the client, whole."""
    door = Door(lab, short_way, docker_engine.socket)
    done = door.docker("logs", "-f", "done")
    assert (done.returncode, done.stdout, done.stderr) == \
        (0, "to-stdout\n", "to-stderr\n")


def test_stats(lab, docker_engine, way):
    """N+2 streams at once."""
    door = Door(lab, way, docker_engine.socket)
    follower = Follower(lab, door.host, "stats")
    until("two rounds of figures", 15, lambda:
          len(re.findall(r"web +[0-9.]+%", follower.said())) >= 2)
    assert "quiet" in follower.said()


def test_events(lab, docker_engine, way):
    door = Door(lab, way, docker_engine.socket)
    follower = Follower(lab, door.host, "events", "--filter", "type=image")
    tag = f"event:{time.monotonic_ns()}"

    def seen():
        docker_engine.docker("tag", "bb:1", tag)
        return tag in follower.said()
    until("the event", 10, seen, every=0.2)
    assert "image tag" in follower.said()
    docker_engine.docker("rmi", tag)


@pytest.mark.timed
def test_client_vanishes(lab, idle_engine, way):
    """The engine's connections close within a second."""
    door = Door(lab, way, idle_engine.socket)
    streams = [door.stream(t) for t in (
        "/containers/quiet/logs?follow=1&stdout=1&tail=0",
        "/containers/web/logs?follow=true&stdout=1",
        "/containers/web/stats", "/v1.41/events")]
    until("each has its own", 2,
          lambda: idle_engine.connections() == len(streams))
    for stream in streams:
        stream.close()
    until("they are closed", 1,
          lambda: idle_engine.connections() == 0, every=0.01)


@pytest.mark.timed
def test_killed_cli_vanishes(lab, idle_engine, short_way):
    door = Door(lab, short_way, idle_engine.socket)
    follower = Follower(lab, door.host, "logs", "-f", "quiet")
    until("the stream is open", 10,
          lambda: idle_engine.connections() > 0)
    follower.close()
    until("it is closed", 1, lambda: idle_engine.connections() == 0,
          every=0.01)


def test_allow_restart(lab, docker_engine, way):
    if way == "charon-raw":
        pytest.skip("nobody says there what its owner has opened")
    door = Door(lab, way, docker_engine.socket, "--docker-allow", "restart")

    def started():
        return docker_engine.docker("inspect", "-f", "{{.State.StartedAt}}",
                                    "web").stdout
    before = started()
    done = door.docker("restart", "-t", "0", "web")
    assert (done.returncode, done.stdout) == (0, "web\n"), done.text
    assert started() != before
    before = started()
    for command in ("stop", "kill", "pause", "rm -f"):
        done = door.docker(*command.split(), "web")
        assert done.returncode != 0 and "orthrus: " in done.stderr, command
    assert started() == before


def test_allow_all(lab, docker_engine):
    """Every action that can be opened; what has no switch stays shut."""
    door = Door(lab, "alone-unix", docker_engine.socket, "--docker-allow",
                "start,stop,restart,kill,pause,unpause")
    docker_engine.docker("run", "-d", "--network", "none", "--name", "toy",
                         "bb:1", "sleep", "1000")
    try:
        for command, after in (
                ("pause", "paused"), ("unpause", "running"),
                ("kill -s KILL", "exited"), ("start", "running"),
                ("restart -t 0", "running"), ("stop -t 0", "exited")):
            done = door.docker(*command.split(), "toy")
            assert done.returncode == 0, f"{command}: {done.text}"
            until(command, 5, lambda: docker_engine.docker(
                "inspect", "-f", "{{.State.Status}}", "toy").stdout.strip()
                == after)
        for command in ("exec toy id", "rm toy", "start -a toy"):
            done = door.docker(*command.split())
            assert done.returncode != 0, command
    finally:
        docker_engine.docker("rm", "-f", "toy")


def test_engine_comes_and_goes(lab, bare_engine, short_way):
    """Absent, there, killed, there again: nothing needs a restart."""
    door = Door(lab, short_way, bare_engine.socket)

    def absent(cause):
        status, body, headers = door.get("/version")
        message = json.loads(body)["message"]
        assert status == 502 and message.startswith("orthrus: "), message
        assert cause in message, message
        assert headers["Content-Type"] == "application/json"
        done = door.docker("ps")
        assert done.returncode != 0 and "orthrus: " in done.stderr, done.text

    def present():
        done = door.docker("version", "-f", "{{.Server.Version}}")
        assert done.returncode == 0, done.text
        assert door.get("/_ping")[:2] == (200, b"OK")
    absent("No such file or directory")
    bare_engine.start()
    present()
    events = door.stream("/events")
    bare_engine.stop()
    assert events.recv(1000) == b"", "a stream goes on without its engine"
    absent("Connection refused")
    bare_engine.start()
    present()


@pytest.mark.parametrize("way", SSHD)
def test_status(lab, docker_engine, way):
    door = Door(lab, way, docker_engine.socket)
    before = door.orthrus.status()["docker"]
    assert {"socket", "remote", "state", "allowed", "denied", "ping"} <= \
        before.keys()
    assert before["socket"] == docker_engine.socket
    assert before["state"] == "up"
    assert door.listen in before["remote"]
    door.docker("ps")			# HEAD /_ping and GET /containers/json
    door.docker("stop", "web")		# HEAD /_ping and the refused one
    after = door.orthrus.status()["docker"]
    assert after["allowed"] == before["allowed"] + 3
    assert after["denied"] == before["denied"] + 1
    host = door.host.replace("127.0.0.1", "localhost")
    assert "DOCKER_HOST=" + host in door.log()
    said = lab.run("status", "--control", door.orthrus.control).stdout
    assert "DOCKER_HOST=" + host in said, said


def test_status_pings(lab, bare_engine):
    door = Door(lab, "sshd-auto", bare_engine.socket)

    def ping():
        return door.orthrus.status()["docker"]["ping"]
    until("it says that there is no engine", 10, lambda: not ping())
    bare_engine.start()
    until("it says that there is one", 15, ping)
    bare_engine.stop()
    assert door.get("/info")[0] == 502
    assert not ping()


@pytest.mark.parametrize("way", SSHD)
def test_reconnects(lab, idle_engine, way):
    """Back with the session, and streams end with the one that died."""
    door = Door(lab, way, idle_engine.socket)
    stream = door.stream("/events")
    assert door.sshd.kill_sessions() > 0
    assert stream.recv(1000) == b""
    until("the engine's connection is closed", 5,
          lambda: idle_engine.connections() == 0)
    until("a new session", 20,
          lambda: door.orthrus.status()["reconnects"] >= 1)
    door.orthrus.wait_ready()
    if way == "sshd-auto":
        door.address = ("127.0.0.1", door.chosen_port())
    assert "web" in door.docker("ps").stdout


def test_far_end_without_unix_sockets(lab, docker_engine):
    """The message says what would have to change there."""
    sshd = lab.sshd(AllowStreamLocalForwarding="no")
    agent = lab.orthrus(sshd, f"--docker={docker_engine.socket}",
                        "--docker-remote", lab.path("there.sock"),
                        socks5="off", wait=0)
    until("it says so", 10,
          lambda: "AllowStreamLocalForwarding" in agent.log())
    assert agent.status()["docker"]["state"] != "up"


@pytest.mark.timed
def test_ends_with_streams_open(lab, idle_engine, short_way):
    door = Door(lab, short_way, idle_engine.socket)
    for _ in range(20):
        door.stream("/events")
    started = time.monotonic()
    assert door.orthrus.stop(5) == 0
    assert time.monotonic() - started < 3
    until("the engine's connections are closed", 1,
          lambda: idle_engine.connections() == 0)
