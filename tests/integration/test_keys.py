# SPDX-License-Identifier: ISC
"""Whom orthrus trusts and how it logs in: host keys, user keys, refusals."""

import os
import re
import subprocess
import time

import pytest

from lab import socks
from lab.system import fingerprint, keygen, until
from lab.targets import echo, echoes

NOPERM, CONFIG = 77, 78


def works(lab, agent):
    target = lab.serve(echo)
    conn = socks.open_through(lab, agent, "127.0.0.1", target.port)
    return echoes(conn)


def logins(sshd):
    """How many authentication attempts sshd has seen."""
    return len(re.findall(r"userauth-request for user", sshd.log()))


@pytest.fixture
def watched(lab):
    """An sshd that logs each request for authentication."""
    return lab.sshd(LogLevel="DEBUG1")


def known_hosts(lab, sshd, key=None, name="known_hosts", prefix=""):
    """A known_hosts file with one line for this server."""
    with open((key or sshd.host_key) + ".pub") as f:
        kind, blob = f.read().split()[:2]
    return lab.write(
        name, f"{prefix}[127.0.0.1]:{sshd.port} {kind} {blob}\n", 0o644)


# Host keys

def test_unknown_host_key(lab, watched):
    done = lab.refused(watched, host_key=False)
    assert done.returncode == NOPERM, done.text
    assert "--host-key " + watched.fingerprint in done.text
    assert f"{watched.port}" in done.text
    assert "Connection from" in watched.log()
    assert logins(watched) == 0
    # The option that was named is the one that helps.
    option = re.search(r"--host-key SHA256:\S{43}", done.text)[0].split()
    agent = lab.orthrus(watched, *option, host_key=False)
    assert works(lab, agent)
    assert logins(watched) > 0, "the check above could not have failed"


def test_unknown_host_key_among_known_ones(lab, watched):
    """Another port and another host of the same key do not count."""
    with open(watched.host_key + ".pub") as f:
        kind, blob = f.read().split()[:2]
    file = lab.write("known_hosts", f"127.0.0.9 {kind} {blob}\n"
                     f"[127.0.0.1]:1 {kind} {blob}\n"
                     f"[localhost]:{watched.port} {kind} {blob}\n")
    done = lab.refused(watched, "--known-hosts", file, host_key=False)
    assert done.returncode == NOPERM, done.text
    assert "--host-key " + watched.fingerprint in done.text
    assert logins(watched) == 0


def test_key_of_another_server_of_the_list(lab, sshd, watched):
    """By another name or port of the list it is the same machine; a key that
    is known for none of them is not."""
    file = known_hosts(lab, sshd)
    here = f"root@localhost:{sshd.port}"
    agent = lab.orthrus([here, sshd], "--known-hosts", file, host_key=False)
    assert works(lab, agent)
    assert agent.status()["server"].startswith("ssh://root@localhost")
    agent.stop()
    # What is known of the other is not this key.
    file = known_hosts(lab, sshd, keygen(lab.path("other")), name="others")
    done = lab.refused([f"root@localhost:{watched.port}", sshd],
                       "--known-hosts", file, "--no-reconnect", host_key=False)
    assert done.returncode == NOPERM, done.text
    assert f"--host-key {watched.fingerprint}" in done.text
    assert logins(watched) == 0


@pytest.mark.parametrize("hashed", [False, True], ids=["plain", "hashed"])
def test_known_host_key(lab, sshd, hashed):
    file = known_hosts(lab, sshd)
    if hashed:
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True,
                       capture_output=True)
        with open(file) as f:
            assert f.read().startswith("|1|")
    agent = lab.orthrus(sshd, "--known-hosts", file, host_key=False)
    assert works(lab, agent)


def test_known_hosts_at_home(lab, sshd):
    """$STATE/known_hosts, then ~/.ssh/known_hosts."""
    os.mkdir(lab.path("home/.ssh"))
    for name in ("state/known_hosts", "home/.ssh/known_hosts"):
        file = known_hosts(lab, sshd, name=name)
        agent = lab.orthrus(sshd, host_key=False)
        assert agent.stop() == 0
        os.unlink(file)
    done = lab.refused(sshd, host_key=False)
    assert done.returncode == NOPERM, done.text
    assert '"charon fingerprint" (or "ssh-keygen -lf /etc/ssh/' in done.text
    assert "add --accept-new, or --host-key " + sshd.fingerprint in done.text


@pytest.mark.parametrize("accept_new", [False, True],
                         ids=["", "accept-new"])
def test_changed_host_key(lab, watched, accept_new):
    other = keygen(lab.path("other"))
    file = known_hosts(lab, watched, other)
    done = lab.refused(watched, "--known-hosts", file,
                       *["--accept-new"] * accept_new, host_key=False)
    assert done.returncode == NOPERM, done.text
    assert watched.fingerprint in done.text
    assert f"{file}:1" in done.text, "it names the line of the old key"
    assert re.search("changed", done.text, re.I)
    assert logins(watched) == 0
    with open(file) as f:
        assert len(f.readlines()) == 1


def test_revoked_host_key(lab, watched):
    file = known_hosts(lab, watched, prefix="@revoked ")
    with open(known_hosts(lab, watched, name="good")) as good, \
            open(file, "a") as f:
        f.write(good.read())
    done = lab.refused(watched, "--known-hosts", file, "--accept-new",
                       host_key=False)
    assert done.returncode == NOPERM, done.text
    assert re.search("revoked", done.text, re.I)
    assert logins(watched) == 0


def test_pinned_host_key(lab, sshd):
    """The right one beats a known_hosts file that says otherwise."""
    other = keygen(lab.path("other"))
    file = known_hosts(lab, sshd, other)
    agent = lab.orthrus(sshd, "--known-hosts", file, "--host-key",
                        fingerprint(other + ".pub"))
    assert agent.status()["host_key"] == sshd.fingerprint
    assert works(lab, agent)


@pytest.mark.parametrize("accept_new", [False, True],
                         ids=["", "accept-new"])
def test_wrong_pin(lab, watched, accept_new):
    """It beats a known_hosts file that knows the key, too."""
    other = keygen(lab.path("other"))
    done = lab.refused(watched, "--known-hosts", known_hosts(lab, watched),
                       "--host-key", fingerprint(other + ".pub"),
                       *["--accept-new"] * accept_new, host_key=False)
    assert done.returncode == NOPERM, done.text
    assert watched.fingerprint in done.text
    assert logins(watched) == 0


def test_accept_new_and_then_changed(lab, sshd):
    file = lab.path("new/known_hosts")
    options = ["--accept-new", "--known-hosts", file]
    agent = lab.orthrus(sshd, *options, host_key=False)
    assert agent.stop() == 0
    with open(sshd.host_key + ".pub") as key, open(file) as f:
        line = f.read()
        assert key.read().split()[1] in line and line.endswith("\n")
    found = subprocess.run(
        ["ssh-keygen", "-F", f"[127.0.0.1]:{sshd.port}", "-f", file],
        capture_output=True)
    assert found.returncode == 0, "OpenSSH finds it as well"
    # Known from now on, with or without the option; remembered once.
    assert lab.orthrus(sshd, *options, host_key=False).stop() == 0
    assert lab.orthrus(sshd, *options[1:], host_key=False).stop() == 0
    sshd.stop()
    sshd.host_key = keygen(lab.path("new-host-key"))
    sshd.settings["LogLevel"] = "DEBUG1"
    sshd.start()
    done = lab.refused(sshd, *options, host_key=False)
    assert done.returncode == NOPERM, done.text
    assert sshd.fingerprint in done.text
    assert logins(sshd) == 0
    with open(file) as f:
        assert f.read() == line


def test_changed_after_the_first_success(lab, sshd):
    """It stays, says what is wrong, and comes back with the old key."""
    old = sshd.host_key
    agent = lab.orthrus(sshd, "--backoff-max", "1s")
    sshd.stop()
    sshd.host_key = keygen(lab.path("new-host-key"))
    fp = sshd.fingerprint
    sshd.start()
    until("the refusal is logged", 20, lambda: fp in agent.log())
    assert agent.running() and agent.state() != "connected"
    sshd.stop()
    sshd.host_key = old
    sshd.start()
    agent.wait_ready()
    assert works(lab, agent)


def test_server_without_ed25519(lab):
    """Modern algorithms only: an RSA host key is not taken."""
    sshd = lab.sshd(HostKey=keygen(lab.path("rsa"), "-b", "3072",
                                   kind="rsa"), LogLevel="DEBUG1")
    done = lab.refused(sshd, "--accept-new", "--no-reconnect",
                       "--known-hosts", lab.path("kh"), host_key=False)
    assert done.returncode != 0
    assert logins(sshd) == 0
    assert not os.path.exists(lab.path("kh"))


# User keys

def test_key_that_is_not_authorized(lab, sshd):
    stranger = keygen(lab.path("stranger"))
    done = lab.refused(sshd, identity=stranger)
    assert done.returncode == NOPERM, done.text
    assert fingerprint(stranger + ".pub") in done.text or "root" in done.text


def test_key_that_is_withdrawn_later(lab, sshd):
    """A refusal after the first success is retried."""
    agent = lab.orthrus(sshd, "--backoff-max", "1s")
    with open(sshd.authorized) as f:
        authorized = f.read()
    lab.write("authorized_keys", "")
    sshd.kill_sessions()
    until("the refusal", 20, lambda: "Connection closed by authenticating"
          in sshd.log() or "Disconnected from authenticating" in sshd.log()
          or "Connection reset by authenticating" in sshd.log())
    assert agent.running() and agent.state() != "connected"
    lab.write("authorized_keys", authorized)
    agent.wait_ready(30)


def copy_of_identity(lab, mode):
    with open(lab.identity) as f:
        return lab.write("id", f.read(), mode)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_key_that_others_can_read(lab, watched, mode):
    path = copy_of_identity(lab, mode)
    done = lab.refused(watched, identity=path)
    assert done.returncode == CONFIG, done.text
    assert path in done.text and "chmod" in done.text or \
        "0600" in done.text or "600" in done.text
    assert logins(watched) == 0


def test_private_key_of_another_mode(lab, sshd):
    agent = lab.orthrus(sshd, identity=copy_of_identity(lab, 0o400))
    assert works(lab, agent)


def test_missing_key(lab, watched):
    done = lab.refused(watched, identity=lab.path("nowhere/id_ed25519"))
    assert done.returncode == CONFIG, done.text
    assert lab.path("nowhere/id_ed25519") in done.text
    assert "orthrus keygen" in done.text
    assert logins(watched) == 0


def rsa_key(lab):
    return keygen(lab.path("id"), "-b", "3072", kind="rsa")


def ecdsa_key(lab):
    return keygen(lab.path("id"), kind="ecdsa")


def pem_rsa_key(lab):
    return keygen(lab.path("id"), "-b", "3072", "-m", "PEM", kind="rsa")


def encrypted_key(lab):
    return keygen(lab.path("id"), passphrase="a passphrase")


def no_key(lab):
    return lab.write("id", "this is no key\n")


def empty_file(lab):
    return lab.write("id", "")


def public_key(lab):
    with open(lab.identity + ".pub") as f:
        return lab.write("id", f.read())


def folder(lab):
    os.mkdir(lab.path("id"), 0o700)
    return lab.path("id")


def fifo(lab):
    os.mkfifo(lab.path("id"), 0o600)
    return lab.path("id")


def foreign_key(lab):
    path = copy_of_identity(lab, 0o600)
    os.chown(path, 65534, 65534)
    return path


@pytest.mark.parametrize("make,says", [
    (rsa_key, "ed25519"), (pem_rsa_key, "ed25519"), (ecdsa_key, "ed25519"),
    (encrypted_key, "passphrase|encrypted"), (no_key, ""), (empty_file, ""),
    (public_key, ""), (folder, ""), (fifo, ""), (foreign_key, "own")],
    ids=lambda v: getattr(v, "__name__", ""))
def test_unusable_key(lab, watched, make, says):
    path = make(lab)
    done = lab.refused(watched, identity=path)
    assert done.returncode == CONFIG, done.text
    assert path in done.text
    assert re.search(says, done.text, re.I), done.text
    assert logins(watched) == 0


def test_keygen(lab, sshd):
    path = lab.path("made")
    done = lab.run("keygen", "-o", path)
    assert done.returncode == 0, done.text
    assert os.stat(path).st_mode & 0o777 == 0o600
    kind, blob = done.stdout.split()[:2]
    assert kind == "ssh-ed25519"
    public = subprocess.run(["ssh-keygen", "-y", "-f", path], check=True,
                            capture_output=True, text=True).stdout
    assert public.split()[:2] == [kind, blob]
    lab.write("authorized_keys", done.stdout)
    assert works(lab, lab.orthrus(sshd, identity=path))
    with open(path) as f:
        before = f.read()
    again = lab.run("keygen", "-o", path)
    assert again.returncode != 0 and path in again.text
    with open(path) as f:
        assert f.read() == before


# Certificates

@pytest.fixture
def with_ca(lab):
    """An sshd that trusts a CA and no key by itself."""
    ca = keygen(lab.path("ca"))
    lab.write("authorized_keys", "")
    return lab.sshd(TrustedUserCAKeys=ca + ".pub")


def sign(lab, identity, *options, principal="root"):
    subprocess.run(["ssh-keygen", "-q", "-s", lab.path("ca"), "-I",
                    "the-agent", "-n", principal, *options,
                    identity + ".pub"], check=True, capture_output=True)


def test_certificate(lab, with_ca):
    path = keygen(lab.path("id"))
    assert lab.refused(with_ca, identity=path).returncode == NOPERM
    sign(lab, path, "-V", "-5m:+1h")
    assert os.path.exists(path + "-cert.pub")
    agent = lab.orthrus(with_ca, identity=path)
    assert works(lab, agent)
    assert "the-agent" in with_ca.log()


@pytest.mark.parametrize("options,principal", [
    (["-V", "-2h:-1h"], "root"), (["-V", "+1h:+2h"], "root"),
    ([], "somebody-else")], ids=["expired", "early", "principal"])
def test_certificate_that_the_server_refuses(lab, with_ca, options,
                                             principal):
    path = keygen(lab.path("id"))
    sign(lab, path, *options, principal=principal)
    done = lab.refused(with_ca, identity=path)
    assert done.returncode == NOPERM, done.text


def test_certificate_of_another_key(lab, with_ca):
    path, other = keygen(lab.path("id")), keygen(lab.path("other"))
    sign(lab, other)
    os.rename(other + "-cert.pub", path + "-cert.pub")
    done = lab.refused(with_ca, identity=path)
    assert done.returncode == CONFIG, done.text
    assert path + "-cert.pub" in done.text


# Passwords

@pytest.fixture
def with_password(lab):
    """An sshd in its own mount namespace, where root has a password."""
    if subprocess.run(["unshare", "-m", "true"]).returncode != 0:
        pytest.skip("no mount namespaces here")
    crypted = subprocess.run(
        ["openssl", "passwd", "-6", "correct horse"], check=True,
        capture_output=True, text=True).stdout.strip()
    shadow = lab.write("shadow", f"root:{crypted}:20000:0:99999:7:::\n")
    lab.write("authorized_keys", "")
    return lab.sshd(mounts={"/etc/shadow": shadow}, PermitRootLogin="yes",
                    PasswordAuthentication="yes")


def test_password_login(lab, with_password):
    file = lab.write("password", "correct horse\n")
    agent = lab.orthrus(with_password, "--password-file", file)
    assert works(lab, agent)
    assert "Accepted password for root" in with_password.log()
    assert re.search(r"warn", agent.log(), re.I), "it warns"
    assert "correct horse" not in agent.log()


def test_wrong_password(lab, with_password):
    file = lab.write("password", "wrong horse\n")
    done = lab.refused(with_password, "--password-file", file)
    assert done.returncode == NOPERM, done.text
    assert "wrong horse" not in done.text


def test_no_password_unless_told(lab, with_password):
    done = lab.refused(with_password)
    assert done.returncode == NOPERM, done.text
    assert "Failed password" not in with_password.log()


def test_password_that_others_can_read(lab, watched):
    file = lab.write("password", "correct horse\n", 0o644)
    ini = lab.write("password.ini", f"[server]\npassword_file = {file}\n")
    done = lab.refused(watched, "--config", ini)
    assert done.returncode == CONFIG, done.text
    assert file in done.text and f"{ini}:2: " in done.text
    assert "correct horse" not in done.text
    assert logins(watched) == 0


def test_server_that_ends_the_login(lab):
    """A connection cut on the first wrong key is a refusal, and told soon."""
    sshd = lab.sshd(MaxAuthTries=1, LogLevel="DEBUG1")
    other = lab.path("other")
    keygen(other)
    started = time.monotonic()
    done = lab.refused(sshd, "--identity", other)
    assert done.returncode == NOPERM, done.text
    assert "refused" in done.text
    assert time.monotonic() - started < 5
