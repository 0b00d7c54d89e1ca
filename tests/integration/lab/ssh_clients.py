# SPDX-License-Identifier: ISC
"""Other people's SSH clients, each made into a program with the same arguments

  PORT USER KEY FINGERPRINT AGENT SIZE ECHO DIGEST SPEAKS LISTENS OTHER PATH

It logs in at the gateway on PORT, whose host key has the FINGERPRINT, and goes
through it to the agent's ports, with SIZE bytes of (i * 31 + i / 251) % 256.
It prints

  echo true	all of it came back from ECHO, whose other side it ended
  digest HASH	what DIGEST said after the end
  speaks N	SPEAKS said so many bytes, to their end
  unix HASH	as digest, from the Unix socket PATH; where the library can
  refused WHY	what became of the channel to OTHER

and has sent the bytes to LISTENS, and closed that channel in the way its users
do.  ssh2's is peers/ssh2_client.js.
"""

import pathlib
import shutil
import subprocess

import pytest

from lab import registries
from lab.ssh_servers import ASYNCSSH, PARAMIKO, PEERS, X_CRYPTO

RUSSH = ('russh = { version = "=0.65.1", default-features = false, '
         'features = ["ring"] }')
TOKIO = ('tokio = { version = "1", features = ["io-util", "macros", "net", '
         '"rt"] }')
LIBSSH2 = "ssh2-python==1.2.0.post1"
SSH2 = "ssh2@1.17.0"
SSHJ = "com.hierynomus:sshj:0.40.0"


def go():
    return [registries.go("peers/client.go", X_CRYPTO)]


def paramiko():
    return [registries.python(PARAMIKO), PEERS / "paramiko_client.py"]


def asyncssh():
    return [registries.python(ASYNCSSH), PEERS / "asyncssh_client.py"]


def libssh2():
    # Debian 12's is too old: it has no AES-GCM and no ChaCha20.
    return [registries.python(LIBSSH2), PEERS / "libssh2_client.py"]


def russh():
    return [registries.cargo("peers/client.rs", RUSSH, TOKIO)]


def sshj():
    return registries.maven("peers/SshjClient.java", SSHJ)


CLIENTS = {"x/crypto/ssh": go, "paramiko": paramiko, "asyncssh": asyncssh,
           "libssh2": libssh2, "russh": russh, "sshj": sshj}
PARAMETERS = [pytest.param(name, marks=pytest.mark.registries)
              for name in CLIENTS]


def plink(lab, charon, user, key, fingerprint):
    """PuTTY's, with the key in its own format: the start of its arguments."""
    if shutil.which("plink") is None:
        pytest.skip("plink is missing (putty-tools)")
    ppk = pathlib.Path(key + ".ppk")
    if not ppk.exists():
        subprocess.run(["puttygen", key, "-o", ppk], check=True,
                       stdin=subprocess.DEVNULL)
    return ["plink", "-ssh", "-batch", "-P", charon.port, "-i", ppk,
            "-hostkey", fingerprint, "-l", user]
