# SPDX-License-Identifier: ISC
"""contrib/release.sh as one calls it, and what it leaves in dist/."""

import pathlib
import subprocess
import tarfile

import pytest

from test_deb import DIST, ROOT

KINDS = {path.stem for path in (ROOT / "contrib/release").glob("*.sh")}


def release(*args):
    return subprocess.run([ROOT / "contrib/release.sh", *args], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, timeout=60)


@pytest.mark.parametrize("args, word", [
    (["no-such-kind"], "no-such-kind"),
    (["source", "lib"], "lib"),
    (["--arch", "amd64,pdp11", "source"], "pdp11"),
    (["--suite", "sarge"], "sarge")])
def test_unknown_words_are_refused(args, word):
    """Before anything is made, with the words that there are."""
    done = release(*args)
    assert done.returncode == 64
    assert done.stdout.count("\n") == 1 and f"'{word}'" in done.stdout
    assert "there are: " in done.stdout


def test_kinds_are_named():
    assert KINDS <= set(release("no-such-kind").stdout.split())


@pytest.mark.parametrize("args", [["--arch"], ["--nothing"]])
def test_usage(args):
    done = release(*args)
    assert done.returncode == 64
    assert "release.sh [--arch LIST]" in done.stdout


def test_checksums():
    if not (DIST / "SHA256SUMS").exists():
        pytest.skip(f"{DIST} is empty: contrib/release.sh fills it")
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict",
                    "SHA256SUMS"], cwd=DIST, check=True)
    named = {line.split()[1] for line in
             (DIST / "SHA256SUMS").read_text().splitlines()}
    assert named == {path.name for path in DIST.iterdir() if path.is_file()
                     and not path.name.startswith("SHA256SUMS")}


def test_tarball_says_nothing_of_who_made_it():
    """One folder; one time, root's, in the order of names."""
    tarballs = sorted(DIST.glob("orthrus-*.tar.gz"))
    if not tarballs:
        pytest.skip(f"no tarball in {DIST}: contrib/release.sh makes it")
    with tarfile.open(tarballs[-1]) as tar:
        members = tar.getmembers()
    assert {pathlib.Path(m.name).parts[0] for m in members} == {
        tarballs[-1].name.removesuffix(".tar.gz")}
    assert len({m.mtime for m in members}) == 1
    assert {(m.uid, m.gid) for m in members} == {(0, 0)}
    assert len(members) > 1000
