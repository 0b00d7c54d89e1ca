# SPDX-License-Identifier: ISC
"""A laboratory for one test: its own folder, keys, ports, sshd and orthrus.

Everything a test starts is owned by its Lab and is gone when the Lab closes,
whether the test passed or not.
"""

import contextlib
import functools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from lab.system import (DIES_WITH_US, alive, children, descriptors,
                        fingerprint, free_port, send_signal, until)
from lab.targets import Target

ORTHRUS = os.path.abspath(os.environ.get("ORTHRUS", "./orthrus"))
SSHD = "/usr/sbin/sshd"
SANITIZERS = ("AddressSanitizer", "LeakSanitizer", "runtime error:",
              "MemorySanitizer", "ThreadSanitizer", "==ERROR")


@functools.cache
def built_with_asan():
    with open(ORTHRUS, "rb") as f:
        return b"__asan_init" in f.read()


@functools.cache
def built_with_seccomp():
    with open(ORTHRUS, "rb") as f:
        return b"this build has no seccomp" not in f.read()


def held(log):
    """
    The lines of the loop's watch that tell of more than 50 ms of our own
    processor time: others had to wait.  A busy machine makes none of these.
    """
    return [] if built_with_asan() else re.findall(
        r"warn[^\n]*the loop was held for .*", log)


def needs_remote_unix(options):
    """Skips a test with -R on a Unix socket where the build has none."""
    if any(option == "-R" and str(spec).startswith("/")
           for option, spec in zip(options, options[1:])):
        said = subprocess.run([ORTHRUS, "--version"], capture_output=True,
                              text=True).stdout
        if "no remote Unix sockets" in said:
            pytest.skip("this build has no remote Unix sockets")


@functools.cache
def penalties():
    """
    sshd from 9.8 on shuts out an address for a while whose clients fail or
    go without a login: here all have the same, and the first is our probe.
    """
    said = subprocess.run(["ssh", "-V"], capture_output=True, text=True)
    version = re.search(r"OpenSSH_(\d+)\.(\d+)", said.stderr)
    return {"PerSourcePenalties": "no"} \
        if tuple(map(int, version.groups())) >= (9, 8) else {}


class Sshd:
    """A real OpenSSH server on its own port, with its own keys and log."""

    def __init__(self, lab, mounts=None, **settings):
        self.lab = lab
        self.port = free_port()
        self.host_key = settings.pop("HostKey", lab.host_key)
        self.authorized = lab.path("authorized_keys")
        if not os.path.exists(self.authorized):
            shutil.copy(lab.identity + ".pub", self.authorized)
        self.log_path = lab.path(f"sshd-{self.port}.log")
        self.settings = {
            "ListenAddress": f"127.0.0.1:{self.port}",
            "HostKey": self.host_key, "PidFile": "none", "UsePAM": "no",
            "StrictModes": "no", "PermitRootLogin": "prohibit-password",
            "AuthorizedKeysFile": self.authorized,
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no", "LogLevel": "VERBOSE",
            "AllowTcpForwarding": "yes", "GatewayPorts": "clientspecified",
            "AllowStreamLocalForwarding": "yes",
            "StreamLocalBindUnlink": "yes", "MaxStartups": "2000",
            "MaxSessions": "1000", "PrintMotd": "no", "UseDNS": "no",
            **penalties(), **settings}
        self.mounts = mounts or {}
        self.process = None
        self.start()
        until("it is done with our probe", 20, lambda: not self.sessions())

    def start(self):
        """Starts it, also again on the same port after stop()."""
        assert self.process is None
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self.settings["HostKey"] = self.host_key
        config = self.lab.path(f"sshd-{self.port}.config")
        with open(config, "w") as f:
            f.writelines(f"{k} {v}\n" for k, v in self.settings.items())
        command = [SSHD, "-D", "-e", "-f", config]
        if self.mounts:
            binds = "".join(f"mount --bind {new} {old} && "
                            for old, new in self.mounts.items())
            command = ["unshare", "-m", "sh", "-c",
                       binds + 'exec "$@"', "sh", *command]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                DIES_WITH_US + command, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True)
        until("sshd listens", 20, self._answers)

    def _answers(self):
        assert self.process.poll() is None, f"sshd ended:\n{self.log()}"
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                return s.recv(8).startswith(b"SSH-2.0-")
        return False

    @property
    def fingerprint(self):
        return fingerprint(self.host_key + ".pub")

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def log(self):
        return pathlib.Path(self.log_path).read_text(errors="replace")

    def sessions(self):
        """The processes of all sessions: a monitor and more for each."""
        return children(self.process.pid)

    def kill_sessions(self):
        """Kills every session, not the listener; returns how many."""
        pids = self.sessions()
        send_signal(pids, signal.SIGKILL)
        until("the sessions are gone", 10,
              lambda: not any(alive(p) for p in pids), every=0.01)
        return len(pids)

    def freeze(self):
        """No answer to anything, no reset: as if the network were gone."""
        send_signal([self.process.pid, *self.sessions()], signal.SIGSTOP)

    def thaw(self):
        send_signal([self.process.pid, *self.sessions()], signal.SIGCONT)

    def stop(self):
        """Ends listener and sessions at once; start() brings it back."""
        if self.process is None:
            return
        # The listener first, so that it makes no more children.
        send_signal([self.process.pid], signal.SIGSTOP)
        pids = self.sessions()
        send_signal([self.process.pid, *pids], signal.SIGKILL)
        self.process.wait()
        until("sshd's processes are gone", 10,
              lambda: not any(alive(p) for p in pids), every=0.01)
        self.process = None

    close = stop


class Orthrus:
    """A running "orthrus connect"."""

    def __init__(self, lab, argv, env, control, socks5):
        self.lab, self.control, self.socks5 = lab, control, socks5
        self.log_path = lab.path(f"orthrus-{len(lab.things)}.log")
        self.argv, self.env = argv, env
        self.ended_by_us = False
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                DIES_WITH_US + argv, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=env, cwd=lab.dir, start_new_session=True)

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return pathlib.Path(self.log_path).read_text(errors="replace")

    def running(self):
        return self.process.poll() is None

    def wait_ready(self, seconds=20):
        """Until connected with all forwards up, by "status --wait"."""
        deadline = time.monotonic() + seconds
        while True:
            assert self.running(), \
                f"orthrus ended with {self.process.returncode}:\n{self.log()}"
            left = max(1, int(deadline - time.monotonic()))
            done = self.lab.run("status", "--wait", f"{left}s", "--control",
                                self.control, timeout=left + 20)
            if done.returncode == 0:
                return self
            assert time.monotonic() < deadline, \
                f"not ready in {seconds} s: {done.text}\n{self.log()}"
            time.sleep(0.1)		# no control socket yet

    def status(self):
        done = self.lab.run("status", "--json", "--control", self.control)
        assert done.returncode == 0, done.text
        return json.loads(done.stdout)

    def state(self):
        return self.status()["state"]

    def forwards(self, kind):
        return [f for f in self.status()["forwards"] if f["kind"] == kind]

    def memory(self, field="VmRSS"):
        """Bytes of VmRSS or VmHWM."""
        for line in open(f"/proc/{self.pid}/status"):
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        raise KeyError(field)

    def reset_peak(self):
        """VmHWM starts again from here."""
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def descriptors(self):
        return descriptors(self.pid)

    def signal(self, sig):
        self.process.send_signal(sig)

    def wait_exit(self, seconds):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {seconds} s:\n"
                                 f"{self.log()}") from None

    def stop(self, seconds=15):
        """SIGTERM; returns the exit code."""
        if self.running():
            self.signal(signal.SIGTERM)
        return self.wait_exit(seconds)

    def close(self):
        ran = self.running()
        try:
            code = self.stop()
        finally:
            if self.running():
                self.process.kill()
                self.process.wait()
        log = self.log()
        assert code >= 0, f"orthrus died of signal {-code}:\n{log}"
        assert not any(s in log for s in SANITIZERS), log
        assert not held(log), held(log)
        assert not ran or code == 0, f"SIGTERM gave exit code {code}:\n{log}"


class Lab:
    """Owns all that one test uses; see the fixture of this name."""

    def __init__(self, keys):
        self.keys = keys
        self.identity = str(keys / "user")
        self.host_key = str(keys / "host")
        # Short, since a Unix socket's path has 107 bytes at most.
        self.dir = tempfile.mkdtemp(prefix="orthrus-t-", dir="/tmp")
        self.memory = None
        self.things = []
        for sub in ("home", "state", "run", "config/orthrus"):
            os.makedirs(self.path(sub), mode=0o700)
        self.write("config/orthrus/orthrus.ini", "# nothing\n")

    def path(self, name):
        return os.path.join(self.dir, name)

    def volatile(self, name):
        """
        The path of what a machine has in /run, which is in memory: on a disk
        thousands of sockets take seconds to come and to go.
        """
        if self.memory is None:
            where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"
            self.memory = tempfile.mkdtemp(prefix="o-", dir=where)
            os.chmod(self.memory, 0o755)
        return os.path.join(self.memory, name)

    def write(self, name, text, mode=0o600):
        path = self.path(name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def own(self, thing):
        self.things.append(thing)
        return thing

    def environment(self, more=None):
        env = {k: v for k, v in os.environ.items()
               if k in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS",
                        "LSAN_OPTIONS", "LD_LIBRARY_PATH")}
        env.update(HOME=self.path("home"), LC_ALL="C",
                   XDG_CONFIG_HOME=self.path("config"),
                   STATE_DIRECTORY=self.path("state"),
                   RUNTIME_DIRECTORY=self.path("run"))
        env.update(more or {})
        return env

    def run(self, *args, env=None, timeout=60):
        """One run of an orthrus command to its end; .text is all it said."""
        try:
            done = subprocess.run(
                DIES_WITH_US + [ORTHRUS, *map(str, args)],
                capture_output=True, text=True, errors="replace",
                stdin=subprocess.DEVNULL, env=self.environment(env),
                cwd=self.dir, timeout=timeout)
        except subprocess.TimeoutExpired as e:
            said = (e.stdout or b"") + (e.stderr or b"")
            raise AssertionError(f"orthrus {args[0]} did not end within "
                                 f"{timeout} s:\n"
                                 f"{said.decode(errors='replace')}") from None
        done.text = done.stdout + done.stderr
        assert done.returncode >= 0, f"died of a signal: {done.text}"
        assert not any(s in done.text for s in SANITIZERS), done.text
        return done

    def sshd(self, **settings):
        return self.own(Sshd(self, **settings))

    def connect_argv(self, servers, *options, identity=True, host_key=True,
                     socks5=True, level="debug", control=None):
        """The arguments of a "connect" to these servers."""
        argv = ["connect", "--user", "root", "--log-level", level,
                "--control", control or self.path("control.sock")]
        for server in servers if isinstance(servers, (list, tuple)) \
                else [servers]:
            argv += ["--server", getattr(server, "address", server)]
            if host_key is True and isinstance(server, Sshd):
                argv += ["--host-key", server.fingerprint]
        if identity:
            argv += ["--identity",
                     self.identity if identity is True else identity]
        if socks5:
            argv += ["--socks5", "off" if socks5 == "off" else socks5]
        return argv + [str(o) for o in options]

    def orthrus(self, servers, *options, socks5=True, wait=20, env=None,
                control=None, **how):
        """Starts "connect" and waits until it is ready (wait=0: does not)."""
        needs_remote_unix(options)
        if socks5 is True:
            socks5 = f"127.0.0.1:{free_port()}"
        control = control or self.path("control.sock")
        argv = self.connect_argv(servers, *options, socks5=socks5,
                                 control=control, **how)
        where = None
        if socks5 and socks5 != "off":
            host, _, port = socks5.rpartition(":")
            where = (host or "127.0.0.1", int(port)) if ":" in socks5 \
                else socks5
        agent = self.own(Orthrus(self, [ORTHRUS, *argv],
                                 self.environment(env), control, where))
        return agent.wait_ready(wait) if wait else agent

    def refused(self, servers, *options, socks5="off", env=None, timeout=40,
                **how):
        """Runs a "connect" that is expected to end by itself."""
        return self.run(*self.connect_argv(servers, *options, socks5=socks5,
                                           **how), env=env, timeout=timeout)

    def serve(self, handler, where="tcp4", **more):
        """A target in a thread: see targets.py."""
        if where == "unix":
            more.setdefault("path", self.path(f"t{len(self.things)}.sock"))
        return self.own(Target(handler, where, **more))

    def connect(self, address, timeout=30):
        """A client's socket to (host, port) or a Unix path."""
        if isinstance(address, str):
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(timeout)
            s.connect(address)
        else:
            s = socket.create_connection(address, timeout)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.own(s)

    def logs(self):
        for thing in self.things:
            if hasattr(thing, "log"):
                yield type(thing).__name__ + " log", thing.log()[-20000:]

    def close(self):
        errors = []
        for thing in reversed(self.things):
            try:
                thing.close()
            except Exception as e:
                errors.append(e)
        # We are a subreaper (conftest.py): nothing can get away.
        for pid in children(os.getpid()):
            send_signal([pid], signal.SIGKILL)
        until("nothing is left", 10, lambda: not children(os.getpid()))
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        for folder in filter(None, (self.dir, self.memory)):
            shutil.rmtree(folder, ignore_errors=True)
        if errors:
            raise errors[0]
