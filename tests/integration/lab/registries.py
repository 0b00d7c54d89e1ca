# SPDX-License-Identifier: ISC
"""Programs and libraries from their registries, for tests with real peers.

Each function makes one thing once and returns where it is: the first caller
builds it while others wait, later runs find it in the cache.  The cache is
ORTHRUS_TEST_CACHE, else orthrus-tests among the user's caches; whoever
deletes it loses only time.  Where a tool is missing or a registry does not
answer, the test is skipped with the reason.  A build that fails is a failure.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

import pytest

CACHE = pathlib.Path(os.environ.get("ORTHRUS_TEST_CACHE") or pathlib.Path(
    os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache",
    "orthrus-tests"))
HERE = pathlib.Path(__file__).parent

# Reasons why a registry was of no use to this process: asked only once.
_unreachable = {}


def _tool(*names, least=(), version="--version"):
    """The first of these programs that is there, and new enough."""
    reason = f"{' or '.join(names)} is missing"
    for name in names:
        path = shutil.which(name)
        if path is None:
            continue
        said = subprocess.run([path, version], capture_output=True, text=True)
        found = re.search(r"(\d+)\.(\d+)", said.stdout + said.stderr)
        have = tuple(map(int, found.groups())) if found else ()
        if have >= least:
            return path
        reason = f"{name} is older than {'.'.join(map(str, least))}"
    pytest.skip(reason)


def _run(argv, folder, **env):
    done = subprocess.run(argv, cwd=folder, env={**os.environ, **env},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True,
                          errors="replace")
    return done.returncode, done.stdout


def fetch(registry, argv, folder, **env):
    """A step that needs the registry: the test is skipped when it fails."""
    if registry not in _unreachable:
        code, said = _run(argv, folder, **env)
        if code == 0:
            return
        lines = [line for line in said.splitlines() if line.strip()]
        _unreachable[registry] = " / ".join(lines[-3:])
    pytest.skip(f"{registry} gave nothing: {_unreachable[registry]}")


def build(argv, folder, **env):
    """A step that needs no network: the test fails when it does."""
    code, said = _run(argv, folder, **env)
    assert code == 0, f"{argv}:\n{said[-8000:]}"


@contextlib.contextmanager
def made_once(name, *parts):
    """
    Yields (folder, fresh) under a lock; fresh: it is empty and to be filled.
    Its name is made of what it is made of, so that a change makes another.
    """
    key = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / f"{name}-{key}"
    done = folder / ".done"
    with open(CACHE / f"{name}-{key}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fresh = not done.exists()
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        yield folder, fresh
        if fresh:
            done.touch()


def _source(name):
    return (HERE / name).read_text()


def python(*packages):
    """The interpreter of a virtual environment with these ("paramiko==4.0")."""
    base = next((p for p in (shutil.which("python3"), "/usr/bin/python3")
                 if p and _run([p, "-c", "import venv, ensurepip"],
                               "/")[0] == 0), None)
    if base is None:
        pytest.skip("no python3 has venv and ensurepip (python3-venv)")
    with made_once("python", base, *packages) as (folder, fresh):
        if fresh:
            build([base, "-m", "venv", folder], folder)
            fetch("PyPI", [folder / "bin/python", "-m", "pip", "install",
                           "-q", "--retries", "1", *packages], folder)
        return str(folder / "bin/python")


def node(*packages):
    """A node_modules with these ("ssh2@1.17.0"), for a script's require()."""
    _tool("node", least=(18, 0))
    npm = _tool("npm")
    with made_once("node", *packages) as (folder, fresh):
        if fresh:
            (folder / "package.json").write_text("{}")
            fetch("npm", [npm, "install", "--no-audit", "--no-fund",
                          "--ignore-scripts", "--fetch-retries=1",
                          *packages], folder)
        return str(folder / "node_modules")


def go(source, *modules):
    """The program of a file here and modules ("golang.org/x/crypto@v1.2")."""
    tool, text = _tool("go", least=(1, 24), version="version"), _source(source)
    env = {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    with made_once("go", text, *modules) as (folder, fresh):
        if fresh:
            (folder / "main.go").write_text(text)
            requires = "".join(f"require {m.replace('@', ' ')}\n"
                               for m in modules)
            (folder / "go.mod").write_text(
                f"module peer\n\ngo 1.24.0\n\n{requires}")
            fetch("Go's proxy", [tool, "mod", "tidy"], folder, **env)
            build([tool, "build", "-o", "peer", "."], folder, **env)
        return str(folder / "peer")


def go_program(package, version, tags, dear):
    """
    The program of a package of Go's proxy, whose making takes many minutes:
    None where it has not been made and the variable dear is not set.
    """
    tool = _tool("go", least=(1, 24), version="version")
    module = re.match(r"github\.com/[^/]+/[^/]+(/v\d+)?", package)[0]
    env = {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    with made_once("go", package, version, tags) as (folder, fresh):
        if fresh and not os.environ.get(dear):
            return None
        if fresh:
            (folder / "go.mod").write_text(
                f"module peer\n\ngo 1.25.0\n\nrequire {module} {version}\n")
            fetch("Go's proxy", [tool, "list", "-deps", package], folder,
                  **env)
            build([tool, "build", "-tags", tags, "-o", "peer", package],
                  folder, **env)
        return str(folder / "peer")


def cargo(source, *dependencies):
    """The program of a file here and dependencies (lines of Cargo.toml)."""
    tool, text = _tool("cargo", least=(1, 85)), _source(source)
    with made_once("cargo", text, *dependencies) as (folder, fresh):
        if fresh:
            (folder / "src").mkdir()
            (folder / "src/main.rs").write_text(text)
            (folder / "Cargo.toml").write_text(
                '[package]\nname = "peer"\nversion = "0.0.0"\n'
                'edition = "2021"\n\n[profile.dev]\ndebug = false\n'
                '\n[dependencies]\n' +
                "".join(f"{line}\n" for line in dependencies))
            fetch("crates.io", [tool, "fetch", "-q"], folder,
                  CARGO_NET_RETRY="1")
            build([tool, "build", "-q", "--offline"], folder,
                  CARGO_TARGET_DIR=str(folder / "target"))
            shutil.copy(folder / "target/debug/peer", folder / "peer")
            shutil.rmtree(folder / "target")
        return str(folder / "peer")


def maven(source, *artifacts):
    """
    The command that runs the class of a file here with artifacts
    ("com.hierynomus:sshj:0.40.0") on its path.
    """
    tool, compiler = _tool("mvn"), _tool("javac", least=(17, 0))
    text, name = _source(source), pathlib.Path(source).stem
    with made_once("maven", text, *artifacts) as (folder, fresh):
        if fresh:
            (folder / pathlib.Path(source).name).write_text(text)
            (folder / "pom.xml").write_text(_pom(artifacts))
            fetch("Maven Central", [
                tool, "-q", "-B", "org.apache.maven.plugins:maven-dependency-"
                "plugin:3.8.1:copy-dependencies",
                f"-DoutputDirectory={folder}/lib"], folder)
            build([compiler, "-cp", "lib/*", "-d", ".",
                   pathlib.Path(source).name], folder)
        return ["java", "-cp", f"{folder}:{folder}/lib/*", name]


def _pom(artifacts):
    wanted = "".join(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId>"
        "<version>{}</version></dependency>".format(*a.split(":"))
        for a in artifacts)
    return ('<project xmlns="http://maven.apache.org/POM/4.0.0">'
            "<modelVersion>4.0.0</modelVersion><groupId>peer</groupId>"
            "<artifactId>peer</artifactId><version>0</version>"
            f"<dependencies>{wanted}</dependencies></project>\n")


def debian(suite, *packages):
    """
    A folder with packages of a Debian release and all that they need,
    unpacked as on a disk of their own; from the mirror that this one uses.
    """
    apt = _tool("apt-get")
    _tool("dpkg")
    with made_once("debian", suite, *packages) as (folder, fresh):
        if fresh:
            env = {"APT_CONFIG": _apt_config(folder / ".apt", suite),
                   "DEBIAN_FRONTEND": "noninteractive"}
            registry = f"Debian's mirror ({suite})"
            fetch(registry, [apt, "update"], folder, **env)
            fetch(registry, [apt, "install", "-y", "--download-only",
                             "--no-install-recommends", *packages], folder,
                  **env)
            for path in folder.glob(".apt/archives/*.deb"):
                build(["dpkg", "-x", path, folder], folder)
            shutil.rmtree(folder / ".apt")
            _merge_usr(folder)
        return str(folder)


def _mirror():
    code, said = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)",
                       "Created-By: Packages"], "/")
    found = [line for line in said.split() if "security" not in line]
    if code != 0 or not found:
        pytest.skip("this machine's apt knows no mirror")
    return found[0]


def _apt_config(folder, suite):
    """An apt that knows one release, and nothing that is installed."""
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "sources").write_text(
        f"deb [signed-by={keyring}] {_mirror()} {suite} main\n")
    (folder / "config").write_text(f"""
Dir::State::Lists "{folder}/lists";
Dir::State::status "/dev/null";
Dir::Cache "{folder}";
Dir::Cache::archives "archives";
Dir::Etc::sourcelist "{folder}/sources";
Dir::Etc::sourceparts "/nonexistent";
Dir::Etc::preferencesparts "/nonexistent";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
APT::Sandbox::User "root";
""")
    return str(folder / "config")


def _merge_usr(folder):
    """Makes the links that the package base-files would have."""
    for name in ("bin", "sbin", "lib", "lib64"):
        if not (folder / name).exists():
            (folder / name).symlink_to(f"usr/{name}")
