# SPDX-License-Identifier: ISC
"""OpenSSH's own programs against a gateway, and what they reach behind it."""

import contextlib
import http.server
import os
import pathlib
import signal
import socket
import subprocess
import threading

from lab import harness
from lab.harness import SANITIZERS
from lab.system import DIES_WITH_US, until
from lab.targets import digest, payload

# What every one of them says of a key that it has not seen.
ADDED = "Warning: Permanently added"


def keyscan(port, *options):
    """What ssh-keyscan says of a server here: lines for known_hosts."""
    done = subprocess.run(["ssh-keyscan", *options, "-p", str(port),
                           "127.0.0.1"], capture_output=True, text=True,
                          timeout=60)
    # OpenSSH 10 has its remarks among them.
    lines = "".join(line for line in done.stdout.splitlines(keepends=True)
                    if not line.startswith("#"))
    # That it has found none is a failure for OpenSSH 10.
    assert done.returncode == 0 or lines == "", done.stderr
    return lines


class Pages(http.server.BaseHTTPRequestHandler):
    """Pages of any size, /SEED/SIZE; what is sent is answered by its hash."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        _, seed, size = self.path.split("/")
        self.answer(payload(int(seed), int(size)))

    def do_PUT(self):
        left, data = int(self.headers["Content-Length"]), b""
        while len(data) < left:
            data += self.rfile.read(min(left - len(data), 256 * 1024))
        self.answer(digest(data).encode())

    def answer(self, data):
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


class Web:
    """A web server in a thread."""

    def __init__(self):
        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), Pages)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.05})
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Ssh:
    """An ssh that stays, with its debugging messages as its log."""

    def __init__(self, lab, config, *options, host="gate", ready=True,
                 says="Entering interactive session", env=None):
        self.lab = lab
        self.log_path = lab.path(f"ssh-{len(lab.things)}.log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [*DIES_WITH_US, "ssh", "-v", "-F", config,
                 *map(str, options), host],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=lab.environment(env), cwd=lab.dir,
                start_new_session=True)
        lab.own(self)
        if ready:
            until(f"ssh says {says!r}", 20, lambda: self._says(says))

    def _says(self, text):
        log = self.log()
        assert self.process.poll() is None, f"ssh ended:\n{log}"
        return text in log

    def log(self):
        return pathlib.Path(self.log_path).read_text(errors="replace")

    def wait(self, seconds=20):
        """It ends by itself: the exit code."""
        return self.process.wait(seconds)

    def stop(self):
        """As by the user's interrupt."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        return self.wait()

    def close(self):
        if self.process.poll() is None:
            self.stop()


def run(lab, *argv, env=None, data=b"", timeout=40, level="INFO"):
    """
    A program of OpenSSH to its end: argv[0], "-F" or not, and so on.  .out
    are its bytes, .said the lines on standard error that matter.
    """
    argv = list(map(str, argv))
    if argv[0] in ("ssh", "scp", "sftp"):
        argv.insert(1, f"-oLogLevel={level}")
    done = subprocess.run([*DIES_WITH_US, *argv], input=data,
                          capture_output=True, timeout=timeout,
                          env=lab.environment(env), cwd=lab.dir)
    done.out = done.stdout
    text = done.stderr.decode(errors="replace")
    assert not any(s in text for s in SANITIZERS), text
    done.said = [line.rstrip() for line in text.splitlines()
                 if line.strip() and not line.startswith(ADDED)]
    return done


def enrolled(lab, charon, name, state=None):
    """A stock client with the identity of an agent: its ssh config."""
    state = state or lab.path(f"state-{name}")
    os.makedirs(state, mode=0o700, exist_ok=True)
    key = charon.add_agent(name)
    done = lab.run("enroll", "--name", name, "--server", charon.address,
                   "--auth-key", key, env={"STATE_DIRECTORY": state})
    assert done.returncode == 0, done.text
    return lab.write(f"ssh-{os.path.basename(state)}", f"""Host *
 HostName 127.0.0.1
 Port {charon.port}
 User {name}
 IdentityFile {state}/id_ed25519
 CertificateFile {state}/id_ed25519-cert.pub
 IdentitiesOnly yes
 StrictHostKeyChecking yes
 UserKnownHostsFile {state}/known_hosts
 BatchMode yes
 ExitOnForwardFailure yes
""")


class KeyAgent:
    """An ssh-agent with these keys, in this order."""

    def __init__(self, lab, *keys):
        self.path = lab.path(f"agent-{len(lab.things)}.sock")
        self.env = {"SSH_AUTH_SOCK": self.path}
        self.process = subprocess.Popen(
            [*DIES_WITH_US, "ssh-agent", "-D", "-a", self.path],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lab.own(self)
        until("ssh-agent listens", 10, self._listens)
        for key in keys:
            subprocess.run(["ssh-add", "-q", key], check=True,
                           env=lab.environment(self.env),
                           stdin=subprocess.DEVNULL)

    def _listens(self):
        """It makes the socket before it listens on it."""
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.path) == 0

    def close(self):
        self.process.kill()
        self.process.wait()


def available():
    """Is there a gateway in this build?"""
    from lab.charon import CHARON
    return os.access(CHARON, os.X_OK) and os.access(harness.ORTHRUS, os.X_OK)
