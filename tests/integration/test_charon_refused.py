# SPDX-License-Identifier: ISC
"""What a gateway refuses to stock clients, and what their users see."""

import os
import pathlib

import pytest

from lab import openssh
from lab.charon import Charon
from lab.openssh import KeyAgent, Ssh, Web, enrolled, run
from lab.system import free_port, until
from lab.targets import echo, echoes

pytestmark = pytest.mark.skipif(not openssh.available(),
                                reason="this build has no charon")

NO_SHELL = "charon: no shell or commands here; use ssh -N with -L, -D, -W " \
    "or -R"
NO_SUBSYSTEM = "charon: no sftp or other subsystem here; use ssh -N with " \
    "-L, -D, -W or -R"
PERMISSION = "administratively prohibited: not allowed: it is not among " \
    "this client's permissions (charon client allow)"
EGRESS = "administratively prohibited: not allowed: it is no agent's " \
    "address (NAME.orthrus), and egress is not among this client's " \
    "permissions"
OWN_NAME = "administratively prohibited: not allowed: an agent reaches its " \
    "own name only"


@pytest.fixture
def charon(lab):
    return lab.own(Charon(lab))


def test_sessions(lab, charon):
    """Shell, commands, sftp, scp, terminals: a reason, and an exit code."""
    config = charon.ssh_client("ann", "london:*")
    x11 = {"DISPLAY": ":77", "XAUTHORITY": lab.path("xauthority")}
    agent = KeyAgent(lab, lab.path("key-ann"))
    shell, command, subsystem = (f"{what} request failed on channel 0"
                                 for what in ("shell", "exec", "subsystem"))
    file = lab.write("file", "something")
    for argv, env, code, said in (
            (["ssh", "-F", config, "-T", "gate"], {}, 255,
             [NO_SHELL, shell]),
            (["ssh", "-F", config, "gate", "id"], {}, 255,
             [NO_SHELL, command]),
            (["ssh", "-F", config, "-A", "gate", "id"], agent.env, 255,
             [NO_SHELL, command]),
            (["ssh", "-F", config, "-tt", "gate", "id"], {}, 255,
             ["PTY allocation request failed on channel 0"]),
            (["ssh", "-F", config, "-Y", "-T", "gate"], x11, 255,
             ["X11 forwarding request failed on channel 0", NO_SHELL, shell]),
            (["ssh", "-F", config, "-s", "gate", "netconf"], {}, 255,
             [NO_SUBSYSTEM, subsystem]),
            (["ssh", "-F", config, "-s", "gate", "enroll@orthrus"], {}, 255,
             [NO_SUBSYSTEM, subsystem]),
            (["sftp", "-F", config, "gate"], {}, 255,
             [NO_SUBSYSTEM, subsystem, "Connection closed"]),
            (["scp", "-F", config, file, "gate:x"], {}, 255,
             [NO_SUBSYSTEM, subsystem, "scp: Connection closed"]),
            (["scp", "-O", "-F", config, file, "gate:x"], {}, 1,
             [NO_SHELL, command, "lost connection"]),
            (["scp", "-F", config, "gate:x", lab.path("y")], {}, 255,
             [NO_SUBSYSTEM, subsystem, "scp: Connection closed"])):
        done = run(lab, *argv, env=env)
        assert (done.returncode, done.out) == (code, b""), argv
        # The two programs of an sftp speak at the same time.
        lines = [line for line in done.said
                 if not line.startswith("Warning: No xauth data")]
        assert lines == said or set(said) <= set(lines), (argv, lines)
    log = charon.log()
    assert "client ann: refused a request on a session channel: " in log
    assert "something" not in log


def test_environment_and_signals(lab, charon):
    """What is set up before a command is refused without a word."""
    config = charon.ssh_client("ann", "london:*")
    done = run(lab, "ssh", "-F", config, "-o", "SetEnv=A=b", "gate", "id")
    assert done.said == [NO_SHELL, "exec request failed on channel 0"]
    assert "env" not in charon.log().split("ann logged in", 1)[1]


def test_no_agent_forwarding(lab, charon):
    """The gateway asks nobody's ssh-agent for anything."""
    config = charon.ssh_client("ann", "london:*")
    agent = KeyAgent(lab, lab.path("key-ann"))
    ssh = Ssh(lab, config, "-A", host="gate", env=agent.env, ready=False)
    assert ssh.wait() == 255
    log = ssh.log()
    assert "Requesting authentication agent forwarding." in log
    assert "client_input_channel_open" not in log


def test_tunnel_device(lab, charon):
    config = charon.ssh_client("ann", "london:*,egress")
    if not os.access("/dev/net/tun", os.W_OK):
        pytest.skip("there is no /dev/net/tun to offer")
    done = run(lab, "ssh", "-F", config, "-N", "-w", "any", "gate")
    if "Tunnel device open failed." in done.said:
        pytest.skip("no tun device can be made here")
    assert done.returncode == 255
    assert done.said == [
        "channel 0: open failed: unknown channel type: this channel type is "
        "not served", "Tunnel forwarding failed"]


def test_client_listens(lab, charon):
    """-R is for agents, each under its own name."""
    charon.add_agent("rome")
    config = charon.ssh_client("ann", "rome:*,egress")
    port = free_port()
    for spec, listens in (
            (f"{port}:127.0.0.1:22", f"for listen port {port}"),
            (f"rome:{port}:127.0.0.1:22", f"for listen port {port}"),
            ("0:127.0.0.1:22", "for listen port 0"),
            (f"{port}", f"for listen port {port}"),
            (f"/rome/{port}.sock:127.0.0.1:22",
             f"for listen path /rome/{port}.sock")):
        done = run(lab, "ssh", "-F", config, "-N", "-R", spec, "gate")
        assert done.returncode == 255
        assert done.said == [
            f"Error: remote port forwarding failed {listens}"], spec
    assert "ann: refused to listen" in charon.log()
    # One that does not insist lives on, without it.
    Ssh(lab, config, "-N", "-o", "ExitOnForwardFailure=no", "-R",
        f"{port}:127.0.0.1:22", says="remote port forwarding failed")
    assert os.listdir(os.path.join(charon.runtime, "agents", "rome")) == \
        ["docker.sock"]


def test_agent_under_another_name(lab, charon):
    config = enrolled(lab, charon, "rome")
    charon.add_agent("paris")
    port = free_port()
    elsewhere = charon.socket("paris", port)
    for bind in (f"paris:{port}", f"paris.orthrus:{port}",
                 f"192.0.2.1:{port}", f"/paris/{port}.sock",
                 "/paris/docker.sock", elsewhere, f"/rome/../{port}.sock",
                 f"/rome/{port}", "/rome/sub/1.sock", "/rome/0.sock",
                 "/rome/65536.sock", f"{charon.runtime}/{port}.sock",
                 lab.path("x.sock")):
        done = run(lab, "ssh", "-F", config, "-N", "-R",
                   f"{bind}:127.0.0.1:22", "gate")
        assert done.returncode == 255, bind
        assert done.said[-1].startswith(
            "Error: remote port forwarding failed for listen p"), done.said
    agents = pathlib.Path(charon.runtime, "agents")
    assert sorted(str(p.relative_to(agents)) for p in agents.rglob("*")) == \
        ["paris", "paris/docker.sock", "rome", "rome/docker.sock"]
    assert not os.path.exists(lab.path("x.sock"))


def test_beyond_permissions(lab, charon):
    """-L, -W: what a client was not given, whether it is there or not."""
    one, two = lab.serve(echo), lab.serve(echo)
    charon.agent("rome", "--expose", one.port, "--expose", two.port,
                 key=charon.add_agent("rome"))
    charon.add_agent("paris")
    config = charon.ssh_client("ann", f"rome:{one.port},paris:80")
    for to, why in (
            (f"rome.orthrus:{two.port}", PERMISSION),
            ("rome.orthrus:2375", PERMISSION),
            (f"paris.orthrus:{one.port}", PERMISSION),
            (f"nobody.orthrus:{one.port}", PERMISSION),
            (f"127.0.0.1:{one.port}", EGRESS),
            (f"localhost:{charon.port}", EGRESS),
            (f"[::1]:{one.port}", EGRESS),
            ("rome:80", EGRESS),
            (".orthrus:80", EGRESS),
            ("example.com:80", EGRESS),
            ("paris.orthrus:80",
             "connect failed: agent paris is not currently connected")):
        done = run(lab, "ssh", "-F", config, "-W", to, "gate")
        assert (done.returncode, done.out) == (255, b""), to
        assert done.said == [f"channel 0: open failed: {why}",
                             "stdio forwarding failed"], (to, done.said)
    # A connection through -L is closed, and ssh says why.
    local = free_port(), free_port(), free_port()
    ssh = Ssh(lab, config, "-N",
              "-L", f"{local[0]}:rome.orthrus:{two.port}",
              "-L", f"{local[1]}:/rome/docker.sock",
              "-L", f"{local[2]}:rome.orthrus:{one.port}")
    for port in local[:2]:
        assert lab.connect(("127.0.0.1", port)).recv(1) == b""
    until("ssh says why", 10, lambda: ssh.log().count(PERMISSION) == 2)
    assert echoes(lab.connect(("127.0.0.1", local[2])))
    assert two.accepted == 0


def test_unix_sockets_of_the_gateway(lab, charon):
    """A path is an agent's socket or nothing: no file of this machine."""
    secret = lab.serve(echo, "unix")
    config = charon.ssh_client("ann", "rome:*,egress")
    for path in (secret.path, charon.state + "/charon.sock",
                 "/var/run/docker.sock",
                 f"{charon.runtime}/agents/../http.sock",
                 "/rome/../docker.sock"):
        port = free_port()
        ssh = Ssh(lab, config, "-N", "-L", f"{port}:{path}")
        assert lab.connect(("127.0.0.1", port)).recv(1) == b""
        until("ssh says why", 10, lambda: "open failed: administratively "
              "prohibited" in ssh.log())
        ssh.stop()
    assert secret.accepted == 0


def test_agent_reaches_no_other(lab, charon):
    web = lab.own(Web())
    charon.agent("paris", "--expose", web.port,
                 key=charon.add_agent("paris"))
    config = enrolled(lab, charon, "rome")
    for to, why in ((f"paris.orthrus:{web.port}", OWN_NAME),
                    ("paris.orthrus:2375", OWN_NAME),
                    (f"127.0.0.1:{web.port}", EGRESS),
                    (f"rome.orthrus:{web.port}", "administratively "
                     "prohibited: the agent does not offer this port")):
        done = run(lab, "ssh", "-F", config, "-W", to, "gate")
        assert done.returncode == 255
        assert done.said == [f"channel 0: open failed: {why}",
                             "stdio forwarding failed"], (to, done.said)
