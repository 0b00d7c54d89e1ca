# SPDX-License-Identifier: ISC
"""Versions of before, which are built from the commits that they were of: kept
in build/release/before, as they never change."""

import fcntl
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from machine import ROOT

KEPT = pathlib.Path(os.environ.get("ORTHRUS_BUILD", ROOT / "build"),
                    "release/before")
# The first version as it was when it was done, by the name of its commit.
FIRST = "b3c28fdd078e848c174d5bb740a5d64bfcb81e63"


def git(*args):
    """What git says of this tree; "" where there is none of it."""
    try:
        return subprocess.check_output(
            ["git", "-C", ROOT, *args], text=True,
            stderr=subprocess.DEVNULL).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def version_of(commit):
    """What configure.ac of a commit says; "" where it cannot be had."""
    found = re.search(r"(?m)^AC_INIT\(\[orthrus\], \[(.*)\]\)$",
                      git("show", f"{commit}:configure.ac"))
    return found.group(1) if found else ""


def last_before():
    """The last commit of the version before this one; "" without git."""
    changed = git("log", "-1", "--format=%H", "-G", r"^AC_INIT\(", "--",
                  "configure.ac")
    return git("rev-parse", f"{changed}^") if changed else ""


def kept(commit, name, make):
    """
    The folder NAME of what make(tree, folder) makes of a commit: made once,
    also of several that ask at the same time.
    """
    if not version_of(commit):
        pytest.skip(f"no commit {commit[:7] or 'of before'} here: needs git, "
                    "and all of the history")
    done = KEPT / f"{name}-{commit[:12]}"
    KEPT.mkdir(parents=True, exist_ok=True)
    with open(KEPT / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            tree, new = KEPT / "tree", KEPT / "new"
            for folder in tree, new:
                shutil.rmtree(folder, ignore_errors=True)
            subprocess.run(["git", "clone", "-q", "--shared", ROOT, tree],
                           check=True)
            subprocess.run(["git", "-C", tree, "checkout", "-q", commit],
                           check=True)
            new.mkdir()
            make(tree, new)
            new.rename(done)
            shutil.rmtree(tree)
    return done


def build(tree, folder):
    """Both programs, by this machine's own compiler and libraries."""
    done = subprocess.run(
        [tree / "contrib/build.sh", tree / "build/before", "CC=gcc"],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        pytest.skip("the version before does not build with what is on this "
                    f"machine: {done.stdout[-500:]}")
    for name in "orthrus", "charon":
        shutil.copy(tree / "build/before" / name, folder)


def programs():
    """The folder of the first version's orthrus and charon."""
    return kept(FIRST, "first", build)


def packages(suite):
    """The folder of the packages for this machine of the version before."""
    def make(tree, folder):
        done = subprocess.run(
            [tree / "contrib/release.sh", "--suite", suite, "source", "deb"],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "ORTHRUS_DIST": str(tree / "dist"),
                 "ORTHRUS_BUILD": str(tree / "build"),
                 "DEB_BUILD_PROFILES": "nocheck"})
        if done.returncode == 75:
            pytest.skip(done.stdout.splitlines()[-1])
        assert done.returncode == 0, done.stdout[-3000:]
        for name in "orthrus", "charon", "orthrus-tools":
            (package,) = (tree / "dist").glob(f"{name}_*.deb")
            shutil.copy(package, folder)

    return kept(last_before(), f"deb-{suite}", make)
