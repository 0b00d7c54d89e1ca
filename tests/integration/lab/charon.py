# SPDX-License-Identifier: ISC
"""A laboratory's own charon: its state, its agents and clients."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

from lab import harness
from lab.harness import SANITIZERS
from lab.system import DIES_WITH_US, free_port, keygen, until

CHARON = os.path.abspath(os.environ.get(
    "CHARON", os.path.join(os.path.dirname(harness.ORTHRUS), "charon")))


class Charon:
    """A running gateway with its own state, port and sockets."""

    def __init__(self, lab, name="charon", start=True, port=None,
                 program=CHARON, **sections):
        if not os.access(program, os.X_OK):
            pytest.skip("this build has no charon")
        self.lab, self.name, self.program = lab, name, program
        self.port = port or free_port()
        self.state = lab.path(f"{name}-s")
        self.runtime = lab.volatile(f"{name}-r")
        for folder in (self.state, self.runtime):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        self.sections = {"charon": {"user": "root"}, "ssh": {"listen": f"127.0.0.1:{self.port}"},
                         "state": {"directory": self.state,
                                   "runtime": self.runtime},
                         "log": {"level": "debug"}}
        for section, keys in sections.items():
            self.sections.setdefault(section, {}).update(keys)
        self.configure()
        self.log_path = lab.path(f"{name}.log")
        self.process = None
        if start:
            self.start()

    def configure(self):
        text = "".join(f"[{section}]\n" + "".join(
            f"{k} = {v}\n" for k, v in keys.items())
            for section, keys in self.sections.items())
        self.config = self.lab.write(f"{self.name}.ini", text)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    def start(self, before=()):
        """Listens; before is a command that runs what follows it."""
        assert self.process is None
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                DIES_WITH_US + [*before, self.program, "serve", "--config",
                                self.config],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.lab.environment(), cwd=self.lab.dir,
                start_new_session=True)
        until("charon listens", 20, self._answers)
        return self

    def _answers(self):
        assert self.process.poll() is None, f"charon ended:\n{self.log()}"
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                return s.recv(8).startswith(b"SSH-2.0-")
        except OSError:
            return False

    def reload(self, expected="configuration reloaded", **sections):
        """Changes the file, and waits until it says that of it."""
        for section, keys in sections.items():
            self.sections.setdefault(section, {}).update(keys)
        self.configure()
        before = self.log().count(expected)
        self.process.send_signal(signal.SIGHUP)
        until(f"it says: {expected}", 10,
              lambda: self.log().count(expected) > before)

    def run(self, *args, timeout=60, check=0):
        """One charon command to its end; .text is all it said."""
        done = subprocess.run(
            DIES_WITH_US + [self.program, *map(str, args)], capture_output=True,
            text=True, stdin=subprocess.DEVNULL, timeout=timeout,
            env=self.lab.environment({"CHARON_CONFIG": self.config}),
            cwd=self.lab.dir)
        done.text = done.stdout + done.stderr
        assert not any(s in done.text for s in SANITIZERS), done.text
        assert check is None or done.returncode == check, done.text
        return done

    def add_agent(self, name):
        """Registers an agent and returns its AUTH_KEY."""
        return self.run("agent", "add", name).stdout.strip()

    def add_client(self, name, allow, key=None):
        """With key (a path) nothing, else the client's AUTH_KEY."""
        more = ["--key", key] if key else []
        return self.run("client", "add", name, "--allow", allow,
                        *more).stdout.strip()

    def agents(self):
        listed = json.loads(self.run("agent", "list", "--json").stdout)
        return {a["name"]: a for a in listed}

    def status(self, name):
        return self.agents()[name]["status"]

    def wait_status(self, name, wanted, seconds=20):
        until(f"{name} is {wanted}", seconds,
              lambda: self.status(name) == wanted, every=0.05)

    def socket(self, agent, what="docker"):
        return os.path.join(self.runtime, "agents", agent, f"{what}.sock")

    def agent(self, name, *options, key=None, wait=20, user=None, env=None,
              state=None, socks5="off", level="debug", **how):
        """An orthrus that enrols (with key) and connects."""
        state = state or self.lab.path(f"state-{name}")
        os.makedirs(state, mode=0o700, exist_ok=True)
        env = {"STATE_DIRECTORY": state, **(env or {})}
        if key:
            env["AUTH_KEY"] = key
        control = how.pop("control", self.lab.path(f"{name}.sock"))
        argv = [*how.pop("before", []), how.pop("program", harness.ORTHRUS), "connect", "--name", name, "--server",
                how.pop("server", self.address), "--log-level", level, "--control", control,
                "--socks5", socks5, *map(str, options)]
        where = None
        if socks5 != "off":
            host, _, port = socks5.rpartition(":")
            where = (host or "127.0.0.1", int(port))
        agent = self.lab.own(harness.Orthrus(
            self.lab, argv, self.lab.environment(env), control, where))
        return agent.wait_ready(wait) if wait else agent

    def ssh_client(self, name, allow):
        """A stock client with a key of its own; returns its ssh config."""
        key = self.lab.path(f"key-{name}")
        if not os.path.exists(key):
            keygen(pathlib.Path(key))
            self.add_client(name, allow, key + ".pub")
        return self.lab.write(f"ssh-{name}", f"""Host *
 HostName 127.0.0.1
 Port {self.port}
 User {name}
 IdentityFile {key}
 IdentitiesOnly yes
 StrictHostKeyChecking no
 UserKnownHostsFile /dev/null
 BatchMode yes
 LogLevel ERROR
 ExitOnForwardFailure yes
""")

    @property
    def first_cipher(self):
        """AES-GCM where libssh's may be trusted, see selftest.c."""
        return "chacha20-poly1305@openssh.com" \
            if "accepts forged packets" in self.log() \
            else "aes256-gcm@openssh.com"

    def log(self):
        return pathlib.Path(self.log_path).read_text(errors="replace")

    def memory(self, field="RssAnon"):
        for line in open(f"/proc/{self.pid}/status"):
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        raise KeyError(field)

    def cpu(self):
        """Seconds of processor time so far."""
        with open(f"/proc/{self.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        """At once, as by a power cut of the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self, seconds=15):
        """SIGTERM; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        self.process = None
        return code

    def close(self):
        assert not harness.held(self.log()), harness.held(self.log())
        if self.process is None:
            return
        ended = self.process.poll()
        started = time.monotonic()
        code = self.stop() if ended is None else ended
        log = self.log()
        assert not any(s in log for s in SANITIZERS), log
        assert ended is None, f"charon ended with {ended}:\n{log}"
        assert code == 0, f"SIGTERM gave exit code {code}:\n{log}"
        assert time.monotonic() - started < 12
