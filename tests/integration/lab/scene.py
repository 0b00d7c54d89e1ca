# SPDX-License-Identifier: ISC
"""A gateway under attack, and those who must not notice.

Each attack is asked for four things: what it wants is refused (the test's own
business), the log says so without being flooded, a well-behaved agent and its
port go on as if nothing were, and charon's memory stays below a limit.
"""

import base64
import contextlib
import os
import re
import socket
import subprocess
import threading
import time

import pytest

from lab.charon import CHARON, Charon
from lab.raw_leash import enrolled
from lab.raw_ssh import Fields, Raw, blob, load_key, new_key
from lab.system import keygen, until
from lab.targets import echo, read_exactly

if not os.access(CHARON, os.X_OK):
    pytest.skip("this build has no charon", allow_module_level=True)

MB = 1 << 20


def sanitized(pid):
    """AddressSanitizer's shadow takes terabytes of address space."""
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[0]) * 4096 > 1 << 40


class Witness(threading.Thread):
    """Asks a port all the time, and looks at charon's memory meanwhile."""

    def __init__(self, scene):
        super().__init__(daemon=True)
        self.scene, self.over = scene, threading.Event()
        self.asked, self.worst, self.failure = 0, 0.0, None
        self.peak = scene.charon.memory()

    def run(self):
        while True:
            started = time.monotonic()
            try:
                self.scene.ask()
            except Exception as e:
                self.failure = self.failure or repr(e)
            self.worst = max(self.worst, time.monotonic() - started)
            self.asked += 1
            self.peak = max(self.peak, self.scene.charon.memory())
            if self.over.wait(0.05):
                return


class Scene:
    """charon, and an agent "good" whose port "echo" is used all the time."""

    def __init__(self, lab, **sections):
        self.lab = lab
        self.charon = lab.own(Charon(lab, **sections))
        self.target = lab.serve(echo)
        self.agent = self.charon.agent(
            "good", "--expose", self.target.port,
            key=self.charon.add_agent("good"))
        self.charon.wait_status("good", "online")
        until("the port answers", 20, self.asks)

    @property
    def port(self):
        return self.charon.port

    def ask(self):
        path = self.charon.socket("good", self.target.port)
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(path)
            s.sendall(b"are you there?")
            assert read_exactly(s, 14) == b"are you there?"

    def asks(self):
        with contextlib.suppress(OSError, AssertionError):
            self.ask()
            return True
        return False

    @contextlib.contextmanager
    def attack(self, logged=None, memory=8 * MB, slow=4.0, lines=40):
        """
        What happens inside is an attack: a line that matches logged appears
        once, or once a second; there are at most so many lines otherwise;
        the good agent stays and answers within slow seconds.
        """
        charon = self.charon
        if logged:		# a line of the last second stands for ours
            time.sleep(1.01 - time.time() % 1)
        mark, before = len(charon.log()), charon.memory()
        started, witness = time.monotonic(), Witness(self)
        witness.start()
        try:
            yield witness
            time.sleep(0.2)	# what is quickly done may have effects
            if logged:
                until(f"the log has {logged}", 20, lambda: re.search(
                    logged, charon.log()[mark:]))
        finally:
            witness.over.set()
            witness.join(30)
        seconds = time.monotonic() - started
        assert charon.process.poll() is None, charon.log()[-5000:]
        self.ask()
        assert witness.failure is None, witness.failure
        assert not witness.is_alive() and witness.worst < slow, \
            f"an answer took {witness.worst:.1f} s"
        assert charon.status("good") == "online"
        assert self.agent.status()["reconnects"] == 0
        grown = max(witness.peak, charon.memory()) - before
        if not sanitized(charon.pid):
            assert grown < memory, f"{grown / MB:.1f} MB more"
        new = charon.log()[mark:].splitlines()
        said = [line for line in new if logged and re.search(logged, line)]
        assert len(said) <= seconds + 2, "\n".join(said[:40])
        assert len(new) <= lines + 8 * seconds, "\n".join(new[:60])
        print(f"{seconds:.1f} s, {grown / MB:.1f} MB, {len(new)} lines, "
              f"answers in at most {witness.worst:.2f} s")

    # --- those who log in ---------------------------------------------

    def connect(self, **how):
        return self.lab.own(Raw(self.port, **how))

    def login(self, who, **how):
        """A session of an Identity that is up."""
        raw = self.connect(**how)
        raw.service()
        assert raw.login_key(who.name, who.key, who.certificate)
        return raw

    def enrol(self, name):
        """Registers an agent and enrols it by hand."""
        return self.enrol_with(name, self.charon.add_agent(name))

    def enrol_with(self, name, auth_key, key=None):
        key = key or new_key()
        raw = self.connect()
        raw.service()
        assert raw.login_password("enroll", auth_key)
        certificate = enrolled(raw, name, key)
        raw.close()
        return Identity(name, key, certificate)

    def client(self, name, allow):
        """Registers a client with a key of its own."""
        path = self.lab.path(f"key-{name}")
        keygen(path)
        self.charon.add_client(name, allow, path + ".pub")
        return Identity(name, load_key(path), None)

    # --- certificates of anybody's making -----------------------------

    def sign(self, who, *options, ca=None, name=None, serial=None,
             valid="-1m:+1h"):
        """
        Another certificate for the key of who, by ssh-keygen: with the
        serial that was issued to him, so that it is only wrong in one way.
        """
        path = self.lab.path("signed.pub")
        with open(path, "w") as f:
            f.write("ssh-ed25519 " +
                    base64.b64encode(blob(who.key)).decode() + "\n")
        subprocess.run(
            ["ssh-keygen", "-q", "-s",
             ca or os.path.join(self.charon.state, "ca_ed25519"),
             "-I", name or who.name, "-n", name or who.name, "-V", valid,
             "-z", str(serial or serial_of(who.certificate)), *options,
             path], check=True, capture_output=True)
        with open(self.lab.path("signed-cert.pub")) as f:
            return base64.b64decode(f.read().split()[1])


class Identity:
    def __init__(self, name, key, certificate):
        self.name, self.key, self.certificate = name, key, certificate


def serial_of(certificate):
    fields = Fields(certificate, 0)
    for _ in range(3):			# type, nonce, key
        fields.string()
    return fields.u32() << 32 | fields.u32()


# --- what raw sessions do -----------------------------------------------

def in_bursts(raw, payload, n, size=1000):
    for at in range(0, n, size):
        raw.send(*[payload] * min(size, n - at))


def idle(charon, seconds=1.0, most=0.3):
    """It does not spin."""
    before = charon.cpu()
    time.sleep(seconds)
    assert charon.cpu() - before < most * seconds


def target(scene):
    return "direct-tcpip", "good.orthrus", scene.target.port, "127.0.0.1", 0


def channel(scene, raw, **how):
    raw.open(*target(scene), **how)
    ok, number = raw.opened()
    assert ok, number
    return number
