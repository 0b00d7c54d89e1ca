# SPDX-License-Identifier: ISC
"""From an AUTH_KEY to an identity: in connect and by "orthrus enroll", what is
refused and how that is told, and stops at bad moments."""

import os
import pathlib
import random
import re
import signal
import sqlite3
import stat
import subprocess
import time

import pytest

from lab.charon import CHARON, Charon
from lab.openssh import keyscan
from lab.system import free_port, until

pytestmark = pytest.mark.skipif(not os.access(CHARON, os.X_OK),
                                reason="this build has no charon")


@pytest.fixture
def charon(lab):
    return lab.own(Charon(lab))


def files(lab, name="a"):
    """The state directory of an agent of Charon.agent(): name to bytes."""
    return {p.name: p.read_bytes()
            for p in pathlib.Path(lab.path(f"state-{name}")).iterdir()}


def enroll(lab, charon, *args, state="a", env=None):
    """One "orthrus enroll" to its end."""
    folder = lab.path(f"state-{state}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    return lab.run("enroll", "--server", charon.address, *args,
                   env={"STATE_DIRECTORY": folder, **(env or {})})


def ended(lab, agent, code, seconds=20):
    """That a connect has ended with code; what it said last."""
    assert agent.wait_exit(seconds) == code, agent.log()
    return agent.log().splitlines()[-1]


def damaged(key):
    """The same id and gateway, another secret."""
    at = len("ch_orthrus_") + 30
    return key[:at] + ("A" if key[at] != "A" else "B") + key[at + 1:]


# What works

def test_registry_is_locked(lab, charon):
    """A command that writes to it at that time is no reason to go away."""
    key = charon.add_agent("a")
    db = sqlite3.connect(os.path.join(charon.state, "registry.db"),
                         isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    agent = charon.agent("a", key=key, wait=None)
    until("it connects", 20, lambda: "connected to" in agent.log())
    time.sleep(1)		# its request has come meanwhile
    db.execute("ROLLBACK")
    db.close()
    charon.wait_status("a", "online")


def test_connect_enrols(lab, charon):
    key = charon.add_agent("a")
    agent = charon.agent("a", key=key)
    charon.wait_status("a", "online")
    made = files(lab)
    assert set(made) == {"id_ed25519", "id_ed25519.pub", "known_hosts",
                         "id_ed25519-cert.pub", "id_ed25519.enrolled"}
    for name in ("id_ed25519", "id_ed25519.enrolled", "known_hosts"):
        path = os.path.join(lab.path("state-a"), name)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, name
    assert made["known_hosts"].startswith(
        f"[127.0.0.1]:{charon.port} ssh-ed25519 ".encode())
    status = agent.status()
    assert status["gateway"] is True and status["leash"] is True
    assert status["certificate"]["serial"] == "1"
    assert "logging in with a password" not in agent.log()
    secret = key[20:40]
    assert secret not in agent.log() + charon.log()
    assert not any(secret.encode() in data for data in made.values())
    assert agent.stop() == 0

    # The identity serves by itself; with its AUTH_KEY nothing is asked anew.
    assert charon.agent("a").stop() == 0
    again = charon.agent("a", key=key)
    assert "enroll" not in again.log()
    assert files(lab) == made


def test_command(lab, charon):
    key = charon.add_agent("a")
    done = enroll(lab, charon, "--name", "a", env={"AUTH_KEY": key})
    assert done.returncode == 0, done.text
    assert done.stdout.startswith(
        f"enrolled as a\nidentity: {lab.path('state-a')}/id_ed25519\n"
        "certificate: until 20")
    assert "--name" not in done.stdout
    assert key[20:40] not in done.text
    made = files(lab)
    done = enroll(lab, charon, "--name", "a", "--auth-key", key)
    assert done.returncode == 0 and "enrolled with this AUTH_KEY already" \
        in done.stdout
    assert files(lab) == made
    charon.agent("a")
    charon.wait_status("a", "online")


def test_key_file_and_identity(lab, charon):
    key = lab.write("key.txt", charon.add_agent("a") + "\n")
    identity = lab.path("elsewhere/deep/id")
    agent = charon.agent("a", "--identity", identity,
                         env={"AUTH_KEY_FILE": key})
    assert os.path.exists(identity + "-cert.pub")
    assert set(files(lab)) == {"known_hosts"}
    assert agent.stop() == 0


def test_key_file_is_taken_away(lab, charon):
    """It has served, so that its absence is no error."""
    key = lab.write("key.txt", charon.add_agent("a") + "\n")
    env = {"AUTH_KEY_FILE": key}
    done = enroll(lab, charon, "--name", "a", env=env)
    assert done.returncode == 0, done.text
    os.unlink(key)
    done = lab.run("check", "--name", "a", "--server", charon.address,
                   env={"STATE_DIRECTORY": lab.path("state-a"), **env})
    assert done.returncode == 0 and f"AUTH_KEY_FILE: {key} is gone" in done.stderr
    agent = charon.agent("a", env=env)
    told = f"AUTH_KEY_FILE: {key} is gone; going on with the identity"
    assert agent.log().count(told) == 1
    agent.signal(signal.SIGHUP)
    until("a reload", 20, lambda: "configuration reloaded" in agent.log())
    assert agent.log().count(told) == 1
    assert agent.stop() == 0
    done = enroll(lab, charon, "--name", "a", env=env)
    assert done.returncode == 78 and "is gone" in done.stderr
    agent = charon.agent("b", env=env, wait=0)
    said = ended(lab, agent, 78)
    assert f"environment AUTH_KEY_FILE: {key} cannot be read: No such file" \
        in said and '"charon agent add NAME" prints at the gateway' in said


@pytest.mark.parametrize("became", ["empty", "garbage", "folder", "open"])
def test_key_file_is_spoilt(lab, charon, became):
    """Who has an identity goes on whatever has become of the file."""
    key = lab.write("key.txt", charon.add_agent("a") + "\n")
    env = {"AUTH_KEY_FILE": key}
    assert enroll(lab, charon, "--name", "a", env=env).returncode == 0
    os.unlink(key)
    if became == "folder":	# as Docker makes one where a source is missing
        os.mkdir(key)
    else:
        lab.write("key.txt", "" if became == "empty" else "rubbish\n",
                  0o644 if became == "open" else 0o600)
    agent = charon.agent("a", env=env)
    charon.wait_status("a", "online")
    assert agent.log().count("AUTH_KEY_FILE") == 1
    assert "; going on with the identity" in agent.log()
    agent.signal(signal.SIGHUP)
    until("a reload", 20, lambda: "configuration reloaded" in agent.log())
    assert agent.log().count("AUTH_KEY_FILE") == 1
    done = lab.run("check", "--name", "a", "--server", charon.address,
                   env={"STATE_DIRECTORY": lab.path("state-a"), **env})
    assert done.returncode == 0 and "AUTH_KEY_FILE" in done.stderr
    agent = charon.agent("b", env=env, wait=0)
    said = ended(lab, agent, 78)
    assert "environment AUTH_KEY_FILE: " in said
    assert '"charon agent add NAME" prints at the gateway' in said


@pytest.mark.parametrize("variable", ["AUTH_KEY", "AUTH_KEY_FILE"])
def test_empty_variable(lab, variable):
    """As compose hands it on when nobody has set it."""
    for command in "connect", "check":
        done = lab.run(command, "--server", "127.0.0.1", "--name", "a",
                       env={"STATE_DIRECTORY": lab.path("s"), variable: ""})
        assert done.returncode == 78
        assert "there is no identity" in done.stderr
        assert f"({variable} is set, but empty)" in done.stderr
        done = lab.run(command, "--server", "127.0.0.1", "--name", "a",
                       env={"STATE_DIRECTORY": lab.path("s")})
        assert done.returncode == 78 and "but empty" not in done.stderr


def test_clients_enrol_as_well(lab, charon):
    charon.agent("me", key=charon.add_client("me", "a:*"))
    listed = charon.run("client", "list").stdout
    assert re.search(r"^me ", listed, re.M)


def test_gateway_comes_later(lab):
    """Enrolling is the first thing that connect tries again and again."""
    charon = lab.own(Charon(lab))
    key = charon.add_agent("a")
    charon.stop()
    agent = charon.agent("a", key=key, wait=0)
    until("an attempt has failed", 20,
          lambda: "Connection refused" in agent.log())
    status = agent.status()
    assert status["state"] in ("connecting", "backoff")
    assert "Connection refused" in status["error"]
    agent.signal(signal.SIGHUP)
    until("a reload", 20, lambda: "the enrolment comes first" in agent.log())
    charon.start()
    agent.wait_ready()


def test_stop_while_enrolling(lab):
    charon = lab.own(Charon(lab))
    key = charon.add_agent("a")
    charon.stop()
    agent = charon.agent("a", key=key, wait=0)
    until("an attempt has failed", 20,
          lambda: "Connection refused" in agent.log())
    assert agent.stop(5) == 0


# Names

def test_another_name_in_connect(lab, charon):
    key = charon.add_agent("right")
    agent = charon.agent("wrong", key=key, wait=0)
    last = ended(lab, agent, 78)
    assert "set ORTHRUS_NAME=right" in last and '"wrong"' in last
    assert not any("cert" in name or name == "id_ed25519"
                   for name in files(lab, "wrong"))
    assert 'this AUTH_KEY is for "right", not for "wrong"; it is still ' \
        "good" in charon.log()
    # It is not used up: with the right name it serves, from anywhere.
    agent = charon.agent("right", key=key)
    charon.wait_status("right", "online")
    assert agent.stop() == 0


def test_another_user(lab, charon):
    key = charon.add_agent("a")
    agent = charon.agent("a", "--user", "joe", key=key, wait=0)
    assert "the user is \"joe\", but at a gateway it must be the agent's " \
        "name" in ended(lab, agent, 78)
    charon.agent("a", key=key, state=lab.path("elsewhere"))


def test_another_name_in_enroll(lab, charon):
    key = charon.add_agent("right")
    done = enroll(lab, charon, "--auth-key", key, env={"ORTHRUS_NAME": "x"})
    assert done.returncode == 78 and "set ORTHRUS_NAME=right" in done.stderr
    # Nobody has chosen this host's name: it is told what to use.
    done = enroll(lab, charon, "--auth-key", key, state="b")
    assert done.returncode == 0, done.text
    assert "connect with --name right" in done.stdout


def test_login_under_another_name(lab, charon):
    charon.agent("a", key=charon.add_agent("a")).stop()
    charon.add_agent("b")
    agent = charon.agent("b", state=lab.path("state-a"), wait=0)
    assert other_identity(lab, "a", "b") in ended(lab, agent, 78)
    assert '"b"' not in charon.log()


def other_identity(lab, present, name):
    return (f'{lab.path("state-a")}/id_ed25519 is the identity of '
            f'"{present}"; give "{name}" another STATE_DIRECTORY or '
            "--identity")


def test_another_agent_in_the_same_state(lab, charon):
    """What an agent lives on is not replaced by that of another one."""
    agent = charon.agent("a", key=charon.add_agent("a"))
    before = files(lab)
    key = charon.add_client("joe", "a:*")
    joe = charon.agent("joe", key=key, state=lab.path("state-a"), wait=0)
    assert other_identity(lab, "a", "joe") in ended(lab, joe, 78)
    done = enroll(lab, charon, "--name", "joe", "--auth-key", key)
    assert done.returncode == 78, done.text
    assert other_identity(lab, "a", "joe") in done.stderr
    done = lab.run("check", "--name", "joe", "--server", charon.address,
                   env={"STATE_DIRECTORY": lab.path("state-a")})
    assert done.returncode == 78, done.text
    assert other_identity(lab, "a", "joe") in done.stderr
    assert charon.log().count(" enrolled from ") == 1
    # Without a name it is the gateway that tells whose the AUTH_KEY is.
    done = enroll(lab, charon, "--auth-key", key)
    assert done.returncode == 78, done.text
    assert other_identity(lab, "a", "joe") in done.stderr
    left = {n: d for n, d in files(lab).items() if ".new" not in n}
    assert left == before
    charon.agent("joe", key=key)
    assert agent.stop() == 0
    charon.agent("a")
    charon.wait_status("a", "online")


# What is refused

def test_wrong_and_used_keys(lab, charon):
    key = charon.add_agent("a")
    done = enroll(lab, charon, "--name", "a", "--auth-key", damaged(key))
    assert done.returncode == 77
    assert "the gateway refused the AUTH_KEY" in done.stderr
    assert "charon agent rekey" in done.stderr
    assert key[60:80] not in done.text
    agent = charon.agent("a", key=damaged(key), wait=0)
    assert "the gateway refused the AUTH_KEY" in ended(lab, agent, 77)

    charon.agent("a", key=key, state=lab.path("one")).stop()
    done = enroll(lab, charon, "--name", "a", "--auth-key", key, state="b")
    assert done.returncode == 77, done.text
    assert "charon agent rekey" in done.stderr
    charon.run("agent", "remove", "a")
    done = enroll(lab, charon, "--name", "a", "--auth-key", key, state="c")
    assert done.returncode == 77, done.text


def test_truncated(lab, charon):
    key = charon.add_agent("a")
    done = enroll(lab, charon, "--name", "a", "--auth-key", key[:-1])
    assert done.returncode == 64 and "is cut short" in done.stderr
    done = enroll(lab, charon, "--name", "a", env={"AUTH_KEY": key[:-1]})
    assert done.returncode == 78 and "is cut short" in done.stderr
    done = enroll(lab, charon, "--name", "a")
    assert done.returncode == 64 and "AUTH_KEY_FILE" in done.stderr


def test_another_gateway(lab, charon):
    """Nothing is sent to one that does not prove to be the right one."""
    other = lab.own(Charon(lab, name="other"))
    key = charon.add_agent("a")
    agent = other.agent("a", key=key, wait=0)
    assert "nothing was sent there" in ended(lab, agent, 77)
    assert "refused a login" not in other.log()
    assert "known_hosts" not in files(lab)
    # With both, the right one is found.
    agent = other.agent("a", "--server", charon.address, key=key)
    charon.wait_status("a", "online")
    assert "nothing was sent there" in agent.log()


def test_plain_server(lab, charon, sshd):
    key = charon.add_agent("a")
    done = lab.run("enroll", "--server", sshd.address, "--auth-key", key)
    assert done.returncode == 77 and "nothing was sent there" in done.stderr
    assert "enroll" not in sshd.log()


def test_unreachable(lab):
    charon = lab.own(Charon(lab))
    key = charon.add_agent("a")
    done = lab.run("enroll", "--server", f"127.0.0.1:{free_port()}",
                   "--auth-key", key)
    assert done.returncode == 69, done.text
    assert "Connection refused" in done.stderr


def test_own_identity(lab, charon):
    """What no enrolment has brought is never touched."""
    key = charon.add_agent("a")
    state = pathlib.Path(lab.path("state-a"))
    state.mkdir(mode=0o700)
    lab.run("keygen", "-o", state / "id_ed25519")
    before = files(lab)
    done = enroll(lab, charon, "--name", "a", "--auth-key", key)
    assert done.returncode == 73 and "--identity" in done.stderr
    agent = charon.agent("a", "--host-key", host_key(charon), key=key,
                         wait=0)
    ended(lab, agent, 77)
    assert "AUTH_KEY is not used" in agent.log()
    assert files(lab) == before


def host_key(charon):
    done = subprocess.run(["ssh-keygen", "-lf", "-"], text=True,
                          input=keyscan(charon.port), capture_output=True,
                          check=True)
    return done.stdout.split()[1]


# Time

def test_rekeyed(lab, charon):
    """A new AUTH_KEY takes the place of the identity of the old one."""
    agent = charon.agent("a", key=charon.add_agent("a"))
    before = files(lab)
    key = charon.run("agent", "rekey", "a").stdout.strip()
    until("the old session has ended", 20, lambda: "revoked" in agent.log())
    agent.stop()
    agent = charon.agent("a", wait=0)
    assert "the gateway's log says why; when its identity was revoked, " \
        '"charon agent rekey a" helps, or "agent add" where it was removed' \
        in ended(lab, agent, 77)
    agent = charon.agent("a", key=key)
    charon.wait_status("a", "online")
    after = files(lab)
    assert set(after) == set(before)
    for name in ("id_ed25519", "id_ed25519.pub", "id_ed25519-cert.pub",
                 "id_ed25519.enrolled"):
        assert after[name] != before[name], name
    assert after["known_hosts"] == before["known_hosts"]


def test_expired(lab):
    charon = lab.own(Charon(lab, agents={
        "certificate_lifetime": "3s", "renew_before": "1s"}))
    key = charon.add_agent("a")
    done = enroll(lab, charon, "--name", "a", "--auth-key", key)
    assert done.returncode == 0, done.text
    time.sleep(3.5)
    agent = charon.agent("a", wait=0)
    last = ended(lab, agent, 77)
    assert "its certificate expired at 20" in last
    assert "charon agent rekey a" in last


def test_answer_was_lost(lab, charon):
    """The same question again, until the key has logged in."""
    key = charon.add_agent("a")
    state = lab.path("state-a/id_ed25519")
    assert enroll(lab, charon, "--name", "a", "--auth-key",
                  key).returncode == 0
    public = files(lab)["id_ed25519.pub"].split()[1]

    def lose():
        for suffix in ("", ".pub", ".enrolled"):
            os.rename(state + suffix, f"{state}.new{suffix}")
        os.unlink(state + "-cert.pub")
    lose()
    done = enroll(lab, charon, "--name", "a", "--auth-key", key)
    assert done.returncode == 0, done.text
    assert files(lab)["id_ed25519.pub"].split()[1] == public
    charon.agent("a").stop()
    lose()
    done = enroll(lab, charon, "--name", "a", "--auth-key", key)
    assert done.returncode == 77, done.text


def test_killed_at_random_moments(lab, charon):
    """Whenever it is killed, the next start gets there."""
    random.seed(5)
    for i in range(20):
        name = f"a{i}"
        key = charon.add_agent(name)
        agent = charon.agent(name, key=key, wait=0)
        time.sleep(random.uniform(0.005, 0.06))
        agent.process.kill()
        agent.process.wait()
        lab.things.remove(agent)
        agent = charon.agent(name, key=key)
        assert agent.stop() == 0
        names = set(files(lab, name))
        assert "id_ed25519-cert.pub" in names
        assert not any(".new" in n and len(n.split(".")) == 2
                       for n in names), names


def test_key_leaves_the_environment(lab, charon):
    """Where ps(1) and whatever the agent starts would find it."""
    key = charon.add_agent("a")
    agent = charon.agent("a", key=key)
    with open(f"/proc/{agent.pid}/environ", "rb") as f:
        environment = f.read()
    assert b"STATE_DIRECTORY=" in environment
    assert key.encode()[:20] not in environment
