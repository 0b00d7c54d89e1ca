# SPDX-License-Identifier: ISC
"""Checksums and signatures of dist/, made with keys that are thrown away, and
contrib/verify.sh, which sees whether they are right."""

import contextlib
import os
import shutil
import subprocess

import pytest

from machine import ROOT

LIBRARY = ROOT / "contrib/release/lib/release.sh"


def sh(*command, check=True, **more):
    return subprocess.run(command, text=True, check=check, timeout=60,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **more)


class Release:
    """A folder with two files, and both kinds of keys."""

    def __init__(self, folder):
        for tool in "minisign", "gpg", "gpgv":
            if shutil.which(tool) is None:
                pytest.skip(f"{tool} is missing")
        self.dist, self.keys = folder / "dist", folder / "keys"
        self.dist.mkdir()
        self.keys.mkdir(mode=0o700)
        self.file = self.dist / "orthrus.deb"
        self.file.write_text("a package\n")
        (self.dist / "charon.deb").write_text("another one\n")
        for name in "ours", "theirs":
            self.make_keys(name)

    def public(self, kind, name="ours"):
        return self.keys / f"{name}.{kind}"

    def make_keys(self, name):
        sh("minisign", "-G", "-W", "-p", self.public("pub", name),
           "-s", self.keys / f"{name}.key")
        self.gpg(name, "--batch", "--passphrase", "", "--quick-gen-key", name,
                 "ed25519", "sign", "never")
        self.gpg(name, "--armor", "--output", self.public("asc", name),
                 "--export", name)

    def gpg(self, name, *args):
        home = self.keys / f"home-{name}"
        home.mkdir(mode=0o700, exist_ok=True)
        return sh("gpg", "--homedir", home, "--quiet", *args)

    def sign(self, name="ours"):
        sh("bash", "-euc", f". {LIBRARY}; release_sums", env={
            **os.environ, "ORTHRUS_DIST": str(self.dist),
            "ORTHRUS_BUILD": str(self.keys / "build"),
            "ORTHRUS_CACHE": str(self.keys / "cache"),
            "GNUPGHOME": str(self.keys / f"home-{name}"),
            "ORTHRUS_MINISIGN_KEY": str(self.keys / f"{name}.key"),
            "ORTHRUS_GPG_KEY": name})

    def verify(self, *args, status=0):
        done = sh(ROOT / "contrib/verify.sh", *args, check=False)
        assert done.returncode == status, done.stdout
        return done.stdout

    def stop(self):
        for name in "ours", "theirs":
            with contextlib.suppress(subprocess.CalledProcessError):
                sh("gpgconf", "--homedir", self.keys / f"home-{name}",
                   "--kill", "all")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    # gpg-agent's socket must not have a long path.
    release = Release(tmp_path_factory.mktemp("r"))
    release.sign()
    yield release
    release.stop()


@pytest.fixture
def release(made, tmp_path):
    """Each test has files of its own."""
    made.dist = tmp_path / "dist"
    shutil.copytree(made.keys.parent / "dist", made.dist)
    made.file = made.dist / "orthrus.deb"
    return made


@pytest.mark.parametrize("kind", ["pub", "asc"])
def test_whole_and_signed(release, kind):
    out = release.verify("--key", release.public(kind), release.file,
                         release.dist / "charon.deb")
    assert out.count(": whole, and signed by ") == 2


def test_key_as_a_line(release):
    line = release.public("pub").read_text().splitlines()[1]
    assert line.startswith("RW")
    assert "signed by" in release.verify("--key", line, release.file)


def test_one_key_of_several_is_enough(release):
    out = release.verify("--key", release.public("pub", "theirs"),
                         "--key", release.public("asc"), release.file)
    assert out.strip().endswith("ours.asc")


def test_without_a_key_only_whole(release):
    out = release.verify(release.file)
    assert "whole; give --key" in out and "signed" not in out


@pytest.mark.parametrize("kind", ["pub", "asc"])
def test_other_keys(release, kind):
    out = release.verify("--key", release.public(kind, "theirs"),
                         release.file, status=1)
    assert "not signed by" in out and "whole" not in out


@pytest.mark.parametrize("kind", ["pub", "asc"])
def test_changed_file(release, kind):
    release.file.write_text("a package?\n")
    out = release.verify("--key", release.public(kind), release.file,
                         status=1)
    assert "download it again" in out


@pytest.mark.parametrize("kind", ["pub", "asc"])
def test_changed_list(release, kind):
    """Whoever changes a file and the list cannot sign it."""
    release.file.write_text("a package?\n")
    sums = release.dist / "SHA256SUMS"
    wrong = sh("sha256sum", release.file).stdout.split()[0]
    sums.write_text(f"{wrong}  orthrus.deb\n")
    assert "whole; give" in release.verify(release.file)
    assert "not signed by" in release.verify(
        "--key", release.public(kind), release.file, status=1)


@pytest.mark.parametrize("kind, signature", [("pub", "minisig"),
                                             ("asc", "asc")])
def test_no_signature(release, kind, signature):
    (release.dist / f"SHA256SUMS.{signature}").unlink()
    out = release.verify("--key", release.public(kind), release.file,
                         status=1)
    assert f"there is no {release.dist}/SHA256SUMS.{signature}" in out


def test_what_is_not_in_the_list(release):
    other = release.dist / "other.deb"
    other.write_text("never released\n")
    assert "does not name it" in release.verify(other, status=1)
    (release.dist / "SHA256SUMS").unlink()
    assert "download it as well" in release.verify(other, status=69)


@pytest.mark.parametrize("args", [[], ["--key"], ["--nothing"], ["no-such"],
                                  ["--key", "no-such"]])
def test_usage(release, args):
    if args == ["--key", "no-such"]:
        args.append(str(release.file))
    release.verify(*args, status=69 if args == ["no-such"] else 64)
