# SPDX-License-Identifier: ISC
""""orthrus doctor": each thing that goes wrong is found, at its own check and
with what to do, while nothing is changed and an agent that runs is left
alone."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import pytest

from lab import openssh, proxies
from lab.authority import Authority
from lab.charon import Charon
from lab.harness import ORTHRUS
from lab.system import DIES_WITH_US, fingerprint, free_port, keygen, until
from lab.targets import echo
from lab.tls import Stunnel

NOBODY = "65534"


class Report:
    """What the doctor has found, by check."""

    def __init__(self, done):
        self.code, self.said = done.returncode, done.stdout
        assert done.stderr == "", done.stderr
        self.rows = json.loads(done.stdout)
        for row in self.rows:
            assert set(row) == {"check", "status", "text"}
            assert row["status"] in ("ok", "warn", "fail")

    def texts(self, check, status):
        found = [r["text"] for r in self.rows if r["check"] == check]
        assert found, (check, self.said)
        wrong = [r for r in self.rows if r["check"] == check
                 and r["status"] != status]
        assert not wrong, (status, self.said)
        return "\n".join(found)

    def bad(self):
        return sorted({r["check"] for r in self.rows
                       if r["status"] != "ok"})


def options(lab, sshd, *more, **how):
    how.setdefault("socks5", "off")
    return lab.connect_argv(sshd, *more, **how)[1:]


def doctor(lab, *args, env=None, code=None):
    report = Report(lab.run("doctor", "--json", *args, env=env))
    assert code is None or report.code == code, report.said
    return report


def everything_below(*folders):
    """Each file, its mode, and what is in it."""
    found = {}
    for folder in folders:
        for path in sorted(pathlib.Path(folder).rglob("*")):
            st = path.lstat()
            found[str(path)] = st.st_mode, hashlib.sha256(
                path.read_bytes()).hexdigest() if path.is_file() else ""
    return found


# All is well

def test_sshd(lab, sshd):
    target, path = lab.serve(echo), lab.serve(echo, where="unix").path
    args = options(lab, sshd, "-L", f"{free_port()}:{target.spec}",
                   "-L", f"{lab.path('l.sock')}:{path}",
                   "-R", f"{free_port()}:{target.spec}", "--expose",
                   target.port, socks5=f"127.0.0.1:{free_port()}")
    report = doctor(lab, *args, code=0)
    assert report.bad() == []
    assert sshd.fingerprint + ", pinned" in report.texts("host_key", "ok")
    assert "OpenSSH" in report.texts("server", "ok")
    assert '"root" is let in' in report.texts("login", "ok")
    far = report.texts("far_end", "ok")
    for option in ("AllowTcpForwarding", "AllowStreamLocalForwarding",
                   "GatewayPorts"):
        assert option in far
    assert report.texts("forward", "ok").count("is free") == 2
    assert "answers" in report.texts("remote", "ok")
    assert "answers" in report.texts("expose", "ok")
    assert lab.identity in report.texts("identity", "ok")
    until("it has left", 20, lambda: not sshd.sessions())


def test_for_people(lab, sshd):
    """A line each, one screen wide in its columns, and a sum."""
    done = lab.run("doctor", *options(lab, sshd, "--docker=/nowhere"))
    assert done.returncode == 69 and not done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("ok    configuration  agent ")
    assert any(line.startswith("fail  engine         there is no socket /nowhere")
               for line in lines), done.stdout
    assert lines[-1] == f"{len(lines) - 3} ok, 0 to look at, 1 failed"


@pytest.mark.skipif(not openssh.available(), reason="no charon here")
def test_agent_that_runs(lab, docker_engine):
    """It is found, asked, and neither replaced nor disturbed."""
    charon = lab.own(Charon(lab))
    target = lab.serve(echo)
    port = free_port()
    args = ["--docker=" + docker_engine.socket, "-L",
            f"{port}:rome.orthrus:{target.port}", "--expose", target.port]
    agent = charon.agent("rome", *args, key=charon.add_agent("rome"))
    state = lab.path("state-rome")
    before = everything_below(state)
    report = doctor(
        lab, "--name", "rome", "--server", charon.address, "--socks5", "off",
        "--control", agent.control, *args, env={"STATE_DIRECTORY": state},
        code=0)
    assert report.bad() == []
    assert f"connected to ssh://rome@{charon.address}" in \
        report.texts("running", "ok")
    assert "charon_" in report.texts("server", "ok")
    assert report.texts("login", "ok") == '"rome" would be let in'
    assert "rome, valid until" in report.texts("certificate", "ok")
    assert "listened on" in report.texts("forward", "ok")
    assert f"{docker_engine.socket} answers, version " in \
        report.texts("engine", "ok")
    assert "unknown" not in report.texts("engine", "ok")
    assert everything_below(state) == before
    now = agent.status()
    assert now["state"] == "connected" and now["reconnects"] == 0
    assert charon.log().count("agent rome is online") <= 1
    assert agent.log().count("connected to ssh://rome") == 1


@pytest.mark.skipif(not openssh.available(), reason="no charon here")
def test_before_an_enrolment(lab):
    """The AUTH_KEY says whom to trust, and is not used up: nor is known
    whether it was before, which is to look at."""
    charon = lab.own(Charon(lab))
    key = charon.add_agent("rome")
    state = lab.path("state-rome")
    env = {"STATE_DIRECTORY": state, "AUTH_KEY": key}
    args = ["--name", "rome", "--server", charon.address, "--socks5", "off"]
    report = doctor(lab, *args, env=env, code=1)
    assert "will enrol" in report.texts("identity", "ok")
    assert "which the AUTH_KEY names" in report.texts("host_key", "ok")
    assert "can be made" in report.texts("state", "ok")
    assert "was not tried" in report.texts("login", "warn")
    assert "charon agent rekey rome" in report.texts("login", "warn")
    assert not os.path.exists(state), "something was made"
    other = lab.own(Charon(lab, name="other"))
    report = doctor(lab, "--server", other.address, *args[:2], *args[4:],
                    env=env, code=77)
    assert "not among the pinned" in report.texts("host_key", "fail")
    charon.agent("rome", key=key, state=state)


@pytest.mark.skipif(not openssh.available(), reason="no charon here")
def test_revoked_and_old(lab):
    charon = lab.own(Charon(lab))
    agent = charon.agent("rome", key=charon.add_agent("rome"))
    assert agent.stop() == 0
    state = lab.path("state-rome")
    env = {"STATE_DIRECTORY": state}
    args = ["--name", "rome", "--server", charon.address, "--socks5", "off",
            "--control", lab.path("none.sock")]
    report = doctor(lab, *args, env=env, code=0)
    assert "no orthrus on" in report.texts("running", "ok")
    # The clock was an hour behind when the certificate came.
    cert = os.path.join(state, "id_ed25519-cert.pub")
    os.utime(cert, (time.time() - 3600,) * 2)
    report = doctor(lab, *args, env=env, code=1)
    assert report.bad() == ["clock"]
    assert "s behind the gateway's" in report.texts("clock", "warn")
    os.utime(cert)
    charon.run("agent", "rekey", "rome")
    report = doctor(lab, *args, env=env, code=77)
    assert report.bad() == ["login"]
    assert "charon agent rekey rome" in report.texts("login", "fail")
    report = doctor(lab, *args[2:], "--name", "oslo", env=env)
    assert 'is the identity of "rome"' in report.texts("identity", "fail")


@pytest.mark.parametrize("validity,check,status,text", [
    ("-1h:+1d", "certificate", "ok", "rome, valid until"),
    ("-10d:+1h", "certificate", "warn", "nobody has renewed it"),
    ("-2d:-1d", "certificate", "fail", "its certificate expired at"),
    ("+1d:+2d", "clock", "fail", "before the gateway signed")])
def test_certificates(lab, sshd, validity, check, status, text):
    key, authority = lab.path("id"), lab.path("authority")
    for path in key, authority:
        keygen(pathlib.Path(path))
    subprocess.run(["ssh-keygen", "-q", "-s", authority, "-I", "rome", "-n",
                    "rome", "-V", validity, key + ".pub"], check=True)
    report = doctor(lab, *options(lab, sshd, identity=key))
    assert text in report.texts(check, status)


# Names, ports and who answers

def test_no_such_name(lab, sshd):
    report = doctor(lab, *options(lab, "no-such-host.invalid"))
    text = report.texts("name", "fail")
    assert text.startswith("no-such-host.invalid: name not found")
    assert "port" not in {r["check"] for r in report.rows}
    report = doctor(lab, *options(lab, f"localhost:{sshd.port}", "--host-key",
                                  sshd.fingerprint), code=0)
    assert report.texts("name", "ok") in ("localhost is 127.0.0.1",
                                          "localhost is ::1")


def test_nothing_listens(lab):
    port = free_port()
    agent = lab.orthrus(f"127.0.0.1:{port}", wait=0)
    until("it has tried", 20, lambda: "trying again" in agent.log())
    report = doctor(lab, *options(lab, f"127.0.0.1:{port}"), code=69)
    assert "is not connected: " in report.texts("running", "warn")
    assert agent.stop() == 0
    report = doctor(lab, *options(lab, f"127.0.0.1:{port}"), code=69)
    assert f"127.0.0.1:{port}: Connection refused; nothing listens there" in \
        report.texts("port", "fail")
    assert report.bad() == ["port"]


def test_each_server_by_itself(lab, sshd):
    """One that is down does not keep the other from being looked at."""
    report = doctor(lab, *options(lab, [f"127.0.0.1:{free_port()}", sshd]),
                    code=69)
    assert report.bad() == ["port"]
    assert '"root" is let in' in report.texts("login", "ok")


def test_no_ssh_server(lab):
    def web(conn, _):
        conn.recv(100)
        conn.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 5000)
    target = lab.serve(web)
    report = doctor(lab, *options(lab, f"127.0.0.1:{target.port}"), code=69)
    assert "no SSH server answers" in report.texts("server", "fail")
    assert "host_key" not in {r["check"] for r in report.rows}


def test_silent_server_and_a_stop(lab):
    """A step takes 10 s, and can be ended before."""
    target = lab.serve(echo)
    with socket.socket() as quiet:
        quiet.bind(("127.0.0.1", 0))
        quiet.listen()
        args = options(lab, f"127.0.0.1:{quiet.getsockname()[1]}")
        report = doctor(lab, *args, code=69)
        assert "within 10 s" in report.texts("server", "fail")
        with subprocess.Popen(
                DIES_WITH_US + [ORTHRUS, "doctor", *args, "--expose",
                                str(target.port)], text=True,
                stdout=subprocess.PIPE, env=lab.environment()) as process:
            for line in process.stdout:
                if line.startswith("ok    port"):
                    break
            process.send_signal(signal.SIGINT)
            assert process.wait(5) == -signal.SIGINT
            assert process.stdout.read() == ""


def test_host_keys(lab, sshd):
    """Pinned, known, unknown, first contact, changed: nothing is written."""
    known = lab.path("known")
    args = options(lab, sshd, "--known-hosts", known, host_key=False)
    report = doctor(lab, *args, code=77)
    assert f"--host-key {sshd.fingerprint}" in report.texts("host_key",
                                                            "fail")
    report = doctor(lab, *args, "--accept-new", code=1)
    text = report.texts("host_key", "warn")
    assert sshd.fingerprint in text and "first contact" in text
    assert '"root" is let in' in report.texts("login", "ok")
    assert not os.path.exists(known)
    lab.write("known", openssh.keyscan(sshd.port))
    report = doctor(lab, *args, code=0)
    assert sshd.fingerprint + ", known" in report.texts("host_key", "ok")
    keygen(pathlib.Path(lab.path("other")))
    other = pathlib.Path(lab.path("other.pub")).read_text()
    lab.write("known", f"[127.0.0.1]:{sshd.port} {other}")
    for more in [], ["--accept-new"]:
        report = doctor(lab, *args, *more, code=77)
        assert "has changed" in report.texts("host_key", "fail")
    pin = fingerprint(lab.path("other.pub"))
    report = doctor(lab, *args, "--host-key", pin, code=77)
    assert "not among the pinned" in report.texts("host_key", "fail")
    assert "login" not in {r["check"] for r in report.rows}


def test_logins(lab, sshd):
    """A key that the server does not know, none at all, a password."""
    keygen(pathlib.Path(lab.path("stranger")))
    report = doctor(lab, *options(lab, sshd, identity=lab.path("stranger")),
                    code=77)
    assert "authorized_keys" in report.texts("login", "fail")
    report = doctor(lab, *options(lab, sshd, identity=lab.path("none")),
                    code=78)
    assert report.bad() == ["identity", "login"]
    assert "orthrus keygen" in report.texts("identity", "fail")
    assert "no identity" in report.texts("login", "warn")
    os.chmod(lab.write("secret", "swordfish\n"), 0o644)
    report = doctor(lab, *options(lab, sshd, "--password-file",
                                  lab.path("secret")), code=78)
    assert "chmod 600" in report.texts("configuration", "fail")


def test_by_a_proxy_and_tls(lab, sshd):
    proxy = lab.own(proxies.Tinyproxy(lab))
    report = doctor(lab, *options(lab, sshd, "--proxy", proxy.url), code=0)
    assert f"the proxy 127.0.0.1:{proxy.port} takes" in \
        report.texts("port", "ok")
    report = doctor(lab, *options(lab, sshd, "--proxy",
                                  f"http://127.0.0.1:{free_port()}"), code=69)
    assert report.texts("port", "fail").startswith("the proxy 127.0.0.1:")
    report = doctor(lab, *options(lab, sshd, "--proxy-command",
                                  "nc %h %p"), code=0)
    assert "port" not in {r["check"] for r in report.rows}


def test_certificate_of_tls(lab, sshd):
    authority = Authority(lab)
    front = Stunnel(lab, sshd.port, authority.issue("tls.pem", "127.0.0.1"))
    args = options(lab, front.url, "--host-key", sshd.fingerprint)
    report = doctor(lab, *args, "--tls-ca", authority.path, code=0)
    assert "tls://" in report.texts("server", "ok")
    report = doctor(lab, *args, code=77)
    assert "TLS: " in report.texts("server", "fail")
    report = doctor(lab, *args, "--tls-ca", lab.path("none.pem"), code=78)
    assert "none.pem" in report.texts("configuration", "fail")


# What sshd lets us do

@pytest.mark.parametrize("settings,status,text", [
    ({"AllowTcpForwarding": "no"}, "fail", "AllowTcpForwarding"),
    ({"AllowTcpForwarding": "local"}, "fail", '"yes" or "remote"'),
    ({"AllowTcpForwarding": "remote"}, "warn", '"yes" or "local"'),
    ({"PermitOpen": "10.1.2.3:80"}, "warn", "PermitOpen"),
    ({"PermitListen": "localhost:8080"}, "fail", "PermitListen"),
    ({"GatewayPorts": "yes"}, "fail", "GatewayPorts"),
    ({"AllowStreamLocalForwarding": "no"}, "warn",
     "AllowStreamLocalForwarding"),
], ids=lambda v: " ".join(map(" ".join, v.items()))
    if isinstance(v, dict) else None)
def test_far_end(lab, settings, status, text):
    sshd = lab.sshd(**settings)
    target, path = lab.serve(echo), lab.serve(echo, where="unix").path
    report = doctor(lab, *options(
        lab, sshd, "-L", f"{free_port()}:127.0.0.1:9", "-L",
        f"{free_port()}:{path}", "--expose", target.port))
    assert report.code == (69 if status == "fail" else 1), report.said
    found = [r["text"] for r in report.rows if r["check"] == "far_end"
             and r["status"] == status]
    assert any(text in f for f in found), report.said
    # What nothing of ours needs is no finding.
    assert "far_end" not in {r["check"] for r in doctor(
        lab, *options(lab, sshd), code=0).rows}


# This host

def test_configuration(lab):
    report = doctor(lab, code=78)
    assert "no server" in report.texts("configuration", "fail")
    ini = lab.write("bad.ini", "[server]\naddress = h\nuser = a b\n[x]\n")
    report = doctor(lab, "--config", ini, code=78)
    assert f"{ini}:3: " in report.texts("configuration", "fail")
    assert f"{ini}:4: " in report.texts("configuration", "fail")
    done = lab.run("doctor", "--no-such-option", "--server", "h")
    assert done.returncode == 64 and not done.stdout
    assert done.stderr.startswith("orthrus doctor: unknown option")


def test_state_directory(lab, sshd):
    folder = pathlib.Path(lab.path("keys"))
    folder.mkdir()
    keygen(folder / "id")
    shutil.copy(folder / "id.pub", sshd.authorized)
    args = options(lab, sshd, identity=str(folder / "id"))
    folder.chmod(0o770)
    report = doctor(lab, *args, code=78)
    assert f"chmod 700 {folder}" in report.texts("state", "fail")
    folder.chmod(0o700)
    (folder / "id").chmod(0o644)
    report = doctor(lab, *args, code=78)
    assert "chmod 600" in report.texts("identity", "fail")


def test_state_of_a_service(lab, sshd):
    """Root looks at what is a service's, as systemd keeps it."""
    folder = pathlib.Path(lab.path("state"))
    keygen(folder / "id_ed25519")
    shutil.copy(folder / "id_ed25519.pub", sshd.authorized)
    for path in folder, *folder.iterdir():
        os.chown(path, 61234, 61234)
    report = doctor(lab, *options(lab, sshd, identity=None), code=0)
    assert "another user's" in report.texts("state", "ok")
    assert '"root" is let in' in report.texts("login", "ok")


def test_taken_addresses(lab, sshd):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        report = doctor(lab, *options(lab, sshd, socks5=f"127.0.0.1:{port}"),
                        code=69)
        assert "ss -ltnp" in report.texts("socks5", "fail")
        report = doctor(lab, *options(lab, sshd, "-L", f"{port}:h:1"),
                        code=69)
        assert f"localhost:{port}: Address already in use" in \
            report.texts("forward", "fail")
    target = lab.serve(echo, where="unix")
    report = doctor(lab, *options(
        lab, sshd, "-L", f"{lab.write('file', '')}:h:1",
        "-L", f"{lab.path('no/where.sock')}:h:1",
        "-R", f"{free_port()}:127.0.0.1:{free_port()}"), code=69)
    text = report.texts("forward", "fail")
    assert "is no socket" in text and "directory is not there" in text
    assert "nobody answers" in report.texts("remote", "warn")
    assert os.path.exists(lab.path("file"))
    report = doctor(lab, *options(
        lab, sshd, "-R", f"{free_port()}:{target.path}"), code=0)
    assert f"{target.path} answers" in report.texts("remote", "ok")


def test_engine(lab, sshd):
    """No socket, a folder in its place, nobody behind it, and no right."""
    os.mkdir(lab.path("folder"))
    dead = lab.path("dead.sock")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(dead)
    for path, code, text in (
            ("none", 69, "systemctl start docker"),
            ("folder", 78, "a directory in its place"),
            ("dead.sock", 69, "no engine listens on " + dead)):
        report = doctor(lab, *options(lab, sshd,
                                      "--docker=" + lab.path(path)), code=code)
        assert report.bad() == ["engine"]
        assert text in report.texts("engine", "fail")
    os.chmod(dead, 0o660)
    os.chmod(lab.dir, 0o755)
    program = shutil.copy(ORTHRUS, lab.path("orthrus"))
    done = subprocess.run(
        ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups",
         program, "doctor", "--json", "--server", sshd.address,
         "--docker=" + dead, "--control", "/nonexistent/s"],
        capture_output=True, text=True, env={
            "PATH": os.environ["PATH"], "HOME": "/nonexistent", **{
                k: v for k, v in os.environ.items()
                if k.endswith("_OPTIONS")}}, timeout=60)
    report = Report(done)
    assert "the user nobody may not use " + dead in \
        report.texts("engine", "fail")


@pytest.mark.skipif(not openssh.available(), reason="no charon here")
def test_engine_of_a_running_agent(lab):
    """What is wrong here and there is found once."""
    charon = lab.own(Charon(lab))
    engine = "--docker=" + lab.path("none")
    agent = charon.agent("rome", engine, key=charon.add_agent("rome"))
    said = until("it has asked", 20, lambda: agent.status()["docker"][
        "ping_error"])
    for args, found in ([engine], said), (["--docker=" + lab.path("other")],
                                          "the running orthrus does not"):
        report = doctor(
            lab, "--name", "rome", "--server", charon.address, "--socks5",
            "off", "--control", agent.control, *args, code=69,
            env={"STATE_DIRECTORY": lab.path("state-rome")})
        fails = [r["text"] for r in report.rows if r["check"] == "engine"]
        assert len(fails) == (1 if found == said else 2)
        assert found in fails[-1]


def test_changes_nothing(lab, sshd):
    """Neither here nor at the server, whatever is configured."""
    state = everything_below(lab.path("state"), lab.path("home"),
                             lab.path("run"), lab.path("config"))
    names = sorted(os.listdir(lab.dir))
    port = free_port()
    for more in ["--accept-new"], ["--docker=/nowhere"], \
            ["-R", f"{port}:127.0.0.1:1"], \
            ["-L", f"{lab.path('l.sock')}:/nowhere"], \
            ["-R", f"{lab.path('r.sock')}:127.0.0.1:1"]:
        doctor(lab, *options(lab, sshd, *more, host_key=False))
    until("it has left", 20, lambda: not sshd.sessions())
    assert sorted(os.listdir(lab.dir)) == names
    assert state == everything_below(lab.path("state"), lab.path("home"),
                                     lab.path("run"), lab.path("config"))
