# SPDX-License-Identifier: ISC
"""What charon's commands tell somebody who is at a loss: the host key for
stock ssh, several names at once, the wrong key, the wrong user, no gateway."""

import contextlib
import json
import re
import shutil
import socket
import subprocess

import pytest

from lab.charon import Charon
from lab.charon_home import (CONFIG, DATA, NO_PERMISSION, NO_USER, USAGE)
from lab.cutter import Cutter
from lab.system import DIES_WITH_US, free_port, keygen, until

STRANGER = {"user": 12345, "group": 12345, "extra_groups": []}


def names(home, kind="agent"):
    return [p["name"] for p in
            json.loads(home.run(kind, "list", "--json").stdout)]


def answers(path):
    with socket.socket(socket.AF_UNIX) as s:
        return s.connect_ex(str(path)) == 0


@contextlib.contextmanager
def served(home):
    """The gateway, once it answers commands."""
    gateway = home.start("serve", prefix=DIES_WITH_US)
    try:
        until("the gateway runs", 60, lambda: answers(
            home.runtime / "registry.sock"))
        yield gateway
    finally:
        gateway.kill()
        gateway.communicate()


# The host key

def test_fingerprint(home):
    """Known before anything runs only by what makes it."""
    error = home.fails(CONFIG, "fingerprint")
    key = home.state / "ssh_host_ed25519_key"
    assert f"there is no host key {key} yet" in error
    assert '"charon serve"' in error and not home.state.exists()
    home.run("agent", "add", "a")
    said = subprocess.run(["ssh-keygen", "-lf", f"{key}.pub"], check=True,
                          capture_output=True, text=True).stdout.split()[1]
    done = home.run("fingerprint")
    assert done.stdout == said + "\n" and done.stderr == ""
    # Its public half as a file is not needed.
    (home.state / "ssh_host_ed25519_key.pub").unlink()
    assert home.run("fingerprint").stdout == said + "\n"


@pytest.mark.parametrize("given,shown", [
    ("gw.example.com", "[gw.example.com]:4022"),
    ("gw.example.com:22", "gw.example.com"),
    ("GW.example.com:2222", "[gw.example.com]:2222"),
    ("ssh://me@gw:7", "[gw]:7"), ("tls://gw", "[gw]:443"),
    ("192.0.2.1", "[192.0.2.1]:4022"), ("[2001:db8::1]:22", "2001:db8::1"),
    ("2001:db8::1", "[2001:db8::1]:4022")])
def test_known_hosts_line(home, given, shown):
    home.write("[ssh]\nlisten = 127.0.0.1:4022\n")
    home.run("agent", "add", "a")
    key = (home.state / "ssh_host_ed25519_key.pub").read_text().split()[:2]
    done = home.run("fingerprint", "--known-hosts", given)
    assert done.stdout == f"{shown} {' '.join(key)}\n" and done.stderr == ""
    (home.path / "known").write_text(done.stdout)
    found = subprocess.run(["ssh-keygen", "-F", shown, "-f",
                            home.path / "known"], capture_output=True)
    assert found.returncode == 0


@pytest.mark.parametrize("given", [
    "", "*", "a,b", "!a", "a b", "a?", "|1|x|y", "#a", "@revoked", "a\nb",
    "gw:0", "gw:x", "-a"])
def test_known_hosts_for_no_host(home, given):
    home.run("agent", "add", "a")
    assert "--known-hosts" in home.fails(USAGE, "fingerprint",
                                         f"--known-hosts={given}")


def test_known_hosts_for_ssh(home):
    """ssh itself takes the line, made before the start or beside it."""
    port = free_port()
    home.write(f"[ssh]\nlisten = 127.0.0.1:{port}\n")
    key = keygen(home.path / "key")
    home.run("client", "add", "bob", "--allow", "egress", "--key",
             key + ".pub")
    known = home.path / "known"

    def ssh():
        return subprocess.run(
            ["ssh", "-F", "none", "-i", key, "-o", "BatchMode=yes",
             "-o", "StrictHostKeyChecking=yes",
             "-o", f"UserKnownHostsFile={known}",
             "-o", "GlobalKnownHostsFile=/dev/null", "-p", str(port),
             "-W", "nobody.orthrus:1", "bob@127.0.0.1"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=60).stderr

    line = home.run("fingerprint", "--known-hosts", "127.0.0.1").stdout
    with served(home):
        assert line == home.run("fingerprint", "--known-hosts",
                                f"127.0.0.1:{port}").stdout
        known.write_text("")
        assert "Host key verification failed" in ssh()
        known.write_text(line)
        # Let in, for it is told that there is no such agent.
        said = ssh()
        assert "verification failed" not in said
        assert "open failed" in said, said


# Several names

@pytest.mark.parametrize("kind", ["agent", "client"])
def test_remove_several(home, kind):
    """As "docker rm" does: who is not there keeps nobody else."""
    extra = ["--allow", "egress"] if kind == "client" else []
    for name in "abcd":
        home.run(kind, "add", name, *extra)
    # A name that can be none is a slip of the pen: nothing is done.
    assert '"B": a name has' in home.fails(USAGE, kind, "remove", "a", "B",
                                           "c")
    assert names(home, kind) == ["a", "b", "c", "d"]
    done = home.run(kind, "remove", "a", "x", "b", "y", code=NO_USER)
    assert done.stdout == ""
    assert [re.search(r'called "(.)"', line).group(1)
            for line in done.stderr.splitlines()] == ["x", "y"]
    assert names(home, kind) == ["c", "d"]
    done = home.run(kind, "remove", "c", "d", "c")
    assert done.stdout == done.stderr == "" and names(home, kind) == []


def test_remove_several_of_a_gateway(home):
    """It knows of it when the command returns, though one was not there."""
    home.write(f"[ssh]\nlisten = 127.0.0.1:{free_port()}\n")
    for name in "abc":
        home.run("agent", "add", name)
    with served(home):
        until("its socket is there", 60, lambda: (
            home.runtime / "agents/a/docker.sock").exists())
        home.run("agent", "remove", "x", "a", "b", code=NO_USER)
        until("they are gone", 60, lambda: [
            p.name for p in (home.runtime / "agents").iterdir()] == ["c"])


# Slips

def test_add_what_is_there(home):
    home.run("agent", "add", "a")
    error = home.fails(DATA, "agent", "add", "a")
    assert '"charon agent rekey a" makes a new AUTH_KEY' in error


@pytest.mark.parametrize("text,says", [
    ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n", '"ssh-keygen -i -f FILE"'),
    ("-----BEGIN PUBLIC KEY-----\nMCow\n", "damaged or cut short"),
    ("-----BEGIN RSA PUBLIC KEY-----\n", '"ssh-keygen -t ed25519"'),
    ("-----BEGIN PRIVATE KEY-----\n", "private key; give the public one"),
    ("PuTTY-User-Key-File-3: ssh-ed25519\n", "PuTTYgen"),
    ("ssh-ed25519-cert-v01@openssh.com AAAA\n", "certificate"),
    ("sk-ssh-ed25519@openssh.com AAAA x\n", "security token"),
    ("ssh-rsa AAAA\n", '"ssh-keygen -t ed25519"'),
    ("ecdsa-sha2-nistp256 AAAA\n", '"ssh-keygen -t ed25519"'),
    ('from="10.0.0.0/8" ssh-ed25519 AAAA x\n', "options stand in front")])
def test_key_in_another_form(home, text, says):
    path = home.path / "k.pub"
    path.write_text(text)
    error = home.fails(DATA, "client", "add", "bob", "--allow", "egress",
                       "--key", path)
    assert f"--key: {path}: " in error and says in error


def test_key_on_the_command_line(home):
    error = home.fails(USAGE, "client", "add", "bob", "--allow", "egress",
                       "--key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA bob")
    assert "put its line in a file" in error


def test_check(home):
    """Shows what is in effect, or all that is wrong, and makes nothing."""
    home.write("[ssh]\nlisten = 127.0.0.1:4022\n")
    done = home.run("check")
    assert f"ssh.listen = 127.0.0.1:4022  # {home.ini}:5\n" in done.stdout
    assert done.stderr == ""
    home.write("[ssh]\nlisten = nonsense\nport = 22\n")
    done = home.run("check", code=CONFIG)
    assert done.stdout == ""
    assert [line.split(": ")[0] for line in done.stderr.splitlines()] == [
        f"{home.ini}:5", f"{home.ini}:6"]
    assert "nowhere" in home.fails(CONFIG, "check", "--config",
                                   home.path / "nowhere")
    home.fails(USAGE, "check", "a")
    assert not home.state.exists()


def test_another_user(home):
    """Who may not is told who may."""
    home.run("agent", "add", "a")
    home.state.chmod(0o700)
    for args in (("agent", "list"), ("agent", "show", "a"), ("client", "list"),
                 ("agent", "add", "b"), ("agent", "remove", "a"),
                 ("fingerprint",)):
        error = home.fails(NO_PERMISSION, *args, **STRANGER)
        assert "run this as root, with sudo, or as" in error
        assert "user root" in error and str(home.state) in error


def test_user_beside_the_machines(home):
    """Without a configuration a user has a gateway of his own, it is told."""
    if subprocess.run(["unshare", "-m", "true"]).returncode != 0:
        pytest.skip("no mount namespaces here")
    home.ini.write_text("")
    inside = ["unshare", "-m", "sh", "-ec", "mount -t tmpfs none /var/lib; "
              "mkdir -m 700 /var/lib/charon; exec setpriv --reuid=12345 "
              '--regid=12345 --clear-groups "$@"', "sh"]
    mine = home.path / "mine"
    mine.mkdir()
    shutil.chown(mine, 12345, 12345)
    env = {"XDG_STATE_HOME": str(mine), "XDG_RUNTIME_DIR": str(mine)}
    for args in (("agent", "list"), ("agent", "remove", "a")):
        error = home.fails(NO_PERMISSION, *args, prefix=inside, env=env)
        assert f'run "sudo charon {" ".join(args[:2])}"' in error
    done = home.run("agent", "add", "a", prefix=inside, env=env)
    assert f"made a new gateway in {mine}/charon; for the one of this " \
        'machine, in /var/lib/charon, run "sudo charon agent add"' in \
        done.stderr


def test_whether_it_runs(home):
    home.write(f"[ssh]\nlisten = 127.0.0.1:{free_port()}\n")
    home.run("agent", "add", "a")
    asked = (("agent", "list"), ("agent", "show", "a"))
    for args in asked:
        done = home.run(*args)
        assert f"no gateway runs on {home.state}" in done.stderr
        assert '"charon serve"' in done.stderr
        assert home.run(*args, "--json").stderr == ""
    with served(home):
        for args in asked:
            assert home.run(*args).stderr == ""


# What only the gateway that runs knows

def test_session_and_link(lab):
    """Each is told to people and programs, while there is one."""
    charon = lab.own(Charon(lab))
    key = charon.add_agent("rome")
    cutter = lab.own(Cutter(charon.port))

    def session():
        one = charon.run("agent", "show", "rome", "--json").stdout
        return json.loads(one)["session"]

    def text():
        return charon.run("agent", "show", "rome").stdout

    assert session() is None and "session:" not in text()
    charon.port, own = cutter.port, charon.port
    agent = charon.agent("rome", key=key)
    charon.port = own
    found = session()["link"]
    assert charon.agents()["rome"]["session"]["link"] == found
    assert found["transport"] == "tcp" and found["resumed"] == 0
    assert found["since"] and found["resent_bytes"] == 0
    assert re.search(r"^session: +from 127\.0\.0\.1, since ", text(), re.M)
    (line,) = re.findall(r"^link: +tcp, since (.*)$", text(), re.M)
    assert "resumed" not in line
    cutter.cut()
    until("it goes on over another link", 60,
          lambda: session()["link"]["resumed"] == 1)
    assert re.search(r"^link: +tcp, since .*; resumed 1 time, \d+\.\d s "
                     r"without one, .* sent again$", text(), re.M)
    assert agent.stop() == 0
    until("it has left", 20, lambda: session() is None)
    assert "link:" not in text()
    charon.stop()
    done = charon.run("agent", "show", "rome", "--json")
    assert "session" not in json.loads(done.stdout)
