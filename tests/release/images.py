# SPDX-License-Identifier: ISC
"""The images in dist/, an engine that has them, and Compose projects there."""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from machine import ROOT, until
from test_deb import DIST

sys.path.insert(0, str(ROOT / "tests/integration"))
from lab.compose import comment_commands, compose_command  # noqa: E402
from lab.docker_engine import (Bridged, docker_env,  # noqa: E402, F401
                               missing)
from lab.system import DIES_WITH_US  # noqa: E402

USER = 65532
LIMITS = {"orthrus": 8_000_000, "charon": 12_000_000}
PLATFORMS = {"amd64": ("amd64", None), "arm64": ("arm64", None),
             "armhf": ("arm", "v7")}
EMULATORS = {"arm64": "qemu-aarch64-static", "armhf": "qemu-arm-static"}
ALONE = ["--read-only", "--cap-drop", "ALL", "--security-opt",
         "no-new-privileges"]
PROGRAMS = sorted(LIMITS)


def version():
    text = (ROOT / "configure.ac").read_text()
    return re.search(r"AC_INIT\(\[orthrus\], \[(.*)\]\)", text).group(1)


def own_arch():
    return subprocess.check_output(["dpkg", "--print-architecture"],
                                   text=True).strip()


def archive(program, arch):
    """What "docker load" takes."""
    path = DIST / f"{program}-{version()}-docker-{arch}.tar.gz"
    if not path.exists():
        pytest.skip(f"no {path.name} in {DIST}: contrib/release.sh --arch "
                    f"{arch} image makes it")
    return path


class House(Bridged):
    """An engine with the images, and a folder for what containers share."""

    def load(self, program, arch):
        """Loads an image for a machine and gives it a name of its own."""
        self.docker("load", "-q", "-i", archive(program, arch), timeout=300)
        name = f"{program}:{arch}"
        self.docker("tag", f"{program}:{version()}", name)
        return name

    def folder(self, name, user=USER, mode=0o700):
        path = self.path(name)
        os.mkdir(path)
        os.chown(path, user, user)
        os.chmod(path, mode)
        return path

    def key(self, path, text, user=USER):
        with open(path, "w", opener=lambda p, f: os.open(p, f, 0o400)) as f:
            f.write(text)
        os.chown(path, user, user)
        return path

    def inspect(self, name):
        return json.loads(self.docker("inspect", name).stdout)[0]

    def health(self, name):
        return self.inspect(name)["State"]["Health"]["Status"]

    def charon(self, *args, gateway="charon"):
        return self.docker("exec", gateway, "/charon", *args).stdout

    def agent(self, name, gateway="charon"):
        return json.loads(self.charon("agent", "show", name, "--json",
                                      gateway=gateway))

    def online(self, name, seconds=90, gateway="charon"):
        until(f"{name} is online", seconds,
              lambda: self.agent(name, gateway)["status"] == "online",
              every=0.3)

    def run_charon(self, image, name="charon", state="charon", more=(),
                   entry=()):
        """As docs/installing.md does, with what others are to reach shared."""
        runtime = self.path(name)
        if not os.path.exists(runtime):
            self.folder(name, mode=0o750)
        self.docker("run", "-d", "--name", name, "--network", "app", *ALONE,
                    "-v", f"{state}:/var/lib/charon", "-v",
                    f"{runtime}:/run/charon", "--health-interval", "1s",
                    *more, image, *entry)

    def run_orthrus(self, image, name, *more, user=USER, gateway="charon",
                    entry=()):
        self.docker(
            "run", "-d", "--name", name, "--network", "app", *ALONE,
            "--tmpfs", f"/run/orthrus:mode=0700,uid={user},gid={user}",
            "--health-interval", "1s", "--health-retries", "1", "-e",
            f"ORTHRUS_NAME={name}", "-e", f"CHARON_LINK={gateway}:2222",
            "-e", "ORTHRUS_SOCKS5=off", "-e", "ORTHRUS_MODE=socket", "-v",
            f"{self.socket}:/var/run/docker.sock", *more, image, *entry)

    def logs(self, name):
        return self.docker("logs", name).text


class Project:
    """A compose.yaml in a folder of its own, whose service is looked at often."""

    def __init__(self, house, name, text, more=""):
        self.house, self.compose = house, compose_command()
        self.path = pathlib.Path(house.folder(name, 0))
        self.file = self.path / "compose.yaml"
        self.file.write_text(text)
        service = re.search(r"services:\n  (\w+):\n", text).group(1)
        (self.path / "compose.override.yaml").write_text(
            f"services: {{{service}: {{healthcheck: {{interval: 1s,\n"
            f"  retries: 1, start_period: 0s}}}}}}\n{more}")

    def run(self, *args):
        done = subprocess.run(
            [*DIES_WITH_US, *self.compose, *args], cwd=self.path, text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=180,
            env={**docker_env(self.house.host), "HOME": str(self.path)})
        assert done.returncode == 0, f"{args}: {done.stdout}{done.stderr}"
        return done.stdout

    def container(self):
        (name,) = self.run("ps", "-aq").split()
        return name

    def wait_healthy(self):
        until("it is healthy", 90,
              lambda: self.house.health(self.container()) == "healthy", 0.5)

    def down(self):
        with contextlib.suppress(AssertionError):
            self.run("down", "-v", "-t", "1")


class Agent(Project):
    """What "charon snippet" prints for Compose, done as it says."""

    def __init__(self, house, key):
        text = house.charon("snippet", "web-1", "--for", "compose",
                            "--server", "charon")
        self.image = re.search(r"image: (\S+)", text).group(1)
        super().__init__(
            house, "project",
            text.replace("/var/run/docker.sock:", f"{house.socket}:"),
            "networks: {default: {name: app, external: true}}\n")
        subprocess.run(
            ["sh", "-e"], input=comment_commands(text).replace(
                "<AUTH_KEY>\n", key).replace(
                "/var/run/docker.sock", house.socket).replace(
                "docker compose up -d\n", ""),
            text=True, check=True, cwd=self.path)
