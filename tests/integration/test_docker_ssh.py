# SPDX-License-Identifier: ISC
"""docker -H ssh://USER@GATEWAY/AGENT: real clients with no tunnel of ours."""

import json
import os
import re
import shutil
import subprocess
import threading

import pytest

from lab import openssh, registries
from lab.docker_engine import DOCKER, SECRETS
from lab.docker_ssh import Gate
from lab.muzzle_engine import Engine
from lab.system import until

pytestmark = pytest.mark.skipif(not openssh.available(),
                                reason="this build has no charon")

STDIO = "docker system dial-stdio"
AWAY = "agent paris is not currently connected"
PERMISSIONS = "this client's permissions"
PERMISSION = "not among " + PERMISSIONS


def programs():
    """Every docker CLI of this machine: (its path, its major version)."""
    found = {}
    for path in DOCKER, "/usr/local/bin/docker", shutil.which("docker"):
        if path and os.access(path, os.X_OK):
            said = subprocess.run([path, "--version"], capture_output=True,
                                  text=True).stdout
            found[os.path.realpath(path)] = int(
                re.search(r"version (\d+)", said)[1])
    return sorted(found.items(), key=lambda item: item[1])


CLIS = [pytest.param(*p, id=f"cli-{p[1]}") for p in programs()]


@pytest.fixture
def gate(lab, docker_engine):
    gate = Gate(lab, docker_engine.socket)
    gate.add("ann", "rome:docker,bare:*,paris:docker,none:docker")
    gate.add("bob", "rome:*,egress")
    gate.add("eve", "rome:80")
    return gate


@pytest.fixture
def light(lab):
    """The same with a stand-in for the engine."""
    engine = lab.own(Engine(lab.path("engine.sock")))
    gate = Gate(lab, engine.path)
    gate.add("ann", "rome:docker,bare:*,paris:docker,none:docker")
    gate.add("bob", "rome:docker")
    return gate


@pytest.mark.skipif(not CLIS, reason="no docker CLI is installed")
@pytest.mark.parametrize("program,major", CLIS)
def test_cli(gate, program, major):
    urls = [gate.url("bob"), gate.url("ann+rome"), gate.url("bob+rome")]
    if major >= 24:		# before, a path is refused by the CLI itself
        urls += [gate.url("ann", "/rome"), gate.url("ann", "/rome/"),
                 gate.url("ann+rome", "/"), gate.url("bob", "/")]
    for url in urls:
        done = gate.docker(program, url, "ps", "-a", "--format",
                           "{{.Names}}")
        assert done.returncode == 0, (url, done.text)
        assert {"web", "done"} <= set(done.stdout.split())
    done = gate.docker(program, urls[0], "logs", "-f", "done")
    assert "to-stdout" in done.stdout, done.text
    done = gate.docker(program, urls[1], "inspect", "web")
    assert json.loads(done.stdout)[0]["Name"] == "/web"
    assert not any(s in done.text for s in SECRETS.values())
    done = gate.docker(program, urls[1], "run", "bb:1", "true")
    assert done.returncode != 0 and "is not let through" in done.text


@pytest.mark.skipif(not CLIS, reason="no docker CLI is installed")
@pytest.mark.parametrize("program,major", CLIS)
def test_cli_refused(gate, program, major):
    """Why it is refused is in the CLI's own error."""
    cases = [("ann+paris", "", AWAY),
             ("ann+bare", "", "does not share its Docker socket"),
             ("ann+none", "", "Docker of agent none: there is no such agent"),
             ("ann+other", "", "Docker of agent other: not allowed: it is "
              + PERMISSION),
             ("ann+Rome", "", "no agent has such a name"),
             ("ann", "", "whose Docker?"),
             ("eve", "", "no agent's Docker is among this client's"),
             ("eve+rome", "", PERMISSION)]
    if major >= 24:
        cases += [("ann", "/paris", AWAY), ("eve", "/rome", PERMISSION),
                  ("ann", "/var/run/docker.sock", "no agent has such a name"),
                  ("ann+rome", "/other", PERMISSION)]
    for user, path, why in cases:
        done = gate.docker(program, gate.url(user, path), "ps")
        assert done.returncode == 1 and done.stdout.strip() == "", done.text
        assert why in done.stderr, (user, path, done.text)
    log = gate.charon.log()
    assert "ann: refused a channel: not allowed" in log


@pytest.mark.skipif(not CLIS, reason="no docker CLI is installed")
@pytest.mark.parametrize("program,major", CLIS)
def test_context(gate, program, major):
    """A context is made of it once, and then used by its name."""
    env = {"DOCKER_CONFIG": str(gate.home / ".docker")}
    done = gate.docker(program, "", "context", "create", "rome", "--docker",
                       "host=" + gate.url("ann+rome"), **env)
    assert done.returncode == 0, done.text
    done = gate.docker(program, "", "--context", "rome", "ps", "--format",
                       "{{.Names}}", **env)
    assert "web" in done.stdout.split(), done.text


@pytest.mark.registries
def test_compose(gate):
    plugin = next((p for p in (
        f"{folder}/docker-compose" for folder in (
            "/usr/libexec/docker/cli-plugins",
            "/usr/local/lib/docker/cli-plugins",
            "/usr/lib/docker/cli-plugins")) if os.access(p, os.X_OK)), None)
    if plugin is None:
        pytest.skip("docker compose is not installed")
    for args in ("ls", "--all"), ("-p", "none", "ps"):
        done = gate.run("env", "DOCKER_HOST=" + gate.url("ann+rome"), plugin,
                        *args)
        assert done.returncode == 0, done.err


@pytest.mark.registries
@pytest.mark.parametrize("version", ["v24.0.9", "v28.5.2", "v29.1.3"])
def test_go_helper(light, version):
    """Newer ones quote the words, and write --host= instead."""
    peer = registries.go("peers/dial_stdio.go",
                         f"github.com/docker/cli@{version}+incompatible")
    for url in light.url("ann", "/rome"), light.url("bob"), \
            light.url("ann+rome"):
        done = light.run(peer, url)
        assert done.returncode == 0, done.err
        assert done.out.startswith("200\n") and "stand-in" in done.out
    done = light.run(peer, light.url("ann", "/paris"))
    assert done.out.startswith("502\n") and AWAY in done.out
    done = light.run(peer, light.url("ann", "/other"))
    assert done.returncode == 1 and PERMISSION in done.err


DOCKER_PY = """
import docker, sys
try:
    client = docker.DockerClient(base_url=sys.argv[1],
                                 use_ssh_client=sys.argv[2] == "program",
                                 version="auto", timeout=20)
    for _ in range(3):
        print(sorted(c.name for c in client.containers.list(all=True)))
    print(client.containers.get("done").logs())
    lines = client.containers.get("web").logs(stream=True, follow=True)
    print(next(lines))
    client.close()
except docker.errors.APIError as e:
    sys.exit(f"API: {e}")
except docker.errors.DockerException as e:
    sys.exit(f"other: {e}")
"""


@pytest.mark.registries
@pytest.mark.parametrize("how", ["program", "paramiko"])
def test_docker_py(gate, how):
    python = registries.python("docker==7.1.0", "paramiko==4.0.0")
    script = gate.lab.write("docker.py.txt", DOCKER_PY)
    for user in "bob", "ann+rome":
        done = gate.run(python, script, gate.url(user), how)
        assert done.returncode == 0, done.err
        assert done.out.count("'web'") == 3 and "to-stdout" in done.out
        assert "tick" in done.out
    done = gate.run(python, script, gate.url("ann+paris"), how)
    assert done.returncode == 1 and AWAY in done.err
    done = gate.run(python, script, gate.url("eve"), how)
    assert done.returncode == 1
    # paramiko's users see no standard error.
    assert how == "paramiko" or PERMISSIONS in done.err, done.err


DOCKERODE = """
const Docker = require("dockerode"), fs = require("fs");
const [port, username, key] = process.argv.slice(2);
const docker = new Docker({protocol: "ssh", host: "127.0.0.1", port, username,
    sshOptions: {privateKey: fs.readFileSync(key)}});
docker.listContainers({all: true}).then(
    list => { console.log(list.map(c => c.Names[0])); process.exit(0); },
    error => { console.error(String(error)); process.exit(1); });
"""


@pytest.mark.registries
def test_dockerode(gate):
    """As VS Code's and other extensions have it, by Node's own SSH."""
    modules = registries.node("dockerode@4.0.9")
    script = gate.lab.write("dockerode.js", DOCKERODE)
    done = gate.run("env", f"NODE_PATH={modules}", "node", script,
                    gate.charon.port, "ann+rome", gate.key)
    assert done.returncode == 0 and "/web" in done.out, done.err
    done = gate.run("env", f"NODE_PATH={modules}", "node", script,
                    gate.charon.port, "ann+paris", gate.key)
    assert done.returncode == 1 and AWAY in done.err, done.err


# --- by hand -----------------------------------------------------------

GET = b"GET /version HTTP/1.1\r\nHost: docker\r\n\r\n"
LAST = b"GET /version HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"


def test_ssh(light):
    """Half-close and exit status, as of the command that it stands for."""
    for data in GET, GET * 3, LAST:
        done = light.ssh("bob", STDIO, data=data)
        assert (done.returncode, done.err) == (0, "")
        assert done.out.count("HTTP/1.1 200") == max(1, data.count(GET))
    done = light.ssh("bob", STDIO)
    assert (done.returncode, done.out, done.err) == (0, "", "")
    done = light.ssh("ann+paris", STDIO, data=GET)
    assert done.returncode == 1 and done.err == f"charon: {AWAY}\n"
    assert done.out.startswith("HTTP/1.1 502 ")
    assert AWAY in json.loads(done.out.split("\r\n\r\n")[1])["message"]
    done = light.ssh("ann+other", STDIO, data=GET)
    assert (done.returncode, done.out) == (1, "")
    assert PERMISSION in done.err and done.err.count("\n") == 1


def test_other_commands(light):
    """Refused as ever, the words being right but for a little too."""
    for command in ("ls", "docker ps", STDIO + " --help", STDIO + ";ls",
                    f"sudo {STDIO}", "docker -H unix:///rome system "
                    "dial-stdio", "docker --host tcp://rome system "
                    "dial-stdio", f"{STDIO}\n"):
        done = light.ssh("bob", command, data=GET)
        assert done.returncode == 255 and done.out == "", command
        assert "no shell or commands here" in done.err
    assert "refused a request on a session channel: exec" in \
        light.charon.log()
    assert "dial-stdio" not in light.charon.log()


def test_one_connection_for_many(light):
    """As with ControlMaster: more than a connection's ten sessions."""
    light.configure(f" ControlPath {light.home}/mux\n")
    master = subprocess.Popen(
        [light.bin / "ssh", "-MN", "-p", str(light.charon.port), "-l", "bob",
         "127.0.0.1"], env=light.env(), stdin=subprocess.DEVNULL)
    try:
        until("the master is there", 20,
              lambda: os.path.exists(light.home / "mux"))
        running = []
        for _ in range(24):
            process = subprocess.Popen(
                [light.bin / "ssh", "-T", "-p", str(light.charon.port), "-l",
                 "bob", "127.0.0.1", STDIO], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, env=light.env())
            process.stdin.write(GET)
            process.stdin.flush()
            assert process.stdout.readline() == b"HTTP/1.1 200 OK\r\n"
            running.append(process)
        for process in running:
            process.stdin.close()
            process.stdout.read()
            assert process.wait(20) == 0
    finally:
        master.kill()
        master.wait()


def test_agent_goes_and_comes(light):
    """One connection sees it go, is told so, and goes on when it is back."""
    process = subprocess.Popen(
        [light.bin / "ssh", "-T", "-p", str(light.charon.port), "-l", "bob",
         "127.0.0.1", STDIO], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=light.env())

    def ask():
        process.stdin.write(GET)
        process.stdin.flush()
        status = process.stdout.readline()
        length = 0
        while (line := process.stdout.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return status.split()[1], process.stdout.read(length)

    try:
        assert ask()[0] == b"200"
        light.rome.signal(15)
        light.rome.wait_exit(20)
        light.lab.things.remove(light.rome)
        light.charon.wait_status("rome", "offline")
        status, body = ask()
        assert status == b"502"
        assert b"agent rome is not currently connected" in body
        light.charon.agent("rome", f"--docker={light.lab.path('engine.sock')}",
                           control=light.lab.path("again.sock"))
        until("it answers again", 20, lambda: ask()[0] == b"200")
        process.stdin.close()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_permission_taken_away(light):
    """What comes next is refused; what is there goes on."""
    assert light.ssh("bob", STDIO, data=GET).returncode == 0
    light.charon.run("client", "allow", "bob", "--allow", "rome:80")
    done = light.ssh("bob", STDIO, data=GET)
    assert done.returncode == 1 and "no agent's Docker" in done.err


def test_many_at_once(light):
    results = []

    def one():
        results.append(light.ssh("bob", STDIO, data=GET).returncode)
    threads = [threading.Thread(target=one) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [0] * 16
