# SPDX-License-Identifier: ISC
""""orthrus docker-context": a context that the real docker CLI then uses, by
each way to an agent's Docker, and what is said where there is none."""

import os
import subprocess

import pytest

from lab import openssh
from lab.docker_ssh import Gate
from lab.harness import ORTHRUS
from lab.system import free_port
from test_docker_ssh import CLIS

pytestmark = pytest.mark.skipif(not openssh.available(),
                                reason="this build has no charon")
DOCKER = pytest.mark.skipif(not CLIS, reason="no docker CLI is installed")
USAGE, UNAVAILABLE, CANTCREAT = 64, 69, 73


@pytest.fixture
def gate(lab, docker_engine):
    gate = Gate(lab, docker_engine.socket)
    gate.add("ann", "rome:docker")
    return gate


def make(gate, *args, path=None):
    return gate.run("env", f"PATH={path or gate.env()['PATH']}",
                    "XDG_CONFIG_HOME=" + gate.lab.path("config"), ORTHRUS,
                    "docker-context", *args)


def names(gate, context):
    """What the real CLI sees by the context."""
    done = gate.run("docker", "--context", context, "ps", "--format",
                    "{{.Names}}")
    assert done.returncode == 0, done.err
    return done.out.split()


def host(gate, context):
    return gate.run("docker", "context", "inspect", "--format",
                    "{{.Endpoints.docker.Host}}", context).out.strip()


@DOCKER
@pytest.mark.parametrize("program,major", CLIS)
def test_by_ssh(gate, program, major):
    os.symlink(program, gate.bin / "docker")
    server = f"ann@127.0.0.1:{gate.charon.port}"
    done = make(gate, "rome", "--server", server)
    assert done.returncode == 0, done.err
    url = f"ssh://ann+rome@127.0.0.1:{gate.charon.port}"
    assert done.out == f"made the context rome: {url}\n\n" \
        "    docker --context rome ps\n"
    assert "web" in names(gate, "rome") and host(gate, "rome") == url
    # Again it is as good, and another one is not overwritten.
    done = make(gate, "rome", "--server", server)
    assert done.returncode == 0 and "is there already" in done.out
    done = make(gate, "rome", "--server", "bob@gw.example.com")
    assert done.returncode == CANTCREAT and not done.out
    assert "docker context rm rome" in done.err
    assert host(gate, "rome") == url
    done = make(gate, "rome", "--server", "bob@gw.example.com", "--as", "two")
    assert done.returncode == 0, done.err
    assert host(gate, "two") == "ssh://bob+rome@gw.example.com"
    done = make(gate, "rome", "--server", "[2001:db8::1]:23", "--as", "three")
    if major < 24:
        assert done.returncode == USAGE and "needs the user" in done.err
    else:
        assert host(gate, "three") == "ssh://[2001:db8::1]:23/rome"


@DOCKER
def test_by_what_is_here(gate):
    """A socket, and forwards of the configuration."""
    os.symlink(CLIS[-1].values[0], gate.bin / "docker")
    done = make(gate, "rome", "--socket", gate.charon.socket("rome"))
    assert done.returncode == 0, done.err
    assert "web" in names(gate, "rome")
    port, path = free_port(), gate.lab.path("forwarded.sock")
    ini = gate.lab.write("forwards.ini", f"""
[forward other]
spec = {free_port()}:oslo.orthrus:2375
[forward port]
spec = {free_port()}:rome.orthrus:80
[forward docker]
spec = {port}:rome.orthrus:2375
""")
    done = make(gate, "rome", "--config", ini, "--as", "port")
    assert host(gate, "port") == f"tcp://localhost:{port}", done.err
    gate.lab.write("config/orthrus/orthrus.ini",
                   f"[forward docker]\nspec = {path}:/rome/docker.sock\n")
    done = make(gate, "rome", "--as", "unix")
    assert done.returncode == 0, done.err
    gate.charon.add_client("joe", "rome:docker", f"{gate.lab.identity}.pub")
    gate.lab.orthrus(gate.charon.address, "--user", "joe", "--accept-new")
    assert host(gate, "unix") == f"unix://{path}"
    assert "web" in names(gate, "unix")


def test_no_way(lab):
    done = lab.run("docker-context", "rome")
    assert done.returncode == UNAVAILABLE and not done.stdout
    assert "--server USER@HOST:PORT" in done.stderr
    assert "spec = 2375:rome.orthrus:2375" in done.stderr


def test_no_cli(lab):
    empty = lab.path("empty")
    os.mkdir(empty)
    for args in ["--server", "ann@gw"], ["--server", "gw"], \
            ["--socket", "/x"]:
        done = subprocess.run(
            [ORTHRUS, "docker-context", "rome", *args], text=True,
            capture_output=True, timeout=60,
            env=lab.environment({"PATH": empty}))
        assert done.returncode == UNAVAILABLE and not done.stdout
        assert done.stderr == "orthrus docker-context: docker is not " \
            "installed, or not in PATH\n"


def test_a_cli_that_fails(lab):
    os.mkdir(lab.path("bin"))
    lab.write("bin/docker", "#!/bin/sh\necho no room >&2\nexit 3\n", 0o755)
    done = lab.run("docker-context", "rome", "--server", "ann@gw", env={
        "PATH": lab.path("bin") + ":" + os.environ["PATH"]})
    assert done.returncode == UNAVAILABLE and not done.stdout
    assert done.stderr == "no room\northrus docker-context: docker has not " \
        "made the context (exit status 3)\n"


def test_dry_run(lab):
    """The command, for a shell whatever the words hold."""
    done = lab.run("docker-context", "rome", "--server", "a'b@gw", "--as",
                   "it's", "--dry-run")
    assert done.stdout == "docker context create --docker host='ssh://a'\\''" \
        "b+rome@gw' 'it'\\''s'\n"


@pytest.mark.parametrize("args,text", [
    ([], "which agent's Docker?"), (["Rome"], "a name is 1 to 63"),
    (["rome", "oslo"], "unexpected argument"),
    (["default", "--socket", "/x"], "choose another name with --as"),
    (["rome", "--socket", "x"], "the whole path"),
    (["rome", "--socket", "/x", "--server", "g"], "not both"),
    (["rome", "--server", "ann@"], "--server"),
    (["rome", "--server", "wss://gw"], "2375:rome.orthrus:2375")],
    ids=lambda v: " ".join(v) if isinstance(v, list) else None)
def test_usage(lab, args, text):
    done = lab.run("docker-context", *args)
    assert done.returncode == USAGE and not done.stdout
    assert text in done.stderr
