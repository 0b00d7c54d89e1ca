# SPDX-License-Identifier: ISC
"""From root to a user of its own, before anybody is heard: [charon] user."""

import os
import pathlib
import pwd
import random
import signal
import socket
import stat
import subprocess

import pytest

from lab.charon import Charon
from lab.system import until
from lab.targets import echo, read_exactly

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
NOBODY = pwd.getpwnam("nobody")


def low_port():
    """One that only root may listen on."""
    while True:
        port = random.randrange(600, 1024)
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) != 0:
                return port


def status(pid):
    with open(f"/proc/{pid}/status") as f:
        return {k: v.split() for k, _, v in
                (line.partition(":") for line in f)}


@pytest.fixture
def nobody(lab):
    """A gateway that becomes nobody, and listens on a port of root's."""
    os.chmod(lab.dir, 0o755)
    charon = lab.own(Charon(lab, start=False, port=low_port(),
                            charon={"user": "nobody"}))
    os.chmod(charon.config, 0o644)
    return charon


def assert_nobody(charon):
    now = status(charon.pid)
    assert now["Uid"] == [str(NOBODY.pw_uid)] * 4
    assert now["Gid"] == [str(NOBODY.pw_gid)] * 4
    assert now["Groups"] in ([], [str(NOBODY.pw_gid)])
    for kind in "CapEff", "CapPrm", "CapInh", "CapAmb":
        assert int(now[kind][0], 16) == 0, kind


def owners(folder):
    found = [folder]
    for where, folders, files in os.walk(folder):
        found += [os.path.join(where, name) for name in folders + files]
    return {os.lstat(path).st_uid for path in found}


def asks(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(path)
        s.sendall(b"hello")
        return read_exactly(s, 5) == b"hello"


def test_becomes_somebody(lab, nobody):
    """All works as that user, and what root does beside it."""
    nobody.start()
    assert_nobody(nobody)
    assert owners(nobody.state) == owners(nobody.runtime) == {NOBODY.pw_uid}
    target = lab.serve(echo)
    nobody.agent("web", "--expose", target.port, key=nobody.add_agent("web"))
    nobody.wait_status("web", "online")
    until("its port answers", 20,
          lambda: asks(nobody.socket("web", target.port)))
    nobody.process.send_signal(signal.SIGHUP)
    until("it is reloaded", 10,
          lambda: "configuration reloaded" in nobody.log())
    nobody.run("agent", "remove", "web")
    until("its socket is gone", 10,
          lambda: not os.path.exists(nobody.socket("web")))
    assert owners(nobody.state) == {NOBODY.pw_uid}
    assert nobody.stop() == 0
    nobody.start()
    assert_nobody(nobody)


def test_takes_over_what_was_roots(lab, nobody):
    """A gateway that has run as root before, and was killed."""
    nobody.sections["charon"]["user"] = "root"
    nobody.configure()
    nobody.start()
    assert status(nobody.pid)["Uid"][0] == "0"
    nobody.add_agent("web")
    until("its socket", 10, lambda: os.path.exists(nobody.socket("web")))
    nobody.kill()
    assert owners(nobody.state) == owners(nobody.runtime) == {0}
    # What has a name elsewhere as well may be anybody's.
    other = lab.write("other", "root's own")
    os.link(other, os.path.join(nobody.state, "linked"))
    os.symlink(other, os.path.join(nobody.state, "symlinked"))
    nobody.sections["charon"]["user"] = "nobody"
    nobody.configure()
    os.chmod(nobody.config, 0o644)
    nobody.start()
    assert_nobody(nobody)
    assert os.stat(other).st_uid == 0
    assert set(nobody.agents()) == {"web"}
    key = os.stat(os.path.join(nobody.state, "ca_ed25519"))
    assert key.st_uid == NOBODY.pw_uid
    assert stat.S_IMODE(key.st_mode) == 0o600


@pytest.fixture
def was_root(nobody):
    """A gateway that has run as root, and is to be nobody from now on."""
    nobody.sections["charon"]["user"] = "root"
    nobody.configure()
    nobody.start()
    nobody.add_agent("web")
    assert nobody.stop() == 0
    assert owners(nobody.state) == {0}
    nobody.sections["charon"]["user"] = "nobody"
    nobody.configure()
    os.chmod(nobody.config, 0o644)
    return nobody


def test_takes_over_in_an_overlay(lab, was_root):
    """Files have another device number there than their directory."""
    upper = lab.volatile("upper")
    script = (f"mount -t tmpfs none {upper}; mkdir {upper}/u {upper}/w; "
              f"mount -t overlay -o lowerdir={was_root.state},"
              f"upperdir={upper}/u,workdir={upper}/w none {was_root.state}")
    os.makedirs(upper, exist_ok=True)
    before = ["unshare", "-m", "sh", "-ec", script + '; exec "$@"', "sh"]
    if subprocess.run([*before, "true"], capture_output=True).returncode:
        pytest.skip("no overlay file systems here")
    was_root.start(before=before)
    assert_nobody(was_root)
    assert owners(f"/proc/{was_root.pid}/root{was_root.state}") == {
        NOBODY.pw_uid}


def test_reload_with_roots_directories(lab, nobody):
    """Those of a gateway that root starts are its defaults ever after."""
    del nobody.sections["state"]
    nobody.configure()
    os.chmod(nobody.config, 0o644)
    script = "mount -t tmpfs none /var/lib; mount -t tmpfs none /run"
    before = ["unshare", "-m", "sh", "-ec", script + '; exec "$@"', "sh",
              "env", "-u", "STATE_DIRECTORY", "-u", "RUNTIME_DIRECTORY"]
    if subprocess.run([*before, "true"], capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    nobody.start(before=before)
    assert_nobody(nobody)
    nobody.process.send_signal(signal.SIGHUP)
    until("it is reloaded", 10,
          lambda: "configuration reloaded" in nobody.log())
    where = f"/proc/{nobody.pid}/root/var/lib/charon"
    assert owners(where) == {NOBODY.pw_uid}


def test_takes_over_its_files(lab, was_root):
    """The directory has the user already; what is not charon's stays."""
    state = pathlib.Path(was_root.state)
    os.chown(state, NOBODY.pw_uid, NOBODY.pw_gid)
    (state / "backup").write_text("root's own")
    other = pathlib.Path(lab.write("other", "root's own"))
    (state / "http.token").symlink_to(other)
    was_root.run("check")
    was_root.start()
    assert_nobody(was_root)
    assert set(was_root.agents()) == {"web"}
    assert other.stat().st_uid == (state / "backup").stat().st_uid == 0
    for name in ("charon.lock", "registry.db", "ca_ed25519", "revoked_keys",
                 "ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"):
        assert (state / name).stat().st_uid == NOBODY.pw_uid, name


@pytest.mark.parametrize("how", ["linked", "another's", "directory",
                                 "writable"])
def test_check_and_serve_refuse_the_same(lab, was_root, how):
    """What cannot be handed over is told, before anything is done."""
    state = pathlib.Path(was_root.state)
    lock, code = state / "charon.lock", 77
    says = (f"{lock} belongs to user root, but charon runs as user nobody; "
            f'run "chown nobody: {lock}"')
    if how == "linked":
        os.link(lock, lab.path("elsewhere"))
    elif how == "another's":
        os.chown(lock, 1, 1)
        says = says.replace("user root", f"user {pwd.getpwuid(1).pw_name}")
    elif how == "directory":
        os.chown(state, 1, 1)
        says = (f"the state directory {state} belongs to user "
                f"{pwd.getpwuid(1).pw_name}, but charon runs as user nobody")
    else:
        os.chmod(state, 0o770)
        says, code = f'run "chmod go-w {state}"', 78
    for command in "check", "serve":
        assert says in was_root.run(command, check=code, timeout=30).text
    assert (state / "registry.db").stat().st_uid == 0


def test_no_such_user(lab):
    charon = Charon(lab, start=False, charon={"user": "nobody-at-all"})
    for command in "serve", "check":
        done = charon.run(command, check=78, timeout=30)
        assert "[charon] user: there is no user nobody-at-all" in done.text


def test_default_user_is_missing(lab):
    try:
        pwd.getpwnam("charon")
        pytest.skip("this machine has a user charon")
    except KeyError:
        pass
    charon = lab.own(Charon(lab, start=False))
    del charon.sections["charon"]
    charon.configure()
    charon.start()
    assert charon.log().count("running as root, for there is no user "
                              "charon") == 1
    assert status(charon.pid)["Uid"][0] == "0"


def test_user_needs_a_restart(lab):
    charon = lab.own(Charon(lab))
    charon.sections["charon"]["user"] = "nobody"
    charon.configure()
    charon.process.send_signal(signal.SIGHUP)
    until("it says so", 10, lambda: "not reloaded, nothing of it: [charon] "
          "user changes with a restart only" in charon.log())
