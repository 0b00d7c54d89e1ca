# SPDX-License-Identifier: ISC
"""What docs/agent.md says of an agent in a container: where it looks for the
ports that it exposes, and how healthy Docker takes it to be.  With a real
engine and networks as Compose makes them."""

import os
import re
import shutil
import subprocess

import pytest

from lab.charon import CHARON
from lab.docker_engine import Bridged, missing
from lab.harness import ORTHRUS
from lab.system import DIES_WITH_US, until

pytestmark = pytest.mark.plain

PORT = 2222		# in a network namespace of its own
WEB = 'echo from {0} >/tmp/index.html; exec httpd -f -p {1} -h /tmp'


def make_image(engine):
    """Busybox, and orthrus with its libraries."""
    root = engine.path("rootfs")
    for name in ("bin", "tmp", "run", "var/lib", "usr/local/bin"):
        os.makedirs(f"{root}/{name}")
    os.chmod(f"{root}/tmp", 0o1777)
    shutil.copy("/bin/busybox", f"{root}/bin/busybox")
    for name in ("sh", "httpd"):
        os.symlink("busybox", f"{root}/bin/{name}")
    shutil.copy(ORTHRUS, f"{root}/usr/local/bin/orthrus")
    ldd = subprocess.run(["ldd", ORTHRUS], capture_output=True, text=True)
    for path in re.findall(r"/\S+\.so\S*", ldd.stdout):
        os.makedirs(root + os.path.dirname(path), exist_ok=True)
        shutil.copy(path, root + path)
    subprocess.run(["tar", "-C", root, "-cf", engine.path("i.tar"), "."],
                   check=True)
    engine.docker("import", engine.path("i.tar"), "demo:1")


def cannot_exec(engine):
    """Why no command is run in a container, as below chroot(2), or None."""
    engine.docker("run", "-d", "--name", "probe", "--network", "none",
                  "demo:1", "httpd", "-f", "-p", "81")
    done = engine.docker("exec", "probe", "/usr/local/bin/orthrus",
                         "--version", check=False)
    engine.docker("rm", "-f", "probe")
    return None if done.returncode == 0 else done.text.strip()[-200:]


@pytest.fixture
def engine():
    if reason := missing():
        pytest.skip(reason)
    if "httpd" not in subprocess.run(["/bin/busybox", "--list"], text=True,
                                     capture_output=True).stdout.split():
        pytest.skip("busybox has no httpd")
    engine = Bridged()
    try:
        try:
            engine.start()
            engine.docker("network", "create", "app")
        except (AssertionError, RuntimeError) as e:
            pytest.skip(f"no engine with networks here: {str(e)[-200:]}")
        make_image(engine)
        if why := cannot_exec(engine):
            pytest.skip(f"docker exec does not work here: {why}")
        yield engine
    finally:
        engine.close()


class Gateway:
    """charon beside the engine, reached at its network's own address."""

    def __init__(self, engine, home):
        self.engine, self.home = engine, home
        self.host = engine.docker(
            "network", "inspect", "app", "-f",
            "{{(index .IPAM.Config 0).Gateway}}").stdout.strip()
        home.write(f"[ssh]\nlisten = 0.0.0.0:{PORT}\n")
        subprocess.run(engine.inside("ip", "link", "set", "lo", "up"),
                       check=True)
        self.process = subprocess.Popen(
            DIES_WITH_US + engine.inside(CHARON, "serve"),
            env=home.environment(None), stderr=subprocess.DEVNULL)
        until("charon runs", 20, lambda: (home.runtime / "http.sock").exists())

    def agent(self, name, ports, *options):
        """A container as the snippet for Compose makes it."""
        key = self.home.run("agent", "add", name).stdout.strip()
        owned = "mode=0700,uid=65532,gid=65532"
        self.engine.docker(
            "run", "-d", "--name", name, "--user", "65532:65532",
            "--read-only", "--cap-drop", "ALL", "--security-opt",
            "no-new-privileges", "--tmpfs", f"/run/orthrus:{owned}",
            "--tmpfs", f"/var/lib/orthrus:{owned}",
            "-e", "STATE_DIRECTORY=/var/lib/orthrus",
            "-e", "RUNTIME_DIRECTORY=/run/orthrus",
            "-e", f"ORTHRUS_NAME={name}", "-e", f"AUTH_KEY={key}",
            "-e", f"CHARON_LINK={self.host}:{PORT}",
            "-e", "ORTHRUS_SOCKS5=off", "-e", "ORTHRUS_MODE=port",
            "-e", f"ORTHRUS_PORTS={ports}", *options, "demo:1",
            "/usr/local/bin/orthrus", "connect")
        self.engine.docker("exec", name, "/usr/local/bin/orthrus", "status",
                           "--wait", "30s", timeout=60)

    def get(self, agent, port):
        return subprocess.run(
            ["curl", "-sS", "--max-time", "10", "--unix-socket",
             self.home.runtime / f"agents/{agent}/{port}.sock", "http://x/"],
            capture_output=True, text=True).stdout


@pytest.fixture
def gateway(engine, home):
    gateway = Gateway(engine, home)
    yield gateway
    gateway.process.kill()
    gateway.process.wait()


def serve(engine, name, network, port):
    engine.docker("run", "-d", "--name", name, "--network", network,
                  "demo:1", "sh", "-c", WEB.format(name, port))


def is_healthy(engine, name):
    return engine.docker("inspect", "-f", "{{.State.Health.Status}}",
                         name).stdout.strip()


def test_ports_and_health(engine, gateway):
    serve(engine, "web", "app", 80)
    serve(engine, "onhost", "host", "127.0.0.1:9100")
    gateway.agent(
        "inner", "web:80,9100", "--network", "app", "--health-cmd",
        "/usr/local/bin/orthrus status --wait 2s", "--health-interval", "1s",
        "--health-timeout", "10s", "--health-retries", "1")
    gateway.agent("nethost", "9100", "--network", "host")
    gateway.agent("viahost", "host.docker.internal:9100", "--network", "app",
                  "--add-host", "host.docker.internal:host-gateway")
    # By the service's name; a number alone is the agent's own loopback.
    until("web serves", 20, lambda: gateway.get("inner", 80) == "from web\n")
    assert "the agent could not connect" in gateway.get("inner", 9100)
    # The host's loopback is there for a container in the host's network only.
    until("it serves", 20,
          lambda: gateway.get("nethost", 9100) == "from onhost\n")
    assert "the agent could not connect" in gateway.get("viahost", 9100)
    # A service that comes back at another address is found.
    engine.docker("rm", "-f", "web")
    serve(engine, "filler", "app", 81)
    serve(engine, "web", "app", 80)
    until("it is found", 20, lambda: gateway.get("inner", 80) == "from web\n")
    until("healthy", 30, lambda: is_healthy(engine, "inner") == "healthy")
    gateway.process.kill()
    until("unhealthy", 60, lambda: is_healthy(engine, "inner") == "unhealthy")
