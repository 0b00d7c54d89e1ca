# SPDX-License-Identifier: ISC
""""orthrus install" and "uninstall" on a root of their own, with a stand-in for
systemctl: what is written and taken away, what is left alone, and what is said
when something fails.  tests/release has them under a real systemd."""

import contextlib
import os
import pty
import shutil
import signal
import stat
import termios

import pytest

from lab import openssh
from lab.charon import Charon
from lab.house import House
from lab.system import until

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="makes a root")
USAGE, UNAVAILABLE, CANTCREAT, TEMPFAIL, NOPERM, CONFIG = 64, 69, 73, 75, \
    77, 78
INI, KEY = "/etc/orthrus/orthrus.ini", "/etc/orthrus/auth_key"
MANIFEST = "/etc/orthrus/.installed"
UNIT = "/etc/systemd/system/orthrus.service"
DROP_IN = UNIT + ".d/install.conf"
SERVER = ["--server", "gw.example.com:2222"]
GOOD_KEY = "ch_orthrus_" + "A" * 96

# What the unit would start, and its environment.
START = """
umask 077
mkdir -p /var/lib/orthrus
STATE_DIRECTORY=/var/lib/orthrus RUNTIME_DIRECTORY=/run/orthrus \\
AUTH_KEY_FILE=/etc/orthrus/auth_key /usr/local/bin/orthrus connect \\
    --config /etc/orthrus/orthrus.ini &
echo $! >/stand-in/pid
"""


@pytest.fixture
def house(lab):
    return lab.own(House(lab))


def install(house, *args, code=0, **how):
    done = house.run("orthrus", "install", *args, **how)
    assert done.returncode == code, done.text
    return done


def files(house, *folders):
    """All files below these: path to mode and text."""
    found = {}
    for folder in folders or ("/etc/orthrus", "/etc/systemd/system"):
        for path in house.path(folder).rglob("*"):
            if path.is_file() and not path.is_symlink():
                found[str(path)[len(str(house.path(""))):]] = (
                    stat.S_IMODE(path.stat().st_mode), path.read_text())
    return found


def wait_in_vain(house, *args, **how):
    """Installs, and has a service that never comes up."""
    house.shows(ActiveState="activating", SubState="start")
    return install(house, *args, "--wait", "1ms", code=TEMPFAIL, **how)


@pytest.mark.skipif(not openssh.available(), reason="no charon here")
def test_from_a_key_to_online(lab, house):
    """One command each way, with a real gateway and agent."""
    charon = lab.own(Charon(lab))
    key = charon.add_agent("rome")
    before = files(house)
    house.shows(ActiveState="inactive", SubState="dead")
    house.write("/stand-in/start", START)
    args = ["--name", "rome", "--server", charon.address, "--auth-key-file",
            "-"]
    done = install(house, *args, given=key + "\n")
    assert done.stdout.splitlines() == [
        f"wrote {INI}", f"wrote {KEY}", f"wrote {DROP_IN}", f"wrote {UNIT}",
        "waiting until it is connected", "online: connected to "
        f"ssh://rome@{charon.address}, with every forward up"]
    assert key not in done.text
    assert house.asked() == ["daemon-reload", "enable orthrus.service",
                             "start --no-block orthrus.service"]
    charon.wait_status("rome", "online")
    now = files(house)
    assert now[KEY] == (0o600, key + "\n")
    assert now[INI][0] == 0o644 and key not in now[INI][1]
    assert "name = rome\n" in now[INI][1] and "listen = off" in now[INI][1]
    assert "LoadCredential=auth_key:" + KEY in now[DROP_IN][1]
    assert "SetCredential=auth_key:\\n\n" in now[DROP_IN][1]
    assert "ExecStart=/usr/local/bin/orthrus connect" in now[UNIT][1]
    # A second time there is nothing to do, and nothing is done.
    house.shows(ActiveState="active", SubState="running")
    done = install(house, *args, given=key + "\n")
    assert done.stdout.count("is there already") == 4
    assert house.asked() == ["daemon-reload", "enable orthrus.service"]
    assert files(house) == now
    # What is new is written, and what runs is stopped before.
    done = install(house, *args, "--expose", "9100", given=key + "\n")
    assert f"wrote {INI}\n" in done.stdout
    assert house.asked()[2:] == ["stop orthrus.service",
                                 "start --no-block orthrus.service"]
    # And it all goes.
    done = house.run("orthrus", "uninstall")
    assert done.returncode == 0, done.text
    assert house.asked() == ["disable --now orthrus.service",
                             "daemon-reload"]
    assert files(house) == before
    assert not house.path("/etc/orthrus").exists()
    assert "kept /var/lib/orthrus, with the identity" in done.stdout
    charon.wait_status("rome", "offline")
    done = house.run("orthrus", "uninstall")
    assert done.returncode == 0 and "nothing here" in done.stdout


def test_dry_run(house):
    """It shows all, but the secret, and does nothing."""
    before = files(house)
    house.write("/key", GOOD_KEY + "\n", 0o600)
    done = install(house, *SERVER, "--docker", "--expose", "127.0.0.1:9100",
                   "--auth-key-file", "/key", "--dry-run")
    assert f"would write {KEY}, mode 0600 (a secret" in done.stdout
    assert "    address = ssh://gw.example.com:2222\n" in done.stdout
    assert "    to = 127.0.0.1:9100\n" in done.stdout
    assert "    socket = /var/run/docker.sock\n" in done.stdout
    assert "would run systemctl enable orthrus.service\n" in done.stdout
    assert GOOD_KEY not in done.text
    assert files(house) == before and house.asked() == []


def test_what_is_not_its_own(house):
    """A file that is there is in the way, and nothing is written at all."""
    for path in INI, KEY, UNIT, DROP_IN:
        house.write(path, "# mine\n", 0o600)
        before = files(house)
        done = install(house, *SERVER, "--auth-key-file", "-", given=GOOD_KEY,
                       code=CANTCREAT)
        assert f"{path} is there already" in done.stderr
        assert files(house) == before and not house.asked()
        house.path(path).unlink()


def test_what_was_changed_since(house):
    """It is neither overwritten nor removed."""
    wait_in_vain(house, *SERVER, "--auth-key-file", "-", given=GOOD_KEY)
    mine = house.read(INI) + "\n[log]\nlevel = debug\n"
    house.write(INI, mine)
    done = install(house, "--server", "other.example.com", code=CANTCREAT)
    assert f"{INI} was changed since" in done.stderr
    assert house.read(INI) == mine
    # Without what would change it, it serves as it is.
    house.asked()
    wait_in_vain(house)
    assert house.read(INI) == mine
    done = house.run("orthrus", "uninstall")
    assert done.returncode == 0, done.text
    assert f"kept {INI}, which was changed since\n" in done.stdout
    assert f"removed {KEY}\n" in done.stdout
    assert f"kept /etc/orthrus, where other files are\n" in done.stdout
    assert list(files(house, "/etc/orthrus")) == [INI]
    assert house.read(INI) == mine


def test_an_ini_that_is_there(house):
    """It is taken as it is, if it is right."""
    done = install(house, code=USAGE)
    assert "give --server" in done.stderr and INI in done.stderr
    house.write(INI, "[server]\naddress = gw\n[docker]\nsoket = /x\n")
    done = install(house, code=CONFIG)
    assert f"{INI}:4: " in done.stderr
    house.write(INI, "[server]\naddress = gw\n[docker]\nsocket = /x\n")
    house.run("groupadd", "-f", "docker")
    wait_in_vain(house)
    assert "SupplementaryGroups=" in house.read(DROP_IN)
    assert "auth_key" not in house.read(DROP_IN)
    house.run("orthrus", "uninstall")
    assert list(files(house, "/etc/orthrus")) == [INI]


@pytest.mark.parametrize("folder", ["/usr/lib", "/usr/local/lib"])
def test_unit_of_a_package(house, folder):
    """Of the tarball's installer as well, which is in /usr/local."""
    packaged = f"{folder}/systemd/system/orthrus.service"
    house.write(packaged, "# of a package\n")
    done = wait_in_vain(house, *SERVER)
    assert UNIT not in done.text and not house.path(UNIT).exists()
    house.asked()
    assert house.run("orthrus", "uninstall").returncode == 0
    assert house.asked() == ["stop orthrus.service", "daemon-reload"]
    assert house.path(packaged).exists()


def test_it_does_not_stay_up(house):
    """Its exit status is ours, with what it said last."""
    house.shows(ActiveState="inactive", SubState="dead")
    house.write("/stand-in/start",
                "echo failed >/stand-in/show/ActiveState\n"
                "echo 77 >/stand-in/show/ExecMainStatus\n")
    done = install(house, *SERVER, code=NOPERM)
    assert "ended with exit status 77, and said:\nthe last line of the " \
        "journal\n" in done.stdout
    assert "orthrus doctor" in done.stderr
    # An old failure is not taken for a new one.
    house.write("/stand-in/start", "")
    house.asked()
    house.write("/stand-in/show/SubState", "auto-restart\n")
    done = install(house, *SERVER, code=NOPERM)
    assert "reset-failed orthrus" in house.asked()


def test_it_does_not_connect(house):
    done = wait_in_vain(house, *SERVER)
    assert "not connected in 0 s: it does not answer yet" in done.stderr


@pytest.mark.parametrize("verb", ["daemon-reload", "enable", "start"])
def test_systemctl_fails(house, verb):
    house.write(f"/stand-in/fail-{verb}", "")
    house.shows(ActiveState="inactive", SubState="dead")
    done = install(house, *SERVER, code=UNAVAILABLE)
    assert f'"systemctl {verb}" has failed (exit status 5)' in done.stderr
    house.path(f"/stand-in/fail-{verb}").unlink()
    assert house.run("orthrus", "uninstall").returncode == 0
    assert not house.path("/etc/orthrus").exists()


def test_no_systemd(house):
    house.path("/run/systemd/system").rmdir()
    done = install(house, *SERVER, code=UNAVAILABLE)
    assert "charon snippet NAME --for tarball" in done.stderr
    done = install(house, *SERVER, "--dry-run")
    assert "would run systemctl enable orthrus.service\n" in done.stdout
    assert done.stderr == ""


def test_who(house):
    done = install(house, *SERVER, user=65534, code=NOPERM)
    assert "sudo orthrus install" in done.stderr and "--user" in done.stderr
    done = house.run("orthrus", "uninstall", user=65534)
    assert done.returncode == NOPERM and "sudo orthrus" in done.stderr


def test_one_user(house):
    house.run("install", "-d", "-o", "65534", "/home/ann")
    house.shows(ActiveState="activating", SubState="start")
    how = {"user": 65534, "env": {"HOME": "/home/ann"}}
    args = [*SERVER, "--user", "--auth-key-file", "-", "--wait", "1ms"]
    done = install(house, *args, given=GOOD_KEY, code=UNAVAILABLE, **how)
    assert "XDG_RUNTIME_DIR is not set" in done.stderr
    house.run("install", "-d", "-o", "65534", "/run/user/65534")
    house.run("chown", "-R", "65534", "/stand-in")
    how["env"]["XDG_RUNTIME_DIR"] = "/run/user/65534"
    done = install(house, *args, given=GOOD_KEY, code=TEMPFAIL, **how)
    assert '"loginctl enable-linger"' in done.stdout
    config = "/home/ann/.config"
    unit = house.read(f"{config}/systemd/user/orthrus.service")
    assert "WantedBy=default.target" in unit and "DynamicUser" not in unit
    assert "AUTH_KEY_FILE=%E/orthrus/auth_key" in house.read(
        f"{config}/systemd/user/orthrus.service.d/install.conf")
    assert house.path(f"{config}/orthrus/auth_key").stat().st_mode & 0o77 == 0
    assert house.asked()[0] == "--user daemon-reload"
    done = house.run("orthrus", "uninstall", "--user", **how)
    assert done.returncode == 0, done.text
    assert not house.path(config).exists()


def test_where_the_program_is(house):
    house.run("cp", "/usr/local/bin/orthrus", "/root/orthrus")
    done = house.run("/root/orthrus", "install", *SERVER)
    assert done.returncode == CONFIG
    assert "install -m 0755 /root/orthrus /usr/local/bin/orthrus" in \
        done.stderr
    house.run("mkdir", "/opt/orthrus")
    house.run("mv", "/usr/local/bin/orthrus", "/opt/orthrus/")
    house.shows(ActiveState="activating", SubState="start")
    house.run("/opt/orthrus/orthrus", "install", *SERVER, "--wait", "1ms")
    unit = house.read(UNIT)
    assert "ExecStart=/opt/orthrus/orthrus connect" in unit
    assert "/usr/local/bin" not in unit


def test_a_manifest_of_somebody_else(house):
    house.write(MANIFEST, "f 00 /etc/passwd\n")
    for command in "install", "uninstall":
        done = house.run("orthrus", command, *(
            SERVER if command == "install" else []))
        assert done.returncode == CONFIG
        assert "not as \"orthrus install\" has written it" in done.stderr
    assert house.path("/etc/passwd").exists()


@pytest.mark.parametrize("args,text", [
    (["--server", "tls://"], "--server"), (["--name", "A b"], "a name is"),
    (["--docker"], "where to?"), (["--server", "g", "--expose", "x y"],
                                  "--expose"),
    (["--server", "g", "--socks5", "nowhere"], "--socks5"),
    (["--server", "g", "--wait", "soon"], "--wait"), (["surplus"], "surplus"),
    (["--server", "g\n[docker]"], "--server")],
    ids=lambda v: " ".join(v) if isinstance(v, list) else None)
def test_usage(lab, house, args, text):
    done = install(house, *args, code=USAGE)
    assert text in done.stderr and not done.stdout
    assert not house.path("/etc/orthrus").exists()


def test_bad_keys(house):
    done = install(house, *SERVER, "--auth-key-file", "-",
                   given="ch_orthrus_short\n", code=CONFIG)
    assert "--auth-key-file: " in done.stderr
    assert "ch_orthrus_short" not in done.text
    house.write("/key", GOOD_KEY, 0o644)
    done = install(house, *SERVER, "--auth-key-file", "/key", code=CONFIG)
    assert "chmod 600" in done.stderr
    assert not house.path("/etc/orthrus").exists()


def test_a_strict_umask(house):
    """The service, as another user, reads all but the key."""
    house.shows(ActiveState="activating", SubState="start")
    house.run("sh", "-c", "umask 077; exec orthrus install --server gw "
              "--auth-key-file - --wait 1ms", given=GOOD_KEY)
    for path in "/etc/orthrus", INI, KEY, UNIT + ".d", UNIT:
        mode = stat.S_IMODE(house.path(path).stat().st_mode)
        assert mode & 0o44 == (0 if path == KEY else 0o44), path


def test_key_at_a_terminal(house):
    """Unseen, and the terminal is as before also after Ctrl-C."""
    for typed, code in ("\x03", -signal.SIGINT), (GOOD_KEY + "\n", 0):
        pid, fd = pty.fork()
        if pid == 0:
            os.execvp("nsenter", [
                "nsenter", "-t", str(house.process.pid), "--mount", "--root",
                "orthrus", "install", *SERVER, "--auth-key-file=-",
                "--dry-run"])
        until("no echo", 20, lambda: not termios.tcgetattr(fd)[3] &
              termios.ECHO)
        os.write(fd, typed.encode())
        seen = b""
        with contextlib.suppress(OSError):      # nobody has it open any more
            while piece := os.read(fd, 4096):
                seen += piece
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == code, seen
        assert b"AUTH_KEY: " in seen and GOOD_KEY.encode() not in seen
        assert termios.tcgetattr(fd)[3] & termios.ECHO
        os.close(fd)
    assert f"would write {KEY}, mode 0600" in seen.decode()


# The gateway

CHARON_INI, CHARON_UNIT = "/etc/charon/charon.ini", \
    "/etc/systemd/system/charon.service"


def gateway(house, *args, code=0):
    done = house.run("charon", *args)
    assert done.returncode == code, done.text
    return done


@pytest.mark.skipif(not openssh.available(), reason="no charon here")
def test_gateway(house):
    folders = "/etc/charon", "/etc/systemd/system"
    house.run("userdel", "charon")
    before = files(house, *folders)
    done = gateway(house, "install", "--dry-run")
    assert "would make the user charon\n" in done.stdout
    assert "    listen = 0.0.0.0:2222\n" in done.stdout
    assert files(house, *folders) == before and not house.asked()
    house.shows(ActiveState="inactive")
    done = gateway(house, "install", "--listen", "127.0.0.1:2022")
    assert "made the user charon\n" in done.stdout
    assert "charon agent add NAME --script" in done.stdout
    assert house.asked() == ["daemon-reload", "enable charon.service",
                             "restart charon.service"]
    now = files(house, *folders)
    assert "listen = 127.0.0.1:2022\n" in now[CHARON_INI][1]
    assert "ExecStart=/usr/local/bin/charon serve" in now[CHARON_UNIT][1]
    house.shows(ActiveState="active")
    gateway(house, "install")
    assert house.asked() == ["daemon-reload", "enable charon.service"]
    assert files(house, *folders) == now
    house.write("/var/lib/charon/registry.db", "")
    done = gateway(house, "uninstall")
    assert house.asked() == ["disable --now charon.service", "daemon-reload"]
    assert "kept /var/lib/charon, with the keys" in done.stdout
    assert files(house, *folders) == before
    assert "nothing here" in gateway(house, "uninstall").stdout


@pytest.mark.skipif(not openssh.available(), reason="no charon here")
def test_gateway_refuses(house):
    for args, text in ((["--listen", "nowhere:x"], "--listen"),
                       (["--listen", "/run/s"], "HOST:PORT"),
                       (["surplus"], "surplus")):
        done = gateway(house, "install", *args, code=USAGE)
        assert text in done.stderr
    house.write(CHARON_UNIT, "# mine\n")
    done = gateway(house, "install", code=CANTCREAT)
    assert f"{CHARON_UNIT} is there already" in done.stderr
    assert "made the user" not in done.stdout
    house.path(CHARON_UNIT).unlink()
    house.write(CHARON_INI, "[ssh]\nlisten = x\n")
    done = gateway(house, "install", code=CONFIG)
    assert f"{CHARON_INI}:2: " in done.stderr
    house.path(CHARON_INI).unlink()
    house.write("/stand-in/fail-restart", "")
    done = gateway(house, "install", code=UNAVAILABLE)
    assert "the last line of the journal" in done.stdout
    done = house.run("charon", "install", user=65534)
    assert done.returncode == NOPERM and "sudo charon install" in done.stderr


# charon agent add --script

@pytest.mark.skipif(not openssh.available(), reason="no charon here")
def test_script(lab, house):
    """One line without the key, and the key; both at once by a pipe."""
    charon = lab.own(Charon(lab))
    house.shows(ActiveState="inactive", SubState="dead")
    house.write("/stand-in/start", START)
    done = charon.run("agent", "add", "rome", "--script", "--server",
                      charon.address, "--mode", "port", "--ports",
                      "9100,127.0.0.1:80")
    line, key, *rest = done.stdout.splitlines()
    assert not rest and key.startswith("ch_orthrus_")
    assert line == "orthrus install --name rome --server " \
        f"'ssh://{charon.address}' --expose 9100 --expose 127.0.0.1:80 " \
        "--auth-key-file -"
    assert "read -r line" in done.stderr and key not in done.stderr
    done = house.run("sh", "-c", 'read -r line; eval "$line"',
                     given=done.stdout)
    assert done.returncode == 0 and key not in done.text, done.text
    charon.wait_status("rome", "online")
    assert house.run("orthrus", "uninstall").returncode == 0
    done = charon.run("agent", "add", "oslo", "--script", "--server", "it's",
                      "--ports", "a$(id):1,b;id:2")
    assert "--server 'ssh://it'\\''s:" in done.stdout
    assert " --docker --expose 'a$(id):1' --expose 'b;id:2' " \
        "--auth-key-file -\n" in done.stdout


@pytest.mark.skipif(not openssh.available(), reason="no charon here")
def test_script_is_refused_before(lab):
    """No agent is added for a line that could not be printed."""
    charon = lab.own(Charon(lab))
    for args, text in ((["--script"], "--script needs --server HOST"),
                       (["--server", "gw"], "are for --script"),
                       (["--script", "--server", "a@gw"], "leave"),
                       (["--script", "--server", "gw", "--mode", "port"],
                        "which ports?")):
        done = charon.run("agent", "add", "rome", *args, check=USAGE)
        assert text in done.stderr and not done.stdout
    assert charon.run("agent", "add", "rome").stdout.startswith("ch_")
