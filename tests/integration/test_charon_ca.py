# SPDX-License-Identifier: ISC
"""A stock sshd that trusts the gateway's CA, as docs/charon-on-openssh.md."""

import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import time

import pytest

from lab import openssh, other_agent
from lab.charon import Charon
from lab.harness import ORTHRUS, SSHD, Orthrus, Sshd, penalties
from lab.muzzle_engine import Engine
from lab.openssh import Ssh, enrolled, run
from lab.system import fingerprint, free_port, keygen, until
from lab.targets import echo, echoes

pytestmark = pytest.mark.skipif(not openssh.available(),
                                reason="this build has no charon")

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "charon-on-openssh.md"
LONDON, PARIS = "vps-london-01", "vps-paris-01"


def block(kind):
    """What the page says between ```kind and ```."""
    found = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(),
                       re.M | re.S)
    assert len(found) == 1, kind
    return found[0]


class PageSshd(Sshd):
    """
    The page's sshd: its text, with another port and state directory.  It has
    an /etc/ssh and accounts of its own, in a mount namespace.
    """

    def __init__(self, lab, charon, text, ports=()):
        etc = lab.path("etc-ssh")
        os.makedirs(os.path.join(etc, "agents", "principals"), 0o755)
        os.chmod(etc, 0o755)
        shutil.copy(lab.host_key, os.path.join(etc, "ssh_host_ed25519_key"))
        shutil.copy(lab.host_key + ".pub",
                    os.path.join(etc, "ssh_host_ed25519_key.pub"))
        lines = block("principals")
        for old, new in zip(("9001", "9002", "9101"), ports):
            assert f":{old}\"" in lines
            lines = lines.replace(f":{old}\"", f":{new}\"")
        lab.write("etc-ssh/agents/principals/agents", lines, 0o644)
        lab.write(f"etc-ssh/agents/principals/{LONDON}",
                  block("principals_own"), 0o644)
        os.chmod(lab.dir, 0o755)
        self.text, self.state = text, charon.state
        super().__init__(lab, mounts={"/etc/ssh": etc, **accounts(lab)})

    def start(self):
        text = self.text.replace("/var/lib/charon", self.state)
        assert text.startswith("Port 2200\n") and text != self.text
        text = text.replace("Port 2200\n",
                            f"ListenAddress 127.0.0.1:{self.port}\n", 1)
        self.host_key = "/etc/ssh/ssh_host_ed25519_key"
        self.settings = {"Include": self.lab.write("page_config", text),
                         **penalties()}
        super().start()

    @property
    def fingerprint(self):
        return fingerprint(self.lab.host_key + ".pub")

    def check(self, *options):
        """What its own program says of its configuration."""
        return subprocess.run(
            ["nsenter", "-m", "-r", "-t", str(self.process.pid), SSHD, *options,
             "-f", self.lab.path("page_config")],
            capture_output=True, text=True)


def accounts(lab):
    """The page's accounts, with homes in the lab: what is mounted where."""
    users = lab.write("passwd", open("/etc/passwd").read(), 0o644)
    shadow = lab.write("shadow", open("/etc/shadow").read())
    for uid, name in ((61000, "agents"), (61001, LONDON)):
        home = lab.path("home-" + name)
        os.makedirs(home, 0o750)
        os.chown(home, uid, 61000)
        with open(users, "a") as f:
            f.write(f"{name}:x:{uid}:61000::{home}:/usr/sbin/nologin\n")
        with open(shadow, "a") as f:
            f.write(f"{name}:*:19000:0:99999:7:::\n")
    return {"/etc/passwd": users, "/etc/shadow": shadow}


@pytest.fixture
def charon(lab):
    return lab.own(Charon(lab))


def page_sshd(lab, charon, more="", ports=()):
    text = block("sshd_config") + more
    return lab.own(PageSshd(lab, charon, text, ports))


def agent(lab, name, sshd, *options, user="agents", wait=20):
    """An orthrus with the identity that it got from the gateway."""
    control = lab.path(f"control-{len(lab.things)}")
    argv = ["connect", "--name", name, "--server",
            f"{user}@127.0.0.1:{sshd.port}", "--host-key", sshd.fingerprint,
            "--socks5", "off", "--control", control, *map(str, options)]
    env = {"STATE_DIRECTORY": lab.path(f"state-{name}")}
    if not wait:
        return lab.run(*argv, "--no-reconnect", env=env)
    return lab.own(Orthrus(lab, [ORTHRUS, *argv], lab.environment(env),
                           control, None)).wait_ready(wait)


def stock(lab, config, sshd, user="agents"):
    """A stock client's configuration for this sshd, from one for charon."""
    text = open(config).read()
    text = re.sub(r"(?m)^ Port .*$", f" Port {sshd.port}", text)
    text = re.sub(r"(?m)^ User .*$", f" User {user}", text)
    text = re.sub(r"(?m)^ StrictHost.*$", " StrictHostKeyChecking no", text)
    text = re.sub(r"(?m)^ UserKnown.*$", " UserKnownHostsFile /dev/null",
                  text)
    return lab.write("stock", text)


def refused(lab, config, sshd, user="agents"):
    """A stock client is not let in."""
    done = run(lab, "ssh", "-F", stock(lab, config, sshd, user), "-N", "gate")
    assert done.returncode == 255
    assert done.said == [f"{user}@127.0.0.1: Permission denied (publickey)."]
    return True


def test_page_is_valid(lab, charon):
    """sshd knows every word of it, and takes it as it is meant."""
    sshd = page_sshd(lab, charon, block("sshd_config_match"))
    done = sshd.check("-t")
    assert (done.returncode, done.stderr) == (0, "")
    # OpenSSH 10.6 has capitals where those before it have none.
    said = re.sub(r"(?m)^\S+", lambda m: m[0].lower(),
                  sshd.check("-T").stdout).splitlines()
    keys = [line for line in said if line.startswith("authorizedkeysfile ")]
    assert keys in ([], ["authorizedkeysfile none"])
    for line in ("maxsessions 0", "permittty no",
                 "allowtcpforwarding remote", "x11forwarding no",
                 "allowagentforwarding no", "permittunnel no",
                 "permitrootlogin no", "logingracetime 20", "maxauthtries 3",
                 "allowstreamlocalforwarding no",
                 "passwordauthentication no", "gatewayports no",
                 "forcecommand /usr/sbin/nologin",
                 "pubkeyacceptedalgorithms ssh-ed25519-cert-v01@openssh.com",
                 f"trustedusercakeys {charon.state}/ca_ed25519.pub",
                 f"revokedkeys {charon.state}/revoked_keys"):
        assert line in said, line


@pytest.mark.skipif(shutil.which("systemd-analyze") is None,
                    reason="systemd-analyze is missing")
def test_page_unit(lab):
    unit = lab.write("sshd-agents.service", block("systemd"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit],
                          capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_page_agents_file(lab):
    """Two servers, each with its host key."""
    text = re.sub("SHA256:<.*?>", "SHA256:" + "A" * 43, block("ini"))
    assert lab.run("keygen").returncode == 0
    done = lab.run("check", "--config", lab.write("orthrus.ini", text))
    assert done.returncode == 0, done.text
    assert "agents@gate.example.com:2200" in done.text
    assert len(re.findall("SHA256:A{43}", done.text)) == 2, done.text


def test_page_agent(lab, charon):
    """orthrus with a port and Docker; then no more, once it was revoked."""
    target = lab.serve(echo)
    engine = lab.own(Engine(lab.path("engine.sock")))
    ports = free_port(), free_port(), free_port()
    sshd = page_sshd(lab, charon, ports=ports)
    config = enrolled(lab, charon, LONDON)
    options = ["-R", f"{ports[0]}:127.0.0.1:{target.port}",
               f"--docker={engine.path}", "--docker-remote", ports[1]]
    orthrus = agent(lab, LONDON, sshd, *options)
    assert echoes(lab.connect(("127.0.0.1", ports[0])))
    done = subprocess.run(
        ["curl", "-sS", f"http://127.0.0.1:{ports[1]}/version"],
        capture_output=True, timeout=20)
    assert b"stand-in" in done.stdout, done.stderr
    assert orthrus.log().count("the server is an ordinary SSH server") == 1
    assert 'ID "vps-london-01" (serial 1) ' in sshd.log() or \
        "ID vps-london-01 (serial 1)" in sshd.log(), sshd.log()
    assert orthrus.stop() == 0
    # What another agent was given, it was not.
    done = run(lab, "ssh", "-F", stock(lab, config, sshd), "-N", "-R",
               f"{ports[2]}:127.0.0.1:{target.port}", "gate")
    assert done.returncode == 255
    assert done.said == ["Error: remote port forwarding failed for listen "
                         f"port {ports[2]}"]
    charon.run("agent", "rekey", LONDON)
    done = agent(lab, LONDON, sshd, *options, wait=0)
    assert done.returncode == 77, done.text
    assert "revoked" in sshd.log()


def test_page_stock_client(lab, charon):
    """Everything but the listening is refused to a stock ssh."""
    target = lab.serve(echo)
    ports = free_port(), free_port(), free_port()
    sshd = page_sshd(lab, charon, ports=ports)
    plain = stock(lab, enrolled(lab, charon, LONDON), sshd)
    Ssh(lab, plain, "-N", "-R", f"{ports[0]}:127.0.0.1:{target.port}",
        says="remote forward success")
    assert echoes(lab.connect(("127.0.0.1", ports[0])))
    here = lab.path("here.sock")
    for argv in (["gate", "id"], ["-T", "gate"], ["-s", "gate", "sftp"],
                 ["-W", f"127.0.0.1:{target.port}", "gate"],
                 ["-W", f"localhost:{ports[0]}", "gate"],
                 ["-N", "-R", f"*:{ports[1]}:127.0.0.1:1", "gate"],
                 ["-N", "-R", "0:127.0.0.1:1", "gate"],
                 ["-N", "-R", f"{here}:127.0.0.1:1", "gate"],
                 ["-N", "-R", f"{free_port()}:127.0.0.1:1", "gate"]):
        done = run(lab, "ssh", "-F", plain, *argv)
        assert (done.returncode, done.out) == (255, b""), (argv, done.said)
    assert not os.path.exists(here)
    assert target.accepted == 1


def test_page_other_people(lab, charon):
    """No line, another account, a bare key, another CA, no certificate."""
    sshd = page_sshd(lab, charon)
    london = enrolled(lab, charon, LONDON)
    stranger = enrolled(lab, charon, "vps-rome-01")
    Ssh(lab, stock(lab, london, sshd), "-N")
    assert refused(lab, stranger, sshd)
    assert refused(lab, london, sshd, user="root")
    assert refused(lab, london, sshd, user=LONDON)
    key = lab.path(f"state-{LONDON}/id_ed25519")
    bare = lab.write("bare", re.sub(r"(?m)^ CertificateFile.*\n", "",
                                    open(london).read()))
    os.rename(f"{key}-cert.pub", lab.path("certificate"))
    assert refused(lab, bare, sshd)
    # A CA that nobody asked for, the same name and key.
    other = keygen(pathlib.Path(lab.path("other-ca")))
    subprocess.run(["ssh-keygen", "-q", "-s", other, "-I", LONDON, "-n",
                    LONDON, f"{key}.pub"], check=True, capture_output=True)
    assert os.path.exists(f"{key}-cert.pub")
    assert refused(lab, london, sshd)
    os.rename(lab.path("certificate"), f"{key}-cert.pub")
    Ssh(lab, stock(lab, london, sshd), "-N")


def test_removed(lab, charon):
    """"agent remove" counts at the next login."""
    sshd = page_sshd(lab, charon)
    london, paris = (enrolled(lab, charon, n) for n in (LONDON, PARIS))
    up = Ssh(lab, stock(lab, london, sshd), "-N")
    charon.run("agent", "remove", LONDON)
    assert refused(lab, london, sshd)
    assert up.process.poll() is None		# as the page says
    Ssh(lab, stock(lab, paris, sshd), "-N")
    # Added again it is another: the old identity stays refused.
    enrolled_again = charon.add_agent(LONDON)
    assert enrolled_again
    assert refused(lab, london, sshd)


def test_certified_again(lab, charon):
    """A list of an hour's rotations; who is on it does not come off it by a
    new certificate for the old key."""
    sshd = page_sshd(lab, charon)
    london, paris = (enrolled(lab, charon, n) for n in (LONDON, PARIS))
    with sqlite3.connect(charon.state + "/registry.db", timeout=20) as db:
        for serial in range(100, 10100):
            db.execute("INSERT INTO certificates (serial, key, valid_before, "
                       "revoked) VALUES (?, zeroblob(32), "
                       "strftime('%s', 'now') + 10000, 1)", (serial * 2,))
    db.close()
    charon.run("agent", "remove", LONDON)
    assert os.path.getsize(charon.state + "/revoked_keys") < 10000
    assert refused(lab, london, sshd)
    # The key that was London's, as Rome's.
    written = os.stat(charon.state + "/revoked_keys").st_mtime_ns
    key = lab.path(f"state-{LONDON}/id_ed25519")
    old = open(f"{key}-cert.pub").read()
    other_agent.enrol(lab, charon, "vps-rome-01", key)
    assert open(f"{key}-cert.pub").read() != old
    until("the list is new", 20, lambda: os.stat(
        charon.state + "/revoked_keys").st_mtime_ns != written)
    with open(f"{key}-cert.pub", "w") as f:
        f.write(old)
    assert refused(lab, london, sshd)
    Ssh(lab, stock(lab, paris, sshd), "-N")


def test_expired(lab):
    charon = lab.own(Charon(lab, agents={
        "certificate_lifetime": "6s", "renew_before": "1s"}))
    sshd = page_sshd(lab, charon)
    london = enrolled(lab, charon, LONDON)
    began = time.monotonic()
    up = Ssh(lab, stock(lab, london, sshd), "-N")
    until("it has expired", 20, lambda: time.monotonic() - began > 7)
    assert refused(lab, london, sshd)
    assert "Certificate invalid: expired" in sshd.log()
    assert up.process.poll() is None		# as the page says
    done = agent(lab, LONDON, sshd, wait=0)
    assert done.returncode == 77


def test_page_socket(lab, charon):
    """An account for each agent, named as it is."""
    engine = lab.own(Engine(lab.path("engine.sock")))
    text = block("sshd_config_match")
    sshd = page_sshd(lab, charon, text)
    sshd.stop()
    sshd.text = sshd.text.replace("AllowUsers agents\n",
                                  f"AllowUsers agents {LONDON}\n")
    sshd.start()
    london, paris = (enrolled(lab, charon, n) for n in (LONDON, PARIS))
    path = os.path.join(lab.path("home-" + LONDON), "docker.sock")
    agent(lab, LONDON, sshd, f"--docker={engine.path}", "--docker-remote",
          path, user=LONDON)
    done = subprocess.run(["curl", "-sS", "--unix-socket", path,
                           "http://docker/version"], capture_output=True,
                          timeout=20)
    assert b"stand-in" in done.stdout, done.stderr
    status = os.stat(path)
    assert (status.st_uid, status.st_mode & 0o777) == (61001, 0o660)
    # Another's certificate and another's place are refused.
    assert refused(lab, paris, sshd, user=LONDON)
    assert refused(lab, london, sshd, user="root")
    other = os.path.join(lab.path("home-agents"), "docker.sock")
    done = run(lab, "ssh", "-F", stock(lab, london, sshd, user=LONDON), "-N",
               "-R", f"{other}:127.0.0.1:1", "gate")
    assert done.returncode == 255 and "forwarding failed" in done.said[-1]
    assert not os.path.exists(other)


def test_second_server(lab, charon):
    """charon first, and this sshd while charon is away."""
    target = lab.serve(echo)
    ports = free_port(), free_port(), free_port()
    sshd = page_sshd(lab, charon, ports=ports)
    key = charon.add_agent(LONDON)
    known = lab.path(f"state-{LONDON}/known_hosts")
    orthrus = charon.agent(LONDON, "--server",
                           f"agents@127.0.0.1:{sshd.port}", "-R",
                           f"{ports[0]}:127.0.0.1:{target.port}", key=key)
    assert echoes(lab.connect(charon.socket(LONDON, ports[0])))
    kind, text = open(lab.host_key + ".pub").read().split()[:2]
    with open(known, "a") as f:
        f.write(f"[127.0.0.1]:{sshd.port} {kind} {text}\n")
    charon.kill()

    def at_sshd():
        status = orthrus.status()
        return str(sshd.port) in status["server"] and \
            status["forwards"][0]["state"] == "up"
    until("it is at sshd", 20, at_sshd)
    assert echoes(lab.connect(("127.0.0.1", ports[0])))
