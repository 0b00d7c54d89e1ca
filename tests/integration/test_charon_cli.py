# SPDX-License-Identifier: ISC
"""The charon command line without a running gateway: every command, what is
wrong with its input, exit codes, output for people and programs, the rights
of files, and a state directory that cannot be written."""

import base64
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import time

import pytest

from lab.charon import CHARON
from lab.charon_home import (AUTH_KEY, CANT_CREATE, CONFIG, DATA, IO, LOCKED,
                             NO_INPUT, NO_PERMISSION, NO_USER, USAGE, hello)
from lab.system import keygen

NOBODY = 65534


def add(home, name="web-1"):
    done = home.run("agent", "add", name)
    assert AUTH_KEY.fullmatch(done.stdout), done.stdout
    return done.stdout.strip()


def as_json(home, *args):
    return json.loads(home.run(*args, "--json").stdout)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


# Help and misuse

COMMANDS = [("agent", "add"), ("agent", "list"), ("agent", "show"),
            ("agent", "rekey"), ("agent", "remove"), ("client", "add"),
            ("client", "allow"), ("client", "list"), ("client", "remove"),
            ("snippet",), ("fingerprint",)]
NAMED = [c for c in COMMANDS if "list" not in c and c != ("fingerprint",)]


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_of_a_command(home, command, flag):
    done = home.run(*command, flag)
    assert done.stderr == ""
    assert done.stdout.startswith(f"usage: charon {' '.join(command)} ")
    for option in ("--config FILE", "--log-level LEVEL", "--help"):
        assert option in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    # It needs neither a name nor a readable configuration.
    assert home.run(*command, flag, env={"CHARON_CONFIG": "/nowhere"}
                    ).stdout == done.stdout
    assert not home.state.exists()


@pytest.mark.parametrize("group", [(), ("agent",), ("client",)])
def test_help_of_a_group(home, group):
    done = home.run(*group, "--help")
    assert done.stderr == ""
    assert done.stdout.startswith("usage: charon ")
    for command in COMMANDS:
        if group and command[0] == group[0]:
            assert f"\n  {command[1]} " in done.stdout
    if not group:
        for name in ("serve", "check", "agent", "client", "snippet",
                     "fingerprint"):
            assert f"\n  {name} " in done.stdout
    bare = home.run(*group, code=USAGE)
    assert bare.stdout == "" and bare.stderr == done.stdout


def test_version(home):
    done = home.run("--version")
    assert re.match(r"charon \d+\.\d+\.\d+\n.*libssh", done.stdout)
    verbose = home.run("--version", "--verbose").stdout
    assert re.search(r"^OpenSSL \d+\..*^SQLite \d+\.", verbose, re.M | re.S)


@pytest.mark.parametrize("args,says", [
    (("agnt",), '"agnt" is not a command'),
    (("agent", "ad"), '"ad" is not a command'),
    (("client", "show"), '"show" is not a command'),
    (("agent", "ls"), 'did you mean "charon agent list"?'),
    (("client", "ps"), 'did you mean "charon client list"?'),
    (("agent", "rm"), 'did you mean "charon agent remove"?'),
    (("client", "delete"), 'did you mean "charon client remove"?'),
    (("agent", "inspect"), 'did you mean "charon agent show"?'),
    (("list",), 'did you mean "charon agent list"?'),
    (("health",), 'did you mean "charon status"?'),
    (("help", "rekey"), 'did you mean "charon agent rekey"?'),
    (("vps@gw.example.com",), 'charon --help" lists them'),
    (("\x1b[31m",), r'"\x1b[31m" is not a command'),
    (("-c", "x.ini", "agent", "list"), '"-c": options go behind the command'),
    (("--config=x", "serve"), '"--config=x": options go behind the command'),
    (("agent", "-c", "x", "list"), '"-c": options go behind the command')])
def test_unknown_command(home, args, says):
    done = home.run(*args, code=USAGE)
    assert done.stdout == "" and says in done.stderr
    assert done.stderr.count("\n") == 1
    assert "--help" in done.stderr or "did you mean" in done.stderr


@pytest.mark.parametrize("args,says", [
    (("agent", "add"), "NAME is missing"),
    (("agent", "show", "--json"), "NAME is missing"),
    (("agent", "rekey"), "NAME is missing"),
    (("agent", "remove"), "NAME is missing"),
    (("client", "add", "--allow", "egress"), "NAME is missing"),
    (("client", "allow", "--allow", "egress"), "NAME is missing"),
    (("client", "remove"), "NAME is missing"),
    (("snippet", "--for", "compose"), "NAME is missing"),
    (("agent", "add", "a", "b"), 'unexpected argument "b"'),
    (("agent", "list", "a"), 'unexpected argument "a"'),
    (("client", "list", "a\nb"), r'unexpected argument "a\nb"'),
    (("agent", "add", "--json", "a"), "--json"),
    (("agent", "list", "--allow", "x"), "--allow"),
    (("agent", "list", "--config"), "--config"),
    (("agent", "list", "-x"), "-x"),
    (("agent", "list", "--json=1"), "--json"),
    (("client", "add", "a"), "--allow LIST is missing"),
    (("client", "add", "a", "--allow", ""), "--allow: an empty item"),
    (("client", "add", "a", "--allow", "b"), '--allow: "b": expected'),
    (("client", "add", "a", "--allow", "b:0"), "a port from 1 to 65535"),
    (("client", "add", "a", "--allow", "egress,B:1"), "an agent's name"),
    (("client", "allow", "a"), "--allow LIST is missing"),
    (("client", "allow", "a", "--allow", "b"), '--allow: "b": expected'),
    (("client", "allow", "a", "--allow", "b:1", "--key", "k"), "--key"),
    (("snippet", "a"), "--for is missing"),
    (("snippet", "a", "--for", "windows"), '"windows": expected compose'),
    (("snippet", "a", "--for", "compose", "--server", "a b"), "--server"),
    (("snippet", "a", "--for", "compose", "--server", "x@gw"),
     'leave "x@" out'),
    (("snippet", "a", "--for", "compose", "--server", "tls://gw/x"),
     "only the address of a wss://"),
    (("snippet", "a", "--for", "compose", "--server", "gw:0"), "--server"),
], ids=lambda v: " ".join(v) if isinstance(v, tuple) else "")
def test_misuse(home, args, says):
    assert says in home.fails(USAGE, *args)
    assert not home.state.exists()


@pytest.mark.parametrize("name", [
    "", "A", "-a", "a-", "a.b", "a b", "a/b", "../a", "a" * 64, "ü", "a\n",
    "a\x1b[31m", "$(id)", "*"])
@pytest.mark.parametrize("command", NAMED, ids=" ".join)
def test_bad_name(home, command, name):
    error = home.fails(USAGE, *command, "--", name)
    assert "a name has 1 to 63 of a-z, 0-9 and -" in error
    assert "\x1b" not in error
    assert not home.state.exists()


# Configuration

def test_configuration_by_option_and_environment(home):
    other = home.path / "other.ini"
    home.ini.rename(other)
    error = home.fails(CONFIG, "agent", "add", "a")
    assert error.startswith(f"{home.ini}: cannot be read")
    assert not home.state.exists()
    for option in (["--config", other], [f"--config={other}"], ["-c", other]):
        home.run("agent", "add", *option, f"a{len(os.listdir(home.path))}",
                 env={"CHARON_CONFIG": None})
        assert home.state.exists()
        shutil.rmtree(home.state)
    home.run("agent", "add", "a", env={"CHARON_CONFIG": str(other)})


def test_bad_configuration(home):
    home.write("[agents]\ntimeout = 1s\n[http]\nlisten = 0.0.0.0:80\n")
    done = home.run("agent", "add", "a", code=CONFIG)
    assert done.stdout == ""
    assert [line.split(": ")[:2] for line in done.stderr.splitlines()] == [
        [f"{home.ini}:5", "timeout"], [f"{home.ini}:7", "listen"]]
    assert not home.state.exists()


def test_configuration_that_others_may_write(home):
    home.ini.chmod(0o666)
    assert "chmod go-w" in home.fails(CONFIG, "agent", "add", "a")


@pytest.mark.parametrize("args", [("agent", "list", "--log-level", "loud"),
                                  ("snippet", "a", "--log-level", "loud",
                                   "--for", "compose")])
def test_bad_log_level(home, args):
    done = home.run(*args, code=USAGE)
    assert "option --log-level" in done.stderr


# Agents

def test_auth_key(home):
    """Id, secret and the host key's fingerprint, in that order."""
    keys = [add(home, name) for name in ("a", "b")]
    parts = [base64.urlsafe_b64decode(k.removeprefix("ch_orthrus_"))
             for k in keys]
    public = (home.state / "ssh_host_ed25519_key.pub").read_text().split()
    assert public[0] == "ssh-ed25519"
    fingerprint = hashlib.sha256(base64.b64decode(public[1])).digest()
    for part in parts:
        assert len(part) == 72 and part[40:] == fingerprint
    assert parts[0][:8] != parts[1][:8] and parts[0][8:40] != parts[1][8:40]
    # No secret is in any file.
    for path in home.state.iterdir():
        data = path.read_bytes()
        for part in parts:
            assert part[8:40] not in data
        assert b"ch_orthrus_" not in data


def test_what_is_made(home):
    done = home.run("agent", "add", "web-1")
    assert AUTH_KEY.fullmatch(done.stdout)
    assert "snippet web-1" in done.stderr
    assert done.stdout.strip() not in done.stderr
    assert mode(home.state) == 0o700
    for name, rights in (("registry.db", 0o600), ("charon.lock", 0o600),
                         ("ssh_host_ed25519_key", 0o600),
                         ("ssh_host_ed25519_key.pub", 0o644),
                         ("revoked_keys", 0o644)):
        assert mode(home.state / name) == rights, name
    assert set(os.listdir(home.state)) == {
        "registry.db", "charon.lock", "ssh_host_ed25519_key",
        "ssh_host_ed25519_key.pub", "revoked_keys"}
    subprocess.run(["ssh-keygen", "-y", "-f",
                    home.state / "ssh_host_ed25519_key"], check=True,
                   stdout=subprocess.DEVNULL)


def test_what_is_made_is_told(home):
    """To whom it happens by mistake, as another user or without the file."""
    line = f"charon agent add: made a new gateway in {home.state}"
    assert line in home.run("agent", "add", "a").stderr.splitlines()
    assert "made" not in home.run("agent", "add", "b").stderr
    assert "made" not in home.run("agent", "list").stderr
    (home.state / "ssh_host_ed25519_key").unlink()
    done = home.run("client", "add", "c", "--allow", "egress")
    assert f"charon client add: made a new host key, {home.state}/" \
        in done.stderr and "gateway in" not in done.stderr
    shutil.rmtree(home.state)
    done = home.run("client", "add", "c", "--allow", "egress")
    assert f"client add: made a new gateway in {home.state}\n" in done.stderr


def test_host_key_of_ones_own(home):
    key = keygen(home.path / "key")
    home.write(f"[ssh]\nhost_key = {key}\n")
    part = base64.urlsafe_b64decode(add(home).removeprefix("ch_orthrus_"))
    blob = base64.b64decode(open(key + ".pub").read().split()[1])
    assert part[40:] == hashlib.sha256(blob).digest()
    assert not (home.state / "ssh_host_ed25519_key").exists()


def test_add_twice(home):
    add(home)
    error = home.fails(DATA, "agent", "add", "web-1")
    assert "already an agent called web-1" in error
    error = home.fails(DATA, "client", "add", "web-1", "--allow", "egress")
    assert "already an agent called web-1" in error
    assert "enroll" in home.fails(DATA, "agent", "add", "enroll")
    home.run("client", "add", "bob", "--allow", "egress")
    error = home.fails(DATA, "client", "add", "bob", "--allow", "web-1:1")
    assert '"charon client allow bob --allow LIST"' in error
    assert "ends its sessions" in error
    (client,) = as_json(home, "client", "list")
    assert client["allow"] == ["egress"]
    assert len(as_json(home, "agent", "list")) == 1


def test_list(home):
    error = home.fails(CONFIG, "agent", "list")
    assert f"no registry {home.registry}" in error
    add(home, "b")
    add(home, "a")
    home.run("client", "add", "c", "--allow", "egress")
    lines = home.run("agent", "list").stdout.splitlines()
    assert re.split(r"  +", lines[0]) == [
        "NAME", "STATUS", "LAST SEEN", "VERSION", "LOAD", "MEMORY",
        "DOCKER", "PORTS"]
    assert [line.split() for line in lines[1:]] == [
        ["a", "pending"] + ["-"] * 6, ["b", "pending"] + ["-"] * 6]
    agents = as_json(home, "agent", "list")
    assert [a["name"] for a in agents] == ["a", "b"]
    assert agents[0] == as_json(home, "agent", "show", "a")
    created = agents[0].pop("created")
    assert abs(time.time() - time.mktime(time.strptime(
        created, "%Y-%m-%dT%H:%M:%SZ")) + time.timezone) < 60
    assert agents[0] == {
        "name": "a", "status": "pending", "enrolled": False,
        "last_seen": None, "version": None, "hostname": None, "os": None,
        "arch": None, "kex": None, "load": None, "memory": {"used": None, "total": None},
        "docker": {"shared": False, "answers": None, "error": None,
                   "version": None, "networks": [],
                   "socket": f"{home.runtime}/agents/a/docker.sock"},
        "ports": []}


def test_empty_list(home):
    add(home)
    home.run("agent", "remove", "web-1")
    done = home.run("agent", "list")
    assert done.stdout == "" and "charon agent add" in done.stderr
    assert as_json(home, "agent", "list") == []
    done = home.run("client", "list")
    assert done.stdout == "" and "charon client add" in done.stderr
    assert as_json(home, "client", "list") == []


def statuses(home):
    return {a["name"]: a["status"] for a in as_json(home, "agent", "list")}


def test_status(home):
    """Online is only who was heard lately by a gateway that runs."""
    for name in ("never", "now", "late", "old", "left"):
        add(home, name)
    home.seen("now")
    home.seen("late", ago=11)
    home.seen("old", ago=15)
    home.seen("left", online=False)
    assert statuses(home) == {"never": "pending", "now": "offline",
                              "late": "offline", "old": "offline",
                              "left": "offline"}
    lock = home.served()
    assert statuses(home) == {"never": "pending", "now": "online",
                              "late": "online", "old": "offline",
                              "left": "offline"}
    home.write("[agents]\ntimeout = 30s\n")
    assert statuses(home)["old"] == "online"
    lock.close()
    assert statuses(home)["old"] == "offline"


def test_what_an_agent_told(home):
    add(home)
    ports = [(9100, "metrics"), (80, "")] + [(p, "") for p in range(1, 7)]
    home.seen("web-1", frame=hello(ports=ports, networks=["bridge", "app"]))
    lock = home.served()
    line = home.run("agent", "list").stdout.splitlines()[1]
    assert re.fullmatch(r"web-1  online  \d+ s ago +0\.1\.0 +0\.42  "
                        r"512 MiB / 2\.0 GiB  "
                        r"24\.0\.7  9100,80,1,2,3,4,\+2", line), line
    agent = as_json(home, "agent", "show", "web-1")
    assert agent["version"] == "0.1.0" and agent["hostname"] == "london"
    assert agent["load"] == 0.42
    assert agent["memory"] == {"used": 512 << 20, "total": 2 << 30}
    assert agent["docker"]["version"] == "24.0.7"
    assert agent["docker"]["networks"] == ["bridge", "app"]
    assert agent["ports"][:2] == [
        {"port": 9100, "name": "metrics", "address": "web-1.orthrus:9100",
         "socket": f"{home.runtime}/agents/web-1/9100.sock"},
        {"port": 80, "name": None, "address": "web-1.orthrus:80",
         "socket": f"{home.runtime}/agents/web-1/80.sock"}]
    shown = home.run("agent", "show", "web-1").stdout
    for text in ("name:       web-1\n", "status:     online\n",
                 "host:       london\n", "memory:     512 MiB of 2.0 GiB\n",
                 "networks:   bridge, app\n",
                 f"{home.runtime}/agents/web-1/docker.sock\n",
                 f"{home.runtime}/agents/web-1/9100.sock, "
                 "web-1.orthrus:9100, metrics\n"):
        assert text in shown, shown
    lock.close()
    # What is old is not shown as if it were new.
    line = home.run("agent", "list").stdout.splitlines()[1]
    assert re.search(r"offline +\d+ s ago +0\.1\.0 +- +- +24\.0\.7 ", line), line


def test_what_an_agent_told_is_data(home):
    """Wide characters, quotes and markup stay what they are."""
    add(home)
    add(home, "b")
    told = '<b>"ü漢\\"</b>'
    home.seen("web-1", frame=hello(hostname=told, networks=[told],
                                   docker_version=told))
    assert as_json(home, "agent", "show", "web-1")["hostname"] == told
    assert f"host:       {told}\n" in home.run("agent", "show",
                                               "web-1").stdout
    lines = home.run("agent", "list").stdout.splitlines()
    assert told in lines[2]
    assert all("\x1b" not in line for line in lines)


def test_unknown_agents(home):
    add(home)
    home.run("client", "add", "bob", "--allow", "egress")
    for command in ("show", "rekey", "remove"):
        error = home.fails(NO_USER, "agent", command, "web")
        assert 'no agent called "web"' in error
        assert '"charon agent list"' in error and "did you mean" not in error
    assert '"charon client list"' in home.fails(NO_USER, "client", "remove",
                                                "web")
    assert "client remove bob" in home.fails(NO_USER, "agent", "remove",
                                             "bob")
    assert "agent remove web-1" in home.fails(NO_USER, "client", "remove",
                                              "web-1")
    assert "client list" in home.fails(NO_USER, "agent", "show", "bob")
    assert len(as_json(home, "agent", "list")) == 1


def test_rekey(home):
    first = add(home)
    done = home.run("agent", "rekey", "web-1")
    assert AUTH_KEY.fullmatch(done.stdout)
    second = done.stdout.strip()
    ids = [base64.urlsafe_b64decode(k.removeprefix("ch_orthrus_"))[:8]
           for k in (first, second)]
    assert ids[0] == ids[1] and first != second
    # A client that enrols with an AUTH_KEY, too; not one with its own key.
    home.run("client", "add", "bob", "--allow", "egress")
    assert AUTH_KEY.fullmatch(home.run("agent", "rekey", "bob").stdout)
    key = keygen(home.path / "key")
    home.run("client", "add", "al", "--allow", "egress", "--key",
             key + ".pub")
    home.fails(DATA, "agent", "rekey", "al")


def certificate(home, name, key):
    """As if name had enrolled with this public key."""
    blob = base64.b64decode(open(key + ".pub").read().split()[1])
    with home.database() as db:
        db.execute("INSERT INTO certificates (peer, key, valid_before) "
                   "SELECT id, ?, strftime('%s', 'now') + 1000 FROM peers "
                   "WHERE name = ?", (blob[-32:], name))
    db.close()


def is_revoked(home, key):
    """What ssh-keygen says of the certificate beside a key."""
    done = subprocess.run(["ssh-keygen", "-Q", "-f", home.state /
                           "revoked_keys", key + "-cert.pub"],
                          capture_output=True, text=True)
    assert done.returncode in (0, 1) and done.stderr == "", done.stderr
    assert ("REVOKED" in done.stdout) == (done.returncode == 1)
    return done.returncode == 1


@pytest.mark.parametrize("command", ["rekey", "remove"])
def test_revoked_keys(home, command):
    """sshd's list has the certificate of whoever is no longer to come."""
    add(home)
    ca = keygen(home.state / "ca_ed25519")
    key, other = keygen(home.path / "key"), keygen(home.path / "other")
    certificate(home, "web-1", key)
    for serial, of in ((1, key), (2, other)):
        subprocess.run(["ssh-keygen", "-q", "-s", ca, "-I", "web-1", "-n",
                        "web-1", "-z", str(serial), of + ".pub"], check=True)
    assert as_json(home, "agent", "show", "web-1")["enrolled"]
    assert not is_revoked(home, key)
    home.run("agent", command, "web-1")
    assert is_revoked(home, key) and not is_revoked(home, other)
    assert mode(home.state / "revoked_keys") == 0o644


def test_revoked_without_authority(home):
    """An empty list would let them all in."""
    add(home)
    certificate(home, "web-1", keygen(home.path / "key"))
    before = (home.state / "revoked_keys").read_bytes()
    error = home.fails(CONFIG, "agent", "remove", "web-1")
    assert error.startswith("charon agent remove: done, but an sshd")
    assert "ca_ed25519.pub is not there" in error
    assert (home.state / "revoked_keys").read_bytes() == before


def test_remove(home):
    add(home)
    assert home.run("agent", "remove", "web-1").stdout == ""
    home.fails(NO_USER, "agent", "remove", "web-1")
    add(home)


def test_name_too_long_for_its_socket(home):
    """63 bytes of a name and 20 around it, of 107 for the path."""
    home.runtime = home.path / "run-with-a-long-name"
    home.write("")
    room = 107 - len(f"{home.runtime}/agents//docker.sock")
    error = home.fails(CONFIG, "agent", "add", "a" * (room + 1))
    assert "shorter name, or another [state] runtime" in error
    assert not home.state.exists()
    add(home, "a" * room)


# Clients

def test_client_with_a_key(home):
    add(home)
    key = keygen(home.path / "key")
    done = home.run("client", "add", "al", "--key", key + ".pub", "--allow",
                    " web-1:080 , web-1:docker,egress, web-1:80")
    assert done.stdout == "" and done.stderr == ""
    fingerprint = subprocess.run(
        ["ssh-keygen", "-lf", key + ".pub"], check=True, text=True,
        capture_output=True).stdout.split()[1]
    (client,) = as_json(home, "client", "list")
    assert client.pop("created").endswith("Z")
    assert client == {"name": "al", "login": "key", "key": fingerprint,
                      "enrolled": False,
                      "allow": ["web-1:80", "web-1:docker", "egress"]}
    lines = home.run("client", "list").stdout.splitlines()
    assert re.split(r"  +", lines[0]) == ["NAME", "LOGIN", "REGISTERED",
                                          "ALLOW"]
    assert re.fullmatch(r"al +key +[\d-]+ [\d:]+ \(\d+ s ago\)  "
                        r"web-1:80,web-1:docker,egress", lines[1])
    home.run("client", "remove", "al")
    assert as_json(home, "client", "list") == []


def test_client_at_a_terminal(home):
    """A person is told what comes next, beside an empty output."""
    key = keygen(home.path / "key")
    ours, its = os.openpty()
    done = subprocess.run([CHARON, "client", "add", "al", "--key",
                           key + ".pub", "--allow", "egress"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=its, env=home.environment({}), timeout=60)
    os.close(its)
    said = b""
    while b"docker lines" not in said:
        said += os.read(ours, 4096)     # fails at the end of it
    os.close(ours)
    assert done.returncode == 0 and done.stdout == b""
    assert b"al logs in with that key" in said
    assert b'"charon fingerprint --known-hosts HOST"' in said


def test_client_with_several_lists(home):
    """They are one list, in which each item is checked."""
    home.run("client", "add", "al", "--allow", "web-1:*", "--allow",
             "egress,web-1:80", "--allow=egress")
    (client,) = as_json(home, "client", "list")
    assert client["allow"] == ["web-1:*", "egress", "web-1:80"]
    for lists in (("web-1:80", "b"), ("b", "web-1:80")):
        error = home.fails(USAGE, "client", "add", "bob", "--allow", lists[0],
                           "--allow", lists[1])
        assert '--allow: "b": expected' in error


def test_client_with_an_auth_key(home):
    done = home.run("client", "add", "bob", "--allow", "web-1:*")
    assert AUTH_KEY.fullmatch(done.stdout)
    assert "snippet" not in done.stderr
    (client,) = as_json(home, "client", "list")
    assert client["login"] == "certificate" and client["key"] is None
    assert not client["enrolled"]
    assert "  AUTH_KEY  " in home.run("client", "list").stdout
    certificate(home, "bob", keygen(home.path / "key"))
    assert "  certificate  " in home.run("client", "list").stdout


def test_client_allow(home):
    """Another list, and nothing else of the client is changed."""
    error = home.fails(CONFIG, "client", "allow", "al", "--allow", "egress")
    assert "no registry" in error and not home.state.exists()
    add(home, "web-1")
    key = keygen(home.path / "key")
    home.run("client", "add", "al", "--allow", "egress", "--key",
             key + ".pub")
    home.run("client", "add", "bob", "--allow", "egress")
    before = as_json(home, "client", "list")
    done = home.run("client", "allow", "al", "--allow", "web-1:80",
                    "--allow", "web-1:docker")
    assert done.stdout == "" and done.stderr == ""
    before[0]["allow"] = ["web-1:80", "web-1:docker"]
    assert as_json(home, "client", "list") == before
    done = home.run("client", "allow", "bob", "--allow", "nix:*")
    assert warnings(done) == ["nix"]
    assert as_json(home, "client", "list")[1]["allow"] == ["nix:*"]
    assert 'no client called "carl"' in home.fails(
        NO_USER, "client", "allow", "carl", "--allow", "egress")
    assert "the name of an agent" in home.fails(
        NO_USER, "client", "allow", "web-1", "--allow", "egress")


def warnings(done):
    """The names of agents that a command said it does not know."""
    return re.findall(r'^charon [a-z ]+: warning: no agent called "(.*)" is '
                      r'registered; "charon agent add \1" does it$',
                      done.stderr, re.M)


def test_agents_that_are_not_registered(home):
    """A typing error shows, but an agent may be added later."""
    add(home, "web-1")
    home.run("client", "add", "bob", "--allow", "web-1:80")
    done = home.run("client", "add", "al", "--allow", "nix:80,egress,web:1,"
                    "web-1:80,nix:81,bob:1,we:1,b:1,nix:docker,web:*")
    assert AUTH_KEY.fullmatch(done.stdout)
    assert warnings(done) == ["nix", "web", "bob", "we", "b"]
    assert warnings(home.run("client", "add", "c", "--allow", "egress")) == []
    for name, told in (("web-1", []), ("nix", ["nix"]), ("bob", ["bob"])):
        done = home.run("snippet", name, "--for", "compose")
        assert f'ORTHRUS_NAME: "{name}"' in done.stdout
        assert warnings(done) == told
    add(home, "nix")
    assert warnings(home.run("snippet", "nix", "--for", "compose")) == []
    # Without a registry, as on another machine.
    shutil.rmtree(home.state)
    done = home.run("snippet", "nix", "--for", "compose")
    assert "no registry" in done.stderr and 'NAME: "nix"' in done.stdout
    assert not home.state.exists()


@pytest.mark.parametrize("make,code,says", [
    (lambda p: None, NO_INPUT, "No such file"),
    (lambda p: os.mkdir(p), NO_INPUT, "Is a directory"),
    (lambda p: os.mkfifo(p), NO_INPUT, "not a regular file"),
    (lambda p: open(p, "w").write("hello\n"), DATA, "not a public key"),
    (lambda p: open(p, "w").write(""), DATA, "not a public key"),
    (lambda p: shutil.move(keygen(p + "x", "-b", "3072", kind="rsa") +
                           ".pub", p), DATA, "another type"),
    (lambda p: shutil.move(keygen(p + "x"), p), DATA, "private"),
    (lambda p: open(p, "w").write("ssh-ed25519 AAAA\n"), DATA, "damaged"),
    (lambda p: open(p, "w").write("x" * 20000), NO_INPUT, "too large"),
], ids=["missing", "directory", "fifo", "text", "empty", "rsa", "private",
        "cut", "large"])
def test_client_with_a_bad_key(home, make, code, says):
    path = str(home.path / "bad.pub")
    make(path)
    error = home.fails(code, "client", "add", "al", "--allow", "egress",
                       "--key", path)
    assert "--key" in error and path in error
    assert says.lower() in error.lower()
    assert not home.state.exists()


def test_client_list_that_is_too_long(home):
    many = ",".join(f"agent-{i}:{1000 + i}" for i in range(400))
    error = home.fails(USAGE, "client", "add", "al", "--allow", many)
    assert "4095 bytes" in error


# The state directory

def test_two_at_once(home):
    """First runs at once agree on one host key; every agent is there."""
    running = [home.start("agent", "add", f"a{i}") for i in range(8)]
    keys = []
    for process in running:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert AUTH_KEY.fullmatch(out)
        keys.append(base64.urlsafe_b64decode(
            out.strip().removeprefix("ch_orthrus_")))
    assert len({k[40:] for k in keys}) == 1
    assert len({k[:8] for k in keys}) == 8
    assert len(as_json(home, "agent", "list")) == 8


def test_same_name_at_once(home):
    running = [home.start("agent", "add", "web-1") for _ in range(4)]
    codes = sorted((p.communicate(timeout=60), p.returncode)[1]
                   for p in running)
    assert codes == [0, DATA, DATA, DATA]


def test_locked_registry(home):
    add(home)
    db = home.database()
    db.execute("BEGIN IMMEDIATE")
    for args in (("agent", "add", "b"), ("agent", "rekey", "web-1"),
                 ("agent", "remove", "web-1")):
        assert str(home.registry) in home.fails(LOCKED, *args)
    assert len(as_json(home, "agent", "list")) == 1
    db.close()
    home.run("agent", "remove", "web-1")


def test_state_that_others_may_write(home):
    add(home)
    home.state.chmod(0o770)
    for args in (("agent", "add", "b"), ("agent", "list")):
        assert f"chmod go-w {home.state}" in home.fails(CONFIG, *args)
    home.state.chmod(0o755)
    assert len(as_json(home, "agent", "list")) == 1


@pytest.mark.parametrize("name,rights,code", [
    ("registry.db", 0o640, NO_PERMISSION),
    ("ssh_host_ed25519_key", 0o640, CONFIG)])
def test_files_that_others_may_read(home, name, rights, code):
    add(home)
    (home.state / name).chmod(rights)
    assert f"chmod 600 {home.state / name}" in home.fails(code, "agent",
                                                          "list")


def test_missing_host_key(home):
    add(home)
    (home.state / "ssh_host_ed25519_key").unlink()
    assert "no host key" in home.fails(CONFIG, "agent", "rekey", "web-1")


@pytest.mark.parametrize("name", ["registry.db", "ssh_host_ed25519_key"])
def test_damaged_file(home, name):
    add(home)
    with open(home.state / name, "r+b") as f:
        f.write(b"garbage" * 10)
    for args in (("agent", "list"), ("agent", "add", "b")):
        done = home.run(*args, code={"registry.db": IO,
                                     "ssh_host_ed25519_key": CONFIG}[name])
        assert str(home.state / name) in done.stderr


def test_state_that_is_a_file(home):
    home.state.write_text("")
    done = home.start("agent", "add", "a")
    err = done.communicate(timeout=60)[1]
    assert done.returncode in (CANT_CREATE, CONFIG), err
    assert str(home.state) in err


def in_mounts(script):
    """A prefix that runs a command where script has mounted things."""
    if subprocess.run(["unshare", "-m", "true"]).returncode != 0:
        pytest.skip("no mount namespaces here")
    return ["unshare", "-m", "sh", "-ec", script + '; exec "$@"', "sh"]


def test_read_only(home):
    read_only = in_mounts(f"mount --bind {home.path} {home.path}; "
                          f"mount -o remount,bind,ro {home.path}")
    error = home.fails(CANT_CREATE, "agent", "add", "a", prefix=read_only)
    assert "Read-only file system" in error
    add(home)
    for args in (("agent", "add", "b"), ("agent", "rekey", "web-1"),
                 ("agent", "remove", "web-1")):
        done = home.run(*args, prefix=read_only,
                        code=CANT_CREATE if "add" in args else IO)
        assert done.stdout == ""
    assert list(statuses(home)) == ["web-1"]


def test_full_disk(home):
    """Nothing that was acknowledged is lost, and nothing is half there."""
    home.state.mkdir(mode=0o700)
    full = in_mounts(
        f"mount -t tmpfs -o size=640k,mode=0700 none {home.state}; "
        f"export CHARON_CONFIG={home.ini}")
    script = """
for i in $(seq 400); do
	"$@" agent add a$i || break
done
echo code $?
dd if=/dev/zero of=%s/fill bs=1k 2>/dev/null
"$@" agent add b
echo code $?
"$@" agent remove a1
echo code $?
rm %s/fill
"$@" agent list --json
""" % (home.state, home.state)
    run = home.start(prefix=[*full, "sh", "-c", script, "sh"])
    out, err = run.communicate(timeout=120)
    added = len(AUTH_KEY.findall(out))
    codes = [int(c) for c in re.findall(r"code (\d+)", out)]
    listed = json.loads(out[out.index("["):])
    assert added >= 1 and codes[1:] == [IO, IO], (codes, err)
    assert codes[0] in (0, IO, CANT_CREATE), err
    assert "No space left" in err or "full" in err
    # Of the last one the AUTH_KEY may be lost, never of one shown.
    assert len(listed) == added, err


def test_output_that_is_lost(home):
    with open("/dev/full", "w") as full:
        done = home.run("agent", "add", "web-1", code=IO, stdout=full)
        assert "charon agent rekey web-1" in done.stderr
        home.run("agent", "list", code=IO, stdout=full)
        home.run("agent", "list", "--json", code=IO, stdout=full)
        home.run("agent", "show", "web-1", code=IO, stdout=full)
        home.run("snippet", "web-1", "--for", "compose", code=IO, stdout=full)
        home.run("agent", "add", "--help", stdout=full, code=IO)
    reader, writer = os.pipe()
    os.close(reader)
    done = home.run("agent", "rekey", "web-1", code=IO, stdout=writer)
    os.close(writer)
    assert "charon agent rekey web-1" in done.stderr


# Root beside a service that runs as a user of its own

def owned_by(home, user):
    return {p.name for p in home.state.iterdir() if p.stat().st_uid != user}


def test_root_beside_a_user(home):
    """What root makes belongs to the directory's owner, who can go on."""
    home.state.mkdir(mode=0o700)
    os.chown(home.state, NOBODY, NOBODY)
    home.path.chmod(0o711)
    add(home)
    assert owned_by(home, NOBODY) == set()
    # With its log open, SQLite's other files are there.
    db = home.database()
    db.execute("SELECT * FROM peers").fetchall()
    add(home, "b")
    assert (home.state / "registry.db-wal").exists()
    assert owned_by(home, NOBODY) == set()
    db.close()
    home.run("agent", "rekey", "b")
    home.run("agent", "remove", "web-1")
    assert owned_by(home, NOBODY) == set()
    nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    assert AUTH_KEY.fullmatch(home.run("agent", "add", "c", **nobody).stdout)
    home.run("agent", "remove", "b", **nobody)
    assert [a["name"] for a in as_json(home, "agent", "list")] == ["c"]
    # Others are told who may.
    stranger = {"user": 12345, "group": 12345, "extra_groups": []}
    error = home.fails(NO_PERMISSION, "agent", "add", "d", **stranger)
    assert str(home.state) in error


def test_user_without_a_service(home):
    """Below XDG's directories, when the file names none."""
    home.path.chmod(0o755)
    os.mkdir(home.path / "xdg")
    os.chown(home.path / "xdg", NOBODY, NOBODY)
    home.ini.write_text("")
    done = home.run("agent", "add", "a", user=NOBODY, group=NOBODY,
                    extra_groups=[],
                    env={"XDG_STATE_HOME": str(home.path / "xdg"),
                         "XDG_RUNTIME_DIR": "/run/x"})
    assert AUTH_KEY.fullmatch(done.stdout)
    assert (home.path / "xdg/charon/registry.db").exists()
