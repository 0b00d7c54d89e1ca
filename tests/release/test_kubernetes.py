# SPDX-License-Identifier: ISC
"""contrib/kubernetes: by Kubernetes' schema and its strictest profile, as
kustomize makes it, and run as a kubelet would run it."""

import os
import re
import shutil
import subprocess

import pytest

import pods
from machine import ROOT, until
from tools import go_tool, programs, registries, tool

yaml = pytest.importorskip("yaml", reason="python3-yaml is missing")

HERE = ROOT / "contrib/kubernetes"
PLAIN = ["charon/charon.yaml", "agent-daemonset/daemonset.yaml",
         "agent-sidecar/deployment.yaml"]
FOLDERS = sorted(str(path.parent.relative_to(HERE))
                 for path in HERE.glob("**/kustomization.yaml")
                 if "kind: Component" not in path.read_text())
VERSION = re.search(r"(?m)^AC_INIT\(\[orthrus\], \[(.*)\]\)$",
                    (ROOT / "configure.ac").read_text())[1]
FIELDS = {"spec.nodeName": "node-1", "status.hostIP": "192.0.2.7"}
IMAGES = {f"ghcr.io/orthrus/{name}:{VERSION}": name
          for name in ("orthrus", "charon")}


def kustomize(folder):
    """All documents of a folder, and the text."""
    if shutil.which("kubectl"):
        command = ["kubectl", "kustomize"]
    elif shutil.which("kustomize"):
        command = ["kustomize", "build"]
    else:
        command = [go_tool("sigs.k8s.io/kustomize/kustomize/v5", "v5.5.0"),
                   "build"]
    text = subprocess.run([*command, HERE / folder], check=True, text=True,
                          stdout=subprocess.PIPE, timeout=120).stdout
    return list(yaml.safe_load_all(text)), text


def plain(name):
    text = (HERE / name).read_text()
    return list(yaml.safe_load_all(text)), text


def sources():
    """Each plain manifest and what kustomize makes of each folder."""
    return [pytest.param(plain, name, id=name) for name in PLAIN] + \
        [pytest.param(kustomize, name, id=name) for name in FOLDERS]


def pod_of(documents):
    (template,) = [d["spec"]["template"]["spec"] for d in documents
                   if "template" in d.get("spec", {})]
    return template


def ours(documents):
    """The containers that run a program of ours, and its name."""
    return [(c, c["command"][0].rsplit("/", 1)[-1])
            for c in pod_of(documents)["containers"]
            if c.get("command", [""])[0].startswith("/usr/local/bin/")]


def probes(container):
    return {name: container[name]["exec"]["command"]
            for name in ("startupProbe", "readinessProbe", "livenessProbe")
            if "exec" in container.get(name, {})}


@pytest.mark.parametrize("read, name", sources())
def test_by_the_schema(read, name, tmp_path):
    """Each field is one that Kubernetes knows, of the right type."""
    documents, text = read(name)
    python = registries.python("kubernetes-validate==1.33.0")
    path = tmp_path / "manifest.yaml"
    path.write_text(text)
    done = subprocess.run(
        [python, "-m", "kubernetes_validate", "--strict", path], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert done.returncode == 0, done.stdout
    for document in documents:
        assert f"{document['kind'].lower()}/{document['metadata']['name']}" \
            in done.stdout


@pytest.mark.parametrize("read, name", sources())
def test_versions(read, name):
    """The images are those of this version; all that is not ours has one."""
    if name == "overlays/own":
        pytest.skip("its images are somebody's own")
    pod = pod_of(read(name)[0])
    for container in pod["containers"] + pod.get("initContainers", []):
        command = container.get("command", [""])[0]
        if command.startswith("/usr/local/bin/"):
            assert command.endswith("/" + IMAGES[container["image"]])
        assert re.search(r":\d+(\.\d+)+$", container["image"])


@pytest.mark.parametrize("read, name", sources())
def test_may_no_more_than_it_needs(read, name):
    """What the profile "restricted" of Kubernetes' pod security asks for, but
    for the agents on nodes: a folder there, and who hands that over."""
    pod = pod_of(read(name)[0])
    node = "hostPath" in str(pod["volumes"])
    assert node == ("charon" not in name and "sidecar" not in name and
                    "gateway" not in name)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {
        "type": "RuntimeDefault"}
    assert ("hostNetwork" in pod) == (name == "overlays/host-network")
    assert not {"hostPID", "hostIPC"} & set(pod)
    for container in pod["containers"]:
        check_container(container)
    for container in pod.get("initContainers", ()):
        context = dict(container["securityContext"])
        assert context.pop("capabilities") == {"drop": ["ALL"],
                                               "add": ["CHOWN"]}
        assert context.pop("runAsNonRoot") is False
    paths = {v["hostPath"]["path"] for v in pod["volumes"]
             if "hostPath" in v}
    assert paths <= {"/var/lib/orthrus", "/var/run/docker.sock"}


def check_container(container):
    context = container["securityContext"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert "runAsNonRoot" not in context and "privileged" not in context
    assert "memory" in container["resources"]["limits"]
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])


@pytest.mark.parametrize("read, name", sources())
def test_volumes(read, name):
    """Every mount has its volume; secrets are the group's alone to read, and
    need not be there."""
    documents, _ = read(name)
    pod = pod_of(documents)
    volumes = {v["name"]: v for v in pod["volumes"]}
    for document in documents:
        for claim in document.get("spec", {}).get("volumeClaimTemplates", ()):
            volumes[claim["metadata"]["name"]] = claim
    mounted = {m["name"] for c in pod["containers"] +
               pod.get("initContainers", []) for m in c["volumeMounts"]}
    assert mounted == set(volumes)
    for volume in volumes.values():
        if "secret" in volume:
            assert volume["secret"]["defaultMode"] == 0o440
            assert volume["secret"]["optional"] is True
    for container, _ in ours(documents):
        places = {m["mountPath"]: m["name"]
                  for m in container["volumeMounts"]}
        env = pods.environment(container, FIELDS)
        kept = [p for p in places if env["STATE_DIRECTORY"].startswith(p)]
        assert len(kept) == 1 and "emptyDir" not in volumes[places[kept[0]]]


@pytest.mark.parametrize("read, name", sources())
def test_commands(read, name):
    """Each is one that its program takes; an option that it does not know, it
    would refuse before it helps."""
    folder = programs()
    for container, program in ours(read(name)[0]):
        commands = [container["command"], *probes(container).values()]
        assert len(commands) >= 2
        for command in commands:
            argv = [folder / program, *command[1:], "--help"]
            done = subprocess.run(argv, text=True, timeout=60,
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
            assert done.returncode == 0, (argv, done.stdout)
            assert done.stdout.startswith(f"usage: {program} {command[1]}")


def test_commands_would_be_refused():
    """The way of looking at them that is used here sees what is wrong."""
    done = subprocess.run([programs() / "orthrus", "status", "--weit", "5s",
                           "--help"], stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 64


def check(program, env, tmp_path):
    (tmp_path / "key").write_text("")
    (tmp_path / "key").chmod(0o600)
    given = {**env, "HOME": str(tmp_path), "AUTH_KEY_FILE": str(
        tmp_path / "key"), "STATE_DIRECTORY": str(tmp_path / "state"),
        "RUNTIME_DIRECTORY": str(tmp_path / "run")}
    return subprocess.run([programs() / program, "check"], env=given,
                          text=True, stdin=subprocess.DEVNULL, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.mark.parametrize("read, name", sources())
def test_configuration(read, name, tmp_path):
    """Everything in the environment and in charon.ini is known and right."""
    documents, _ = read(name)
    (container, program), = ours(documents)
    env = pods.environment(container, FIELDS)
    assert "$(" not in str(env)
    if program == "orthrus":
        (tmp_path / "state").mkdir()
        subprocess.run([programs() / "orthrus", "keygen", "-o",
                        tmp_path / "state/id_ed25519"], check=True,
                       stdout=subprocess.DEVNULL)
    else:
        (ini,) = [d["data"]["charon.ini"] for d in documents
                  if d["kind"] == "ConfigMap"]
        (tmp_path / "charon.ini").write_text(ini)
        env["CHARON_CONFIG"] = str(tmp_path / "charon.ini")
    done = check(program, env, tmp_path)
    assert done.returncode == 0, done.stdout
    for key in env:
        if key.startswith(("ORTHRUS_", "CHARON_LINK")):
            assert f"# environment {key}\n" in done.stdout, key
    if program == "charon":
        assert "ssh.listen = 0.0.0.0:2222" in done.stdout


# What the overlays change

def test_own():
    documents, text = kustomize("overlays/own")
    assert {d["metadata"]["namespace"] for d in documents} == {"orthrus"}
    (container, _), = ours(documents)
    assert container["image"] == f"registry.example.com/orthrus:{VERSION}"
    assert pods.environment(container, FIELDS)["CHARON_LINK"] == \
        "wss://gw.example.com"
    assert "ghcr.io" not in text


def test_docker():
    (container, _), = ours(kustomize("overlays/docker")[0])
    env = pods.environment(container, FIELDS)
    assert env["ORTHRUS_MODE"] == "socket,port"
    assert "/var/run/docker.sock" in [m["mountPath"] for m in
                                      container["volumeMounts"]]


def test_host_network():
    """The agent's name is its host's; the key's is still the node's."""
    (container, _), = ours(kustomize("overlays/host-network")[0])
    env = pods.environment(container, FIELDS)
    assert "ORTHRUS_NAME" not in env and env["ORTHRUS_PORTS"] == "9100"
    assert env["AUTH_KEY_FILE"] == "/run/credentials/node-1"


def test_public_gateway():
    (service,) = [d for d in kustomize("overlays/public-gateway")[0]
                  if d["kind"] == "Service"]
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["spec"]["externalTrafficPolicy"] == "Local"
    assert service["spec"]["ports"][0]["port"] == 2222


# Run

@pytest.fixture
def cluster(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("pods are run by root")
    for name in ("unshare", "nsenter", "setpriv", "ip"):
        tool(name)
    if subprocess.run(["unshare", "--mount", "--net", "true"],
                      stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("unshare(1) is not allowed here")
    made = Cluster(tmp_path)
    yield made
    made.close()


class Cluster:
    """Pods of manifests, on volumes that stay."""

    def __init__(self, where):
        self.where, self.programs = where, programs()
        for folder in (where, *list(where.parents)[:2]):
            folder.chmod(0o755)
        self.network = pods.Network()
        self.volumes = pods.Volumes(where, 65532)
        self.running = []

    def container(self, documents, folders, which="containers", name=None,
                  **env):
        pod = pod_of(documents)
        (found,) = [c for c in pod[which] if name in (None, c["name"])]
        for entry in found.get("env", ()):
            if entry["name"] in env:
                entry["value"] = env[entry["name"]]
        made = pods.Container(self.network, pod, found, folders,
                              self.programs, self.where, FIELDS)
        self.running.append(made)
        return made.start()

    def gateway(self):
        documents, _ = plain("charon/charon.yaml")
        (ini,) = [d["data"] for d in documents if d["kind"] == "ConfigMap"]
        made = self.container(documents, {
            "config": self.volumes.files("config", ini, 0o644),
            "state": self.volumes.make("charon-state", pods.GROUP_ONLY),
            "run": self.volumes.make("charon-run", pods.ANYBODY)})
        self.ready(made, "startupProbe", "readinessProbe", "livenessProbe")
        return made

    def sidecar(self, keys):
        return self.container(plain("agent-sidecar/deployment.yaml")[0], {
            "auth-key": self.volumes.files("web-key", keys, 0o440),
            "state": self.volumes.make("web-state", pods.GROUP_ONLY),
            "run": self.volumes.make("web-run", pods.ANYBODY)},
            name="orthrus", CHARON_LINK="ssh://127.0.0.1:2222")

    def ready(self, made, *names):
        for name in names:
            until(f"{name}:\n{made.log()}", 60, lambda: made.probe(name) or
                  made.process.poll() is not None)
            assert made.process.poll() is None, made.log()

    def online(self, gateway, name):
        def look():
            said = gateway.exec("/usr/local/bin/charon", "agent", "list")
            assert said.returncode == 0, said.stdout
            return re.search(rf"(?m)^{name} +online ", said.stdout)
        until(f"{name} is online", 60, look)

    def add(self, gateway, *args):
        said = gateway.exec("/usr/local/bin/charon", "agent", *args)
        assert said.returncode == 0, said.stdout
        return re.search(r"(?m)^ch_orthrus_\S+$", said.stdout)[0]

    def close(self):
        for made in reversed(self.running):
            made.stop()
        self.network.close()


def test_gateway_and_sidecar(cluster):
    """From nothing to online; pods that come again have kept what they were,
    without the Secret, too, whose key is used up."""
    gateway = cluster.gateway()
    key = cluster.add(gateway, "add", "web")
    agent = cluster.sidecar({"auth_key": key})
    cluster.ready(agent, "livenessProbe")
    cluster.online(gateway, "web")
    assert "confined by: seccomp" in gateway.log()
    assert agent.stop() == 0
    agent = cluster.sidecar({"auth_key": key})
    cluster.online(gateway, "web")
    assert gateway.stop() == 0
    assert not agent.probe("readinessProbe") if "readinessProbe" in \
        agent.container else agent.probe("livenessProbe")
    gateway = cluster.gateway()
    cluster.online(gateway, "web")
    assert agent.stop() == 0
    agent = cluster.sidecar({})
    cluster.online(gateway, "web")


def test_identity_lost(cluster):
    """Without its volume the key is no good again, and the log says so; a new
    one is."""
    gateway = cluster.gateway()
    key = cluster.add(gateway, "add", "web")
    agent = cluster.sidecar({"auth_key": key})
    cluster.online(gateway, "web")
    assert agent.stop() == 0
    shutil.rmtree(cluster.where / "web-state")
    agent = cluster.sidecar({"auth_key": key})
    assert agent.wait() == 77
    assert "used up" in agent.log()
    agent = cluster.sidecar({"auth_key": cluster.add(gateway, "rekey",
                                                     "web")})
    cluster.online(gateway, "web")


def test_nodes(cluster):
    """The folder on a node is handed over, also one that was somebody's."""
    documents, _ = plain("agent-daemonset/daemonset.yaml")
    gateway = cluster.gateway()
    keys = {"node-1": cluster.add(gateway, "add", "node-1"), "node-2": "x"}
    state = cluster.where / "node-state"
    state.mkdir()
    folders = {"state": state, "auth-keys": cluster.volumes.files(
        "keys", keys, 0o440), "run": cluster.volumes.make("run",
                                                          pods.ANYBODY)}
    for owner in 0, 1000, 65532:
        os.chown(state, owner, owner)
        before = cluster.container(documents, folders, "initContainers")
        assert before.wait() == 0, before.log()
        assert (state.stat().st_uid, state.stat().st_gid) == (65532, 65532)
        assert state.stat().st_mode & 0o7777 == 0o700
    agent = cluster.container(documents, folders,
                              CHARON_LINK="ssh://127.0.0.1:2222")
    cluster.ready(agent, "readinessProbe", "livenessProbe")
    cluster.online(gateway, "node-1")


# Keys of nodes

KUBECTL = r"""#!/bin/sh
echo "$*" >>"$HOME/kubectl.log"
[ "$1" != --namespace ] || shift 2
case "$1 $2" in
"get nodes")	printf 'node/%s\n' node-1 node-2.example.com ;;
"get secret")	test -e "$HOME/secret" ;;
"create secret") : >"$HOME/secret" ;;
"patch secret")	cat "${@: -1}" >>"$HOME/secret" ;;
*)		exit 1 ;;
esac
"""


@pytest.fixture
def node_keys(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/kubectl").write_text(
        KUBECTL.replace("/bin/sh", "/bin/bash"))
    (tmp_path / "bin/kubectl").chmod(0o755)
    charon = [programs() / "charon"]
    env = {"HOME": str(tmp_path), "STATE_DIRECTORY": str(tmp_path / "state"),
           "RUNTIME_DIRECTORY": str(tmp_path / "run"),
           "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}

    def run(*args, status=0, command=charon):
        done = subprocess.run([HERE / "node-keys.sh", *args, *command],
                              env=env, text=True, timeout=120,
                              stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        assert done.returncode == status, done.stdout
        return done.stdout
    run.home = tmp_path
    return run


def keys_of(home):
    """What was put into the Secret, in order: node and key."""
    return re.findall(r'\{"stringData": \{"([^"]+)": "(ch_orthrus_[^"]+)"\}\}',
                      (home / "secret").read_text())


def test_node_keys(node_keys):
    """One for each node, once; another one only where it is asked for."""
    said = node_keys("--namespace", "far")
    assert "node-2.example.com: has a key for the agent node-2\n" in said
    given = keys_of(node_keys.home)
    assert [node for node, _ in given] == ["node-1", "node-2.example.com"]
    assert len({key for _, key in given}) == 2
    log = (node_keys.home / "kubectl.log").read_text()
    assert "--namespace far patch secret orthrus-node-keys " in log
    assert not any(key in said + log for _, key in given)
    said = node_keys()
    assert said.count("left alone") == 2 and keys_of(node_keys.home) == given
    node_keys("--again", "node-1")
    again = keys_of(node_keys.home)[2:]
    assert [node for node, _ in again] == ["node-1"]
    assert again[0][1] != given[0][1]


def test_node_keys_refuses(node_keys):
    assert "there is no node node-9" in node_keys("--again", "node-9",
                                                  status=64)
    assert "node-keys.sh [--namespace" in node_keys(status=64, command=())
    assert "--nothing" not in node_keys("--nothing", status=64)
    said = node_keys(status=3, command=["sh", "-c", "echo no >&2; exit 3"])
    assert "no\n" in said and "no key for node-1" in said
    assert keys_of(node_keys.home) == []
