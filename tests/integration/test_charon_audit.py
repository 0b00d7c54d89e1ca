# SPDX-License-Identifier: ISC
"""ssh-audit finds nothing at a gateway that libssh lets us avoid."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

import openssh
from gateway import Charon

KEPT = pathlib.Path(__file__).parents[2] / "docs" / "ssh-audit.txt"
# Debian's ssh-audit is older than the answer to Terrapin (CVE-2023-48795).
STRICT = "(kex) kex-strict-s-v00@openssh.com"

pytestmark = [
    pytest.mark.skipif(not openssh.available(),
                       reason="this build has no charon"),
    pytest.mark.skipif(shutil.which("ssh-audit") is None,
                       reason="ssh-audit is missing"),
]


def algorithms(text):
    """Of each kind, in order."""
    return re.findall(r"^\((?:kex|key|enc|mac)\) \S+", text, re.M)


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
    assert all(line.startswith(STRICT) for line in warned), warned
    # The rest of these lines is not about algorithms.
    assert "(gen) compression: disabled" in text
    assert "SSH-1" not in text and "(cve)" not in text
    # What is kept in docs/ is what there is today.
    kept = KEPT.read_text()
    wanted = algorithms(kept.split("# ssh-audit 3.")[0])
    if "gcm" not in charon.first_cipher:
        wanted = [name for name in wanted if "gcm" not in name]
    assert algorithms(text) == wanted
    assert os.fspath(lab.dir) not in kept
