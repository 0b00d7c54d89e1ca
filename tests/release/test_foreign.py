# SPDX-License-Identifier: ISC
"""Packages for other kinds of machines, run by qemu-user: a gateway, an agent
that enrols there, and what both say of each other."""

import json
import os
import pathlib
import shutil
import socket
import subprocess

import pytest

from machine import until
from test_deb import DIST, SUITES

HERE = pathlib.Path(__file__).parent
EMULATORS = {"arm64": "qemu-aarch64-static", "armhf": "qemu-arm-static"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Foreign:
    """The programs of the packages, unpacked."""

    def __init__(self, suite, arch, folder):
        self.emulator = shutil.which(EMULATORS[arch])
        if self.emulator is None:
            pytest.skip(f"{EMULATORS[arch]} is missing")
        files = [DIST.glob(f"{name}_*~{SUITES[suite]}_{arch}.deb")
                 for name in ("orthrus", "charon")]
        files = [file for found in files for file in found]
        if len(files) < 2:
            pytest.skip(f"no packages for {suite}, {arch} in {DIST}: "
                        f"contrib/release.sh --arch {arch} deb makes them")
        for file in files:
            subprocess.run(["dpkg-deb", "-x", file, folder / "root"],
                           check=True)
        self.libraries = subprocess.check_output(
            [HERE / "libraries.sh", suite, arch, *files], text=True).strip()
        self.folder, self.port = folder, free_port()
        self.processes = []
        (folder / "charon.ini").write_text(
            f"[charon]\nuser = root\n[ssh]\nlisten = 127.0.0.1:{self.port}\n"
            f"[state]\ndirectory = {folder}/charon\n"
            f"runtime = {folder}/run\n")

    def command(self, name, *args):
        return [self.emulator, "-L", self.libraries,
                self.folder / "root/usr/bin" / name, *args]

    def read(self, name, *args):
        return subprocess.run(self.command(name, *args), check=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120,
                              stdout=subprocess.PIPE).stdout

    def charon(self, *args):
        return self.read("charon", *args, "--config",
                         self.folder / "charon.ini")

    def agents(self):
        return {agent["name"]: agent["status"] for agent in
                json.loads(self.charon("agent", "list", "--json"))}

    def start(self, name, *args, **environment):
        log = open(self.folder / f"{name}.log", "wb")
        self.processes.append(subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *self.command(name, *args)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={**os.environ, **environment}))

    def said(self, name):
        return (self.folder / f"{name}.log").read_text()

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        return [process.wait(60) for process in self.processes]


@pytest.fixture(params=[(suite, arch) for suite in SUITES
                        for arch in EMULATORS], ids="-".join)
def foreign(request, tmp_path):
    made = Foreign(*request.param, tmp_path)
    yield made
    made.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="makes systems")
def test_enrols_and_is_online(foreign):
    foreign.start("charon", "serve", "--config",
                  str(foreign.folder / "charon.ini"))
    until("it listens", 120, lambda: "listening on" in foreign.said("charon"))
    key = foreign.charon("agent", "add", "web").strip()
    foreign.start("orthrus", "connect", "--server",
                  f"127.0.0.1:{foreign.port}", AUTH_KEY=key,
                  ORTHRUS_NAME="web", ORTHRUS_SOCKS5="off",
                  STATE_DIRECTORY=str(foreign.folder / "agent"),
                  RUNTIME_DIRECTORY=str(foreign.folder / "agent-run"))
    until("it is online", 120, lambda: foreign.agents() == {"web": "online"})
    assert foreign.stop() == [0, 0]
    foreign.processes = []
