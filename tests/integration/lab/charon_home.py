# SPDX-License-Identifier: ISC
"""A gateway's folder for tests of the charon program without "serve"."""

import fcntl
import os
import pathlib
import re
import shutil
import sqlite3
import struct
import subprocess
import tempfile

import pytest

from lab.charon import CHARON
from lab.harness import SANITIZERS
from lab.protobuf import number, text

AUTH_KEY = re.compile(r"ch_orthrus_[A-Za-z0-9_-]{96}\n")

OK, USAGE, DATA, NO_INPUT, NO_USER = 0, 64, 65, 66, 67
UNAVAILABLE, CANT_CREATE, IO, LOCKED = 69, 73, 74, 75
NO_PERMISSION, CONFIG = 77, 78


def hello(ports=(), networks=(), docker_version="24.0.7", docker=True,
          version="0.1.0", hostname="london"):
    """What an agent tells of itself, as the registry keeps it."""
    message = text(1, version) + text(2, "any") + text(3, hostname) + \
        text(4, "Linux") + text(5, "x86_64") + text(6, docker_version)
    for network in networks:
        message += text(7, network)
    for port, name in ports:
        message += text(8, number(1, port) + text(2, name))
    return text(1, message + number(9, int(docker)))


class Home:
    """A configuration with a state and a runtime directory of its own."""

    def __init__(self, path, ini=""):
        self.path = pathlib.Path(path)
        self.path.chmod(0o755)
        self.state = self.path / "state"
        self.runtime = self.path / "run"
        self.ini = self.path / "charon.ini"
        self.write(ini)

    def write(self, ini):
        self.ini.write_text(f"[state]\ndirectory = {self.state}\n"
                            f"runtime = {self.runtime}\n{ini}")
        self.ini.chmod(0o644)

    def environment(self, env):
        given = {"PATH": os.environ["PATH"], "HOME": str(self.path),
                 "CHARON_CONFIG": str(self.ini), "LC_ALL": "C"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                given[name] = os.environ[name]
        given.update(env or {})
        return {k: v for k, v in given.items() if v is not None}

    def start(self, *args, env=None, prefix=(), **how):
        how.setdefault("stdout", subprocess.PIPE)
        return subprocess.Popen(
            [*prefix, CHARON, *map(str, args)], env=self.environment(env),
            cwd=self.path, stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, errors="replace", **how)

    def run(self, *args, code=OK, **how):
        """Runs a command to its end, which must be this code."""
        process = self.start(*args, **how)
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        out = out or ""
        assert not any(s in err for s in SANITIZERS), err
        assert process.returncode == code, \
            f"{args}: {process.returncode}\n{out}{err}"
        done = subprocess.CompletedProcess(args, code, out, err)
        return done

    def fails(self, code, *args, **how):
        """The same for one that prints one line of error, and no more."""
        done = self.run(*args, code=code, **how)
        assert done.stdout == ""
        lines = [line for line in done.stderr.splitlines()
                 if not line.startswith("usage: ")]
        assert len(lines) == 1, done.stderr
        assert len(done.stderr.splitlines()) == (2 if code == USAGE else 1)
        return lines[0]

    @property
    def registry(self):
        return self.state / "registry.db"

    def database(self):
        return sqlite3.connect(self.registry, timeout=20)

    def seen(self, name, ago=0, online=True, load=0.42, used=512 << 20,
             total=2 << 30, frame=None):
        """As if a gateway had heard of an agent."""
        with self.database() as db:
            (peer,) = db.execute("SELECT id FROM peers WHERE name = ?",
                                 (name,)).fetchone()
            db.execute("INSERT OR REPLACE INTO seen VALUES (?, strftime("
                       "'%s', 'now') - ?, ?, ?, ?, ?)",
                       (peer, ago, int(online), load, used, total))
            if frame is not None:
                db.execute("INSERT OR REPLACE INTO hellos VALUES (?, ?)",
                           (peer, frame))
        db.close()

    def served(self):
        """Holds the lock that a running gateway holds."""
        f = open(self.state / "charon.lock", "r+b")
        fcntl.fcntl(f, fcntl.F_OFD_SETLK, struct.pack(
            "hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        return f


@pytest.fixture
def home():
    """Short, since a Unix socket's path has 107 bytes at most."""
    if not os.access(CHARON, os.X_OK):
        pytest.skip("this build has no charon")
    path = tempfile.mkdtemp(prefix="ch-", dir="/tmp")
    yield Home(path)
    shutil.rmtree(path)
