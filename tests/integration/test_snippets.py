# SPDX-License-Identifier: ISC
"""What "charon snippet" prints works as it is and may no more than it needs:
each text is read by its own tools, and those that are programs are run."""

import contextlib
import json
import os
import plistlib
import re
import shutil
import subprocess

import pytest

from lab import registries
from lab.charon_home import UNAVAILABLE, USAGE
from lab.compose import comment_commands
from lab.harness import ORTHRUS
from lab.system import DIES_WITH_US, free_port, until

PLATFORMS = ["compose", "systemd", "tarball", "homebrew", "kubernetes"]
# Everything that a host name may hold and some syntax gives a meaning.
HOSTILE = """a"b'c$d%e\\f`g<h>i&j;k#l*m!n{o}p(q)r|s?t=u$(v)${w}x"""
WANTED = {"ORTHRUS_NAME": "web-1", "CHARON_LINK": "ssh://gw.example.com:2222",
          "ORTHRUS_MODE": "socket", "ORTHRUS_SOCKS5": "off"}


def snippet(home, platform, *args, server="gw.example.com"):
    return home.run("snippet", "web-1", "--for", platform, "--server",
                    server, *args).stdout


def needs(tool):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is missing")


def from_yaml(text):
    yaml = pytest.importorskip("yaml", reason="python3-yaml is missing")
    return list(yaml.safe_load_all(text))


def unit_settings(text):
    """The settings of a unit: key to the list of its values."""
    found = {}
    for line in text.splitlines():
        if line and line[0] not in "#[":
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


def unit_environment(text):
    """What systemd makes of Environment=, systemd.syntax(7)."""
    found = {}
    for value in unit_settings(text)["Environment"]:
        if value[0] == '"':
            assert value[-1] == '"'
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        key, value = value.split("=", 1)
        found[key] = value.replace("%%", "%")
    return found


def environment(home, platform, text):
    """The variables that orthrus gets, for the scripts by running them."""
    if platform == "systemd":
        return unit_environment(text)
    if platform == "compose":
        (document,) = from_yaml(text)
        found = document["services"]["orthrus"]["environment"]
        return {k: v.replace("$$", "$") for k, v in found.items()}
    if platform == "kubernetes":
        found = from_yaml(text)[1]["spec"]["template"]["spec"]
        return {e["name"]: e["value"].replace("$$", "$")
                for e in found["containers"][0]["env"]}
    if platform == "homebrew":
        text = text[text.index("/run\" <<'END'\n") + 14:]
        text = text[:text.index("\nEND\n")]
    lines = [line for line in text.splitlines() if line.startswith("export ")]
    done = subprocess.run(["sh", "-c", "\n".join([*lines, "env -0"])],
                          capture_output=True, check=True, cwd=home.path,
                          env={"HOME": "/h", "PATH": os.environ["PATH"]})
    return dict(v.split("=", 1) for v in
                done.stdout.decode().rstrip("\0").split("\0"))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_variables(home, platform):
    found = environment(home, platform, snippet(home, platform))
    for key, value in WANTED.items():
        assert found[key] == value, key
    assert found["AUTH_KEY_FILE"].endswith("/auth_key")
    assert "AUTH_KEY" not in found


@pytest.mark.parametrize("platform", PLATFORMS)
def test_ways_to_the_gateway(home, platform):
    """With TLS it is the usual port, and the path of a wss:// is a text."""
    for server, link in (
            ("gw.example.com:7", "ssh://gw.example.com:7"),
            ("tls://gw.example.com", "tls://gw.example.com:443"),
            ("wss://[2001:db8::1]:8443", "wss://[2001:db8::1]:8443"),
            ("wss://gw.example.com/a'$(id)&;%24",
             "wss://gw.example.com:443/a'$(id)&;%24")):
        assert environment(home, platform, snippet(
            home, platform, server=server))["CHARON_LINK"] == link


@pytest.mark.parametrize("platform", PLATFORMS)
def test_variables_are_known_to_orthrus(home, platform):
    """It takes all of them, with the directories put elsewhere."""
    env = {k: v for k, v in environment(
        home, platform, snippet(home, platform)).items()
        if k.startswith(("ORTHRUS_", "CHARON_"))}
    subprocess.run([ORTHRUS, "keygen", "-o", home.path / "id_ed25519"],
                   check=True, capture_output=True)
    done = subprocess.run(
        [ORTHRUS, "check"], capture_output=True, text=True, env={
            "PATH": os.environ["PATH"], "HOME": str(home.path), **env,
            "STATE_DIRECTORY": str(home.path),
            "RUNTIME_DIRECTORY": str(home.path),
            **{k: v for k, v in os.environ.items() if k.endswith("_OPTIONS")}})
    assert done.returncode == 0, done.stderr
    assert "agent.name = web-1  # environment" in done.stdout
    assert "server.address = ssh://gw.example.com:2222  # environment" in \
        done.stdout
    assert "socks5.listen = off" in done.stdout
    for key in env:
        assert f"# environment {key}\n" in done.stdout, key


@pytest.mark.parametrize("platform", PLATFORMS)
def test_hostile_server(home, platform):
    text = snippet(home, platform, server=HOSTILE)
    assert environment(home, platform, text)["CHARON_LINK"] == \
        f"ssh://{HOSTILE}:2222"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_server(home, platform):
    """The port is the gateway's own, unless another is given."""
    home.write("[ssh]\nlisten = 0.0.0.0:4022\n")
    for server, link in (("gw", "ssh://gw:4022"), ("gw:22", "ssh://gw:22"),
                         ("ssh://gw", "ssh://gw:4022"),
                         ("[2001:db8::1]", "ssh://[2001:db8::1]:4022"),
                         ("[2001:db8::1]:1", "ssh://[2001:db8::1]:1")):
        text = snippet(home, platform, server=server)
        assert environment(home, platform, text)["CHARON_LINK"] == link
    done = home.run("snippet", "web-1", "--for", platform)
    assert environment(home, platform, done.stdout)["CHARON_LINK"] == \
        "ssh://<GATEWAY>:4022"
    assert "<GATEWAY>" in done.stderr
    home.fails(USAGE, "snippet", "web-1", "--for", platform, "--server",
               "2001:db8::1")
    assert not home.state.exists()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_where_the_key_goes(home, platform):
    """Once, as a line of its own or a secret's value: on no command line."""
    text = snippet(home, platform)
    (line,) = [line for line in text.splitlines() if "AUTH_KEY>" in line]
    assert line in ("<AUTH_KEY>", "#\t<AUTH_KEY>",
                    '  auth_key: "<AUTH_KEY>"')
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "@@" not in text


# What is offered

@pytest.mark.parametrize("platform", PLATFORMS)
def test_ports(home, platform):
    """Beside Docker or alone, and then nothing of Docker's is asked for."""
    plain = snippet(home, platform)
    assert snippet(home, platform, "--mode", "socket") == plain
    assert "ORTHRUS_PORTS" not in environment(home, platform, plain)
    both = snippet(home, platform, "--ports", "9100,db:5432")
    found = environment(home, platform, both)
    assert found["ORTHRUS_MODE"] == "socket,port"
    assert found["ORTHRUS_PORTS"] == "9100,db:5432"
    assert snippet(home, platform, "--mode", "port,socket", "--ports",
                   "9100,db:5432") == both
    alone = snippet(home, platform, "--mode", "port", "--ports",
                    "[::1]:9100")
    found = environment(home, platform, alone)
    assert found["ORTHRUS_MODE"] == "port"
    assert found["ORTHRUS_PORTS"] == "[::1]:9100"
    assert "docker" not in re.sub(
        r"docker compose up -d|-docker-ARCH.tar.gz", "", alone).lower()
    for text in both, alone:
        assert "@@" not in text
        assert all(len(line) <= 80 for line in text.splitlines())
    done = subprocess.run(
        [ORTHRUS, "check"], capture_output=True, text=True, env={
            "PATH": os.environ["PATH"], "HOME": str(home.path),
            "STATE_DIRECTORY": str(home.path), "AUTH_KEY": home.run(
                "agent", "add", "web-1").stdout.strip(),
            **{k: found[k] for k in ("ORTHRUS_MODE", "ORTHRUS_PORTS",
                                     "CHARON_LINK", "ORTHRUS_NAME")}})
    assert done.returncode == 0, done.stderr
    if platform in ("compose", "kubernetes"):
        from_yaml(both)
        from_yaml(alone)


@pytest.mark.parametrize("args,says", [
    (("--mode", "docker"), '--mode: "docker": expected socket, port, or'),
    (("--mode", ""), "--mode"), (("--mode", "socket,"), "--mode"),
    (("--mode", "port"), "which ports?  --ports LIST is missing"),
    (("--mode", "socket,port"), "--ports LIST is missing"),
    (("--mode", "socket", "--ports", "1"), "write socket,port"),
    (("--ports", ""), "expected PORT or HOST:PORT"),
    (("--ports", "80,"), "expected PORT or HOST:PORT"),
    (("--ports", "0"), '"0": expected'), (("--ports", "*:80"), "expected"),
    (("--ports", "/run/x.sock"), "expected"),
    (("--ports", "80 443"), "expected"), (("--ports", "80,h:80"), "twice"),
    (("--ports", ",".join(map(str, range(1, 66)))), "more than 64")])
def test_no_offer(home, args, says):
    assert says in home.fails(USAGE, "snippet", "a", "--for", "compose",
                              *args)


# systemd

def test_unit_by_systemd(home):
    needs("systemd-analyze")
    unit = home.path / "orthrus.service"
    text = snippet(home, "systemd")
    unit.write_text(text.replace("/usr/local/bin/orthrus", ORTHRUS))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit],
                          text=True, capture_output=True, timeout=60)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    done = subprocess.run(["systemd-analyze", "security", "--offline=true",
                           "--no-pager", unit], capture_output=True,
                          text=True, timeout=60)
    level = re.search(r"exposure level for orthrus.service: ([0-9.]+)",
                      done.stdout)
    assert level, done.stdout + done.stderr
    assert float(level.group(1)) <= 1.3, done.stdout


def test_unit(home):
    found = unit_settings(snippet(home, "systemd"))
    for key, value in {
            "DynamicUser": "yes", "StateDirectory": "orthrus",
            "RuntimeDirectory": "orthrus", "NoNewPrivileges": "yes",
            "ProtectSystem": "strict", "CapabilityBoundingSet": "",
            "SupplementaryGroups": "docker", "MemoryDenyWriteExecute": "yes",
            "LoadCredential": "auth_key:/etc/orthrus/auth_key",
            "SetCredential": r"auth_key:\n",
            "ExecStart": "/usr/local/bin/orthrus connect"}.items():
        assert found[key] == [value], key
    assert "AUTH_KEY_FILE=%d/auth_key" in found["Environment"]
    assert "User" not in found


# Compose

def test_compose(home):
    (document,) = from_yaml(snippet(home, "compose"))
    assert set(document) == {"services"}
    service = document["services"]["orthrus"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service and "ports" not in service
    user, group = map(int, service["user"].split(":"))
    assert user > 0 and group > 0
    env = service["environment"]
    # In a directory: a file that is mounted must be there at each start.
    assert env["AUTH_KEY_FILE"] == env["STATE_DIRECTORY"] + "/auth_key"
    assert service["healthcheck"]["test"] == [
        "CMD", "/usr/local/bin/orthrus", "status", "--wait", "5s"]
    mounts = dict(v.split(":", 1) for v in service["volumes"])
    assert mounts.pop("/var/run/docker.sock") == "/var/run/docker.sock"
    assert mounts == {"./state": env["STATE_DIRECTORY"]}
    (tmpfs,) = service["tmpfs"]
    assert tmpfs == f"{env['RUNTIME_DIRECTORY']}:mode=0700," \
        f"uid={user},gid={group}"
    assert service["entrypoint"] == ["/usr/local/bin/orthrus", "connect"]


def test_compose_by_docker(home):
    needs("docker")
    if subprocess.run(["docker", "compose", "version"],
                      capture_output=True).returncode != 0:
        pytest.skip("docker has no compose")
    (home.path / "compose.yaml").write_text(
        snippet(home, "compose", server=HOSTILE))
    done = subprocess.run(["docker", "compose", "config"], cwd=home.path,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("platform,start", [
    ("compose", "docker compose up -d\n"), ("kubernetes",
                                            "kubectl apply -f FILE\n"),
    ("systemd", "systemctl start --no-block orthrus\n"),
    ("tarball", "sh run-orthrus\n")])
def test_what_comes_before(home, platform, start):
    """The commands that a text begins with are run where that harms none; the
    last of them starts it."""
    commands = comment_commands(snippet(home, platform))
    assert commands.endswith("\n" + start)
    commands = commands.removesuffix(start)
    assert subprocess.run(["sh", "-n"], input=commands, text=True,
                          capture_output=True).stderr == ""
    if platform != "compose":
        return
    key = home.run("agent", "add", "web-1").stdout
    commands = commands.replace("<AUTH_KEY>\n", key)
    commands = commands.replace("/var/run/docker.sock", "/")
    made = home.path / "compose"
    made.mkdir()
    subprocess.run(["sh", "-e"], input=commands, text=True, check=True,
                   cwd=made)
    assert (made / "state/auth_key").read_text() == key
    assert (made / "state/auth_key").stat().st_mode & 0o777 == 0o400
    assert (made / "state").stat().st_mode & 0o777 == 0o700
    assert (made / "state").stat().st_uid == 65532
    assert (made / ".env").read_text() == "DOCKER_GID=0\n"


# Kubernetes

def test_kubernetes(home):
    secret, daemons = from_yaml(snippet(home, "kubernetes"))
    assert (secret["apiVersion"], secret["kind"]) == ("v1", "Secret")
    assert secret["stringData"] == {"auth_key": "<AUTH_KEY>"}
    assert (daemons["apiVersion"], daemons["kind"]) == ("apps/v1",
                                                        "DaemonSet")
    labels = daemons["spec"]["selector"]["matchLabels"]
    assert daemons["spec"]["template"]["metadata"]["labels"] == labels
    pod = daemons["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True and context["runAsUser"] > 0
    assert context["runAsGroup"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        assert key not in pod
    (container,) = pod["containers"]
    context = container["securityContext"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"] == {"drop": ["ALL"]}
    # Every mount has its volume, and the files are where they are looked for.
    mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
    volumes = {v["name"]: v for v in pod["volumes"]}
    assert set(mounts) == set(volumes)
    assert volumes["auth-key"]["secret"]["secretName"] == \
        secret["metadata"]["name"]
    assert volumes["auth-key"]["secret"]["defaultMode"] & 0o7 == 0
    assert volumes["auth-key"]["secret"]["optional"] is True
    ready, alive = (container[kind]["exec"]["command"] for kind in
                    ("readinessProbe", "livenessProbe"))
    assert ready == ["/usr/local/bin/orthrus", "status", "--wait", "5s"]
    assert alive == ["/usr/local/bin/orthrus", "status"]
    env = {e["name"]: e["value"] for e in container["env"]}
    assert env["AUTH_KEY_FILE"] == mounts["auth-key"] + "/auth_key"
    assert env["CREDENTIALS_DIRECTORY"] == mounts["auth-key"]
    assert env["STATE_DIRECTORY"] == mounts["state"]
    # An emptyDir may be written to by anybody, a directory below it not.
    assert env["RUNTIME_DIRECTORY"] == mounts["run"] + "/agent"
    assert volumes["docker"]["hostPath"]["path"] == mounts["docker"] == \
        "/var/run/docker.sock"


@pytest.mark.registries
@pytest.mark.parametrize("args", [(), ("--ports", "9100"),
                                  ("--mode", "port", "--ports", "9100")],
                         ids=" ".join)
def test_kubernetes_by_its_schema(home, args):
    """Each field is one that Kubernetes knows, of the right type."""
    python = registries.python("kubernetes-validate==1.33.0")
    path = home.path / "agent.yaml"
    path.write_text(snippet(home, "kubernetes", *args))
    done = subprocess.run([python, "-m", "kubernetes_validate", "--strict",
                           path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "daemonset/orthrus-web-1" in done.stdout + done.stderr


# Scripts

@pytest.mark.parametrize("platform", ["tarball", "homebrew"])
@pytest.mark.parametrize("server", ["gw.example.com", HOSTILE])
def test_script_is_clean(home, platform, server):
    text = snippet(home, platform, server=server)
    for shell in ("sh", "dash", "bash"):
        if shutil.which(shell):
            done = subprocess.run([shell, "-n"], input=text, text=True,
                                  capture_output=True)
            assert done.returncode == 0 and done.stderr == ""
    needs("shellcheck")
    # 2016 is that $ is no variable inside '...', as it should be.
    done = subprocess.run(["shellcheck", "-s", "sh", "-e", "SC2016", "-"],
                          input=text, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout


def script(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


def test_tarball(home):
    """It starts the program beside it with what that needs."""
    key = home.run("agent", "add", "web-1").stdout
    there = home.path / "un packed"
    there.mkdir()
    script(there / "orthrus", 'echo "$@"; cat "$AUTH_KEY_FILE"; env\n')
    (there / "run-orthrus").write_text(
        snippet(home, "tarball").replace("<AUTH_KEY>\n", key))
    done = subprocess.run(["sh", there / "run-orthrus"], text=True,
                          capture_output=True, cwd="/")
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "connect" and lines[1] + "\n" == key
    env = dict(line.split("=", 1) for line in lines[2:] if "=" in line)
    assert WANTED.items() <= env.items()
    assert env["STATE_DIRECTORY"] == str(there / "state")
    assert env["RUNTIME_DIRECTORY"] == str(there / "run")
    assert (there / "state/auth_key").stat().st_mode & 0o777 == 0o600
    # In no environment and on no command line.
    assert done.stdout.count(key.strip()) == 1


def test_homebrew(home):
    key = home.run("agent", "add", "web-1").stdout
    bin = home.path / "bin"
    bin.mkdir()
    script(bin / "brew", '[ "$*" = "list orthrus" ]\n')
    script(bin / "launchctl", 'echo "$@"\n')
    done = subprocess.run(
        ["sh"], text=True, capture_output=True, cwd="/",
        input=snippet(home, "homebrew").replace("<AUTH_KEY>\n", key),
        env={"HOME": str(home.path), "PATH": f"{bin}:{os.environ['PATH']}"})
    assert done.returncode == 0 and done.stderr == "", done.stderr
    plist = home.path / "Library/LaunchAgents/orthrus.plist"
    assert done.stdout == f"bootstrap gui/{os.getuid()} {plist}\n"
    with open(plist, "rb") as f:
        job = plistlib.load(f)
    assert job["Label"] == "orthrus" and job["KeepAlive"] is True
    assert job["ProgramArguments"] == [
        "/bin/sh", "-c", 'exec /bin/sh "$HOME/.config/orthrus/run"']
    kept = home.path / ".config/orthrus/auth_key"
    assert kept.read_text() == key
    assert kept.stat().st_mode & 0o777 == 0o600
    run = (home.path / ".config/orthrus/run").read_text()
    assert key.strip() not in run and "AUTH_KEY_FILE" in run


@pytest.mark.parametrize("platform", PLATFORMS)
def test_needs_no_state(home, platform):
    """An agent need not be registered, and nothing is made."""
    snippet(home, platform)
    assert not home.state.exists() and not home.runtime.exists()


def test_tarball_with_a_gateway(home):
    """From "agent add" to online with nothing but what was printed."""
    port = free_port()
    home.write(f"[ssh]\nlisten = 127.0.0.1:{port}\n")
    key = home.run("agent", "add", "web-1").stdout
    there = home.path / "unpacked"
    there.mkdir()
    (there / "orthrus").symlink_to(ORTHRUS)
    (there / "run-orthrus").write_text(snippet(
        home, "tarball", server="127.0.0.1").replace("<AUTH_KEY>\n", key))

    def status():
        text = home.run("agent", "show", "web-1", "--json").stdout
        return json.loads(text)["status"]

    with contextlib.ExitStack() as stack:
        gateway = home.start("serve", prefix=DIES_WITH_US)
        stack.callback(gateway.communicate)
        stack.callback(gateway.kill)
        # Nobody can be online before, nor two gateways be there at once.
        assert status() == "pending"
        until("it serves", 20, lambda: os.path.exists(home.runtime))
        home.run("serve", code=UNAVAILABLE)
        agent = subprocess.Popen(
            [*DIES_WITH_US, "sh", there / "run-orthrus"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=home.environment(
                {"CHARON_CONFIG": None}))
        stack.callback(agent.communicate)
        stack.callback(agent.kill)
        until("the agent is online", 20, lambda: status() == "online")
        assert (there / "state/id_ed25519-cert.pub").exists()
        gateway.kill()
        gateway.wait()
        # Its other processes notice that, and go as well.
        until("the agent is offline", 20, lambda: status() == "offline")
