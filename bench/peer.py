# SPDX-License-Identifier: ISC
"""Other tunnels, for bench/run --peers: each is fetched by name from the
registry it is published in, into a cache outside of the source tree."""

import json
import os
import pathlib
import shutil
import subprocess

from contenders import Tunnel, listens
from lab.system import DIES_WITH_US, free_port, until
from tools import SOURCE, NotMeasured, Process, brief, said_by

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", "/tmp"),
                     "orthrus-peers")
PATIENCE = 900			# seconds to fetch and build one


class Peer:
    """A contender that may be impossible to have; then it says why."""
    name = ""
    rows = ()			# that it can do
    kinds = "L"

    def __init__(self):
        self.reason = None

    def prepare(self):
        try:
            self.install()
        except (NotMeasured, OSError, subprocess.TimeoutExpired) as e:
            self.reason = brief(e)

    def command(self, *argv, **how):
        """Runs an installer; the most telling line if it fails."""
        tool = shutil.which(argv[0])
        if not tool:
            raise NotMeasured(f"{argv[0]} is not installed")
        done = subprocess.run([tool, *argv[1:]], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True,
                              errors="replace", stderr=subprocess.STDOUT,
                              timeout=PATIENCE, **how)
        if done.returncode != 0:
            lines = [s for s in done.stdout.splitlines() if s.strip()]
            told = [s for s in lines if s.startswith(("error", "go:"))]
            raise NotMeasured(f"{' '.join(argv[:3])}: "
                              f"{(told or lines or ['failed'])[0]}")
        return done.stdout

    def start(self, lab, port, kind="L"):
        if self.reason:
            raise NotMeasured(self.reason)
        if kind not in self.kinds:
            raise NotMeasured(f"has no forward of the kind -{kind}")
        via, target = free_port(), free_port()
        log = lab.path(f"{self.name}-{via}.log")
        with open(log, "wb") as out:
            owner = lab.own(Process(
                DIES_WITH_US + [str(a) for a in self.argv(
                    lab, port, kind, via, target)], log=out, cwd=lab.dir,
                env={**lab.environment(), **self.environment()}))
        until(f"{self.name} listens", 20,
              lambda: listens(via) or not owner.running())
        if not owner.running():
            with open(log, errors="replace") as said:
                raise NotMeasured(f"{self.name} ended: {said.read()}")
        return Tunnel(via, target, owner, kind == "D")

    def install(self):
        """Makes it available; raises NotMeasured when that fails."""
        raise NotImplementedError

    def argv(self, lab, port, kind, via, target):
        raise NotImplementedError

    def environment(self):
        return {}

    def version(self):
        return f"{self.name} ({self.reason or self.told_version()})"

    def told_version(self):
        return "unknown"


class Dropbear(Peer):
    name = "dropbear"
    rows = (1, 3, 5, 6, 7, 9)
    kinds = "LR"

    def install(self):
        if not shutil.which("dbclient") or not shutil.which(
                "dropbearconvert"):
            raise NotMeasured("not installed (contrib/deps.sh bench)")

    def told_version(self):
        return said_by("dbclient", "-V")

    def argv(self, lab, port, kind, via, target):
        key = lab.path("dropbear")
        self.command("dropbearconvert", "openssh", "dropbear", lab.identity,
                     key)
        return ["dbclient", "-N", "-T", "-y", "-y", "-i", key, "-p", port,
                f"-{kind}", f"127.0.0.1:{via}:127.0.0.1:{target}",
                "root@127.0.0.1"]


class Ssh2(Peer):
    name = "ssh2"
    rows = (1, 2, 3, 4, 5, 6, 7, 9)
    kinds = "LRD"
    folder = CACHE / "node"

    def install(self):
        if (self.folder / "node_modules/ssh2/package.json").exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self.command("npm", "install", "--no-audit", "--no-fund", "ssh2",
                     cwd=self.folder)

    def told_version(self):
        package = self.folder / "node_modules/ssh2"
        native = package / "lib/protocol/crypto/build/Release/sshcrypto.node"
        return (json.loads((package / "package.json").read_text())["version"]
                + (", " if native.exists() else ", without its addon, ")
                + "Node " + said_by("node", "--version"))

    def environment(self):
        return {"NODE_PATH": str(self.folder / "node_modules")}

    def argv(self, lab, port, kind, via, target):
        return [shutil.which("node"), SOURCE / "peers/ssh2.js", port,
                lab.identity, kind, via, target]


class Rathole(Peer):
    """Over Noise, which is ChaCha20-Poly1305 as row 3 is."""
    name = "rathole"
    rows = (3, 7)
    kinds = "R"
    program = CACHE / "cargo/bin/rathole"

    def install(self):
        if not self.program.exists():
            self.command("cargo", "install", "--root", str(CACHE / "cargo"),
                         "rathole")

    def told_version(self):
        for line in self.command(str(self.program), "--version").split("\n"):
            if line.startswith("Build Version"):
                return line.split()[-1]
        return "unknown"

    def argv(self, lab, port, kind, via, target):
        keys = self.command(str(self.program), "--genkey").split()
        private, public = keys[keys.index("Key:") + 1], keys[-1]
        server = free_port()
        ours = lab.write("rathole-server.toml", f"""
[server]
bind_addr = "127.0.0.1:{server}"
default_token = "bench"
[server.transport]
type = "noise"
[server.transport.noise]
local_private_key = "{private}"
[server.services.bench]
bind_addr = "127.0.0.1:{via}"
""")
        theirs = lab.write("rathole-client.toml", f"""
[client]
remote_addr = "127.0.0.1:{server}"
default_token = "bench"
[client.transport]
type = "noise"
[client.transport.noise]
remote_public_key = "{public}"
[client.services.bench]
local_addr = "127.0.0.1:{target}"
""")
        lab.own(Process([*DIES_WITH_US, str(self.program), "--server", ours]))
        until("rathole's server listens", 10, lambda: listens(server))
        return [self.program, "--client", theirs]


class GoPeer(Peer):
    """What the Go module proxy gives by name, for "go install"."""
    packages = ()

    def path(self, name):
        return CACHE / "bin" / name

    def install(self):
        env = {**os.environ, "GOBIN": str(CACHE / "bin"),
               "GOPATH": str(CACHE / "go"), "GOFLAGS": "-modcacherw"}
        for package in self.packages:
            if not self.path(package.rpartition("/")[2]).exists():
                self.command("go", "install", f"{package}@latest", env=env)


class Chisel(GoPeer):
    name = "chisel"
    rows = (1, 4, 5, 6, 7)
    kinds = "LRD"
    packages = ("github.com/jpillora/chisel",)

    def told_version(self):
        return said_by(str(self.path("chisel")), "--version")

    def argv(self, lab, port, kind, via, target):
        server = free_port()
        lab.own(Process([*DIES_WITH_US, str(self.path("chisel")), "server",
                         "--host", "127.0.0.1", "--port", str(server),
                         "--socks5", "--reverse"]))
        until("chisel's server listens", 10, lambda: listens(server))
        spec = {"L": f"127.0.0.1:{via}:127.0.0.1:{target}",
                "R": f"R:127.0.0.1:{via}:127.0.0.1:{target}",
                "D": f"127.0.0.1:{via}:socks"}[kind]
        return [self.path("chisel"), "client", f"http://127.0.0.1:{server}",
                spec]


class Frp(GoPeer):
    """Over TLS, which takes AES-GCM on a machine that has it."""
    name = "frp"
    rows = (2, 7)
    kinds = "R"
    packages = ("github.com/fatedier/frp/cmd/frps",
                "github.com/fatedier/frp/cmd/frpc")

    def told_version(self):
        return said_by(str(self.path("frpc")), "--version")

    def argv(self, lab, port, kind, via, target):
        server = free_port()
        ours = lab.write("frps.toml", f'bindAddr = "127.0.0.1"\n'
                         f'bindPort = {server}\n')
        theirs = lab.write("frpc.toml", f"""
serverAddr = "127.0.0.1"
serverPort = {server}
[[proxies]]
name = "bench"
type = "tcp"
localIP = "127.0.0.1"
localPort = {target}
remotePort = {via}
""")
        lab.own(Process([*DIES_WITH_US, str(self.path("frps")), "-c", ours]))
        until("frp's server listens", 10, lambda: listens(server))
        return [self.path("frpc"), "-c", theirs]


def prepared(say):
    """All of them, those that cannot be had with their reason."""
    CACHE.mkdir(parents=True, exist_ok=True)
    peers = [Dropbear(), Ssh2(), Chisel(), Frp(), Rathole()]
    for peer in peers:
        say(f"fetching {peer.name}")
        peer.prepare()
        if peer.reason:
            say(f"{peer.name}: {peer.reason}")
    return peers
