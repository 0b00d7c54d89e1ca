# SPDX-License-Identifier: ISC
""""install" and "uninstall" of both programs under a real systemd, as process 1
of a machine over this one's own system.  The programs are those of a build:
ORTHRUS names its orthrus."""

import fcntl
import json
import os
import pathlib
import shlex
import shutil
import tempfile

import pytest

from machine import Machine, ROOT, until

ORTHRUS = pathlib.Path(os.environ.get("ORTHRUS",
                                      ROOT / "build/gcc/orthrus")).absolute()
LOCK = pathlib.Path(tempfile.gettempdir(), "orthrus-machine.lock")
INI = "/etc/orthrus/orthrus.ini"
PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Host(Machine):
    def sh(self, text, check=0):
        """What it said, with its exit status checked."""
        return self.run("env", f"PATH={PATH}", "sh", "-uc", text,
                        check=check).stdout

    def status(self, name):
        listed = json.loads(self.sh("charon agent list --json"))
        return {a["name"]: a["status"] for a in listed}[name]


@pytest.fixture(scope="module")
def debian(tmp_path_factory):
    """One machine at a time: they share this one's processors."""
    if os.geteuid() != 0 or not os.path.exists("/lib/systemd/systemd"):
        pytest.skip("needs root, and systemd installed")
    if not os.access(ORTHRUS, os.X_OK):
        pytest.skip(f"no program {ORTHRUS}: set ORTHRUS")
    share = tmp_path_factory.mktemp("share")
    for name in "orthrus", "charon":
        shutil.copy(ORTHRUS.parent / name, share)
    with open(LOCK, "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        host = Host("/", share)
        try:
            # What this one has of its own is no part of the test.
            host.sh("ip link set lo up; rm -rf /etc/orthrus /etc/charon "
                    "/var/lib/orthrus /var/lib/charon "
                    "/var/lib/private/orthrus; "
                    "install -m 0755 /mnt/orthrus /mnt/charon /usr/local/bin/")
            yield host
        finally:
            host.stop()


def test_gateway(debian):
    """From nothing to a gateway that runs, and a line for its first agent."""
    said = debian.sh("charon install")
    assert "wrote /etc/systemd/system/charon.service\n" in said
    assert "the gateway runs" in said
    assert debian.property("charon", "ActiveState") == "active"
    assert debian.property("charon", "UnitFileState") == "enabled"
    assert "is there already" in debian.sh("charon install")


def test_agent(debian):
    """From an AUTH_KEY to online by one command, and a key that may go."""
    said = debian.sh("""
        charon agent add rome --script --server 127.0.0.1 --mode port \\
            --ports 9100 2>/dev/null |
            sh -c 'read -r line; eval "$line"' 2>&1""")
    assert "online: connected to ssh://rome@127.0.0.1:2222" in said
    assert "ch_orthrus_" not in said
    until("it is online", 20, lambda: debian.status("rome") == "online")
    assert debian.property("orthrus", "UnitFileState") == "enabled"
    assert debian.property("orthrus", "DynamicUser") == "yes"
    report = json.loads(debian.sh("orthrus doctor --json", check=1))
    assert [r["check"] for r in report if r["status"] != "ok"] == ["expose"]
    debian.sh("rm /etc/orthrus/auth_key; systemctl stop orthrus; "
              "systemctl start --no-block orthrus; "
              "orthrus status --wait 30s; systemctl reload orthrus")
    until("it is online again", 20, lambda: debian.status("rome") == "online")


def test_agent_again(debian):
    """The same is nothing to do; another is changed, and restarted."""
    pid = debian.property("orthrus", "MainPID")
    args = "--name rome --server 127.0.0.1:2222 --expose 9100"
    debian.sh(f"orthrus install {args}")
    assert debian.property("orthrus", "MainPID") == pid
    said = debian.sh("orthrus install --name rome --server 127.0.0.1:2222")
    assert f"wrote {INI}\n" in said and "online: " in said
    assert debian.property("orthrus", "MainPID") != pid


def test_agent_goes(debian):
    said = debian.sh("orthrus uninstall")
    assert f"removed {INI}\n" in said and "kept /var/lib/orthrus" in said
    assert debian.sh("ls /etc/orthrus /etc/systemd/system/orthrus* /etc/"
                     "systemd/system/multi-user.target.wants/orthrus* "
                     "2>/dev/null", check=2) == ""
    assert debian.property("orthrus", "LoadState") == "not-found"
    until("it is offline", 20, lambda: debian.status("rome") == "offline")


def test_agent_that_cannot(debian):
    """Nobody answers, and then a name that is another's."""
    said = debian.sh("orthrus install --name rome --server 127.0.0.1:2 "
                     "--wait 3s", check=75)
    assert "not connected in 3 s: ssh://rome@127.0.0.1:2: cannot connect" in \
        said
    debian.sh("orthrus uninstall")
    said = debian.sh("orthrus install --name oslo --server 127.0.0.1:2222",
                     check=78)
    assert "ended with exit status 78, and said:\n" in said
    assert "no identity" in said or 'the identity of "rome"' in said
    debian.sh("orthrus uninstall")
    assert debian.property("orthrus", "ActiveState") == "inactive"


ANN = "HOME=/home/ann XDG_RUNTIME_DIR=/run/user/$(id -u ann)"
# What systemd keeps for itself changes with its restarts.
ALL = ("cd /run/user/$(id -u ann); find /home/ann . /var/lib/systemd "
       "-path ./systemd -prune -o -name linger -o -print | sort")


@pytest.fixture
def ann(debian):
    """An ordinary user with a systemd of her own, before and after whom the
    machine has the same files."""
    debian.sh("useradd --create-home ann && systemctl start user@$(id -u ann)")

    def sh(text, check=0):
        return debian.sh("setpriv --reuid ann --regid ann --init-groups env "
                         f"{ANN} sh -uc {shlex.quote(text)}", check=check)

    until("her systemd is up", 60, lambda: debian.property(
        "user@" + debian.sh("id -u ann").strip(), "ActiveState") == "active")
    before = debian.sh(ALL).splitlines()
    yield sh
    assert debian.sh(ALL).splitlines() == before
    debian.sh("systemctl stop user@$(id -u ann); userdel --remove ann")


def test_one_user(debian, ann):
    """The same for a user, without root: to online, and without a trace."""
    key = debian.sh("charon agent add bonn 2>/dev/null").strip()
    said = ann(f"printf '%s\\n' {key} | orthrus install --user --name bonn "
               "--server 127.0.0.1:2222 --expose 9100 --auth-key-file -")
    assert "online: connected to ssh://bonn@127.0.0.1:2222" in said
    assert '"loginctl enable-linger"' in said and key not in said
    until("it is online", 20, lambda: debian.status("bonn") == "online")
    assert ann("systemctl --user is-enabled orthrus") == "enabled\n"
    # Of hers and none else's; again, there is nothing to do.
    assert debian.sh("ps -o user= -C orthrus") == "ann\n"
    pid = ann("systemctl --user show --value -p MainPID orthrus")
    said = ann("orthrus install --user --name bonn --server 127.0.0.1:2222 "
               "--expose 9100")
    assert said.count("is there already") >= 3 and "wrote" not in said
    assert ann("systemctl --user show --value -p MainPID orthrus") == pid
    # It starts with her systemd, which lingers where that was asked for.
    debian.sh("loginctl enable-linger ann")
    assert "linger" not in ann("orthrus install --user --name bonn --server "
                               "127.0.0.1:2222 --expose 9100")
    debian.sh("systemctl restart user@$(id -u ann)")
    until("it is online again", 60, lambda: ann(
        "systemctl --user show --value -p ActiveState orthrus") == "active\n")
    debian.sh("loginctl disable-linger ann; systemctl start user@$(id -u ann)")
    said = ann("orthrus uninstall --user")
    assert said.count("removed ") >= 4 and "kept /home/ann" in said
    until("it is offline", 20, lambda: debian.status("bonn") == "offline")
    assert ann("systemctl --user show --value -p LoadState orthrus") == \
        "not-found\n"
    # Her identity is hers to keep; it goes by hand.
    ann("rm -r ~/.local")
    debian.sh("charon agent remove bonn")


def test_gateway_goes(debian):
    said = debian.sh("charon uninstall")
    assert "removed /etc/systemd/system/charon.service\n" in said
    assert "kept /var/lib/charon" in said
    assert debian.property("charon", "LoadState") == "not-found"
    assert debian.sh("test -e /var/lib/charon/registry.db; echo $?") == "0\n"
