# SPDX-License-Identifier: ISC
"""The printed compose.yaml with the real Compose and engine: from "up" to
healthy, and again when the AUTH_KEY is gone."""

import json
import os
import pathlib
import re
import subprocess
import tarfile

import pytest

from lab.compose import comment_commands, compose_command
from lab.docker_engine import docker_env
from lab.harness import ORTHRUS
from lab.system import DIES_WITH_US, children, free_port, until
from test_snippets import snippet

pytestmark = pytest.mark.registries


def import_image(engine, tag):
    """An image with nothing but orthrus and its libraries in it."""
    done = subprocess.run(["ldd", ORTHRUS], capture_output=True, text=True,
                          check=True)
    found = {path: os.path.realpath(path) for path in
             re.findall(r"(/\S+) \(0x", done.stdout)}
    found["/usr/local/bin/orthrus"] = os.path.realpath(ORTHRUS)
    folders = {str(f) for p in found for f in pathlib.Path(p).parents[:-1]}
    with tarfile.open(engine.path("o.tar"), "w") as tar:
        for folder in sorted(folders):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for path, source in found.items():
            tar.add(source, path)
    engine.docker("import", engine.path("o.tar"), tag, timeout=120)


class Project:
    """The printed file and what it says is to be done before."""

    def __init__(self, home, engine, compose, text, key):
        self.path = home.path / "project"
        self.path.mkdir()
        self.engine = engine
        self.compose = compose
        text = text.replace("/var/run/docker.sock:", f"{engine.socket}:")
        (self.path / "compose.yaml").write_text(text)
        # These engines have no network but the host's; and no waiting here.
        (self.path / "compose.override.yaml").write_text(
            "services:\n  orthrus:\n    network_mode: host\n"
            "    healthcheck: {interval: 1s, retries: 1, start_period: 0s}\n")
        subprocess.run(
            ["sh", "-e"], input=comment_commands(text).replace(
                "<AUTH_KEY>\n", key).replace(
                "/var/run/docker.sock", engine.socket).replace(
                "docker compose up -d\n", ""),
            text=True, check=True, cwd=self.path)

    def run(self, *args):
        done = subprocess.run(
            [*DIES_WITH_US, *self.compose, *args], cwd=self.path, text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
            env={**docker_env(self.engine.host), "HOME": str(self.path)})
        assert done.returncode == 0, f"{args}: {done.stdout}{done.stderr}"
        return done.stdout

    def health(self):
        """(when it was started, how it is)."""
        (name,) = self.run("ps", "-aq").split()
        said = json.loads(self.engine.docker("inspect", name).stdout)
        state = said[0]["State"]
        assert state["Running"] or not state.get("ExitCode"), state
        return state["StartedAt"], state["Health"]["Status"]

    def wait_healthy(self, before=None):
        def healthy():
            started, how = self.health()
            return how == "healthy" and started != before and started
        return until("it is healthy", 240, healthy, every=0.5)


@pytest.fixture
def netns(docker_engine):
    """What runs a command in the network that containers have there."""
    init = children(docker_engine.process.pid)[0]
    prefix = [*DIES_WITH_US, "nsenter", "-t", str(init), "-n"]
    subprocess.run([*prefix, "ip", "link", "set", "lo", "up"], check=True)
    return prefix


def needs_exec(engine):
    """
    What looks whether a container is well: not below chroot(2), where it fails
    or sees this system's files and not the container's, which is no Debian.
    """
    running = engine.docker("ps", "-q").stdout.split()
    done = engine.docker("exec", running[0], "sh", "-c",
                         "! test -e /etc/debian_version", check=False)
    if done.returncode != 0:
        pytest.skip(f"docker exec does not work here: {done.text[-200:]}")


def test_compose_without_its_key(home, docker_engine, netns):
    needs_exec(docker_engine)
    compose = compose_command()
    home.write(f"[ssh]\nlisten = 127.0.0.1:{free_port()}\n")
    key = home.run("agent", "add", "web-1").stdout
    text = snippet(home, "compose", server="127.0.0.1")
    import_image(docker_engine, re.search(r"image: (\S+)", text).group(1))
    gateway = home.start("serve", prefix=netns)
    project = Project(home, docker_engine, compose, text, key)
    try:
        project.run("up", "-d")
        first = project.wait_healthy()
        agent = json.loads(home.run("agent", "show", "web-1",
                                    "--json").stdout)
        assert agent["status"] == "online" and agent["docker"]["shared"]
        (project.path / "state/auth_key").unlink()
        project.run("restart")
        again = project.wait_healthy(first)
        project.run("up", "-d", "--force-recreate")
        project.wait_healthy(again)
        # Without its gateway it runs on, but is not well.
        gateway.kill()
        until("it is unwell", 240, lambda: project.health()[1] == "unhealthy",
              every=0.5)
    finally:
        gateway.kill()
        gateway.communicate()
        project.run("down", "-t", "1")
