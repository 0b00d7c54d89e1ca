# SPDX-License-Identifier: ISC
"""What a command did holds at the running gateway when it returns."""

import os
import signal

import pytest

from lab import openssh
from lab.charon import Charon
from lab.charon_http import Connection
from lab.docker_engine import UnixHTTP
from lab.openssh import run
from lab.targets import says

pytestmark = pytest.mark.skipif(not openssh.available(),
                                reason="this build has no charon")

TIMES = 10
WARNING = "has not taken it over within 5 s"


@pytest.fixture
def charon(lab):
    return lab.own(Charon(lab))


def test_agents_that_come_and_go(lab, charon):
    """No waiting in between: sockets and the API are there, and gone."""
    def status():
        with Connection(charon.runtime + "/http.sock") as api:
            return api.ask("/api/v1/agents/rome").status

    for _ in range(TIMES):
        charon.add_agent("rome")
        http = lab.own(UnixHTTP(charon.socket("rome")))
        http.request("GET", "/_ping")
        assert http.getresponse().status == 502
        assert status() == 200
        charon.run("agent", "remove", "rome")
        assert not os.path.exists(charon.socket("rome"))
        assert status() == 404


def test_permissions(lab, charon):
    """A new list counts in a session that is there, and in new ones."""
    target = lab.serve(says(b"here"))
    charon.agent("rome", "--expose", target.port,
                 key=charon.add_agent("rome"))
    config = charon.ssh_client("ann", "rome:80")
    master = openssh.Ssh(lab, config, "-MN", "-S", lab.path("mux"))
    to = f"rome.orthrus:{target.port}"
    for _ in range(TIMES):
        charon.run("client", "allow", "ann", "--allow",
                   f"rome:{target.port}")
        done = run(lab, "ssh", "-F", config, "-S", lab.path("mux"), "-W", to,
                   "gate")
        assert done.out == b"here", done.said
        charon.run("client", "allow", "ann", "--allow", "rome:80")
        done = run(lab, "ssh", "-F", config, "-S", lab.path("mux"), "-W", to,
                   "gate")
        assert done.out == b"", done.said
    assert "refused a channel" in charon.log()
    charon.run("client", "remove", "ann")
    master.wait()


def test_none_runs(charon):
    """Nothing is waited for, nor said."""
    assert charon.stop() == 0
    assert WARNING not in charon.run("agent", "add", "rome").stderr
    charon.start().kill()		# its socket's file is left behind
    assert os.path.exists(charon.runtime + "/registry.sock")
    assert WARNING not in charon.run("agent", "remove", "rome").stderr
    charon.start()


def test_one_that_hangs(charon):
    """A bounded wait, and a warning; all is done."""
    os.kill(charon.pid, signal.SIGSTOP)
    done = charon.run("agent", "add", "rome")
    assert WARNING in done.stderr
    assert done.stdout.startswith("ch_orthrus_")
    os.kill(charon.pid, signal.SIGCONT)
    charon.run("client", "add", "ann", "--allow", "rome:*")
    assert os.path.exists(charon.socket("rome"))
