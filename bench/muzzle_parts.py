# SPDX-License-Identifier: ISC
"""The engines and the filters that bench/muzzle puts together."""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess

from peer import GoPeer
from lab.system import DIES_WITH_US, until
from tools import SOURCE, NotMeasured, Process, said_by

# What dockerd writes outside its folders goes to the mounts made here.
IN_NAMESPACE = """
for folder in /run /opt /etc/docker; do
	[ ! -d $folder ] || mount -t tmpfs none $folder || exit
done
exec "$@"
"""
NAME = "web"
OTHERS = 9			# containers beside it
SECRET = b"correct-horse-battery-staple"
ENVIRONMENT = [f"SETTING_{i}=value-of-setting-{i}" for i in range(10)] + \
    [f"DATABASE_PASSWORD={SECRET.decode()}"]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("docker", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def get(path, target):
    """The status and the body of one request."""
    with contextlib.closing(UnixConnection(path)) as connection:
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, answer.read()


def pings(path):
    with contextlib.suppress(OSError, http.client.HTTPException):
        return get(path, "/_ping")[0] == 200
    return False


class Server:
    """Something with a Unix socket, until the Lab closes."""

    def __init__(self, lab, name, path, argv, **how):
        self.path, self.log = path, lab.path(f"{name}.log")
        with open(self.log, "wb") as log:
            self.process = lab.own(Process(
                [*DIES_WITH_US, *map(str, argv)], log=how.pop("log", log),
                cwd=lab.dir, **how))
        try:
            until(f"{name} answers", 30,
                  lambda: pings(path) or not self.process.running())
        except AssertionError as e:
            raise NotMeasured(f"{e}: {self.said()}") from None
        if not self.process.running():
            raise NotMeasured(f"{name} ended: {self.said()}")

    @property
    def pid(self):
        return self.process.pid

    def said(self):
        return pathlib.Path(self.log).read_text(errors="replace")


class Bare:
    """No filter at all."""
    name = "bare"

    def version(self):
        return None

    def start(self, lab, engine):
        return engine.path, []


class Filter:
    """A program that stands between the clients and an engine."""
    name = ""

    def start(self, lab, engine):
        """Its socket, and the processes whose CPU time is its own."""
        path = lab.path(f"{self.name}.sock")
        server = Server(lab, self.name, path, self.argv(path, engine.path),
                        env=lab.environment(self.environment(path, engine)),
                        **self.how())
        return path, [server.pid]

    def environment(self, path, engine):
        return {}

    def how(self):
        return {}


class Muzzle(Filter):
    name = "orthrus"

    def __init__(self, program):
        self.program = program

    def version(self):
        return said_by(self.program, "--version")

    def argv(self, path, engine):
        return [self.program, "muzzle", "--listen", path, "--docker", engine]


class Haproxy(Filter):
    name = "haproxy"
    more = {}

    def version(self):
        return " ".join(said_by("haproxy", "-v").split()[:3])

    def argv(self, path, engine):
        program = shutil.which("haproxy")
        if not program:
            raise NotMeasured("not installed (contrib/deps.sh bench)")
        return [program, "-db", "-f", SOURCE / "muzzle-haproxy.cfg"]

    def environment(self, path, engine):
        on = {section: "1" for section in (
            "CONTAINERS", "EVENTS", "IMAGES", "INFO", "NETWORKS", "PING",
            "SYSTEM", "VERSION", "VOLUMES")}
        return {"LISTEN": path, "ENGINE": engine.path, **on, **self.more}

    def how(self):
        """What it logs costs the program, not the disk."""
        return {"log": subprocess.DEVNULL}


class HaproxyReuse(Haproxy):
    name = "reuse"
    more = {"REUSE": "1"}

    def version(self):
        return None


class SocketProxy(Filter, GoPeer):
    """The other one that people use, where the Go module proxy has it."""
    name = "socket-proxy"
    packages = ("github.com/wollomatic/socket-proxy",)

    def argv(self, path, engine):
        if self.reason:
            raise NotMeasured(self.reason)
        return [self.path("socket-proxy"), "-loglevel=error",
                f"-socketpath={engine}", f"-proxysocketendpoint={path}",
                r"-allowGET=(/v1\.[0-9]+)?/(_ping|version|containers/.*)"]


class StandIn:
    """Fixed answers from muzzle_engine: what is left is the filter's cost."""
    name = "stand-in"

    def __init__(self, tools):
        self.program = tools.folder / "muzzle_engine"

    def version(self):
        return None

    def start(self, lab):
        path = lab.path("engine.sock")
        bodies = {
            "/_ping": "OK",
            "/containers/json": compact([summary(i)
                                         for i in range(OTHERS + 1)]),
            f"/containers/{NAME}/json": compact(details())}
        routes = [f"{route}=" + lab.write(f"answer-{i}", bodies[route])
                  for i, route in enumerate(bodies)]
        return Server(lab, "stand-in", path, [self.program, path, *routes])


def compact(document):
    return json.dumps(document, separators=(",", ":")) + "\n"


def summary(i):
    """One line of "docker ps -a", of the size that dockerd gives it."""
    return {"Id": f"{i:064x}", "Names": [f"/container-{i}"],
            "Image": "registry.example.org/team/application:1.2.3",
            "ImageID": f"sha256:{i:064x}", "Command": "/bin/sh -c 'serve'",
            "Created": 1700000000 + i, "Ports": [], "Labels": {},
            "State": "running", "Status": "Up 3 days",
            "HostConfig": {"NetworkMode": "default"},
            "NetworkSettings": {"Networks": {"bridge": network(i)}},
            "Mounts": []}


def network(i):
    return {"IPAMConfig": None, "Links": None, "Aliases": None,
            "NetworkID": f"{i:064x}", "EndpointID": f"{i:064x}",
            "Gateway": "172.17.0.1", "IPAddress": f"172.17.0.{i + 2}",
            "IPPrefixLen": 16, "IPv6Gateway": "", "GlobalIPv6Address": "",
            "GlobalIPv6PrefixLen": 0, "MacAddress": "02:42:ac:11:00:02",
            "DriverOpts": None}


def details():
    """What dockerd 20.10 said of such a container."""
    with open(SOURCE / "muzzle-inspect.json") as f:
        found = json.load(f)
    found["Config"]["Env"] = ENVIRONMENT
    return found


class Dockerd:
    """A real engine with its own folder, in namespaces that end with it."""
    name = "dockerd"

    def version(self):
        said = said_by("dockerd", "--version")
        return " ".join(said.replace(",", "").split()[:3]).replace(
            "Docker version", "dockerd")

    def start(self, lab):
        for program in ("dockerd", "docker", "unshare"):
            if not shutil.which(program):
                raise NotMeasured(f"{program} is not installed "
                                  "(contrib/deps.sh bench)")
        path = lab.path("engine.sock")
        server = Server(
            lab, "dockerd", path,
            ["unshare", "--mount", "--net", "--pid", "--fork",
             "--kill-child", "--mount-proc", "sh", "-c", IN_NAMESPACE, "sh",
             "dockerd", "-H", f"unix://{path}", "--log-level", "error",
             "--config-file", lab.write("daemon.json", "{}"),
             "--data-root", lab.path("root"), "--exec-root",
             lab.path("exec"), "-p", lab.path("dockerd.pid"),
             "--bridge=none", "--iptables=false", "--ip6tables=false",
             "--ip-forward=false", "--storage-driver=vfs"],
            env={**lab.environment(), "PATH": os.environ["PATH"]})
        lab.own(Killed(server))
        self.fill(lab, path)
        return server

    def fill(self, lab, path):
        """Containers that are not started: no cgroups, nothing to end."""
        image = lab.path("image.tar")
        subprocess.run(["tar", "-C", lab.dir, "-cf", image, "daemon.json"],
                       check=True)
        options = [word for e in ENVIRONMENT for word in ("-e", e)] + \
            ["--network", "none"]
        self.cli(lab, path, "import", image, "bench:1")
        for name in [NAME] + [f"other-{i}" for i in range(OTHERS)]:
            self.cli(lab, path, "create", "--name", name, *options,
                     "bench:1", "/bin/sleep", "1000000")

    def cli(self, lab, path, *words):
        done = subprocess.run(
            ["docker", "-H", f"unix://{path}", *words], text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
            env=lab.environment())
        if done.returncode != 0:
            raise NotMeasured(f"docker {words[0]}: {done.stderr.strip()}")


class Killed:
    """Ends a process that takes no SIGTERM, as "unshare" does; the kernel
    then ends and unmounts all that is in its namespaces."""

    def __init__(self, server):
        self.process = server.process.process

    def close(self):
        self.process.kill()
        self.process.wait()
