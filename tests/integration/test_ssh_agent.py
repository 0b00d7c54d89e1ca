# SPDX-License-Identifier: ISC
"""Logins with keys that a real ssh-agent has, as a user of ssh(1) expects."""

import contextlib
import os
import re
import signal
import socket
import subprocess

import pytest

from lab import socks
from lab.system import keygen, until
from lab.targets import echo, echoes

NOPERM, CONFIG = 77, 78


class Keyring:
    """ssh-agent(1) at a socket of the lab's."""

    def __init__(self, lab):
        self.path = lab.path("agent.sock")
        self.env = {"SSH_AUTH_SOCK": self.path}
        self.child = None
        self.start()

    def start(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.child = subprocess.Popen(["ssh-agent", "-D", "-a", self.path],
                                      stdout=subprocess.DEVNULL)
        until("the agent listens", 20, lambda: os.path.exists(self.path))

    def add(self, *args):
        subprocess.run(["ssh-add", "-q", *args], check=True,
                       stdin=subprocess.DEVNULL, capture_output=True,
                       env=dict(os.environ, **self.env))

    def stop(self):
        if self.child is not None:
            self.child.kill()
            self.child.wait()
            self.child = None

    close = stop


@pytest.fixture
def keyring(lab):
    ring = Keyring(lab)
    yield ring
    ring.close()


def authorize(lab, path):
    with open(path + ".pub") as f:
        lab.write("authorized_keys", f.read())
    return path


def move_away(path):
    """Only the agent has the private half then."""
    os.rename(path, path + ".away")
    return path


@pytest.fixture
def held(lab, keyring):
    """The authorized key is the agent's second one, behind others."""
    right = authorize(lab, keygen(lab.path("right")))
    keyring.add(keygen(lab.path("rsa"), "-b", "2048", kind="rsa"))
    keyring.add(keygen(lab.path("wrong")))
    keyring.add(right)
    return move_away(right)


def works(lab, agent):
    target = lab.serve(echo)
    return echoes(socks.open_through(lab, agent, "127.0.0.1", target.port))


def test_key_of_the_agent(lab, sshd, keyring, held):
    """All Ed25519 keys, where there is no file; over a new session, a reload
    and another agent at the same path; refused while it has no such key."""
    agent = lab.orthrus(sshd, "--backoff-min", "100ms", "--backoff-max",
                        "200ms", identity=lab.path("none"), env=keyring.env)
    assert works(lab, agent)
    assert "confined by: " in agent.log()
    sshd.kill_sessions()
    until("a second session", 30, lambda: agent.log().count("connected to")
          == 2)
    agent.signal(signal.SIGHUP)
    until("the reload", 30, lambda: "configuration reloaded" in agent.log())
    keyring.stop()
    sshd.kill_sessions()
    until("the agent is missed", 30, lambda: re.search(
        r"refused user \"root\" with this ssh-agent, for \S+agent.sock "
        r"\(SSH_AUTH_SOCK\): ", agent.log()))
    assert agent.running()
    keyring.start()
    keyring.add(held + ".away")
    until("a third session", 30, lambda: agent.log().count("connected to")
          == 3)
    assert works(lab, agent) and agent.stop() == 0


def test_agent_that_is_asked_only_where_it_is_meant(lab, sshd, keyring, held):
    """A key that is named and there is used alone, as with IdentitiesOnly;
    the default one is tried first."""
    named = lab.refused(sshd, identity=lab.identity, env=keyring.env)
    assert named.returncode == NOPERM and "agent" not in named.text
    # The public half names the agent's key.
    agent = lab.orthrus(sshd, identity=held + ".pub", env=keyring.env)
    assert works(lab, agent) and agent.stop() == 0
    wrong = lab.refused(sshd, identity=lab.path("wrong") + ".pub",
                        env=keyring.env)
    assert wrong.returncode == CONFIG or "ssh-agent" in wrong.text
    # The default key: first itself, then the agent's.
    state = lab.path("own")
    os.mkdir(state, 0o700)
    keygen(state + "/id_ed25519")
    agent = lab.orthrus(sshd, identity=False, env=dict(
        keyring.env, STATE_DIRECTORY=state))
    assert works(lab, agent) and agent.stop() == 0


def test_agent_for_a_key_with_a_passphrase(lab, sshd, keyring):
    """As ssh(1): the agent has it open; else it says what to do."""
    path = authorize(lab, keygen(lab.path("locked"), passphrase="secret"))
    done = lab.refused(sshd, identity=path, env=keyring.env)
    assert done.returncode == CONFIG and "passphrase" in done.text
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "secret", "-N", "", "-f",
                    path], check=True, capture_output=True)
    keyring.add(path)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f",
                    path], check=True, capture_output=True)
    for command in "check", "connect":
        if command == "check":
            assert lab.run("check", "--server", sshd.address, "--socks5",
                           "off", "--identity", path,
                           env=keyring.env).returncode == 0
        else:
            agent = lab.orthrus(sshd, identity=path, env=keyring.env)
            assert works(lab, agent) and agent.stop() == 0


def test_agent_without_a_key_that_serves(lab, sshd, keyring):
    none = lab.path("none")
    for add, code, says in (
            (None, CONFIG, "no Ed25519 key; ssh-add"),
            ("rsa", CONFIG, "no Ed25519 key; ssh-add"),
            ("ed25519", NOPERM, "none of its 1 Ed25519 keys serves")):
        if add:
            keyring.add(keygen(lab.path("a-" + add), kind=add))
        done = lab.refused(sshd, identity=none, env=keyring.env)
        assert done.returncode == code and says in done.text, done.text
    keyring.stop()
    done = lab.refused(sshd, identity=none, env=keyring.env)
    assert done.returncode == CONFIG, done.text
    assert none in done.text and "does not answer" in done.text
    # A variable that a session has left behind does no harm.
    agent = lab.orthrus(sshd, env=keyring.env)
    assert works(lab, agent)


def test_agent_that_refuses_to_sign(lab, sshd, keyring):
    """Nobody is there to confirm: a line, no silence, and no libssh."""
    path = authorize(lab, keygen(lab.path("asks")))
    keyring.add("-c", path)
    move_away(path)
    done = lab.refused(sshd, identity=path + ".none", env=dict(
        keyring.env, SSH_ASKPASS="/bin/false", DISPLAY="none"))
    assert done.returncode == NOPERM, done.text
    assert "it does not sign" in done.text
    assert "memory" not in done.text


@pytest.fixture
def stuck(lab):
    """The environment of an agent that accepts nobody and has no room."""
    path = lab.path("stuck.sock")
    with contextlib.ExitStack() as held:
        there = held.enter_context(socket.socket(socket.AF_UNIX))
        there.bind(path)
        there.listen(0)
        while True:
            waiting = held.enter_context(socket.socket(socket.AF_UNIX))
            waiting.setblocking(False)
            if waiting.connect_ex(path) != 0:
                break
        yield {"SSH_AUTH_SOCK": path}


def test_agent_that_is_stuck(lab, sshd, stuck):
    """It is not waited for for ever at a start, and not at all at a reload."""
    none = lab.path("none")
    done = lab.refused(sshd, identity=none, env=stuck)
    assert done.returncode == CONFIG, done.text
    assert "it takes too long" in done.text
    key = authorize(lab, keygen(lab.path("mine")))
    agent = lab.orthrus(sshd, identity=key, env=stuck)
    os.unlink(key)
    agent.signal(signal.SIGHUP)
    until("the reload", 30, lambda: "configuration reloaded" in agent.log())
    assert works(lab, agent) and agent.stop() == 0
