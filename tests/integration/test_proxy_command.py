# SPDX-License-Identifier: ISC
"""A command in place of a connection: the ways of docs/transports.md, names
that are no syntax, what it says, and that nothing of it is left."""

import os
import re
import shutil
import signal
import subprocess

import pytest

from lab import proxies, socks
from lab.charon import Charon
from lab.system import (DIES_WITH_US, alive, children, free_port,
                        until)
from lab.targets import echo, echoes

UNAVAILABLE, CONFIG = 69, 78


def through(lab, server, command, *options, **more):
    agent = lab.orthrus(server, "--proxy-command", command, *options, **more)
    target = lab.serve(echo)
    assert echoes(socks.open_through(lab, agent, *target.address))
    return agent


def commands(agent):
    """What runs below the agent: the process that starts them, and they."""
    return children(agent.pid)


def script(lab, name, text):
    return lab.write(name, "#!/bin/sh\n" + text, 0o755)


# --- the ways of docs/transports.md ---------------------------------------

def test_nc_and_socat(lab):
    sshd = lab.sshd()
    for i, (program, command) in enumerate((
            ("nc", "nc %h %p"), ("socat", "socat - TCP:%h:%p"),
            ("socat", "socat - 'TCP:%n:%p'"))):
        proxies.needs(program)
        through(lab, sshd, command, control=lab.path(f"{i}.sock"))


def test_bastion(lab):
    """ssh -W, whose server connects for us."""
    bastion, sshd = lab.sshd(), lab.sshd()
    ssh = (f"ssh -F none -i {lab.identity} -p {bastion.port} -o "
           "StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
           "-o BatchMode=yes -W [%h]:%p %r@127.0.0.1")
    agent = through(lab, sshd, ssh)
    until("its warning is told", 10, lambda: re.search(
        r"proxy command: Warning: Permanently added '\[\*\*\*\]:\d+'",
        agent.log()))
    assert agent.status()["link"]["transport"] == "command"


def test_openssl(lab):
    """TLS by s_client, to a server that is behind socat."""
    proxies.needs("socat")
    sshd, port = lab.sshd(), free_port()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048",
                    "-nodes", "-days", "2", "-subj", "/CN=gw.test",
                    "-addext", "subjectAltName=DNS:gw.test", "-keyout",
                    lab.path("key.pem"), "-out", lab.path("cert.pem")],
                   check=True, capture_output=True)
    pem = lab.write("both.pem", open(lab.path("key.pem")).read() +
                    open(lab.path("cert.pem")).read())
    tls = subprocess.Popen(DIES_WITH_US + [
        "socat", f"OPENSSL-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr,"
        f"cert={pem},verify=0", f"TCP:127.0.0.1:{sshd.port}"])
    try:
        through(lab, f"127.0.0.1:{port}",
                "openssl s_client -quiet -verify_return_error "
                f"-verify_hostname gw.test -CAfile {lab.path('cert.pem')} "
                "-servername gw.test -connect %h:%p",
                "--host-key", sshd.fingerprint)
    finally:
        tls.kill()
        tls.wait()


def test_charon_and_enrolment(lab):
    proxies.needs("socat")
    charon = lab.own(Charon(lab))
    agent = charon.agent("far", "--proxy-command", "socat - TCP:%h:%p",
                         key=charon.add_agent("far"))
    assert agent.status()["gateway"]
    done = lab.run("enroll", "--name", "near", "--server", charon.address,
                   "--proxy-command", "socat - TCP:%h:%p",
                   env={"AUTH_KEY": charon.add_agent("near")})
    assert done.returncode == 0, done.text


# --- names ----------------------------------------------------------------

def test_what_it_is_given(lab):
    sshd, said = lab.sshd(), lab.path("said")
    run = script(lab, "script", f'printf "%s\\n" "$@" >{said}\n'
                 f"exec nc 127.0.0.1 {sshd.port}\n")
    proxies.needs("nc")
    through(lab, f"[2001:db8::1%eth0]:{sshd.port}",
            f"{run} %h '%n' \"%r\" %p 100%%", "--host-key", sshd.fingerprint)
    assert open(said).read().splitlines() == [
        "2001:db8::1%eth0", "2001:db8::1%eth0", "root", str(sshd.port),
        "100%"]


@pytest.mark.parametrize("host", [
    "$(touch{IFS}hit)", "`touch`", "a;touch", "a|b", "a&b", "a>hit", "a'b",
    'a"b', "a\\b", "{a}", "a*", "~root", "#a", "!a", "a=b", "ä"])
def test_names_that_are_syntax(lab, host):
    for command in "nc %h %p", "nc '%h' %p", 'nc "%n" %p':
        done = lab.refused(host, "--proxy-command", command)
        assert done.returncode == CONFIG
        assert "option --proxy-command: the host of a server holds what a " \
            "shell could read as more than a name" in done.text
    assert not os.path.exists(lab.path("hit"))


# --- what it says, and how it ends ----------------------------------------

def test_what_it_says_is_logged_without_names(lab):
    run = script(lab, "script", """
echo "cannot reach gw.example.com at 192.0.2.7:22 or 2001:db8::7" >&2
printf 'bell \\a and \\r escape \\033[31m\\n' >&2
head -c 100000 /dev/zero | tr '\\0' x >&2
echo >&2
printf 'no end of line' >&2
exit 3
""")
    done = lab.refused("gw.example.com", "--no-reconnect", "--proxy-command",
                       f"{run} %h")
    assert done.returncode == UNAVAILABLE
    lines = re.findall(r"proxy command: (.*)", done.text)
    assert lines[0] == "cannot reach *** at *** or ***"
    assert lines[1] == r"bell \a and  escape \x1b[31m" or \
        "\x1b" not in lines[1]
    assert lines[-1] == "no end of line"
    assert max(map(len, lines)) < 600
    assert "192.0.2.7" not in done.text and "2001:db8::7" not in done.text
    assert "the command has ended with exit status 3" in done.text


def test_it_says_too_much(lab):
    run = script(lab, "script", "i=0; while [ $i -lt 3000 ]; do echo line $i; "
                 "i=$((i+1)); done >&2; exit 1\n")
    done = lab.refused("h", "--no-reconnect", "--proxy-command", run)
    lines = re.findall(r"proxy command: (.*)", done.text)
    assert len(lines) == 101
    assert lines[-1] == "it says more, which is left out"


@pytest.mark.parametrize("text, says", [
    ("exit 0", "the command has ended with exit status 0"),
    ("exit 7", "the command has ended with exit status 7"),
    ("kill -TERM $$", "the command was ended by signal 15"),
    ("echo garbage; exit 7", "the command has ended with exit status 7"),
])
def test_ends(lab, text, says):
    done = lab.refused("h", "--no-reconnect", "--proxy-command",
                       script(lab, "script", text + "\n"), timeout=60)
    assert done.returncode == UNAVAILABLE
    assert says in done.text


def test_no_such_program(lab):
    done = lab.refused("h", "--no-reconnect", "--proxy-command",
                       "/nonexistent/nc %h %p")
    assert done.returncode == UNAVAILABLE
    assert "the command has ended with exit status 127" in done.text
    assert "not found" in done.text or "No such file" in done.text


def test_shell_of_a_service(lab):
    """It has none to speak of; a shell of the user's own is used."""
    proxies.needs("nc")
    sshd, shell = lab.sshd(), shutil.which("bash")
    for i, (env, seen) in enumerate((
            ({"SHELL": "/usr/sbin/nologin"}, "/bin/sh"),
            ({"SHELL": shell}, shell))):
        said = lab.path(f"said{i}")
        through(lab, sshd, f'sh -c "echo $0 >{said}; exec nc %h %p"',
                env=env, control=lab.path(f"{i}.sock"))
        assert open(said).read() == seen + "\n"


# --- nothing is left ------------------------------------------------------

def test_environment_and_descriptors(lab):
    """Nothing of ours gets into it but what it speaks over."""
    proxies.needs("nc")
    sshd, said = lab.sshd(), lab.path("said")
    run = script(lab, "script", f"ls -l /proc/self/fd >{said}\nenv >>{said}\n"
                 # Its own: a shell blocks all while it starts another.
                 f"grep -E 'Sig(Blk|Ign)' /proc/self/status >>{said}\n"
                 f"exec nc 127.0.0.1 {sshd.port}\n")
    agent = through(lab, sshd, run, env={"NOTIFY_SOCKET": "@nobody"})
    text = open(said).read()
    numbers = {int(n) for n in re.findall(r" (\d+) -> ", text)}
    assert numbers == {0, 1, 2, 3}, text	# ls has the folder itself
    assert "NOTIFY_SOCKET" not in text and "ORTHRUS_" not in text
    # The C library's own (32 and 33) are nobody's to set.
    for what in "SigBlk", "SigIgn":
        mask = int(re.search(rf"^{what}:\s(\w+)$", text, re.M)[1], 16)
        assert mask & ~(1 << 31 | 1 << 32) == 0, text
    with open(f"/proc/{agent.pid}/environ", "rb") as f:
        assert b"HOME=" in f.read()


@pytest.mark.parametrize("how", ["term", "kill", "stubborn"])
def test_gone_when_we_go(lab, how):
    """It, and what it has started; one that does not want to, too."""
    proxies.needs("nc")
    sshd = lab.sshd()
    trap = "trap '' TERM HUP\n" if how == "stubborn" else ""
    run = script(lab, "script", f"{trap}sleep 1000 &\nnc 127.0.0.1 {sshd.port}\n")
    agent = through(lab, sshd, run)
    pids = commands(agent)
    assert len(pids) >= 4		# the helper, the script, nc and sleep
    if how == "kill":
        agent.ended_by_us = True
        os.kill(agent.pid, signal.SIGKILL)
        agent.process.wait()
        lab.things.remove(agent)
    else:
        assert agent.stop() == 0
        assert how == "stubborn" or not [p for p in pids if alive(p)]
    until("all are gone", 60, lambda: not [p for p in pids if alive(p)])


def test_a_session_that_ends_takes_it_along(lab):
    rounds = int(os.environ.get("ORTHRUS_TEST_RECONNECTS", "20"))
    proxies.needs("nc")
    sshd = lab.sshd()
    agent = through(lab, sshd, "nc %h %p", "--backoff-min", "1ms",
                    "--backoff-max", "20ms")
    before = agent.descriptors()
    helper, = [p for p in commands(agent) if "orthrus-command" in
               open(f"/proc/{p}/comm").read()]
    beneath = len(os.listdir(f"/proc/{helper}/fd"))
    for done in range(rounds):
        until("a session", 20, sshd.kill_sessions)
        until("it is back", 20, lambda: agent.status()["reconnects"] > done
              and agent.state() == "connected")
    until("the last one is alone", 10, lambda: len(commands(agent)) == 2)
    assert agent.descriptors() <= before
    assert len(os.listdir(f"/proc/{helper}/fd")) <= beneath
    os.kill([p for p in commands(agent) if p != helper][0], signal.SIGKILL)
    until("its end is told", 20, lambda: "session lost: the command was "
          "ended by signal 9" in agent.log())


def test_the_helper_is_gone(lab):
    proxies.needs("nc")
    sshd = lab.sshd()
    agent = through(lab, sshd, "nc %h %p")
    helper = commands(agent)[0]
    os.kill(helper, signal.SIGKILL)
    until("that is told", 20, lambda: "no session is made until a restart"
          in agent.log())
    until("the next attempt says so", 20, lambda: "command: the process that "
          "runs it has ended; restart orthrus" in agent.log())


def test_reload(lab):
    proxies.needs("nc")
    sshd = lab.sshd()

    def reload(command, says):
        before = len(agent.log())
        lab.write("a.ini", f"[server]\nproxy_command = {command}\n")
        agent.signal(signal.SIGHUP)
        until(says, 20, lambda: says in agent.log()[before:])

    lab.write("a.ini", "[server]\nproxy_command = nc %h %p\n")
    agent = lab.orthrus(sshd, "-c", lab.path("a.ini"))
    reload("nc -v %h %p", "not reloaded: a proxy command that is new, or "
           "another one, needs a restart")
    reload("nc %h %p", "configuration reloaded")
    reload("none", "configuration reloaded")
    sshd.kill_sessions()
    until("it is back without", 20, lambda: agent.state() == "connected" and
          agent.status()["link"]["transport"] == "tcp")
    assert agent.stop() == 0
    plain = lab.orthrus(sshd, "-c", lab.path("a.ini"))
    agent = plain
    reload("nc %h %p", "needs a restart")
    assert plain.state() == "connected"
