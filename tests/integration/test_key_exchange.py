# SPDX-License-Identifier: ISC
"""Each key exchange that is offered works with OpenSSH, from either side."""

import re
import subprocess

import pytest

from lab import openssh
from lab.charon import Charon
from lab.openssh import run
from lab.targets import answers_at_end, digest, payload

pytestmark = pytest.mark.skipif(not openssh.available(),
                                reason="this build has no charon")

DATA = payload(1, 300000)


def common(lab, charon, config):
    """What the gateway offers, by its refusal, and OpenSSH has as well."""
    done = run(lab, "ssh", "-F", config, "-N", "-o",
               "KexAlgorithms=diffie-hellman-group14-sha256", "gate")
    offer = re.search(r"Their offer: (\S+)", " ".join(done.said)).group(1)
    known = subprocess.run(["ssh", "-Q", "kex"], check=True, text=True,
                           capture_output=True).stdout.split()
    names = [name for name in offer.split(",") if name in known]
    assert "curve25519-sha256" in names
    return names


def test_all_of_them(lab):
    charon = lab.own(Charon(lab))
    target = lab.serve(answers_at_end(b""))
    config = charon.ssh_client("ann", f"london:{target.port}")
    charon.agent("london", "--expose", target.port,
                 key=charon.add_agent("london"))
    for name in common(lab, charon, config):
        done = run(lab, "ssh", "-F", config, "-o", f"KexAlgorithms={name}",
                   "-W", f"london.orthrus:{target.port}", "gate", data=DATA)
        assert (done.returncode, done.said) == (0, []), name
        assert done.out.decode() == digest(DATA)
        sshd = lab.sshd(KexAlgorithms=name)
        agent = lab.orthrus(sshd, control=lab.path(f"{sshd.port}.sock"))
        assert agent.status()["kex"] == name
        agent.stop()
