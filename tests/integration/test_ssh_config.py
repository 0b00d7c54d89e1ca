# SPDX-License-Identifier: ISC
"""--ssh-config against ssh -G on the same files, and with real servers."""

import os
import pwd
import re
import shlex
import signal
import subprocess

import pytest

from lab.system import free_port, keygen, until
from lab.targets import echo, echoes, says

HOME = pwd.getpwuid(os.geteuid()).pw_dir	# ssh(1) never asks $HOME

# What a file says, and the aliases that both programs are asked about.
FILES = {
    "plain": ("""
Host web
  HostName web.example.com
  Port 2222
  User joe
  IdentityFile /k/one
  UserKnownHostsFile /k/hosts /k/more
""", ["web", "other", "WEB"]),
    "first": ("""
User early
Host a
  User late
  Port 1
Host *
  Port 2
  HostName %h.example.com
Host a
  HostName never
""", ["a", "b"]),
    "patterns": ("""
Host web? !web2 db-*
  Port 11
Host "*.example.com" 10.0.0.*
  Port 12
Host !*.com *
  User outside
Host ???
  HostName three
""", ["web1", "web2", "web", "db-", "db-x", "x.example.com", "10.0.0.7",
      "a.com", "abc", "a.b"]),
    "spelling": ("""
 # comment
hOsT=sp
\tHOSTNAME = "sp.example.com"   # comment
PORT="4022"
User\tjoe
IdentityFile "/k/with space"
ProxyCommand=nc -X 5 %h %p # all of it
Host nc
ProxyCommand none
""", ["sp", "nc", "x"]),
    "match": ("""
Host m*
  HostName %h.example.org
Match host *.example.org,!m3.*
  User bymatch
Match originalhost m2
  Port 7
Match originalhost M1 host M1.example.ORG
  Port 8
Match all
  IdentityFile ~/k/all
""", ["m1", "m2", "m3", "x"]),
    "jump": ("""
Host j1
  ProxyJump bast
  ProxyCommand never
Host j2
  ProxyCommand nc %h %p
  ProxyJump never
Host j3
  ProxyJump me@b1:2200,b2
Host j4
  ProxyJump none
  ProxyCommand never
""", ["j1", "j2", "j3", "j4"]),
    "include": ("""
Host i1
  Include {dir}/inc-*.conf
  Port 5
Host i2
  Include {dir}/inc-a.conf
Include {dir}/none-*.conf
User outer
""", ["i1", "i2", "i3"]),
}
INCLUDED = {"inc-a.conf": "User inner\nHost i9\nPort 9\n",
            "inc-b.conf": "Port 6\nHost *\nIdentityFile /k/inner\n"}


def theirs(config, alias):
    done = subprocess.run(["ssh", "-G", "-F", config, alias], check=True,
                          capture_output=True, text=True, timeout=20)
    found = {}
    for line in done.stdout.splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key, []).append(value)
    return found


def ours(lab, config, *args):
    done = lab.run("check", "-F", config, "--auth-key",
                   "ch_orthrus_" + "k" * 96, *args, env={"HOME": HOME})
    assert done.returncode == 0, done.stderr
    found = {}
    for key, value, origin in re.findall(r"(?m)^(.+?) = (.*?)  # (.*)$",
                                         done.stdout):
        found.setdefault(key, []).append((value, origin))
    return found, done.stderr


@pytest.mark.parametrize("name", sorted(FILES))
def test_as_ssh_has_it(lab, name):
    text, aliases = FILES[name]
    config = lab.write("ssh_config", text.replace("{dir}", lab.dir))
    for file, inside in INCLUDED.items():
        lab.write(file, inside)
    for alias in aliases:
        want = theirs(config, alias)
        have, _ = ours(lab, config, alias)
        value, origin = have["server.address"][0]
        user, host, port = re.fullmatch(
            r"ssh://(?:(.*)@)?\[?(.*?)\]?:(\d+)", value).groups()
        assert (host.lower(), port) == \
            (want["hostname"][0].lower(), want["port"][0]), (alias, origin)
        assert (lab.dir in origin) == \
            (host != alias or port != "22"), (alias, origin)
        user, origin = have["server.user"][0]
        if origin != "default":
            assert user == want["user"][0], (alias, origin)
        else:
            assert want["user"][0] == pwd.getpwuid(os.geteuid()).pw_name
        path, origin = have["server.identity"][0]
        if origin != "default":
            assert path == os.path.expanduser(want["identityfile"][0])
        else:
            assert "/k/" not in "".join(want["identityfile"])
        hosts = [v for v, o in have["server.known_hosts"] if o != "default"]
        if hosts:
            assert hosts == want["userknownhostsfile"][0].split()
        else:
            assert "/k/" not in want["userknownhostsfile"][0]
        command, _ = have["server.proxy_command"][0]
        if "proxyjump" in want:
            *first, last = want["proxyjump"][0].split(",")
            assert shlex.split(command) == \
                ["ssh", "-F", config] + \
                (["-J", ",".join(first)] if first else []) + \
                ["-W", "[%h]:%p", f"ssh://{last}"]
        else:
            assert command == want.get("proxycommand", ["none"])[0]


def test_all_else_wins(lab):
    config = lab.write("ssh_config", """Host web
HostName h
Port 1
User u
IdentityFile /k/ssh
UserKnownHostsFile /k/ssh
ProxyCommand ssh
""")
    ini = lab.write("a.ini", "[server]\naddress = web\nuser = ini\n"
                    "known_hosts = /k/ini\n"
                    f"ssh_config = {config}\n")
    have, _ = ours(lab, "none", "-c", ini)
    assert have["server.proxy_command"] == [("none", "default")]
    have, _ = ours(lab, config, "-c", ini, "-p", "2", "--proxy-command", "me",
                   "-i", "/k/option")
    assert have["server.address"] == [("ssh://h:2", f"{ini}:2, {config}:2")]
    assert have["server.user"] == [("ini", f"{ini}:3")]
    assert have["server.known_hosts"] == [("/k/ini", f"{ini}:4")]
    assert have["server.identity"] == [("/k/option", "option --identity")]
    assert have["server.proxy_command"] == [("me", "option --proxy-command")]
    have, _ = ours(lab, config, "joe@web:3")
    assert have["server.address"][0][0] == "ssh://joe@h:3"
    assert have["server.user"] == [("joe", "argument")]
    assert have["server.identity"] == [("/k/ssh", f"{config}:5")]


def test_tokens(lab):
    config = lab.write("ssh_config", """Host web
HostName %h.example.com
User joe
Port 7
IdentityFile ~/%n/%h/%r/%p/%d/%%
UserKnownHostsFile none
CertificateFile ~/%n/%h/%r/%p/%d/%%-cert.pub
ProxyCommand nc %n %h %%
""")
    have, said = ours(lab, config, "web")
    assert have["server.identity"][0][0] == \
        f"{HOME}/web/web.example.com/joe/7/{HOME}/%"
    assert have["server.proxy_command"][0][0] == "nc web %h %%"
    assert have["server.known_hosts"][0][1] == "default"
    assert "CertificateFile" in said	# it is not there


@pytest.mark.parametrize("name", [
    "a;touch${IFS}m", "$(touch${IFS}m)", "`touch${IFS}m`", "a|tee${IFS}m",
    "a'b", "a&b", "a<b"])
def test_alias_for_a_shell(lab, name):
    """Who writes the name of a server, as in a link, runs no command by it."""
    for token in "%n", "%%%n", "'%n'", "x-%n":
        config = lab.write("ssh_config", "HostName 127.0.0.1\n"
                           f"ProxyCommand true {token}\n")
        done = lab.run("check", "-F", config, "--server", name)
        assert done.returncode == 78
        assert f"{config}:2: ProxyCommand: the name of the server holds" in \
            done.stderr
    lab.write("ssh_config", "HostName 127.0.0.1\nProxyCommand true %%n %h\n")
    have, _ = ours(lab, config, name)
    assert have["server.proxy_command"][0][0] == "true %%n %h"


def test_what_is_not_taken(lab):
    config = lab.write("ssh_config", """Host web
ForwardAgent yes
Compression yes
IdentityFile /k/1
IdentityFile /k/2
CertificateFile /k/other.pub
Host elsewhere
Ciphers none
Match exec "true"
User nobody
""")
    _, said = ours(lab, config, "web")
    assert said.startswith("note: --ssh-config: not taken: "
                           f"{config}:3 Compression, {config}:5 IdentityFile,"
                           f" {config}:9 Match, "
                           f"{config}:6 CertificateFile; ")
    assert len(said.splitlines()) == 1
    many = lab.write("many", "".join(f"Word{i} x\n" for i in range(20)))
    _, said = ours(lab, many, "web")
    assert "Word7" in said and "Word8" not in said and "and more" in said
    done = lab.refused("web", "--no-reconnect", "-F", config)
    assert done.returncode == 69
    assert done.stderr.count("warn --ssh-config: not taken: ") == 1


@pytest.mark.parametrize("text, says", [
    ("Host web\nPort 65536\n", ":2: Port: expected a number"),
    ("HostName a/b\n", ":1: \"a/b\" is not a host"),
    ("HostName %q\n", ":1: \"%q\" is not known here"),
    ("User\n", ":1: a keyword without a value"),
    ("User \"joe\n", ":1: a quote without its end"),
    ("User a,b\n", ":1: User: not the name of a user"),
    ("ProxyJump 'a;rm -rf /'\n", ":1: ProxyJump: expected"),
    ("ProxyJump -oProxyCommand=x\n", ":1: ProxyJump: expected"),
    ("ProxyJump ,b\n", ":1: ProxyJump: expected"),
    ("ProxyJump a,\n", ":1: ProxyJump: expected"),
    ("ProxyJump a,,b\n", ":1: ProxyJump: expected"),
    ("ProxyJump a,-b\n", ":1: ProxyJump: expected"),
    ("ProxyCommand nc %\n", ":1: proxy_command: \"%\" in a command"),
    ("ProxyCommand nc %k\n", ":1: proxy_command: \"%k\" in a command"),
    ("User \x01\n", ":1: not UTF-8 text"),
    ("User " + "x" * 5000 + "\n", ":1: the line is longer"),
    ("Include {dir}/ssh_config\n", ":1: Include: more than 64 files, or 16"),
    ("IdentityFile /k/\n", ":1: identity: \"/k/\" is a directory"),
], ids=lambda v: None if v[0] == ":" else v[:20].split("\n")[0])
def test_bad_lines(lab, text, says):
    config = lab.write("ssh_config", text.replace("{dir}", lab.dir))
    done = lab.run("check", "-F", config, "web", "--auth-key",
                   "ch_orthrus_" + "k" * 96)
    assert done.returncode == 78
    assert config + says in done.stderr, done.stderr


def test_files_that_are_refused(lab):
    config = lab.write("ssh_config", "User joe\n", 0o620)
    inner = lab.write("inner", "User joe\n", 0o602)
    outer = lab.write("outer", f"\nInclude {inner}\n")
    big = lab.write("big", "# x\n" * 70000)
    for path, says in (
            (config, f"option --ssh-config: {config}: others may write"),
            (outer, f"{outer}:2: {inner}: others may write"),
            (big, f"option --ssh-config: {big}: cannot be read: more than"),
            ("/nowhere", "option --ssh-config: /nowhere: cannot be read"),
            (lab.dir, "option --ssh-config: ")):
        done = lab.run("check", "-F", path, "web")
        assert done.returncode == 78 and says in done.stderr, done.stderr
    done = lab.run("check", "--ssh-config", "web")	# the default one
    assert done.returncode == 78
    assert "home/.ssh/config: cannot be read" in done.stderr
    ssh = os.path.join(lab.dir, "home", ".ssh")
    os.makedirs(ssh, mode=0o700)
    lab.write("home/.ssh/config", "Include more/*\n")
    os.mkdir(os.path.join(ssh, "more"))
    lab.write("home/.ssh/more/a", "Host web\nUser relative\n")
    done = lab.run("check", "--ssh-config", "web", "--auth-key",
                   "ch_orthrus_" + "k" * 96)
    assert "server.user = relative" in done.stdout, done.stderr


def test_connects(lab, sshd):
    """By alias, through a jump, and again after a reload behind the walls."""
    key = " ".join(open(lab.host_key + ".pub").read().split()[:2])
    hosts = lab.write("hosts", f"[127.0.0.1]:{sshd.port} {key}\n")
    common = f"""HostName 127.0.0.1
Port {sshd.port}
User root
IdentityFile {lab.identity}
UserKnownHostsFile {hosts}
"""
    config = lab.write("ssh_config", f"Host box\n{common}ProxyJump bast\n"
                       f"Host bast\n{common}StrictHostKeyChecking yes\n"
                       "GlobalKnownHostsFile none\n")
    to, port = lab.serve(echo), free_port()
    agent = lab.orthrus("box", "-F", config, "-L",
                        f"{port}:127.0.0.1:{to.port}", identity=False)
    assert echoes(lab.connect(("127.0.0.1", port)))
    assert sshd.log().count("Accepted publickey") == 2	# bast, and box
    agent.signal(signal.SIGHUP)
    until("it is read again", 20,
          lambda: "configuration reloaded" in agent.log())
    assert echoes(lab.connect(("127.0.0.1", port)))


def test_certificate_of_its_own(lab):
    """Elsewhere than beside the identity, and what the server asks for."""
    ca, key = keygen(lab.path("ca")), keygen(lab.path("me"))
    subprocess.run(["ssh-keygen", "-q", "-s", ca, "-I", "me", "-n", "root",
                    key + ".pub"], check=True)
    cert = lab.path("work.cert")
    os.rename(lab.path("me-cert.pub"), cert)
    sshd = lab.sshd(TrustedUserCAKeys=ca + ".pub")
    config = lab.write("ssh_config", f"Host web\nHostName 127.0.0.1\n"
                       f"Port {sshd.port}\nUser root\nIdentityFile {key}\n"
                       f"CertificateFile {cert}\n")
    argv = ["connect", "-F", config, "web", "--host-key", sshd.fingerprint,
            "--socks5", "off", "--no-reconnect", "-W",
            f"127.0.0.1:{lab.serve(says(b'through')).port}"]
    done = lab.run(*argv)
    assert done.stdout == "through", done.stderr
    os.rename(cert, cert + "-gone")
    done = lab.run(*argv[:-2])
    assert done.returncode == 77
    assert f"{config}:6 CertificateFile" in done.stderr
