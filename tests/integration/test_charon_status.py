# SPDX-License-Identifier: ISC
"""What "charon status" says, and how it ends, which is what looks after a
container."""

import signal
import subprocess

from lab.charon import CHARON
from lab.charon_home import CONFIG, UNAVAILABLE
from lab.system import DIES_WITH_US, free_port, until


def test_gateway_status(home):
    """Well, without a gateway, and with one that hangs or has other sockets."""
    home.fails(CONFIG, "status")
    home.write("[http]\nlisten = off\n")
    home.run("agent", "add", "web-1")
    assert "no gateway runs on" in home.fails(UNAVAILABLE, "status")
    lock = home.served()
    home.seen("web-1")
    assert home.run("status").stdout == \
        f"the gateway on {home.state} runs; 1 of 1 agent online\n"
    home.write("")
    assert "does not answer" in home.fails(UNAVAILABLE, "status")
    lock.close()
    home.write(f"[ssh]\nlisten = 127.0.0.1:{free_port()}\n")
    gateway = home.start("serve", prefix=DIES_WITH_US)
    try:
        until("it is well", 30, lambda: subprocess.run(
            [CHARON, "status"], env=home.environment(None),
            capture_output=True).returncode == 0)
        home.run("agent", "add", "web-2")
        assert "0 of 2 agents online" in home.run("status").stdout
        gateway.send_signal(signal.SIGSTOP)
        assert "does not answer" in home.fails(UNAVAILABLE, "status")
        gateway.send_signal(signal.SIGCONT)
        home.run("status")
    finally:
        gateway.kill()
        gateway.communicate()
    assert "no gateway runs on" in home.fails(UNAVAILABLE, "status")
