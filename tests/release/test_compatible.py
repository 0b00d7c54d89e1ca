# SPDX-License-Identifier: ISC
"""The first version beside this one: agents, clients and gateways of both, and
what the one has left taken over by the other, in both directions."""

import os
import pathlib
import shutil
import sys

import pytest

from machine import ROOT

os.environ.setdefault("ORTHRUS", str(ROOT / "build/gcc/orthrus"))
sys.path.insert(0, str(ROOT / "tests/integration"))

import before
from lab import harness, socks, system, targets
from lab.charon import CHARON, Charon
from lab.docker_engine import UnixHTTP, bare_engine, docker_engine
from lab.harness import Lab
from lab.system import until
from lab.targets import Target

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not os.access(harness.ORTHRUS, os.X_OK),
    reason="needs root, and a build: set ORTHRUS")
# Due for renewal as soon as they are there.
SHORT = {"certificate_lifetime": "20s", "renew_before": "19s"}
PAGE = b"the page of the agent's host\n"
OLD, NEW = "0.1.0", before.version_of("HEAD")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    system.keygen(folder / "user")
    system.keygen(folder / "host")
    return folder


@pytest.fixture
def lab(keys):
    lab = Lab(keys)
    yield lab
    lab.close()


class Side:
    """The programs of one version."""

    def __init__(self, version):
        self.version = version
        self.folder = before.programs() if version == OLD else None

    def program(self, name):
        if self.folder is None:
            return CHARON if name == "charon" else harness.ORTHRUS
        return str(self.folder / name)


class Before(Charon):
    """A gateway that knows no [charon]."""

    def configure(self):
        self.sections.pop("charon", None)
        super().configure()


def gateway(lab, version, **how):
    made = Before if version == OLD else Charon
    if version == NEW:
        how["agents"] = {"old_agents": "yes", **how.get("agents", {})}
    return lab.own(made(lab, program=Side(version).program("charon"), **how))


def agent(charon, version, name="web", *options, **how):
    return charon.agent(name, *options, program=Side(version).program(
        "orthrus"), **how)


def ask(path, target="/"):
    """What a socket at the gateway answers."""
    conn = UnixHTTP(path)
    conn.request("GET", target)
    answer = conn.getresponse()
    body = answer.read()
    conn.close()
    return answer.status, body


def serves(conn, target):
    """Target handler: the page, to whoever has asked for it."""
    asked = b""
    while b"\r\n\r\n" not in asked and (more := conn.recv(4096)):
        asked += more
    conn.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + PAGE)


@pytest.fixture
def page(lab):
    return lab.own(Target(serves))


BOTH = pytest.mark.parametrize("far, near", [(NEW, OLD), (OLD, NEW)],
                               ids=["agent-before", "gateway-before"])


@BOTH
def test_together(lab, page, far, near):
    """From an AUTH_KEY over heartbeats and ports to a restart of each."""
    charon = gateway(lab, far)
    key = charon.add_agent("web")
    first = agent(charon, near, "web", "--expose", page.port, key=key)
    charon.wait_status("web", "online")
    assert charon.agents()["web"]["version"] == near
    seen = charon.agents()["web"]["last_seen"]
    until("a heartbeat comes", 30,
          lambda: charon.agents()["web"]["last_seen"] != seen)
    sock = charon.socket("web", page.port)
    until("its page is there", 20, lambda: ask(sock)[1] == PAGE)
    # Whichever of them goes, the other one finds it again.
    assert charon.stop() == 0
    until("the agent notices", 20, lambda: first.state() != "connected")
    charon.start()
    first.wait_ready(60)
    charon.wait_status("web", "online")
    until("its page is there again", 20, lambda: ask(sock)[1] == PAGE)
    assert first.stop() == 0
    charon.wait_status("web", "offline")
    agent(charon, near, "web", "--expose", page.port)
    until("its page is there for good", 20, lambda: ask(sock)[1] == PAGE)


@BOTH
def test_docker(lab, bare_engine, far, near):
    """Reads go to the engine, nothing else does."""
    bare_engine.start()
    charon = gateway(lab, far)
    agent(charon, near, "web", f"--docker={bare_engine.socket}",
          key=charon.add_agent("web"))
    sock = charon.socket("web")
    until("the engine answers", 20, lambda: ask(sock, "/_ping")[0] == 200)
    assert ask(sock, "/containers/json?all=1") [0] == 200
    assert ask(sock, "/secrets")[0] == 403
    assert bare_engine.docker("ps", "-q", host="unix://" + sock).stdout == ""
    docker = bare_engine.docker("version", "--format", "{{.Server.Version}}")
    until("the gateway knows its version", 20, lambda: (charon.agents()[
        "web"].get("docker") or {}).get("version") in
        (docker.stdout.strip(), None))


@BOTH
def test_client(lab, page, far, near):
    """A client of the one version reaches an agent of the other's."""
    charon = gateway(lab, far)
    agent(charon, far, "web", "--expose", page.port,
          key=charon.add_agent("web"))
    client = agent(charon, near, "person", key=charon.add_client(
        "person", "web:*"), socks5=f"127.0.0.1:{system.free_port()}")
    with socks.open_through(lab, client, "web.orthrus", page.port) as conn:
        conn.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert targets.read_all(conn).endswith(PAGE)


def certificate(lab, name="web"):
    path = pathlib.Path(lab.path(f"state-{name}"), "id_ed25519-cert.pub")
    return path.read_text() if path.exists() else ""


@BOTH
def test_renewal(lab, far, near):
    """The next certificate comes, and is good for a login."""
    charon = gateway(lab, far, agents=SHORT)
    first = agent(charon, near, key=charon.add_agent("web"))
    enrolled = certificate(lab)
    until("the certificate is another one", 120,
          lambda: certificate(lab) not in ("", enrolled))
    assert first.stop() == 0
    agent(charon, near)
    charon.wait_status("web", "online")


def test_old_agents_can_be_refused(lab):
    """Whoever wants a proof of each says so, and an agent hears it."""
    charon = gateway(lab, NEW, agents={"old_agents": "no"})	# as usual
    key = charon.add_agent("web")
    first = agent(charon, OLD, key=key, wait=0)
    assert first.wait_exit(30) == 77
    assert "too old to prove that the key is its own" in first.log()
    assert "web: not certified: orthrus 0.1 cannot prove" in charon.log()
    charon.reload(agents={"old_agents": "yes"})
    agent(charon, OLD, key=key)
    assert "web: certified without a proof" in charon.log()


# What one has left

class Hosts:
    """A gateway and an agent that are of one version, then of another."""

    def __init__(self, lab, page):
        self.lab, self.page, self.key = lab, page, None
        self.port, self.charon, self.agent = system.free_port(), None, None

    def be(self, version):
        """Both stop, and go on as this; the agent is online by its identity."""
        self.stop()
        self.charon = gateway(self.lab, version, port=self.port)
        known = self.key is not None
        self.key = self.key or self.charon.add_agent("web")
        self.agent = agent(self.charon, version, "web", "--expose",
                           self.page.port, key=None if known else self.key)
        self.charon.wait_status("web", "online")
        assert self.charon.agents()["web"]["version"] == version
        until("its page is there", 20, lambda: ask(self.charon.socket(
            "web", self.page.port))[1] == PAGE)
        return self

    def stop(self):
        for one in self.agent, self.charon:
            if one is not None:
                assert one.stop() == 0
                self.lab.things.remove(one)
        self.agent = self.charon = None

    def file(self, name):
        return pathlib.Path(self.charon.state, name)


def test_taken_over(lab, page):
    """Keys, registry and identity go on, with the next version and back."""
    hosts = Hosts(lab, page).be(OLD)
    host_key = hosts.file("ssh_host_ed25519_key").read_bytes()
    registry = hosts.file("registry.db")
    saved = lab.path("registry.saved")
    hosts.stop()
    shutil.copy(registry, saved)
    hosts.be(NEW)
    assert hosts.charon.add_agent("later")
    hosts.stop()
    # Without its own registry the older one says what is wrong.
    back = gateway(lab, OLD, port=hosts.port, start=False)
    refused = back.run("agent", "list", check=None)
    assert refused.returncode == 78, refused.text
    assert "a newer charon made it" in refused.text
    for beside in registry.parent.glob("registry.db*"):
        beside.unlink()
    shutil.copy(saved, registry)
    lab.things.remove(back)
    hosts.be(OLD)
    assert "later" not in hosts.charon.agents()
    assert hosts.file("ssh_host_ed25519_key").read_bytes() == host_key
    # And forward again.
    hosts.be(NEW)
