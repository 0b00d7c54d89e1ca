# SPDX-License-Identifier: ISC
"""Private keys as people have them: each that serves logs in, each other one
is told for what it is before anything is sent; passphrases at a terminal."""

import base64
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from lab.harness import ORTHRUS
from lab.system import free_port, keygen, until

CONFIG = 78


def openssl(*args, **more):
    return subprocess.run(["openssl", *args], check=True, text=True,
                          capture_output=True, **more).stdout


def private(lab, name, text):
    return lab.write(name, text, 0o600)


def pkcs8(lab, algorithm="ed25519", name="p8", *options):
    return private(lab, name, openssl("genpkey", "-algorithm", algorithm,
                                      *options))


def public_line(path):
    """The public half as a line: what ssh-keygen before 9.6 cannot tell."""
    der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout",
                          "-outform", "DER"], check=True,
                         capture_output=True).stdout
    blob = b"".join(struct.pack(">I", len(s)) + s
                    for s in (b"ssh-ed25519", der[-32:]))
    return "ssh-ed25519 " + base64.b64encode(blob).decode()


def test_pkcs8(lab, sshd):
    """As openssl genpkey and Terraform write it: check and login agree."""
    path = pkcs8(lab)
    server = ["--server", sshd.address, "--host-key", sshd.fingerprint,
              "--socks5", "off", "--identity", path]
    assert lab.run("check", *server).returncode == 0
    done = lab.refused(sshd, identity=path)
    assert done.returncode == 77, done.text
    line = re.search(r'PKCS#8 key it is "(.*)"', done.text)[1]
    assert line == public_line(path)
    lab.write("authorized_keys", line + "\n")
    assert lab.orthrus(sshd, identity=path).stop() == 0
    # Windows' line ends, blank lines in front, blanks for line ends.
    with open(lab.identity) as f, open(lab.identity + ".pub") as pub:
        text = f.read()
        lab.write("authorized_keys", pub.read())
    for changed in ("\n\n" + text.replace("\n", "\r\n"),
                    text.replace("\n", " ").rstrip()):
        path = private(lab, "changed", changed)
        assert lab.orthrus(sshd, identity=path).stop() == 0


def test_gateway_with_pkcs8(lab):
    """charon's host key, and a client's public key in PEM."""
    home = lab.path("registry")
    os.mkdir(home, 0o700)
    os.mkdir(lab.path("rt"), 0o700)
    host = private(lab, "host", openssl("genpkey", "-algorithm", "ed25519"))
    ini = lab.write("charon.ini", f"[ssh]\nlisten = 127.0.0.1:{free_port()}\nhost_key = "
                    f"{host}\n[state]\ndirectory = {home}\n")
    environment = dict(lab.environment(None),
                       RUNTIME_DIRECTORY=lab.path("rt"))
    charon = os.path.join(os.path.dirname(ORTHRUS), "charon")

    def run(*args):
        done = subprocess.run([charon, *args, "--config", ini], text=True,
                              capture_output=True, env=environment)
        return done.returncode, done.stdout + done.stderr
    with open(lab.path("charon.log"), "w") as log:
        serve = subprocess.Popen([charon, "serve", "--config", ini],
                                 env=environment, stderr=log)
    try:
        until("the registry is there", 20, lambda: os.path.exists(
            home + "/registry.db") and serve.poll() is None)
        key = pkcs8(lab, name="client")
        pem = lab.write("client.pem", openssl("pkey", "-in", key, "-pubout"))
        code, text = run("client", "add", "me", "--allow", "egress", "--key",
                         pem)
        assert code == 0, text
        for args, says in (
                (["-algorithm", "x25519"], "another type"),
                (None, "this is a private key")):
            path = key if args is None else lab.write("other.pem", openssl(
                "pkey", "-pubout", input=openssl("genpkey", *args)))
            code, text = run("client", "add", "other", "--allow", "egress",
                             "--key", path)
            assert code != 0 and says in text and path in text, text
    finally:
        serve.terminate()
        assert serve.wait(20) == 0


def embedded(kind, public):
    """A private key file whose public half is of this type."""
    def string(b):
        return struct.pack(">I", len(b)) + b
    blob = string(kind) + string(public)
    raw = b"openssh-key-v1\0" + string(b"none") * 2 + string(b"") + \
        struct.pack(">I", 1) + string(blob) + string(b"\0" * 64)
    return ("-----BEGIN OPENSSH PRIVATE KEY-----\n"
            f"{base64.b64encode(raw).decode()}\n"
            "-----END OPENSSH PRIVATE KEY-----\n")


def test_keys_that_do_not_serve(lab, sshd):
    """Each with its name and what to do, by check and by connect; nothing is
    tried again."""
    def made(name, *options, kind):
        with open(keygen(lab.path(name), *options, kind=kind)) as f:
            return f.read()
    with open(lab.identity) as f, open(lab.identity + ".pub") as pub:
        good, line = f.read(), pub.read()
    cases = {
        made("rsa", "-b", "2048", kind="rsa"): "RSA.*orthrus keygen",
        made("rp", "-b", "2048", "-m", "PEM", kind="rsa"): "RSA.*PKCS#1",
        made("ecdsa", kind="ecdsa"): "ECDSA.*orthrus keygen",
        made("ep", "-m", "PEM", kind="ecdsa"): "ECDSA.*orthrus keygen",
        made("e8", "-m", "PKCS8", kind="ecdsa"): "ECDSA.*PKCS#8",
        embedded(b"sk-ssh-ed25519@openssh.com", b"x" * 32):
            "security key.*sk-ssh-ed25519",
        embedded(b"sk-ecdsa-sha2-nistp256@openssh.com", b"x"):
            "security key.*sk-ecdsa",
        embedded(b"ssh-dss", b"x"): "DSA.*orthrus keygen",
        "PuTTY-User-Key-File-3: ssh-ed25519\n": "PuTTY.*puttygen",
        line: "public key.*private one",
        line.replace("ed25519", "ed25519-cert-v01@openssh.com", 1):
            "certificate.*without -cert.pub",
        "": "empty.*orthrus keygen",
        good[:len(good) // 2]: "cut short.*copy it again",
        openssl("genpkey", "-algorithm", "x448"): "X448.*orthrus keygen",
    }
    for text, says in cases.items():
        path = private(lab, "id", text)
        for done in (lab.run("check", "--server", sshd.address, "--socks5",
                             "off", "--identity", path),
                     lab.refused(sshd, identity=path)):
            assert done.returncode == CONFIG, done.text
            assert path in done.text and re.search(says, done.text), \
                (says, done.text)
    assert "[preauth]" not in sshd.log()


# At a terminal

class Typist:
    """A command at a terminal of its own, and who types there."""

    def __init__(self, lab, *argv):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(lab.dir)
                os.execve(ORTHRUS, [ORTHRUS, *map(str, argv)],
                          lab.environment(None))
            finally:
                os._exit(127)

    def read(self):
        ready, _, _ = select.select([self.fd], [], [], 0.05)
        if ready:
            try:
                self.seen += os.read(self.fd, 4096).decode(errors="replace")
            except OSError:         # nobody has it open any more
                time.sleep(0.05)
        return self.seen

    def wait(self, text, times=1):
        until(f"{text!r} at the terminal, after {self.seen!r}", 40,
              lambda: self.read().count(text) >= times)

    def echoes(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def type(self, text, times=1):
        """Answers the prompt when it is there, and hidden."""
        self.wait("phrase", times) if times == 1 else \
            self.wait("Bad passphrase", times - 1)
        until("no echo", 20, lambda: not self.echoes())
        os.write(self.fd, text.encode())

    def end(self, sig=signal.SIGTERM):
        if sig:
            os.kill(self.pid, sig)
        until("its end", 30, lambda: (self.read(), os.waitid(
            os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT))[1])
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


@pytest.fixture
def locked(lab, sshd):
    path = keygen(lab.path("locked"), passphrase="correct horse")
    with open(path + ".pub") as f:
        lab.write("authorized_keys", f.read())
    return path


def at_terminal(lab, sshd, path, *options):
    return Typist(lab, *lab.connect_argv(sshd, *options, identity=path,
                                         socks5="off", level="info"))


def test_passphrase_at_a_terminal(lab, sshd, locked):
    """Asked until it is right, unseen; a reload and a new session do not ask
    again."""
    typist = at_terminal(lab, sshd, locked, "--backoff-min", "100ms")
    typist.type("wrong horse\n")
    typist.type("correct horse\n", 2)
    typist.wait("ready: every forward is up")
    assert typist.echoes()
    assert "horse" not in typist.seen
    sshd.kill_sessions()
    typist.wait("connected to", 2)
    os.kill(typist.pid, signal.SIGHUP)
    typist.wait("configuration reloaded")
    assert typist.seen.count("phrase") == 2
    assert typist.end() == 0
    # check asks as well, so that it knows.
    check = Typist(lab, "check", "--server", sshd.address, "--socks5", "off",
                   "--identity", locked)
    check.type("correct horse\n")
    assert check.end(None) == 0


def test_wrong_passphrase(lab, sshd, locked):
    typist = at_terminal(lab, sshd, locked)
    for i in range(1, 4):
        typist.type("wrong horse\n", i)
    assert typist.end(None) == CONFIG
    assert "asked 3 times" in typist.seen and "horse" not in typist.seen
    assert "[preauth]" not in sshd.log()


def test_passphrase_of_pkcs8(lab, sshd):
    path = pkcs8(lab, "ed25519", "p8", "-aes256", "-pass", "pass:correct")
    plain = private(lab, "plain", openssl("pkey", "-in", path, "-passin",
                                          "pass:correct"))
    lab.write("authorized_keys", public_line(plain) + "\n")
    done = lab.refused(sshd, identity=path)
    assert done.returncode == CONFIG and "openssl pkey -in" in done.text
    typist = at_terminal(lab, sshd, path)
    typist.type("correct\n")
    typist.wait("ready: every forward is up")
    assert typist.end() == 0


@pytest.mark.parametrize("how", ["key", "signal", "empty"])
def test_passphrase_that_is_not_given(lab, sshd, locked, how):
    """The terminal is as it was, whatever ends the question."""
    typist = at_terminal(lab, sshd, locked)
    typist.type({"key": "\x03", "empty": "\n"}.get(how, "x"))
    code = typist.end(signal.SIGTERM if how == "signal" else None)
    assert code == {"key": -signal.SIGINT, "signal": -signal.SIGTERM,
                    "empty": CONFIG}[how]
    assert "[preauth]" not in sshd.log()
