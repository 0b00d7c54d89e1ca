# SPDX-License-Identifier: ISC
"""ssh-audit finds nothing at a gateway that libssh lets us avoid."""

import pathlib
import re
import shutil
import subprocess

import pytest

from lab import openssh
from lab.charon import Charon

KEPT = pathlib.Path(__file__).parents[2] / "docs" / "ssh-audit.txt"
# An old ssh-audit does not know the answer to Terrapin (CVE-2023-48795), a new
# one wants nothing that is not proof against quantum computers.
UNAVOIDABLE = ("(kex) kex-strict-s-v00@openssh.com", "(kex) curve25519-sha256")

pytestmark = [
    pytest.mark.skipif(not openssh.available(),
                       reason="this build has no charon"),
    pytest.mark.skipif(shutil.which("ssh-audit") is None,
                       reason="ssh-audit is missing"),
]


def algorithms(text):
    """Of each kind, in order."""
    return re.findall(r"^\((?:kex|key|enc|mac)\) \S+", text, re.M)


def kept_of(version):
    """What docs/ has of this libssh; 0.11 offers what 0.10 does."""
    name = "0.12" if version >= (0, 12) else "0.10"
    reports = KEPT.read_text().split("\n$ ssh-audit ")[1:]
    return next(r for r in reports if f"# libssh {name}." in r)


def test_audit(lab):
    charon = lab.own(Charon(lab))
    done = subprocess.run(
        ["ssh-audit", "-n", "-p", str(charon.port), "127.0.0.1"],
        capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL, env=lab.environment(), cwd=lab.dir)
    text = done.stdout + done.stderr
    assert algorithms(text), text
    assert "[fail]" not in text, text
    warned = [line for line in text.splitlines() if "[warn]" in line]
    assert all(line.startswith(UNAVOIDABLE) for line in warned), warned
    # The rest of these lines is not about algorithms.
    assert "(gen) compression: disabled" in text
    assert "SSH-1" not in text and "(cve)" not in text
    # What is kept in docs/ is what there is today.
    built = re.search(r"libssh (\d+)\.(\d+)", charon.run("--version").stdout)
    wanted = algorithms(kept_of(tuple(map(int, built.groups()))))
    if "gcm" not in charon.first_cipher:
        wanted = [name for name in wanted if "gcm" not in name]
    assert algorithms(text) == wanted
