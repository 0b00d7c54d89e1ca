# SPDX-License-Identifier: ISC
"""The images in dist/ as an engine and Compose live with them: what is in them,
an agent and its gateway from "docker load" to online, without a writable root,
as other users, restarted, and replaced by newer ones over the same volumes.
The tests build on each other, in the order that they have here."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import time

import pytest

from images import (ALONE, EMULATORS, LIMITS, PLATFORMS, PROGRAMS, USER, Agent,
                    House, Project, archive, comment_commands, missing,
                    own_arch, version)
from machine import ROOT, until
from test_deb import DIST

DOCKER_GROUP = 4242

# What is in them

class Layout:
    """An OCI layout in a tar."""

    def __init__(self, program):
        self.path = DIST / f"{program}-{version()}-image.oci.tar"
        if not self.path.exists():
            pytest.skip(f"no {self.path.name} in {DIST}: contrib/release.sh "
                        "image makes it")
        self.tar = tarfile.open(self.path)

    def read(self, name):
        return self.tar.extractfile(name).read()

    def blob(self, descriptor):
        data = self.read("blobs/" + descriptor["digest"].replace(":", "/"))
        assert len(data) == descriptor["size"]
        return data

    def index(self):
        (entry,) = json.loads(self.read("index.json"))["manifests"]
        assert entry["annotations"] == {
            "org.opencontainers.image.ref.name": version()}
        return json.loads(self.blob(entry))


@pytest.fixture(params=PROGRAMS)
def layout(request):
    layout = Layout(request.param)
    layout.program = request.param
    with layout.tar:
        yield layout


def test_index(layout):
    """One for all machines, each with its own program and the same rest."""
    index = layout.index()
    found = [(m["platform"]["architecture"], m["platform"].get("variant"))
             for m in index["manifests"]]
    assert len(set(found)) == len(found) > 0
    assert set(found) <= set(PLATFORMS.values())
    for entry, (arch, variant) in zip(index["manifests"], found):
        manifest = json.loads(layout.blob(entry))
        config = json.loads(layout.blob(manifest["config"]))
        assert (config["architecture"], config.get("variant"),
                config["os"]) == (arch, variant, "linux")
        size = sum(d["size"] for d in (manifest["config"],
                                       *manifest["layers"]))
        assert size <= LIMITS[layout.program]
        print(f"{layout.program}, {arch}: {size / 1e6:.2f} MB compressed")


def configurations(layout):
    for entry in layout.index()["manifests"]:
        manifest = json.loads(layout.blob(entry))
        yield json.loads(layout.blob(manifest["config"])), manifest


def test_configuration(layout):
    program = layout.program
    for config, _ in configurations(layout):
        inner = config["config"]
        assert inner["User"] == f"{USER}:{USER}"
        assert inner["Entrypoint"] == [f"/usr/local/bin/{program}"]
        assert inner["Volumes"] == {f"/var/lib/{program}": {}}
        assert inner["Healthcheck"]["Test"] == [
            "CMD", f"/usr/local/bin/{program}", "status",
            *(["--wait", "5s"] if program == "orthrus" else [])]
        labels = {key.removeprefix("org.opencontainers.image."): value
                  for key, value in inner["Labels"].items()}
        assert {"title", "description", "version", "licenses",
                "created"} <= set(labels)
        assert labels["version"] == version()
        assert labels["created"] == config["created"]
        assert all(h["created"] == config["created"]
                   for h in config["history"])
    assert layout.index()["annotations"] == inner["Labels"]


def test_nothing_else_is_in_it(layout):
    """A program without an interpreter, and what can be told beforehand."""
    program = layout.program
    own = {f"run/{program}", f"var/lib/{program}"}
    wanted = {"", "etc", "etc/passwd", "etc/group", "run", "usr",
              "usr/local", "usr/local/bin", f"usr/local/bin/{program}",
              program, "var", "var/lib", *own}
    for _, manifest in configurations(layout):
        (layer,) = manifest["layers"]
        with tarfile.open(fileobj=layout.tar.extractfile(
                "blobs/" + layer["digest"].replace(":", "/"))) as tar:
            members = {m.name.removeprefix(".").removeprefix("/"): m
                       for m in tar.getmembers()}
            binary = tar.extractfile(
                members[f"usr/local/bin/{program}"]).read()
        others = {name for name in members
                  if not name.startswith("etc/ssl")}
        assert others == wanted
        for name, member in members.items():
            assert member.uid == member.gid == (USER if name in own else 0)
            assert member.issym() or not member.mode & 0o6022, name
        assert binary[:4] == b"\x7fELF" and b"/ld-" not in binary[:4096]
        hashes = [n for n in members if re.fullmatch(
            r"etc/ssl/certs/[0-9a-f]{8}\.\d", n)]
        assert (len(hashes) > 50) == (program == "orthrus")


def test_archives_are_the_same_images(layout):
    """What "docker load" takes has the same configuration, to the byte."""
    ids = {m["config"]["digest"]: m for _, m in configurations(layout)}
    for arch in PLATFORMS:
        path = DIST / f"{layout.program}-{version()}-docker-{arch}.tar.gz"
        if not path.exists():
            continue
        with tarfile.open(path) as tar:
            (image,) = json.load(tar.extractfile("manifest.json"))
        assert "sha256:" + image["Config"].removesuffix(".json") in ids
        assert [tag.rpartition("/")[2] for tag in image["RepoTags"]] == [
            f"{layout.program}:{version()}", f"{layout.program}:latest"]
        assert path.read_bytes()[4:8] == bytes(4), "the time of a build"


# With an engine

def cannot_exec(house):
    """Why no command can be run in a container, as below chroot(2)."""
    done = house.docker("exec", "charon", "/charon", "--version",
                        check=False)
    return None if done.returncode == 0 else done.text.strip()[-200:]


@pytest.fixture(scope="module")
def house():
    if reason := missing():
        pytest.skip(reason)
    arch = own_arch()
    for program in PROGRAMS:
        archive(program, arch)
    house = House()
    try:
        try:
            house.start()
            house.docker("network", "create", "app")
        except (AssertionError, RuntimeError) as e:
            pytest.skip(f"no engine with networks here: {str(e)[-200:]}")
        os.chown(house.socket, 0, DOCKER_GROUP)
        house.image = house.load("charon", arch)
        house.run_charon(house.image)
        if why := cannot_exec(house):
            pytest.skip(f"docker exec does not work here: {why}")
        yield house
    finally:
        house.close()


def test_gateway_is_well(house):
    """By the image's own check, which its engine honours."""
    until("it is healthy", 60, lambda: house.health("charon") == "healthy")
    assert house.inspect(house.image)["Config"]["Healthcheck"]["Test"][-1] \
        == "status"
    assert house.charon("agent", "list") == ""


def test_gateway_by_compose(house):
    """contrib/compose-charon.yaml as it is, with its commands."""
    text = (ROOT / "contrib/compose-charon.yaml").read_text()
    project = Project(house, "gateway", text)
    up, add = [line.split()[2:] for line in
               comment_commands(text).splitlines()]
    try:
        project.run(*up)
        project.wait_healthy()
        assert project.run(*[add[0], "-T", *add[1:-1]], "web").startswith(
            "ch_orthrus_")
        assert "pending" in project.run("exec", "-T", "charon", "charon",
                                        "agent", "list")
    finally:
        project.down()


@pytest.fixture(scope="module")
def project(house):
    key = house.charon("agent", "add", "web-1")
    began = time.monotonic()
    house.load("orthrus", own_arch())
    project = Agent(house, key)
    project.run("up", "-d")
    house.online("web-1")
    print(f"from docker load to online: {time.monotonic() - began:.1f} s")
    yield project
    project.down()


def test_compose(house, project):
    """The printed file with this image, whose root is not writable."""
    assert project.image == f"orthrus:{version()}"
    project.wait_healthy()
    container = house.inspect(project.container())
    assert container["HostConfig"]["ReadonlyRootfs"] is True
    assert container["HostConfig"]["GroupAdd"] == [str(DOCKER_GROUP)]
    (project.path / "state/auth_key").unlink()
    project.run("restart")
    house.online("web-1")
    project.wait_healthy()


def docker_ps(house, agent="web-1"):
    """The names, through the gateway's endpoint."""
    path = f"{house.path('charon')}/agents/{agent}/docker.sock"
    done = house.docker("ps", "--format", "{{.Names}}",
                        host=f"unix://{path}", check=False)
    return done.stdout.split() if done.returncode == 0 else done.text


def test_docker_through_the_gateway(house, project):
    until("docker ps works", 30, lambda: "charon" in docker_ps(house))
    assert house.agent("web-1")["docker"]["shared"]


def fingerprint(house):
    return house.charon("fingerprint")


def test_gateway_restarts(house, project):
    """Its agents come back by themselves, to the same host key."""
    before = fingerprint(house)
    house.docker("restart", "-t", "10", "charon", timeout=60)
    house.online("web-1")
    until("docker ps works", 30, lambda: "charon" in docker_ps(house))
    assert fingerprint(house) == before
    until("it is healthy", 60, lambda: house.health("charon") == "healthy")


def newer(house, program):
    """The image, with a label more, as another one."""
    context = pathlib.Path(house.path(f"newer-{program}"))
    context.mkdir()
    (context / "Dockerfile").write_text(
        f"FROM {program}:{version()}\nLABEL newer=yes\n")
    house.docker("build", "-q", "-t", f"{program}:newer", context,
                 timeout=120)
    return f"{program}:newer"


def test_newer_gateway(house, project):
    """Over the same volume: its key and its agents are still there."""
    before = fingerprint(house)
    house.docker("rm", "-f", "charon")
    house.run_charon(newer(house, "charon"))
    house.online("web-1")
    assert fingerprint(house) == before


def test_newer_agent(house, project):
    """Compose makes another container, with the identity that there is."""
    image = newer(house, "orthrus")
    old = project.container()
    project.file.write_text(project.file.read_text().replace(
        f"image: {project.image}", f"image: {image}"))
    project.run("up", "-d")
    new = project.container()
    assert new != old
    assert house.inspect(new)["Config"]["Labels"]["newer"] == "yes"
    house.online("web-1")
    project.wait_healthy()


# docker run

def test_named_volume(house, project):
    """It becomes the image's user's; the key is in no container that stays."""
    key = house.charon("agent", "add", "web-2").strip()
    house.docker("run", "--rm", "--network", "app", *ALONE, "-v",
                 "web-2:/var/lib/orthrus", "-e", "AUTH_KEY",
                 f"orthrus:{version()}", "enroll", "--name", "web-2",
                 "--server", "charon:2222", env={"AUTH_KEY": key},
                 timeout=120)
    house.run_orthrus(f"orthrus:{version()}", "web-2", "-v",
                      "web-2:/var/lib/orthrus", "--group-add",
                      str(DOCKER_GROUP))
    house.online("web-2")
    until("it is healthy", 60, lambda: house.health("web-2") == "healthy")
    until("docker ps works", 30,
          lambda: "charon" in docker_ps(house, "web-2"))
    house.docker("stop", "-t", "10", "web-2", timeout=60)
    assert house.inspect("web-2")["State"]["ExitCode"] == 0


def test_other_user(house, project):
    """With a folder of that user's; without, it says what it lacks."""
    user = 12345
    state = house.folder("web-3", user)
    house.key(f"{state}/auth_key", house.charon("agent", "add", "web-3"),
              user)
    own = ["--user", f"{user}:{user}", "-e",
           "AUTH_KEY_FILE=/var/lib/orthrus/auth_key", "--group-add",
           str(DOCKER_GROUP)]
    house.run_orthrus(f"orthrus:{version()}", "web-3", *own, "-v",
                      f"{state}:/var/lib/orthrus", user=user)
    house.online("web-3")
    house.docker("rm", "-f", "web-3")
    house.run_orthrus(f"orthrus:{version()}", "web-3", *own, "-v",
                      "fresh:/var/lib/orthrus", user=user)
    assert house.docker("wait", "web-3", timeout=60).stdout.strip() != "0"
    assert "/var/lib/orthrus" in house.logs("web-3")
    assert "Permission denied" in house.logs("web-3")


def test_without_the_group(house, project):
    """The agent is there, and says why its Docker is not."""
    state = house.folder("web-4")
    house.key(f"{state}/auth_key", house.charon("agent", "add", "web-4"))
    house.run_orthrus(f"orthrus:{version()}", "web-4", "-v",
                      f"{state}:/var/lib/orthrus", "-e",
                      "AUTH_KEY_FILE=/var/lib/orthrus/auth_key")
    house.online("web-4")
    assert "charon" not in docker_ps(house, "web-4")
    trouble = until("it is told", 60,
                    lambda: house.agent("web-4")["docker"]["error"])
    assert "Permission denied" in trouble


def test_without_any_option(house, project):
    """Writable, and with the runtime directory of the image."""
    key = house.charon("agent", "add", "web-5").strip()
    house.docker("run", "-d", "--name", "web-5", "--network", "app", "-e",
                 "ORTHRUS_NAME=web-5", "-e", "CHARON_LINK=charon:2222",
                 "-e", f"AUTH_KEY={key}", "--health-interval", "1s",
                 f"orthrus:{version()}")
    house.online("web-5")
    until("it is healthy", 60, lambda: house.health("web-5") == "healthy")
    house.docker("restart", "-t", "10", "web-5", timeout=60)
    house.online("web-5")
    house.docker("rm", "-f", "-v", "web-5")


# TLS

def openssl(*args, folder):
    return subprocess.run(["openssl", *args], check=True, cwd=folder,
                          text=True, stderr=subprocess.DEVNULL,
                          stdout=subprocess.PIPE).stdout.strip()


def certificates(folder):
    """An authority and a certificate of it: the hash of the former."""
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt",
           "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    openssl(*new, "-keyout", "ca.key", "-out", "ca.pem", "-subj",
            "/CN=Test authority", folder=folder)
    openssl(*new, "-keyout", "key.pem", "-out", "cert.pem", "-subj",
            "/CN=secure", "-addext", "subjectAltName=DNS:secure", "-addext",
            "basicConstraints=critical,CA:FALSE", "-CA", "ca.pem", "-CAkey",
            "ca.key", folder=folder)
    for name in "cert.pem", "key.pem":
        os.chown(f"{folder}/{name}", USER, USER)
    return openssl("x509", "-hash", "-noout", "-in", "ca.pem", folder=folder)


def test_authorities(house, project):
    """They are looked for where the image has them: one more is found."""
    folder = house.folder("tls", 0, 0o755)
    name = certificates(folder)
    ini = pathlib.Path(folder, "charon.ini")
    ini.write_text("[tls]\nlisten = 0.0.0.0:4443\n"
                   "certificate = /etc/charon/cert.pem\n"
                   "key = /etc/charon/key.pem\n")
    house.run_charon(house.image, "secure", "secure",
                     ["-v", f"{folder}:/etc/charon:ro"])
    until("it is well", 60, lambda: house.docker(
        "exec", "secure", "/charon", "status", check=False).returncode == 0)
    key = house.charon("agent", "add", "web-6", gateway="secure").strip()
    enroll = ["--network", "app", "-e", f"AUTH_KEY={key}",
              f"orthrus:{version()}", "enroll", "--name", "web-6",
              "--server", "tls://secure:4443"]
    done = house.docker("run", "--rm", *enroll, check=False, timeout=120)
    assert done.returncode == 77, done.text
    house.docker("run", "--rm", "-v",
                 f"{folder}/ca.pem:/etc/ssl/certs/{name}.0:ro", *enroll,
                 timeout=120)


# Other machines

@pytest.mark.parametrize("arch", sorted(EMULATORS))
def test_other_machine(house, project, arch):
    """Both images, by an emulator that is put into their containers."""
    emulator = shutil.which(EMULATORS[arch])
    if emulator is None:
        pytest.skip(f"{EMULATORS[arch]} is missing")
    images = {p: house.load(p, arch) for p in PROGRAMS}
    for program in PROGRAMS:		# the tags of before
        house.docker("tag", f"{program}:{own_arch()}",
                     f"{program}:{version()}")
    inside = ["-v", f"{emulator}:/emulator:ro", "--entrypoint", "/emulator",
              "--platform", "linux/" + PLATFORMS[arch][0]]
    gateway = f"charon-{arch}"
    house.run_charon(images["charon"], gateway, gateway, inside,
                     ["/usr/local/bin/charon", "serve"])

    def charon(*args):
        return house.docker("exec", gateway, "/emulator",
                            "/usr/local/bin/charon", *args, check=False,
                            timeout=60)
    until("it runs", 120, lambda: charon("status").returncode == 0, 0.5)
    key = charon("agent", "add", arch).stdout
    state = house.folder(arch)
    house.key(f"{state}/auth_key", key)
    house.run_orthrus(images["orthrus"], arch, "-v",
                      f"{state}:/var/lib/orthrus", "--group-add",
                      str(DOCKER_GROUP), "-e",
                      "AUTH_KEY_FILE=/var/lib/orthrus/auth_key", *inside,
                      gateway=gateway,
                      entry=["/usr/local/bin/orthrus", "connect"])
    until("it is online", 120, lambda: json.loads(charon(
        "agent", "show", arch, "--json").stdout)["status"] == "online", 0.5)
    done = house.docker("exec", arch, "/emulator", "/usr/local/bin/orthrus",
                        "status", "--wait", "60s", timeout=120)
    assert arch in done.stdout
