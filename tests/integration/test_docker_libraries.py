# SPDX-License-Identifier: ISC
"""Docker's client libraries, at an engine and through the Muzzle.

The programs are in docker_clients, whose README tells what each of them
prints.  A library gets by any way what it gets at the engine itself, but for
the secrets.
"""

import re
import subprocess

import pytest

from lab import registries
from lab.docker_door import found
from lab.docker_places import ENGINES
from lab.system import DIES_WITH_US

pytestmark = pytest.mark.registries

HERE = registries.HERE / "docker_clients"
SECRET = re.compile(r"(\w+)=[^,\n]+")


def python(script, *packages):
    return [registries.python(*packages), HERE / script]


def node(script, *packages):
    modules = registries.node(*packages)
    return ["env", f"NODE_PATH={modules}", "node", HERE / script]


def go(script, module):
    return [registries.go(f"docker_clients/{script}", module)]


def cargo():
    return [registries.cargo(
        "docker_clients/bollard.rs",
        'bollard = { version = "=0.21.1", default-features = false, '
        'features = ["http", "pipe"] }', 'futures-util = "0.3"',
        'tokio = { version = "1", features = ["rt", "macros", "time"] }')]


def java():
    return registries.maven(
        "docker_clients/DockerJava.java",
        "com.github.docker-java:docker-java-core:3.7.1",
        "com.github.docker-java:docker-java-transport-httpclient5:3.7.1",
        "org.slf4j:slf4j-nop:1.7.36")


# Under their names in docs/works-with.md.
LIBRARIES = {
    "docker-py 7.1": lambda: python("docker_py.py", "docker==7.1.0"),
    "aiodocker 0.27": lambda: python("aiodocker_py.py", "aiodocker==0.27.0"),
    "dockerode 5.0": lambda: node("dockerode.js", "dockerode@5.0.1"),
    "Node fetch (undici 7)": lambda: node("node_fetch.js", "undici@7.16.0"),
    "Go SDK, docker/docker 28.5": lambda: go(
        "sdk.go", "github.com/docker/docker@v28.5.2+incompatible"),
    "Go SDK, moby/client 0.6": lambda: go(
        "moby.go", "github.com/moby/moby/client@v0.6.2"),
    "go-dockerclient 1.13": lambda: go(
        "fsouza.go", "github.com/fsouza/go-dockerclient@v1.13.3"),
    "bollard 0.21": cargo,
    "docker-java 3.7": java,
}

# What podman 4.3 answers with nothing at all, now and then.
PODMAN_CANNOT = {"top"}


def start(argv, host):
    return subprocess.Popen(
        [*DIES_WITH_US, *map(str, argv), host], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace")


def said(process):
    """{question: answer} of what it printed to its end."""
    try:
        text = process.communicate(timeout=120)[0]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, text
    return dict(line.partition(" ")[::2] for line in text.splitlines()), text


def asked(argv, place):
    """What it says, and what it says by each way; all at once."""
    hosts = {"bare": place.engine.host}
    hosts |= {w: place.door(w).host for w in ("alone-unix", "charon-port")}
    with place.events():
        started = {way: start(argv, host) for way, host in hosts.items()}
        told = {way: said(process) for way, process in started.items()}
        for way, (_, text) in told.items():
            # Older engines measure their disks for one at a time.
            if "operation is already running" in text:
                told[way] = said(start(argv, hosts[way]))
    return told.pop("bare")[0], told


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_library(places, kind, library):
    argv, place = LIBRARIES[library](), places(kind)
    wanted, told = asked(argv, place)
    failed = {q for q, a in wanted.items() if a.startswith("failed: ")}
    may_fail = PODMAN_CANNOT if kind == "podman" else set()
    assert failed <= may_fail, wanted
    assert len(wanted) >= 18 and wanted["follow"] == "tick", wanted
    wanted["inspect"] = SECRET.sub(r"\1=***", wanted["inspect"])
    for way, (got, text) in told.items():
        differ = {q: (a, got.get(q)) for q, a in wanted.items()
                  if got.get(q) != a and q not in may_fail}
        assert not differ, f"{way}: {differ}"
        assert found(text.encode(), place.engine.secrets) == []
