# SPDX-License-Identifier: ISC
"""npm's ssh2 as a client of a gateway."""

import base64
import hashlib
import json
import pathlib
import subprocess

import pytest

from lab import openssh, registries
from lab.charon import Charon
from lab.openssh import Web
from lab.ssh_clients import SSH2
from lab.ssh_servers import PEERS
from lab.system import DIES_WITH_US, free_port
from lab.targets import answers_at_end, digest, echo, payload

SIZE = 8 << 20

pytestmark = [
    pytest.mark.registries,
    pytest.mark.skipif(not openssh.available(),
                       reason="this build has no charon"),
]


def test_ssh2(lab):
    modules = registries.node(SSH2)
    charon = lab.own(Charon(lab))
    echoes, digests = lab.serve(echo), lab.serve(answers_at_end(b""))
    web = lab.own(Web())
    ports = [echoes.port, digests.port, web.port]
    charon.agent("london", *[o for p in ports for o in ("--expose", p)],
                 key=charon.add_agent("london"))
    charon.ssh_client("ann", ",".join(f"london:{p}" for p in ports))
    key, = pathlib.Path(charon.state).glob("*host*.pub")
    blob = base64.b64decode(key.read_text().split()[1])
    given = {"port": charon.port, "user": "ann", "key": lab.path("key-ann"),
             "hostHash": hashlib.sha256(blob).hexdigest(), "agent": "london",
             "echo": echoes.port, "digest": digests.port, "web": web.port,
             "free": free_port(), "size": SIZE}
    done = subprocess.run(
        [*DIES_WITH_US, "node", PEERS / "ssh2_client.js", modules,
         json.dumps(given)], capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL, env=lab.environment(), cwd=lab.dir)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"ssh2 {found['version']}: {SIZE >> 20} MB each way in "
          f"{found['seconds']:.2f} s")
    for what in ("both_ways", "half_close", "unix", "kept"):
        assert found[what] is True, (what, found)
    assert found["at_once"] == 100
    assert found["page"] == digest(payload(5, 100000))
    prohibited = "(SSH) Channel open failure: not allowed: it is "
    assert found["beyond"].startswith(prohibited + "not among this client's")
    assert found["egress"].startswith(prohibited + "no agent's address")
    assert found["exec"] == "Unable to exec"
    assert found["terminal"] == "Unable to request a pseudo-terminal"
    assert found["shell"] == "Unable to open shell"
    assert found["sftp"] == "Unable to start subsystem: sftp"
    assert found["subsys"] == "Unable to start subsystem: netconf"
    assert found["forward_in"] == f"Unable to bind to 127.0.0.1:{given['free']}"
    assert found["unix_in"] == \
        f"Unable to bind to /london/{given['free']}.sock"
    assert found["stranger"] == "All configured authentication methods failed"
    assert "verification failed" in found["wrong_host"]
