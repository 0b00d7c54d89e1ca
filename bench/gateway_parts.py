# SPDX-License-Identifier: ISC
"""What bench/gateway puts together: many agents in one process, those who
look for one of them, idle sessions, and an agent with a Docker engine."""

import contextlib
import json
import os
import pathlib
import resource
import socket
import statistics
import subprocess
import time

import muzzle_parts
from contenders import Ssh, listens
from lab.system import DIES_WITH_US, free_port, until
from tools import NotMeasured, Process, json_of, pss_of

PORT = 9100			# that every agent exposes
ANSWER = b"ok\n"
REQUESTS = 30			# in a row
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


class Fleet:
    """bench/agents: registers agents at a charon, then connects the first n."""

    def __init__(self, lab, program, server, n, registered=0, exposes=True):
        folder = pathlib.Path(lab.path(f"keys-{server.name}"))
        folder.mkdir(mode=0o700)
        self.log = open(lab.path(f"agents-{server.name}.log"), "w+b")
        self.process = subprocess.Popen(
            [*DIES_WITH_US, program, "-w", "-c", server.config, "-d", folder,
             "-n", str(n), "-m", str(registered),
             *([] if exposes else ["-D"])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            env=lab.environment(), start_new_session=True)
        self.pid = self.process.pid
        lab.own(self)
        self.line()

    def line(self):
        """The next object that it prints."""
        text = self.process.stdout.readline()
        if not text:
            self.log.seek(0)
            said = self.log.read().decode(errors="replace").strip()
            raise NotMeasured(f"bench/agents ended: {said}")
        return json.loads(text)

    def connect(self):
        """Until all are online; how long that took."""
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        found = self.line()
        if found["failed"]:
            self.log.seek(0)
            raise NotMeasured(f"{found['failed']} agents failed: "
                              f"{self.log.readline().decode().strip()}")
        return found

    def end(self):
        """Disconnects them all; what happened since they were online."""
        self.process.stdin.close()
        found = self.line()
        self.process.wait(30)
        return found

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.log.close()


def may_open(descriptors):
    return descriptors + 200 < resource.getrlimit(resource.RLIMIT_NOFILE)[1]


class Seeker:
    """A client that may reach every agent, by ssh."""

    def __init__(self, lab, gateway, agent):
        self.lab, self.gateway, self.agent = lab, gateway, agent
        self.config = gateway.ssh_client(f"seeker-{gateway.name}",
                                         f"{agent}:*")
        self.via = free_port()
        self.to = f"{agent}.orthrus:{PORT}"
        log = lab.path(f"seeker-{gateway.name}.log")
        self.ssh = lab.own(Process(
            [*DIES_WITH_US, "ssh", "-F", self.config, "-N", "-L",
             f"127.0.0.1:{self.via}:{self.to}", "gateway"],
            log=open(log, "wb"), env=lab.environment(), cwd=lab.dir))
        until("ssh listens", 20, lambda: listens(self.via) or
              not self.ssh.running())
        if not self.ssh.running():
            raise NotMeasured(f"ssh ended: {open(log).read()}")

    def login(self):
        """Seconds for a login, a channel to the agent and its answer."""
        began = time.perf_counter()
        done = subprocess.run(
            ["ssh", "-F", self.config, "-W", self.to, "gateway"],
            input=REQUEST, stdout=subprocess.PIPE, timeout=30,
            env=self.lab.environment(), cwd=self.lab.dir)
        took = time.perf_counter() - began
        if not done.stdout.endswith(ANSWER):
            raise NotMeasured(f"ssh -W: no answer from {self.agent}")
        return took

    def request(self):
        """The same within a session that is there: the median of many."""
        return statistics.median(self.one_request() for _ in range(REQUESTS))

    def one_request(self):
        began = time.perf_counter()
        with socket.create_connection(("127.0.0.1", self.via), 10) as s:
            s.sendall(REQUEST)
            got = b""
            while more := s.recv(4096):
                got += more
        if not got.endswith(ANSWER):
            raise NotMeasured(f"no answer from {self.agent}")
        return time.perf_counter() - began

    def api(self):
        """"GET /api/v1/agents/NAME": the median of many."""
        path = os.path.join(self.gateway.runtime, "http.sock")
        return statistics.median(self.one_get(path) for _ in range(REQUESTS))

    def one_get(self, path):
        began = time.perf_counter()
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            s.sendall(f"GET /api/v1/agents/{self.agent} HTTP/1.0\r\n"
                      "Host: localhost\r\n\r\n".encode())
            got = b""
            while more := s.recv(65536):
                got += more
        if b" 200 " not in got.partition(b"\r\n")[0]:
            raise NotMeasured(f"the API: {got[:60]!r}")
        return time.perf_counter() - began

    def show(self):
        """"charon agent show", by a process of its own."""
        began = time.perf_counter()
        self.gateway.run("agent", "show", self.agent)
        return time.perf_counter() - began


def idle_sessions(lab, server, count):
    """KiB that each of so many idle sessions of ssh costs the server; the
    first ones, which find it cold, do not count."""
    def open_some(n):
        tunnels = [Ssh().start(lab, server.port) for _ in range(n)]
        time.sleep(1)		# what a login needs is given back
        return pss_of(server.pids(), "Pss_Anon"), tunnels

    before, _ = open_some(2)
    after, _ = open_some(count)
    return (after - before) / count


# What is asked for, and whether by a new connection for each.
DOCKER_REQUESTS = (
    ("_ping", "/_ping", False),
    ("list", "/v1.41/containers/json?all=1", False),
    ("inspect", f"/v1.41/containers/{muzzle_parts.NAME}/json", False),
    ("_ping, new connections", "/_ping", True))


class DockerDoors:
    """An orthrus whose engine is the stand-in, and the two ways that lead
    there at the gateway."""

    def __init__(self, lab, tools, seconds):
        self.tools, self.seconds = tools, seconds
        self.charon = lab.charon()
        engine = muzzle_parts.StandIn(tools).start(lab)
        self.charon.agent("web-1", f"--docker={engine.path}",
                          key=self.charon.add_agent("web-1"),
                          level="warn")
        self.paths = {
            "docker.sock": (self.charon.socket("web-1"), ""),
            "HTTP API": (os.path.join(self.charon.runtime, "http.sock"),
                         "/api/v1/agents/web-1/docker")}
        for path, prefix in self.paths.values():
            until("the engine answers", 20, lambda: muzzle_parts.get(
                path, f"{prefix}/_ping")[0] == 200)

    def load(self, door, target, renew, count):
        path, prefix = self.paths[door]
        return json_of(
            [str(self.tools.folder / "muzzle_load"), "-u", path, "-n",
             str(count), "-s", str(self.seconds), "-w", "0.2", "-p",
             str(self.charon.pid), *(["-r"] if renew else []),
             prefix + target], 60)

    def ask(self, door, request):
        """What one request costs, alone and among others."""
        _, target, renew = request
        many = self.load(door, target, renew, 16)
        return {"per_second": many["per_second"], "cpu_us": many["cpu_us"],
                "p50_us": self.load(door, target, renew, 1)["p50_us"]}
