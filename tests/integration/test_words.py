# SPDX-License-Identifier: ISC
"""What orthrus and charon say when something is not as it should be: what it
is, and what to do."""

import json
import os
import socket

import pytest

from lab.charon import CHARON, Charon
from lab.system import free_port, until
from test_agent_gateway import docker

pytestmark = pytest.mark.skipif(not os.access(CHARON, os.X_OK),
                                reason="this build has no charon")
NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
             "--clear-groups"]


@pytest.fixture
def charon(lab):
    return lab.own(Charon(lab, agents={"heartbeat": "500ms",
                                       "timeout": "5s"}))


# The Docker engine

def test_engine_is_absent(lab, charon):
    path = lab.path("late.sock")
    agent = charon.agent("a", f"--docker={path}", key=charon.add_agent("a"))

    def seen():
        return charon.agents()["a"]["docker"]
    until("it says so", 20, lambda: seen()["answers"] is False)
    assert seen()["shared"] and seen()["error"] == "No such file or directory"
    said = f"there is no socket {path}: start the engine (systemctl start " \
        "docker), or name"
    assert said in agent.log()
    listed = charon.run("agent", "list").stdout
    assert "no answer" in listed and "shared" not in listed
    shown = charon.run("agent", "show", "a").stdout
    assert "the engine does not answer (No such file or directory)" in shown
    status = lab.run("status", "--control", agent.control).stdout
    assert ": the engine does not answer, " in status and said in status
    assert agent.status()["docker"]["ping_error"].startswith("there is no")

    lab.serve(docker(), "unix", path=path)
    until("it answers", 30, lambda: seen()["answers"] is True)
    assert seen()["error"] is None and seen()["version"] == "24.0.7"
    assert agent.log().count(said) == 1
    until("it says so", 20, lambda: "answers again" in agent.log())
    assert "24.0.7" in charon.run("agent", "list").stdout


def test_engine_is_forbidden(lab, charon):
    """An ordinary user is told of the socket's own group."""
    path = lab.path("root.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    os.chown(path, 0, 4711)
    os.chmod(path, 0o660)
    os.chmod(lab.dir, 0o755)
    state = lab.path("state-a")
    os.makedirs(state)
    os.chown(state, NOBODY, NOBODY)
    control = lab.path("state-a/control.sock")
    agent = charon.agent("a", f"--docker={path}", key=charon.add_agent("a"),
                         before=AS_NOBODY, control=control, wait=None)
    charon.wait_status("a", "online")
    until("it says so", 20, lambda: "may not use" in agent.log())
    with listener:
        assert f'the user nobody may not use {path}: run "usermod -aG 4711 ' \
            'nobody" as root' in agent.log()
        until("the gateway knows", 20, lambda: charon.agents()["a"]["docker"]
              ["error"] == "Permission denied")
