# SPDX-License-Identifier: ISC
"""The ways in to a filtered Docker engine, and what comes out of them."""

import contextlib
import json
import re
import socket
import subprocess
import threading

from lab import docker_engine, openssh
from lab.charon import Charon
from lab.harness import ORTHRUS, Orthrus, needs_remote_unix
from lab.system import DIES_WITH_US, free_port, until

ALONE = ["alone-unix", "alone-port"]
SSHD = ["sshd-unix", "sshd-port", "sshd-auto"]
# Through a gateway, which has a Muzzle of its own: behind "charon-raw" there
# is no other one, for that agent is a plain ssh.
CHARON = ["charon-unix", "charon-port", "charon-raw"]


class Door:
    """An orthrus before an engine's socket; way says how one gets to it."""

    def __init__(self, lab, way, engine_socket, *options, sshd=None):
        self.lab, self.way, self.sshd, self.charon = lab, way, None, None
        self.engine_socket = engine_socket
        self.address = ("127.0.0.1", free_port()) if way.endswith("port") \
            else lab.path(f"docker-{len(lab.things)}.sock")
        if way in ALONE:
            self._alone(options)
        elif way in CHARON:
            self._at_charon(options)
        else:
            self._through(sshd or lab.sshd(), options)

    def _alone(self, options):
        self.orthrus = self.lab.own(Orthrus(
            self.lab, [ORTHRUS, "muzzle", "--listen", self.listen,
                       "--docker", self.engine_socket, *options],
            self.lab.environment(), None, None))
        until("it listens", 20, self._listens)

    def _listens(self):
        assert self.orthrus.running(), self.log()
        with contextlib.suppress(OSError):
            self.lab.connect(self.address).close()
            return True
        return False

    def _through(self, sshd, options):
        self.sshd = sshd
        if isinstance(self.address, str):
            needs_remote_unix(["-R", self.address])
        remote = "auto" if self.way == "sshd-auto" else self.listen
        self.orthrus = self.lab.orthrus(
            sshd, f"--docker={self.engine_socket}", "--docker-remote",
            remote, *options, socks5="off")
        if remote == "auto":
            self.address = ("127.0.0.1", self.chosen_port())

    def _at_charon(self, options):
        self.charon = self.lab.own(Charon(
            self.lab, f"charon-{len(self.lab.things)}",
            agents={"docker_tcp": "yes"}))
        state = self.lab.path(f"state-{self.charon.name}")
        if self.way == "charon-raw":
            config = openssh.enrolled(self.lab, self.charon, "a1", state)
            self.orthrus = openssh.Ssh(
                self.lab, config, "-N", "-R",
                f"/a1/docker.sock:{self.engine_socket}")
        else:
            self.orthrus = self.charon.agent(
                "a1", f"--docker={self.engine_socket}", *options,
                key=self.charon.add_agent("a1"), state=state,
                control=self.lab.path(f"control-{self.charon.name}"))
        self.charon.wait_status("a1", "online")
        shown = json.loads(self.charon.run("agent", "show", "a1",
                                           "--json").stdout)
        self.address = self.charon.socket("a1")
        assert self.address in json.dumps(shown)
        if self.way == "charon-port":
            found = re.findall(r"Docker at tcp://127\.0\.0\.1:(\d+)",
                               self.charon.log())
            self.address = ("127.0.0.1", int(found[-1]))

    def chosen_port(self):
        remote = self.orthrus.status()["docker"]["remote"]
        found = re.search(r":(\d+)$", remote)
        assert found and int(found[1]) > 0, remote
        return int(found[1])

    @property
    def listen(self):
        """As an orthrus ADDRESS."""
        return self.address if isinstance(self.address, str) else \
            str(self.address[1])

    @property
    def host(self):
        """As DOCKER_HOST."""
        return "unix://" + self.address if isinstance(self.address, str) \
            else "tcp://%s:%d" % self.address

    def log(self):
        return self.orthrus.log() + \
            (self.charon.log() if self.way in CHARON else "")

    def docker(self, *args, **how):
        return docker_engine.docker(self.host, *args, **how)

    def http(self):
        return self.lab.own(docker_engine.UnixHTTP(self.address))

    def get(self, target, method="GET", http=None):
        """(status, body, headers)."""
        http = http or self.http()
        http.request(method, target)
        answer = http.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())

    def stream(self, target):
        """A socket on which a stream's head has come."""
        conn = self.lab.connect(self.address)
        conn.sendall(f"GET {target} HTTP/1.1\r\nHost: docker\r\n\r\n"
                     .encode())
        head = b""
        while b"\r\n\r\n" not in head:
            part = conn.recv(65536)
            assert part, f"the end, after {head!r}"
            head += part
        assert head.startswith(b"HTTP/1.1 200 "), head
        return conn


class Recorder:
    """Passes a door on, and keeps every byte that came out of it."""

    def __init__(self, lab, address):
        self.address = address
        self.parts = []
        self.target = lab.serve(self._serve, "unix")
        self.host = "unix://" + self.target.path

    def _serve(self, conn, target):
        to = socket.create_connection(self.address) \
            if not isinstance(self.address, str) \
            else socket.socket(socket.AF_UNIX)
        with to:
            if isinstance(self.address, str):
                to.connect(self.address)
            answers = []
            self.parts.append(answers)
            back = threading.Thread(target=self._back,
                                    args=(to, conn, answers), daemon=True)
            back.start()
            with contextlib.suppress(OSError):
                while data := conn.recv(65536):
                    to.sendall(data)
            # The Docker CLI never half-closes: it has gone.
            with contextlib.suppress(OSError):
                to.shutdown(socket.SHUT_RDWR)
            back.join(5)

    @staticmethod
    def _back(to, conn, answers):
        with contextlib.suppress(OSError):
            while data := to.recv(65536):
                answers.append(data)
                conn.sendall(data)
        with contextlib.suppress(OSError):
            conn.shutdown(socket.SHUT_WR)

    def found(self, secrets):
        """Which of the secrets are in what came, chunks or not."""
        return found(b"\0".join(b"".join(p) for p in self.parts), secrets)

    def size(self):
        return sum(len(data) for part in self.parts for data in part)


def found(data, secrets):
    """Which of these can be read in data, were it chunked or not."""
    joined = re.sub(rb"\r\n[0-9a-f]+\r\n", b"", data)
    return [s for s in secrets if s.encode() in data or s.encode() in joined]


class Follower:
    """A command of the CLI that does not end by itself."""

    def __init__(self, lab, host, *args):
        self.path = lab.path(f"follower-{len(lab.things)}.out")
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen(
                [*DIES_WITH_US, docker_engine.DOCKER, *args],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=docker_engine.docker_env(host))
        lab.own(self)

    def said(self):
        with open(self.path, errors="replace") as f:
            return f.read()

    def close(self):
        self.process.kill()
        self.process.wait()


def redacted(value, key=None, above=None):
    """A document of the bare engine as it should come out of a door."""
    if key == "Env" and isinstance(value, list):
        return [re.sub("(?s)=.*", "=***", v) for v in value]
    if key == "o" and above in ("Options", "DriverOpts"):
        return "***"
    if isinstance(value, list):
        return [redacted(v, key, above) for v in value]
    if isinstance(value, dict):
        return {k: redacted(v, k, key) for k, v in value.items()}
    return value


# What is not the same a moment later; and what is masked in part, as seen
# in the tests of redaction.
VARYING = {"SystemTime", "Status", "NFd", "NGoroutines", "NEventsListener",
           "CreatedBy", "read", "preread"}


def steady(value):
    """A document without what varies; an engine's lists have no order."""
    if isinstance(value, list):
        return sorted((steady(v) for v in value), key=repr)
    if isinstance(value, dict):
        value = {k: steady(v) for k, v in value.items() if k not in VARYING}
        if isinstance(value.get("ContainerConfig"), dict):
            value["ContainerConfig"].pop("Cmd", None)
    return value


def same(bare, filtered):
    """Is the one what the other should become?  Texts of the CLI or JSON."""
    with contextlib.suppress(ValueError):
        return steady(redacted(json.loads(bare))) == \
            steady(json.loads(filtered))
    return plain(bare) == plain(filtered)


def plain(text):
    """Its words without what the time of day changes, nor their order."""
    text = re.sub(r"(About an? \w+|Less than a second|\d+ \w+?s?)( ago)",
                  "then", text)
    text = re.sub(r"Up (About an? \w+|Less than a second|\d+ \w+)", "Up",
                  text)
    return sorted(text.split())
