# SPDX-License-Identifier: ISC
"""The gateway as a service: what systemd is told, who may reach the sockets
of agents, and contrib/charon.service."""

import os
import pathlib
import re
import shlex
import socket
import stat
import subprocess

import pytest

from lab.charon import CHARON, Charon
from lab.harness import ORTHRUS
from lab.notify import Notify
from lab.system import DIES_WITH_US, free_port, has_ipv6, until

UNIT = pathlib.Path(__file__).parents[2] / "contrib/charon.service"
GROUP = 65533


def settings():
    return [line.partition("=")[::2] for line in
            UNIT.read_text().splitlines() if re.match("[A-Z][A-Za-z]*=", line)]


class Told(Charon):
    """One that finds a systemd to talk to."""

    def __init__(self, lab, **how):
        self.notify = Notify(lab)
        environment = lab.environment
        lab.environment = lambda more=None: environment({
            "NOTIFY_SOCKET": self.notify.address,
            "WATCHDOG_USEC": "1000000", **(more or {})})
        super().__init__(lab, **how)


def test_systemd_is_told(lab):
    charon = lab.own(Told(lab))
    read = charon.notify.read
    until("READY=1", 20, lambda: "READY=1" in read())
    beats = read().count("WATCHDOG=1")
    until("three beats more", 5,
          lambda: read().count("WATCHDOG=1") >= beats + 3)
    assert "STOPPING=1" not in read()
    assert charon.stop() == 0
    assert "STOPPING=1" in read()


def test_not_ready_without_its_port(lab):
    first = lab.own(Charon(lab, "first"))
    second = Told(lab, name="second", start=False, port=first.port)
    done = second.run("serve", check=69, timeout=30)
    assert str(first.port) in done.text
    assert "READY=1" not in second.notify.read()


def connects(path, prefix=()):
    """Whether a program, with this in front, can connect to a socket."""
    return subprocess.run(
        [*prefix, "/usr/bin/python3", "-c", "import socket, sys\n"
         "sys.exit(socket.socket(socket.AF_UNIX).connect_ex(sys.argv[1]))",
         path], timeout=30).returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs other users")
def test_group_reaches_the_sockets(lab, monkeypatch):
    """With the unit's umask and directory; and nobody else does."""
    charon = lab.own(Charon(lab, start=False))
    os.chmod(lab.dir, 0o755)
    os.chown(charon.runtime, 0, GROUP)
    os.chmod(charon.runtime, 0o750)
    monkeypatch.setattr("lab.charon.DIES_WITH_US", [
        *DIES_WITH_US, "setpriv", "--regid", str(GROUP),
        "--clear-groups", "sh", "-c", 'umask 077; exec "$@"', "sh"])
    charon.start()
    charon.add_agent("web")
    path = charon.socket("web")
    until("its socket", 5, lambda: os.path.exists(path))
    for name, mode in ("", 0o750), ("web", 0o750), ("web/docker.sock", 0o660):
        found = os.stat(os.path.join(charon.runtime, "agents", name))
        assert stat.S_IMODE(found.st_mode) == mode, name
    somebody = ["setpriv", "--reuid", "65532", "--regid", "65532"]
    assert connects(path, [*somebody, "--groups", str(GROUP)])
    assert not connects(path, [*somebody, "--clear-groups"])


def test_a_killed_one_leaves_nothing_in_the_way(lab):
    """Its sockets are there still; the next one takes their places."""
    charon = lab.own(Charon(lab))
    charon.add_agent("web")
    path = charon.socket("web")
    until("its socket", 5, lambda: os.path.exists(path))
    charon.kill()
    assert os.path.exists(path) and not connects(path)
    charon.start()
    assert connects(path)


def test_unit():
    found = dict(settings())
    for key, value in {
            "Type": "notify", "User": "charon", "Group": "charon",
            "StateDirectory": "charon", "StateDirectoryMode": "0700",
            "RuntimeDirectory": "charon", "RuntimeDirectoryMode": "0750",
            "NoNewPrivileges": "yes", "ProtectSystem": "strict",
            "CapabilityBoundingSet": "", "WatchdogSec": "30",
            "ExecStart": "/usr/local/bin/charon serve"}.items():
        assert found[key] == value, key
    assert int(found["LimitNOFILE"]) >= 65536


@pytest.mark.parametrize("program", ["charon", "orthrus"])
def test_unit_by_systemd(tmp_path, program):
    if not any(os.access(os.path.join(p, "systemd-analyze"), os.X_OK)
               for p in os.environ["PATH"].split(":")):
        pytest.skip("needs systemd-analyze")
    unit = tmp_path / f"{program}.service"
    unit.write_text((UNIT.parent / unit.name).read_text().replace(
        f"/usr/local/bin/{program}", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    done = subprocess.run(["systemd-analyze", "security", "--offline=true",
                           "--no-pager", unit], capture_output=True,
                          text=True, timeout=60)
    level = re.search(r"exposure level for \w+.service: ([0-9.]+)",
                      done.stdout)
    assert level, done.stdout + done.stderr
    assert float(level.group(1)) <= 1.2, done.stdout


@pytest.mark.parametrize("program", ["charon", "orthrus"])
def test_reload_looks_first(lab, program):
    """A bad file ends the unit's reload before the process hears of it."""
    unit = (UNIT.parent / f"{program}.service").read_text()
    first, second = re.findall("^ExecReload=(.*)", unit, re.M)
    assert second == "/bin/kill -HUP $MAINPID"
    words = shlex.split(first)
    binary = CHARON if program == "charon" else ORTHRUS
    ini = lab.write("x.ini", "[state]\n" if program == "charon" else
                    "[server]\naddress = 127.0.0.1\n")
    words[-1] = words[-1].replace(f"/usr/local/bin/{program}", binary).replace(
        "/etc/orthrus/orthrus.ini", ini)
    subprocess.run([ORTHRUS, "keygen", "-o", lab.path("id_ed25519")],
                   check=True, capture_output=True)

    def reload():
        return subprocess.run(words, capture_output=True, text=True, env={
            **os.environ, "CHARON_CONFIG": ini, "STATE_DIRECTORY": lab.dir,
            "RUNTIME_DIRECTORY": lab.dir})

    done = reload()
    assert done.returncode == 0 and done.stdout == "", done.stderr
    with open(ini, "a") as f:
        f.write("nonsense = 1\n")
    done = reload()
    assert done.returncode == 78 and done.stdout == ""
    assert done.stderr.startswith(f"{ini}:") and "nonsense" in done.stderr


def test_listens_on_all_addresses(lab):
    """listen = *:PORT is IPv4 and, where the machine has it, IPv6."""
    port = free_port()
    lab.own(Charon(lab, port=port, ssh={"listen": f"*:{port}"}))
    for host in ("127.0.0.1", "::1") if has_ipv6() else ("127.0.0.1",):
        with socket.create_connection((host, port), 5) as s:
            assert s.recv(8) == b"SSH-2.0-"
