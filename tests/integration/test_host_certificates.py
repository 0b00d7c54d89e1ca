# SPDX-License-Identifier: ISC
"""known_hosts as sshd(8) has it: authorities, revoked keys, keys of another
type, against a real sshd with and without a HostCertificate."""

import subprocess

import pytest

from lab import socks
from lab.system import fingerprint, keygen
from lab.targets import echo, echoes

NOPERM = 77


def works(lab, agent):
    target = lab.serve(echo)
    return echoes(socks.open_through(lab, agent, "127.0.0.1", target.port))


def public(path):
    with open(path + ".pub") as f:
        return " ".join(f.read().split()[:2])


def sign(ca, key, *options):
    subprocess.run(["ssh-keygen", "-q", "-s", ca, "-I", "host", *options,
                    key + ".pub"], check=True, capture_output=True)
    return key + "-cert.pub"


@pytest.fixture
def certified(lab):
    """Makes a CA (a new one for each kind) and an sshd with its
    certificate."""
    def make(*options, kind="ed25519", **settings):
        ca = keygen(lab.path("ca-" + kind), kind=kind)
        key = keygen(lab.path("certified-" + kind))
        certificate = sign(ca, key, "-h", *options)
        return ca, lab.sshd(HostKey=key, HostCertificate=certificate,
                            **settings)
    return make


def refused(lab, sshd, lines, *options, to=None):
    file = lab.write("known_hosts", lines)
    done = lab.refused(to or sshd, "--known-hosts", file, *options,
                       "--no-reconnect", host_key=False)
    assert done.returncode == NOPERM, done.text
    assert "has changed" not in done.text
    return done.text, file


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_authority(lab, certified, kind):
    """An authority of any type vouches for the host, also when keys are
    exchanged again; OpenSSH's client agrees."""
    ca, sshd = certified("-n", "127.0.0.1,localhost", kind=kind,
                         RekeyLimit="64K")
    file = lab.write("known_hosts", f"@cert-authority * {public(ca)}\n")
    subprocess.run(["ssh", "-F", "none", "-i", lab.identity, "-p",
                    str(sshd.port), "-o", f"UserKnownHostsFile={file}",
                    "-o", "StrictHostKeyChecking=yes", "root@127.0.0.1",
                    "true"], check=True, capture_output=True)
    agent = lab.orthrus(sshd, "--known-hosts", file, host_key=False)
    assert agent.status()["host_key"] == fingerprint(
        lab.path("certified-" + kind) + ".pub")
    target = lab.serve(echo)
    conn = socks.open_through(lab, agent, "127.0.0.1", target.port)
    for _ in range(8):              # several key exchanges
        conn.sendall(b"x" * 32768)
        got = b""
        while len(got) < 32768:
            got += conn.recv(32768)
    assert works(lab, agent) and agent.stop() == 0
    # By itself it is a key as any other: pinned, or written down.
    assert lab.orthrus(sshd, "--host-key", sshd.fingerprint,
                       host_key=False).stop() == 0
    lab.write("known_hosts",
              f"[127.0.0.1]:{sshd.port} {public(sshd.host_key)}\n")
    assert lab.orthrus(sshd, "--known-hosts", file,
                       host_key=False).stop() == 0


def test_authority_of_named_hosts(lab, certified):
    """Patterns of the line and of the certificate, at any port."""
    ca, sshd = certified("-n", "local*")
    file = lab.write("known_hosts", "@cert-authority b*,!bad,localhost "
                     f"{public(ca)}\n")
    named = f"root@localhost:{sshd.port}"
    assert lab.orthrus(named, "--known-hosts", file,
                       host_key=False).stop() == 0
    text, _ = refused(lab, sshd, f"@cert-authority * {public(ca)}\n")
    assert "its certificate is for other names than 127.0.0.1" in text
    text, _ = refused(lab, sshd, "@cert-authority *,!*localhost* "
                      f"{public(ca)}\n", to=named)
    assert "--host-key " + sshd.fingerprint in text


@pytest.mark.parametrize("when,says", [
    ("-2h:-1h", "its certificate expired at 20"),
    ("+1h:+2h", "is this host's clock right?")], ids=["expired", "early"])
def test_certificate_that_is_not_good(lab, certified, when, says):
    """Also not as a new one: the host is known by its authority."""
    ca, sshd = certified("-V", when)
    text, file = refused(lab, sshd, f"\n@cert-authority * {public(ca)}\n",
                         "--accept-new")
    assert says in text and f"{file}:2" in text
    # Its key may be known by itself all the same.
    lab.write("known_hosts", f"@cert-authority * {public(ca)}\n"
              f"[127.0.0.1]:{sshd.port} {public(sshd.host_key)}\n")
    assert lab.orthrus(sshd, "--known-hosts", file,
                       host_key=False).stop() == 0


def test_authority_that_does_not_count(lab, certified):
    ca, sshd = certified("-n", "127.0.0.1")
    other = keygen(lab.path("other-ca"))
    text, file = refused(lab, sshd, f"@cert-authority * {public(ca)}\n"
                         f"@revoked * {public(ca)}\n")
    assert "authority" in text and f"revoked in {file}:2" in text
    text, file = refused(lab, sshd, f"@cert-authority * {public(other)}\n")
    assert f"{file}:1" in text and "a certificate of another" in text
    assert "--host-key " + sshd.fingerprint in text
    text, file = refused(lab, sshd, f"@cert-authority * {public(ca)}\n"
                         f"@revoked * {public(sshd.host_key)}\n",
                         "--accept-new")
    assert f"revoked in {file}:2" in text


def test_no_certificate_where_an_authority_is_known(lab, sshd):
    ca = keygen(lab.path("ca"))
    text, file = refused(lab, sshd, f"@cert-authority * {public(ca)}\n")
    assert f"{file}:1" in text and "HostCertificate" in text
    assert "--host-key " + sshd.fingerprint in text


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_host_with_a_key_of_another_type(lab, kind):
    """Not an alarm; and no first contact."""
    other = keygen(lab.path("other"), kind=kind)
    sshd = lab.sshd()
    line = f"[127.0.0.1]:{sshd.port} {public(other)}\n"
    for options in [], ["--accept-new"]:
        text, file = refused(lab, sshd, "# a comment\n" + line, *options)
        assert "no Ed25519 key is known for it" in text
        assert f"{file}:2" in text
        assert "--host-key " + sshd.fingerprint in text
    file = lab.write("known_hosts", line + f"[127.0.0.1]:{sshd.port} "
                     f"{public(sshd.host_key)}\n")
    assert lab.orthrus(sshd, "--known-hosts", file,
                       host_key=False).stop() == 0
