# SPDX-License-Identifier: ISC
"""The workflows of .github, which run elsewhere: what can be seen of them here,
by actionlint and by running their scripts with stand-ins."""

import os
import re
import shutil
import subprocess

import pytest

from machine import ROOT
from tools import go_tool, tool

yaml = pytest.importorskip("yaml", reason="python3-yaml is missing")

FOLDER = ROOT / ".github/workflows"
NAMES = sorted(path.name for path in FOLDER.glob("*.yml"))
LIBRARY = ROOT / "contrib/release/lib"
VERSION = re.search(r"(?m)^AC_INIT\(\[orthrus\], \[(.*)\]\)$",
                    (ROOT / "configure.ac").read_text())[1]


def workflow(name):
    return yaml.safe_load((FOLDER / name).read_text())


def steps(name, job=None):
    return [step for key, one in workflow(name)["jobs"].items()
            if job in (None, key) for step in one["steps"]]


def script(name, step):
    (found,) = [s["run"] for s in steps(name) if s.get("name") == step]
    return found


def run(*command, status=0, env=None, **more):
    done = subprocess.run(command, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, cwd=more.pop("cwd", ROOT),
                          env={**os.environ, **(env or {})})
    assert done.returncode == status, done.stdout
    return done.stdout


def test_actionlint(tmp_path):
    """With shellcheck of what they run; all of it is judged by its own rules."""
    tool("shellcheck")
    actionlint = go_tool("github.com/rhysd/actionlint/cmd/actionlint",
                         "v1.7.7")
    # As in a repository of its own, whatever this tree is.
    shutil.copytree(FOLDER, tmp_path / ".github/workflows")
    (tmp_path / ".git").mkdir()
    said = run(actionlint, "-verbose", "-no-color", cwd=tmp_path)
    assert 'Rule "shellcheck" was disabled' not in said, said
    assert f"Found 0 errors in {len(NAMES)} files" in said
    path = tmp_path / ".github/workflows" / NAMES[0]
    path.write_text(path.read_text().replace('"$GITHUB_WORKSPACE"',
                                             "$GITHUB_WORKSPACE"))
    assert "SC2086" in run(actionlint, "-no-color", cwd=tmp_path, status=1)


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_pinned(name):
    """To a commit, of GitHub's own, and the version is told beside it."""
    lines = [line for line in (FOLDER / name).read_text().splitlines()
             if "uses:" in line]
    assert lines
    for line in lines:
        assert re.search(r"uses: actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$",
                         line), line


def test_permissions():
    """No more than is needed, and secrets in the last job alone."""
    assert workflow("ci.yml")["permissions"] == {"contents": "read"}
    release = workflow("release.yml")
    assert release["permissions"] == {}
    build, publish = (release["jobs"][job] for job in ("build", "publish"))
    assert build["permissions"] == {"contents": "read"}
    assert publish["permissions"] == {"contents": "write",
                                      "packages": "write"}
    assert publish["needs"] == "build" and "environment" in publish
    for text in (str(build), (FOLDER / "ci.yml").read_text()):
        assert "secrets." not in text and "github.token" not in text
    for name in NAMES:
        for step in steps(name):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("name", NAMES)
def test_scripts_are_there(name):
    for step in steps(name):
        # What others choose, as the name of a branch, is never a script's text.
        assert "${{" not in step.get("run", "")
        for path in re.findall(r"(?:contrib|tests)/[\w./]+\.sh",
                               step.get("run", "")):
            assert os.access(ROOT / path, os.X_OK), path


def test_everything_is_checked():
    """Each step of contrib/check.sh, on both releases of Debian."""
    matrix = workflow("ci.yml")["jobs"]["check"]["strategy"]["matrix"]
    assert matrix["suite"] == ["bookworm", "trixie"]
    assert [one["kind"] for one in matrix["include"]] == matrix["kind"]
    named = {word for one in matrix["include"]
             for word in re.split(r"[ +]", one["steps"])}
    text = (ROOT / "contrib/check.sh").read_text()
    assert named <= set(re.findall(r"(?m)^step_(\w+)\(\)", text))
    (wanted,) = re.findall(r"(?m)^\tset -- (gcc .*)$", text)
    assert set(re.split(r"[ +]", wanted)) <= named | {"release"}


def test_tag(tmp_path):
    run(LIBRARY / "check_tag.sh", f"v{VERSION}")
    for tag in (f"v{VERSION}0", VERSION, f"v{VERSION}-rc1", ""):
        assert "the tag is" in run(LIBRARY / "check_tag.sh", tag, status=1)
    for name in ("configure.ac", "contrib/release/lib/check_tag.sh"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGES").write_text(f"orthrus {VERSION} (unreleased)\n")
    assert "CHANGES begins with" in run(
        tmp_path / "contrib/release/lib/check_tag.sh", f"v{VERSION}",
        status=1)


def test_notes():
    """Of this version and none before."""
    text = run(LIBRARY / "notes.sh")
    assert text.startswith("- ") and "verify.sh" in text
    changes = (ROOT / "CHANGES").read_text()
    newest, older = re.split(r"(?m)^orthrus \d.*\n", changes)[1:3]
    assert text.startswith(newest.strip())
    assert older.strip()[:200] not in text


class Signer:
    """A dist/ with a file, and keys that are thrown away."""

    def __init__(self, where):
        self.dist, self.where = where / "dist", where
        self.dist.mkdir()
        (self.dist / "file").write_text("a file\n")
        (where / "tmp").mkdir()
        (where / "made").mkdir(mode=0o700)
        self.env = {"ORTHRUS_DIST": str(self.dist),
                    "ORTHRUS_BUILD": str(where / "build"),
                    "ORTHRUS_CACHE": str(where / "cache"),
                    "TMPDIR": str(where / "tmp"), "MINISIGN_KEY": "",
                    "GPG_KEY": ""}

    def make(self):
        run("minisign", "-G", "-W", "-p", self.where / "pub", "-s",
            self.where / "sec")
        gpg = ["gpg", "--homedir", self.where / "made", "--batch", "--quiet"]
        run(*gpg, "--passphrase", "", "--quick-gen-key", "us", "ed25519",
            "sign", "never")
        (self.where / "pub.asc").write_text(run(*gpg, "--armor", "--export"))
        secret = run(*gpg, "--armor", "--export-secret-keys")
        run("gpgconf", "--homedir", self.where / "made", "--kill", "all")
        return (self.where / "sec").read_text(), secret


@pytest.fixture
def signer(tmp_path_factory):
    for name in "minisign", "gpg", "gpgv":
        tool(name)
    # gpg-agent's socket must not have a long path.
    return Signer(tmp_path_factory.mktemp("s"))


def test_sign(signer):
    minisign, gpg = signer.make()
    run(LIBRARY / "sign.sh", env={**signer.env, "MINISIGN_KEY": minisign,
                                  "GPG_KEY": gpg})
    for key in "pub", "pub.asc":
        run(ROOT / "contrib/verify.sh", "--key", signer.where / key,
            signer.dist / "file")
    assert list((signer.where / "tmp").iterdir()) == []


def test_sign_without_keys(signer):
    assert "nothing is signed" in run(LIBRARY / "sign.sh", env=signer.env)
    assert sorted(path.name for path in signer.dist.iterdir()) == [
        "SHA256SUMS", "file"]
    look = script("release.yml", "Look at it as people will")
    run("bash", "-euo", "pipefail", "-c",
        look.replace("contrib/", f"{ROOT}/contrib/"), cwd=signer.where)
    (signer.dist / "file").write_text("another file\n")
    assert "is not what" in run(
        "bash", "-euo", "pipefail", "-c",
        look.replace("contrib/", f"{ROOT}/contrib/"), cwd=signer.where,
        status=123)


def test_push(tmp_path):
    """Both images with their version before either is the latest one, out of
    the files that contrib/release.sh image makes."""
    for name in "skopeo", "gh":
        (tmp_path / name).write_text(
            f'#!/bin/sh\necho "{name} $*" >>"{tmp_path}/log"\n')
        (tmp_path / name).chmod(0o755)
    run("bash", "-euo", "pipefail", "-c", script("release.yml",
                                                 "Push the images"), env={
        "PATH": f"{tmp_path}:{os.environ['PATH']}", "GH_TOKEN": "s3cret",
        "GITHUB_REF_NAME": "v1.2.3", "GITHUB_ACTOR": "me",
        "GITHUB_REPOSITORY_OWNER": "Orthrus"})
    log = (tmp_path / "log").read_text()
    assert "s3cret" not in log
    pushed = [line.split()[-2:] for line in log.splitlines()
              if " copy " in line]
    assert pushed == [
        [f"oci-archive:dist/{program}-1.2.3-image.oci.tar:1.2.3",
         f"docker://ghcr.io/orthrus/{program}:{tag}"]
        for tag in ("1.2.3", "latest") for program in ("orthrus", "charon")]
    pack = LIBRARY / "pack_image.sh"
    if pack.exists():
        assert '"$out/$program-$version-image.oci.tar"' in pack.read_text()
