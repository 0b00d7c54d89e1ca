# SPDX-License-Identifier: ISC
"""Configuration: every row of the table by option, environment and file with
its precedence and origin, and a folder of bad files, each with all errors
that must be reported for it in one run."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

ORTHRUS = os.path.abspath(os.environ.get("ORTHRUS", "./orthrus"))
BAD = pathlib.Path(__file__).parent.parent / "bad-config"
FP = "SHA256:" + "A" * 42
AUTH_KEY = "ch_orthrus_" + "k" * 96


def check(home, *args, **env):
    """Runs "orthrus check" with nothing but env in its environment."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(home),
               "XDG_CONFIG_HOME": str(home / "xdg"), **env}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
        if name in os.environ:
            environ[name] = os.environ[name]
    return subprocess.run([ORTHRUS, "check", *map(str, args)], env=environ,
                          cwd=home, capture_output=True, text=True,
                          timeout=20)


def settings(run):
    """What was printed: key to a list of (value, origin)."""
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    found = {}
    for line in run.stdout.splitlines():
        key, value, origin = re.fullmatch(r"(.+?) = (.*)  # (.*)",
                                          line).groups()
        found.setdefault(key, []).append((value, origin))
    return found


def make_key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "",
                    "-f", path], check=True)


@pytest.fixture
def home(tmp_path):
    """A folder with keys key0 ... key3 and secrets secret0 ... secret3."""
    for i in range(4):
        make_key(tmp_path / f"key{i}")
        (tmp_path / f"secret{i}").write_text(f"swordfish{i}\n")
        (tmp_path / f"secret{i}").chmod(0o600)
    return tmp_path


class Row:
    """One setting: given are (text, how it is printed) for each origin."""

    def __init__(self, key, option, env, file, option_value, env_value,
                 file_value, default):
        self.key, self.option, self.env, self.file = key, option, env, file
        self.values = option_value, env_value, file_value
        self.default = default


def same(text):
    return text, text


ROWS = [
    Row("agent.name", ["--name"], "ORTHRUS_NAME", "[agent] name",
        same("o"), same("e"), same("f"), re.compile(r"[a-z0-9-]+")),
    Row("server.address", ["--server"], "CHARON_LINK", "[server] address",
        ("o", "ssh://o:22"), ("u@e:23", "ssh://u@e:23"),
        ("ssh://[::1]", "ssh://[::1]:22"), None),
    Row("server.transport", ["--transport"], "ORTHRUS_TRANSPORT",
        "[server] transport", same("tcp"), same("tcp"), same("tcp"), "none"),
    Row("server.prefer", ["--prefer"], "ORTHRUS_PREFER", "[server] prefer",
        same("order"), same("order"), same("order"), "order"),
    Row("server.user", ["--user"], "ORTHRUS_USER", "[server] user",
        same("o"), same("e"), same("f"), re.compile(r"[a-z0-9-]+")),
    Row("server.identity", ["--identity", "-i"], "ORTHRUS_IDENTITY",
        "[server] identity", same("{home}/key1"), same("{home}/key2"),
        ("~/key3", "{home}/key3"), None),
    Row("server.known_hosts", ["--known-hosts"], "ORTHRUS_KNOWN_HOSTS",
        "[server] known_hosts", same("/o"), same("/e"), same("/f"), None),
    Row("server.host_key", ["--host-key"], "ORTHRUS_HOST_KEY",
        "[server] host_key", same(FP + "o"), same(FP + "e"), same(FP + "f"),
        "none"),
    Row("server.accept_new", ["--accept-new"], "ORTHRUS_ACCEPT_NEW",
        "[server] accept_new", (None, "yes"), ("off", "no"), ("on", "yes"),
        "no"),
    Row("server.password_file", ["--password-file"],
        "ORTHRUS_PASSWORD_FILE", "[server] password_file",
        same("{home}/secret1"), same("{home}/secret2"),
        same("{home}/secret3"), "none"),
    Row("socks5.listen", ["--socks5", "-D"], "ORTHRUS_SOCKS5",
        "[socks5] listen", same("off"), ("1081", "localhost:1081"),
        ("unix:/run/s", "/run/s"), "127.0.0.1:1080"),
    Row("reconnect.min", ["--backoff-min"], "ORTHRUS_BACKOFF_MIN",
        "[reconnect] min", same("2s"), same("250ms"), same("3"), "1s"),
    Row("reconnect.max", ["--backoff-max"], "ORTHRUS_BACKOFF_MAX",
        "[reconnect] max", same("2m"), same("1h"), same("1d"), "30s"),
    Row("reconnect.enabled", ["--no-reconnect"], None,
        "[reconnect] enabled", (None, "no"), None, ("true", "yes"), "yes"),
    Row("agent.control", ["--control"], "ORTHRUS_CONTROL",
        "[agent] control", same("/run/o.sock"),
        ("unix:/run/e.sock", "/run/e.sock"), ("9000", "localhost:9000"),
        re.compile(r"/.*/[a-z0-9-]+\.sock")),
    Row("log.level", ["--log-level"], "ORTHRUS_LOG_LEVEL", "[log] level",
        same("error"), same("warn"), same("debug"), "info"),
    Row("log.level", ["-v"], "ORTHRUS_LOG_LEVEL", "[log] level",
        (None, "debug"), same("warn"), same("error"), "info"),
    Row("log.format", ["--log-format"], "ORTHRUS_LOG_FORMAT",
        "[log] format", same("json"), same("text"), same("json"), "text"),
]


def spellings(option, value):
    """All ways to write one option."""
    if value is None:
        return [[option]]
    if option.startswith("--"):
        return [[option, value], [f"{option}={value}"]]
    return [[option, value], [f"{option}{value}"]]


def write(home, text):
    """An ini file; what every connection needs goes in unless it is there."""
    path = home / "a.ini"
    if "address =" not in text:
        text = text.replace("[server]\n", "[server]\naddress = h\n") \
            if "[server]\n" in text else text + "[server]\naddress = h\n"
    if "identity =" not in text:
        text = text.replace("[server]\n",
                            f"[server]\nidentity = {home}/key0\n")
    path.write_text(text)
    path.chmod(0o600)
    line = {f"{k}": n for n, k in enumerate(text.splitlines(), 1)}
    return path, line


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.key}{r.option[0]}")
def test_precedence(home, row):
    def fill(pair):
        return [s and s.replace("{home}", str(home)) for s in pair]

    section, key = re.fullmatch(r"\[(.*)\] (.*)", row.file).groups()
    option, option_shown = fill(row.values[0])
    file, file_shown = fill(row.values[2])
    path, line = write(home, f"[{section}]\n{key} = {file}\n")
    from_file = file_shown, f"{path}:{line[f'{key} = {file}']}"
    env = {}

    assert settings(check(home, "--config", path))[row.key] == [from_file]
    if row.env:
        env_value, env_shown = fill(row.values[1])
        env = {row.env: env_value}
        assert settings(check(home, "--config", path, **env))[row.key] == \
            [(env_shown, f"environment {row.env}")]
        # Set to nothing is not set.
        assert settings(check(home, "--config", path, **{row.env: ""})
                        )[row.key] == [from_file]
    origin = row.option[0] if row.option[0] != "-v" else "-v"
    for name in row.option:
        for args in spellings(name, option):
            assert settings(check(home, "--config", path, *args, **env)
                            )[row.key] == \
                [(option_shown, f"option {origin}")]

    if row.default:
        path, _ = write(home, "")
        (value, origin), = settings(check(home, "--config", path))[row.key]
        assert origin == "default"
        assert value == row.default or (isinstance(row.default, re.Pattern)
                                        and row.default.fullmatch(value))


@pytest.mark.parametrize("section, prefix, options, env", [
    ("forward", "L", ["--forward", "-L"], "ORTHRUS_FORWARD"),
    ("remote", "R", ["--remote-forward", "-R"], "ORTHRUS_REMOTE_FORWARD")])
def test_forwards_add_up(home, section, prefix, options, env):
    path, line = write(home, f"[{section} db]\nspec = 84:h:80\n"
                       f"[{section} web]\nspec = *:85:/run/web.sock\n")
    for name in options:
        for args in spellings(name, "81:h:80"):
            found = settings(check(home, "-c", path, *args,
                                   **{env: "82:h:80, [::1]:83:h:80"}))
            assert found[f"{section} {prefix}1.spec"] == \
                [("localhost:81:h:80", f"option {options[0]}")]
            assert found[f"{section} {prefix}2.spec"] == \
                [("localhost:82:h:80", f"environment {env}")]
            assert found[f"{section} {prefix}3.spec"] == \
                [("[::1]:83:h:80", f"environment {env}")]
            assert found[f"{section} db.spec"] == \
                [("localhost:84:h:80", f"{path}:2")]
            assert found[f"{section} web.spec"] == \
                [("*:85:/run/web.sock", f"{path}:4")]
    run = check(home, "-c", path, options[0], "84:x:1")
    assert run.returncode == 78
    assert run.stderr.startswith(f"{path}:2: spec: localhost:84 is listened "
                                 f"on already by {prefix}1 (option {options[0]})")


def test_lists_replace(home):
    path, line = write(home, f"[server]\naddress = a, u@b:23\n"
                       f"host_key = {FP}a,{FP}b\n")
    found = settings(check(home, "-c", path))
    assert [v for v, _ in found["server.address"]] == \
        ["ssh://a:22", "ssh://u@b:23"]
    assert [v for v, _ in found["server.host_key"]] == [FP + "a", FP + "b"]
    found = settings(check(home, "-c", path, "--server", "x", "--server",
                           "y", CHARON_LINK="v,w"))
    assert [v for v, _ in found["server.address"]] == \
        ["ssh://x:22", "ssh://y:22"]
    found = settings(check(home, "-c", path, CHARON_LINK="v,w"))
    assert found["server.address"] == \
        [("ssh://v:22", "environment CHARON_LINK"),
         ("ssh://w:22", "environment CHARON_LINK")]


def test_users(home):
    path, line = write(home, "[agent]\nname = agent\n"
                       "[server]\naddress = a, joe@b\n")
    here = f"{path}:{line['address = a, joe@b']}"
    found = settings(check(home, "-c", path))
    assert found["server.user"] == [("agent", "default"), ("joe", here)]
    found = settings(check(home, "-c", path, "--user", "ann"))
    assert found["server.user"] == [("ann", "option --user")]


def test_socks5_login(home):
    path, line = write(home, "[socks5]\nlisten = 0.0.0.0:1080\nusername = "
                       f"joe\npassword_file = {home}/secret1\n")
    run = check(home, "-c", path)
    found = settings(run)
    assert found["socks5.username"] == [("joe", f"{path}:3")]
    assert found["socks5.password_file"] == \
        [(f"{home}/secret1", f"{path}:4")]
    assert "swordfish" not in run.stdout
    (home / "secret1").chmod(0o640)
    run = check(home, "-c", path)
    assert run.returncode == 78
    assert run.stderr.startswith(f"{path}:4: password_file: ")
    assert "chmod 600" in run.stderr and "swordfish" not in run.stderr


def test_default_socks5_gives_way(home):
    path, _ = write(home, "")
    run = check(home, "-c", path, "-L", "1080:h:80")
    assert run.returncode == 0
    assert "\nsocks5.listen = off  # default\n" in run.stdout
    assert run.stderr.startswith("note: no SOCKS5 server, ")
    assert check(home, "-c", path, "-L", "1080:h:80", "-D",
                 "off").stderr == ""
    run = check(home, "-c", path, "-L", "1080:h:80", "-D", "1080")
    assert run.returncode == 78
    assert "listened on by the forward L1 too" in run.stderr


def test_which_file(home):
    path, _ = write(home, "")
    for args, env, origin in (
            (["--config", path], {}, "option --config"),
            (["-c", path], {"ORTHRUS_CONFIG": "/nonexistent"},
             "option --config"),
            ([], {"ORTHRUS_CONFIG": str(path)}, "environment ORTHRUS_CONFIG")):
        assert settings(check(home, *args, **env))["config"] == \
            [(str(path), origin)]
    default = home / "xdg/orthrus/orthrus.ini"
    default.parent.mkdir(parents=True)
    shutil.copy(path, default)
    assert settings(check(home))["config"] == [(str(default), "default")]
    run = check(home, XDG_CONFIG_HOME="", HOME=str(home))
    assert str(default) not in run.stdout + run.stderr


def test_directories(home):
    path = home / "a.ini"
    path.write_text("[server]\naddress = h\n")
    shutil.copy(home / "key0", home / "id_ed25519")
    found = settings(check(home, "-c", path, "--name", "n",
                           STATE_DIRECTORY=f"{home}:/other",
                           RUNTIME_DIRECTORY="/run/dir"))
    assert found["server.identity"] == [(f"{home}/id_ed25519", "default")]
    assert found["server.known_hosts"] == \
        [(f"{home}/known_hosts", "default"),
         (f"{home}/.ssh/known_hosts", "default")]
    assert found["agent.control"] == [("/run/dir/n.sock", "default")]


@pytest.mark.parametrize("path", sorted(BAD.glob("*.ini")),
                         ids=lambda p: p.stem)
def test_bad_file(path, tmp_path):
    shutil.copyfile(path, tmp_path / "a.ini")
    path, expect = tmp_path / "a.ini", path.with_suffix(".expect")
    path.chmod(0o600)
    make_key(tmp_path / "id_ed25519")
    run = check(tmp_path, "--config", path, STATE_DIRECTORY=str(tmp_path))
    assert run.returncode == 78
    assert run.stdout == ""
    lines = run.stderr.splitlines()
    wanted = [line.split(": ", 1) for line in expect.read_text().splitlines()]
    assert len(wanted) > 0
    assert len(lines) == len(wanted), run.stderr
    for line, (number, text) in zip(lines, wanted):
        assert line.startswith(f"{path}:{number}: "), run.stderr
        assert text in line
    assert "hunter2" not in run.stderr


def test_there_are_enough_bad_files():
    assert len(list(BAD.glob("*.ini"))) >= 45
    assert {p.stem for p in BAD.glob("*.ini")} == \
        {p.stem for p in BAD.glob("*.expect")}


def test_file_itself(home):
    path, _ = write(home, "")
    for mode in (0o620, 0o602):
        path.chmod(mode)
        run = check(home, "-c", path)
        assert run.returncode == 78
        assert run.stderr.startswith(f"{path}:1: others may write")
    path.write_text("# comment\n" * 6600)
    path.chmod(0o600)
    run = check(home, "-c", path)
    assert run.returncode == 78
    assert run.stderr == f"{path}:1: the file has more than 64 KiB; " \
        "make it smaller\n"
    run = check(home, "-c", home)
    assert run.returncode == 78
    assert run.stderr == f"{home}:1: cannot be read: Is a directory\n"
    run = check(home, "-c", home / "none.ini")
    assert run.returncode == 78
    assert "cannot be read: No such file" in run.stderr


@pytest.mark.parametrize("args, text", [
    (["--transport", "ssh"], "option --transport: \"ssh\": expected tcp"),
    (["--tls-ca=/x/"], "option --tls-ca: \"/x/\" is a directory"),
    (["--tls-name", "a/b"], "option --tls-name: \"a/b\" is not a host"),
    (["--proxy", "u:hunter2@h"], "option --proxy: not the URL of a proxy"),
    (["--proxy=http://u:hunter2@"], "option --proxy: no host and port"),
    (["--proxy", '"http://u:hunter2@h"'], "option --proxy: ***: write the "),
    (["--proxi", "http://u:hunter2@h"], "did you mean --proxy?"),
    (["http://u:hunter2@h"], "unexpected argument \"***\""),
    (["--proxy-command", "nc %H"], "option --proxy-command: \"%H\" in a "),
    (["--prefer", "nearest"], "option --prefer: "),
    (["--resume", "-1"], "option --resume: 0 for never, or else: "),
    (["--docker=2375"], "option --docker: \"2375\" is not the path"),
    (["--docker-remote", "0.0.0.0:1"], "option --docker-remote"),
    (["--docker-allow", "stop,exec"], "\"exec\" is not an action"),
    (["--docker-redact", "all"], "expected env or none"),
    (["--docker-host", "https://a.example"], "is not the name of a host"),
    (["--docker-host", "a.example,,b.example"], "empty"),
    (["--expose", "/run/x.sock"], "option --expose: \"/run/x.sock\" has no "
     "port number"),
    (["--expose", "0"], "option --expose: "),
    (["--expose", "*:80"], "is no place to connect to"),
    (["--auth-key", "hunter2"], "option --auth-key: this is no AUTH_KEY"),
    (["--auth-key", "ch_orthrus_hunter2"],
     "option --auth-key: the AUTH_KEY is cut short"),
    (["--auth-key", '"hunter2"'], "option --auth-key: ***: write the value "
     "without quotes"),
    (["--auth-key=" + AUTH_KEY + "hunter2"],
     "option --auth-key: the AUTH_KEY is too long"),
    (["--auth-key", ""], "option --auth-key: an empty value"),
    (["--auth-kye", "ch_orthrus_hunter2"], "did you mean --auth-key?"),
    (["ch_orthrus_hunter2"], "unexpected argument \"ch_orthrus_***\""),
    (["--ident", "/x"], "did you mean --identity?"),
    (["--sever", "h"], "did you mean --server?"),
    (["-Z"], "unknown option -Z"),
    (["--accept-new", "-Qv"], "unknown option -Q"),
    (["--name"], "option --name needs a value: --name NAME"),
    (["-D"], "option -D needs a value: -D ADDRESS|off"),
    (["-D", "1081", "-D", "1082"], "option -D 1082: there is one SOCKS5 "
     "server, and it is on localhost:1081 already; give one -D"),
    (["--socks5=1081", "-D/run/s"], "give one -D"),
    (["--no-reconnect=yes"], "option --no-reconnect takes no value"),
    (["--name", "UPPER"], "option --name: "),
    (["--name", ""], "option --name: an empty value"),
    (["-L", "80"], "option --forward: "),
    (["-L", "0:h:80"], "option --forward: "),
    (["-R", "80:h"], "option --remote-forward: "),
    (["--server", "joe:hunter2@h"], "option --server: "),
    (["--server", "a,b"], "option --server: "),
    (["h", "ls"], "unexpected argument \"ls\": no command is run"),
    (["/d.sock"], "behind a '=': --docker=/d.sock"),
    (["h/path"], "argument: \"h/path\": only the address of a wss://"),
    (["-p", "0"], "option -p: \"0\" is not a port: expected a number from 1 "
     "to 65535 or the name of a service"),
    (["-l", "a b"], "option -l: \"a b\" is not a user name"),
    (["--docker-remote", "~/d.sock"], "whose home directory is not known"),
    (["-R", "~/d.sock:h:80"], "whose home directory is not known"),
    (["-f"], "option -f of ssh(1) is none here: it stays in the foreground"),
    (["-NfT"], "option -f of ssh(1)"),
    (["-J", "bastion"], "--proxy-command 'ssh -W %h:%p bastion'"),
    (["-Jbastion"], "--proxy-command 'ssh -W %h:%p bastion'"),
    (["-J"], "option -J of ssh(1)"),
    (["-w", "0:0"], "there is no tun device"),
    (["-X"], "option -X of ssh(1) is none here"),
    (["-A"], "option -A of ssh(1) is none here"),
    (["-o", "serveraliveinterval=5"], "noticed within 15 s"),
    (["-oUser joe"], "write -l USER"),
    (["-o", "GSSAPIKeyExchange=yes"], "--help lists the options"),
    (["-server", "h"], "unknown option -server; did you mean --server?"),
    (["-backoff-min=3"], "did you mean --backoff-min?"),
])
def test_bad_option(home, args, text):
    path, _ = write(home, "")
    run = check(home, "-c", path, *args)
    assert run.returncode == 64
    assert run.stdout == ""
    assert text in run.stderr
    assert "hunter2" not in run.stderr


def test_one_socks5(home):
    """The same twice, and one that is off again, are as they seem."""
    path, _ = write(home, "")
    for args, value in (["-D", "1081", "-D", "localhost:1081"],
                        "localhost:1081"), \
            (["--socks5", "off", "-D", "1081"], "localhost:1081"), \
            (["-D", "1081", "--socks5", "off"], "off"):
        found = settings(check(home, "-c", path, *args, ORTHRUS_SOCKS5="1082"))
        assert found["socks5.listen"][0][0] == value


def test_exposed_ports(home):
    path, line = write(home, "[expose web]\nto = 127.0.0.1:84\n")
    for args in spellings("--expose", "81"):
        found = settings(check(home, "-c", path, *args, "--expose",
                               "db.internal:5432",
                               ORTHRUS_PORTS="82, [::1]:83"))
        assert found["expose E1.to"] == [("127.0.0.1:81", "option --expose")]
        assert found["expose E2.to"] == \
            [("db.internal:5432", "option --expose")]
        assert found["expose E3.to"] == \
            [("127.0.0.1:82", "environment ORTHRUS_PORTS")]
        assert found["expose E4.to"] == \
            [("[::1]:83", "environment ORTHRUS_PORTS")]
        assert found["expose web.to"] == [("127.0.0.1:84", f"{path}:2")]
    run = check(home, "-c", path, "--expose", "db.internal:84")
    assert run.returncode == 78
    assert run.stderr.startswith(f"{path}:2: to: port 84 is offered already "
                                 "by E1 (option --expose)")
    many = ",".join(str(p) for p in range(1000, 1065))
    run = check(home, "-c", path, ORTHRUS_PORTS=many)
    assert run.returncode == 78
    assert "more than 64 ports" in run.stderr


@pytest.mark.parametrize("env, wrong", [
    ({"ORTHRUS_MODE": "socket"}, None),
    ({"ORTHRUS_MODE": "port", "ORTHRUS_PORTS": "80"}, None),
    ({"ORTHRUS_MODE": "socket, port", "ORTHRUS_PORTS": "80,81",
      "ORTHRUS_DOCKER_SOCKET": "/d.sock"}, None),
    ({"ORTHRUS_PORTS": "80", "ORTHRUS_DOCKER_SOCKET": "/d.sock"}, None),
    ({"ORTHRUS_MODE": "port"}, "environment ORTHRUS_MODE: \"port\", but "),
    ({"ORTHRUS_MODE": "ports"}, "environment ORTHRUS_MODE: \"ports\": "),
    ({"ORTHRUS_MODE": "socket", "ORTHRUS_PORTS": "80"},
     "environment ORTHRUS_PORTS: it is set, but "),
    ({"ORTHRUS_MODE": "port", "ORTHRUS_PORTS": "80",
      "ORTHRUS_DOCKER_SOCKET": "/d.sock"},
     "environment ORTHRUS_DOCKER_SOCKET: it is set, but "),
], ids=lambda v: ",".join(v) if isinstance(v, dict) else "")
def test_mode(home, env, wrong):
    path, _ = write(home, "")
    run = check(home, "-c", path, **env)
    if wrong is None:
        assert run.returncode == 0, run.stderr
    else:
        assert run.returncode == 78
        assert run.stderr.startswith(wrong)
        assert len(run.stderr.splitlines()) == 1


def test_mode_port_by_option(home):
    path, _ = write(home, "")
    assert check(home, "-c", path, "--expose", "80",
                 ORTHRUS_MODE="port").returncode == 0
    path, _ = write(home, "[docker]\nsocket = /d.sock\n[expose a]\nto = 80\n")
    found = settings(check(home, "-c", path, ORTHRUS_MODE="port"))
    assert "docker.socket" in found		# the file speaks for itself


def test_auth_key(home):
    """No origin shows it; with it, there need not be an identity."""
    path, _ = write(home, f"[server]\nidentity = {home}/none\n")
    other = "ch_orthrus_" + "o" * 96
    file = home / "key.txt"
    file.write_text(AUTH_KEY + "\n")
    file.chmod(0o600)
    assert check(home, "-c", path).returncode == 78
    for args, env, key, origin in (
            (["--auth-key", AUTH_KEY], {}, "auth_key", "option --auth-key"),
            (["--auth-key=" + AUTH_KEY], {"AUTH_KEY": other}, "auth_key",
             "option --auth-key"),
            ([], {"AUTH_KEY": AUTH_KEY}, "auth_key", "environment AUTH_KEY")):
        run = check(home, "-c", path, *args, **env)
        assert settings(run)[key] == [("***", origin)]
        assert "kkkk" not in run.stdout and "oooo" not in run.stdout
    run = check(home, "-c", path, AUTH_KEY_FILE=str(file))
    assert settings(run)["auth_key_file"] == \
        [(str(file), "environment AUTH_KEY_FILE")]
    assert "kkkk" not in run.stdout
    run = check(home, "-c", path, "--auth-key", other,
                AUTH_KEY_FILE=str(home / "missing"))
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("text, mode, more, wrong", [
    (AUTH_KEY, 0o640, {}, "others have access"),
    ("hunter2", 0o600, {}, "this is no AUTH_KEY"),
    (AUTH_KEY[:-1] + "+", 0o600, {}, "holds other characters"),
    ("", 0o600, {}, "nothing in its first line"),
    (AUTH_KEY, 0o600, {"AUTH_KEY": AUTH_KEY}, "AUTH_KEY is set as well"),
], ids=["mode", "no key", "characters", "empty", "two"])
def test_bad_auth_key_file(home, text, mode, more, wrong):
    path, _ = write(home, "")
    file = home / "key.txt"
    file.write_text(text + "\n")
    file.chmod(mode)
    run = check(home, "-c", path, "-i", home / "none",
                AUTH_KEY_FILE=str(file), **more)
    assert run.returncode == 78
    assert "\nenvironment AUTH_KEY_FILE: " in "\n" + run.stderr
    assert wrong in run.stderr
    assert "hunter2" not in run.stderr and "kkkk" not in run.stderr


def test_auth_key_file_that_is_not_needed(home):
    """With an identity its state is said, and no reason to stop."""
    path, _ = write(home, "")
    file = home / "key.txt"
    file.write_text("hunter2\n")
    file.chmod(0o600)
    run = check(home, "-c", path, AUTH_KEY_FILE=str(file))
    assert run.returncode == 0
    assert "this is no AUTH_KEY" in run.stderr and "hunter2" not in run.stderr


@pytest.mark.parametrize("args, text", [
    (["--backoff-min", "1m", "--backoff-max", "2s"],
     "option --backoff-max: 2s is less than"),
    (["--socks5", "0.0.0.0:1080"], "option --socks5: \"0.0.0.0:1080\" is "
     "beyond loopback"),
])
def test_options_that_cannot_be_together(home, args, text):
    """Each is well written; together they are a bad configuration."""
    path, _ = write(home, "")
    run = check(home, "-c", path, *args)
    assert run.returncode == 78
    assert run.stdout == ""
    assert text in run.stderr


def test_all_origins_are_reported(home):
    path, _ = write(home, "[log]\nlevel = loud\nformat = xml\n")
    run = check(home, "-c", path, "--nonsense", "-v", ORTHRUS_NAME="A B",
                ORTHRUS_LOG_FORMAT="text")
    assert run.returncode == 64
    lines = run.stderr.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("unknown option --nonsense")
    assert lines[1].startswith("environment ORTHRUS_NAME: ")
    assert lines[2].startswith(f"{path}:2: level: ")
    assert lines[3].startswith(f"{path}:3: format: ")
    run = check(home, "-c", path, ORTHRUS_NAME="A B")
    assert run.returncode == 78
    assert len(run.stderr.splitlines()) == 3


def test_bad_environment(home):
    path, _ = write(home, "")
    run = check(home, "-c", path, ORTHRUS_FORWARD="80:h:80,,81")
    assert run.returncode == 78
    assert run.stderr.count("environment ORTHRUS_FORWARD: ") == 2
    run = check(home, "-c", path, ORTHRUS_HOST_KEY=",")
    assert run.returncode == 78
    assert len(run.stderr.splitlines()) == 1, run.stderr


def test_no_server(home):
    empty = home / "empty.ini"
    empty.write_text("")
    run = check(home, "-c", empty)
    assert run.returncode == 78
    assert run.stderr.startswith(f"{empty}:1: no server to dial: write ")


def test_server_as_an_argument(home):
    """ssh(1)'s habit, with its -p and -l, and what it takes for granted."""
    path = home / "a.ini"
    path.write_text(f"[server]\nidentity = {home}/key0\n")
    for args, address, user in (
            (["joe@h:2222"], "ssh://joe@h:2222", "joe"),
            (["ssh://joe@h:22/"], "ssh://joe@h:22", "joe"),
            (["-NT", "-p", "ssh", "-l", "joe", "h"], "ssh://h:22",
             "joe"),
            (["h", "-Nnp23", "-ljoe"], "ssh://h:23", "joe"),
            (["--", "joe@h"], "ssh://joe@h:22", "joe"),
            (["-p", "23", "ssh://joe@h:23"], "ssh://joe@h:23", "joe"),
            (["-p", "8443", "--transport", "tls", "joe@h"],
             "tls://joe@h:8443", "joe")):
        found = settings(check(home, "-c", path, *args))
        assert found["server.address"] == [(address, "argument")]
        assert found["server.user"][0][0] == user
    for args in (["a", "--server", "b"], ["--server", "b", "a"]):
        run = check(home, "-c", path, *args)
        assert run.returncode == 64
        assert run.stderr == "unexpected argument: ssh://a:22 would be a " \
            "server, and --server gives one; write --server for each\n"
    path.write_text(path.read_text() + "address = h:1\n")
    found = settings(check(home, "-c", path, "-p", "2"))
    assert found["server.address"] == [("ssh://h:2", f"{path}:3")]
    run = check(home, "-c", path, "-p", "2", "h:3")
    assert run.returncode == 78
    assert run.stderr == "option -p: the server ssh://h:3 has a port of " \
        "its own; leave one of the two out\n"


def test_services_and_home(home):
    path, _ = write(home, "[forward a]\nspec = ~/a.sock:h:ssh\n"
                    "[remote b]\nspec = http:~/b.sock\n"
                    "[expose c]\nto = postgresql\n"
                    "[docker]\nsocket = ~/d.sock\n")
    found = settings(check(home, "-c", path, "-D", "socks",
                           "--control", "unix:~/c.sock"))
    assert found["forward a.spec"][0][0] == f"{home}/a.sock:h:22"
    assert found["remote b.spec"][0][0] == f"localhost:80:{home}/b.sock"
    assert found["expose c.to"][0][0] == "127.0.0.1:5432"
    assert found["docker.socket"][0][0] == f"{home}/d.sock"
    assert found["socks5.listen"][0][0] == "localhost:1080"
    assert found["agent.control"][0][0] == f"{home}/c.sock"


@pytest.mark.parametrize("args", [
    ["--bogus"], ["-Q"], ["-f"], ["-J", "h"], ["-server", "h"], ["h", "ls"],
    ["/d.sock"]], ids=" ".join)
def test_one_mistake_is_one_line(home, args):
    """What was mistyped may have been the server: it is not asked for."""
    run = check(home, *args)
    assert run.returncode == 64
    assert len(run.stderr.splitlines()) == 1, run.stderr


@pytest.mark.parametrize("args, error", [
    (["-c"], "option -c needs a value: -c FILE"),
    (["-ikey0", "--server"], "option --server needs a value: --server SERVER"),
    (["--config", ""], "option --config: an empty value; write one, or "
     "leave it out")])
def test_no_server_for_another_reason(home, args, error):
    """What was to bring the server is at fault; it is told alone."""
    run = check(home, *args)
    assert run.returncode == 64
    assert run.stderr == error + "\n"


def test_sample(home):
    """Good once a server is set, and with all that is commented out."""
    sample = (BAD.parent.parent / "contrib/orthrus.ini").read_text()
    path = home / "a.ini"
    path.write_text(sample)
    run = check(home, "-c", path, "-i", home / "key0")
    assert run.returncode == 78
    assert run.stderr.startswith(f"{path}:") and \
        "no server to dial: write " in run.stderr
    assert len(run.stderr.splitlines()) == 1
    for settable in ("address =", r"\[|[a-z]"):
        path.write_text(re.sub(f"(?m)^#(?={settable})", "", sample))
        found = settings(check(home, "-c", path, "-i", home / "key0"))
        assert found["server.address"][0][0] == \
            "ssh://tunnel@host.example.com:22"
    assert found["forward postgres.spec"][0][0] == \
        "localhost:5432:db.internal:5432"
    assert found["remote web.spec"][0][0] == \
        "localhost:8080:127.0.0.1:80"


def test_crlf_is_accepted(home):
    path = home / "a.ini"
    path.write_bytes(b"[server]\r\naddress = h\r\nidentity = " +
                     os.fsencode(home / "key0") + b"\r\n")
    found = settings(check(home, "-c", path))
    assert found["server.address"] == [("ssh://h:22", f"{path}:2")]


def test_identity_is_checked(home):
    path, line = write(home, f"[server]\nidentity = {home}/none\n")
    run = check(home, "-c", path)
    assert run.returncode == 78
    where = line[f"identity = {home}/none"]
    assert run.stderr.startswith(f"{path}:{where}: identity: ")
    assert "orthrus keygen" in run.stderr
    path.write_text(path.read_text() + "[log]\nlevel = loud\n")
    run = check(home, "-c", path)
    assert run.returncode == 78
    assert ["identity: there is no" in line for line in
            run.stderr.splitlines()] == [True, False], "both in one run"
    path.write_text("[server]\naddress = h\n")
    run = check(home, "-c", path, STATE_DIRECTORY=str(home))
    assert run.returncode == 78
    assert run.stderr.startswith("identity: there is no identity ")
    (home / "key1").chmod(0o644)
    run = check(home, "-c", path, "-i", home / "key1")
    assert run.returncode == 78
    assert run.stderr.startswith("option --identity: ")


def test_help(home):
    run = check(home, "--help")
    assert run.returncode == 0 and run.stderr == ""
    assert all(len(line) < 80 for line in run.stdout.splitlines())
    for row in ROWS:
        for name in row.option:
            assert re.search(rf"(?<![\w-]){name}(?![\w-])", run.stdout)
        assert row.env is None or row.env in run.stdout
        assert row.file in run.stdout
