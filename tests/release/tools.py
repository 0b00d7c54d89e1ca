# SPDX-License-Identifier: ISC
"""Tools and programs that tests of a release use: those that are here, else
from the registries that the integration tests use; without a network such a
test is skipped, with the reason."""

import atexit
import functools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

from machine import ROOT

DIST = pathlib.Path(os.environ.get("ORTHRUS_DIST", ROOT / "dist"))

sys.path.insert(0, str(ROOT / "tests/integration"))
from lab import registries  # noqa: E402


def tool(name):
    """The path of a program of this machine."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is missing")
    return found


def go_tool(package, version):
    """A program of Go's proxy, made once."""
    go = tool("go")
    env = {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    with registries.made_once("go-tool", package, version) as (folder, fresh):
        env["GOBIN"] = str(folder)
        if fresh:
            registries.fetch("Go's proxy", [
                go, "install", f"{package}@{version}"], folder, **env)
        return str(folder / package.rstrip("/").rsplit("/", 1)[-1])


def _is_whole(folder):
    return all(os.access(pathlib.Path(folder, name), os.X_OK)
               for name in ("orthrus", "charon"))


@functools.cache
def _of_release():
    """A folder with the static programs of dist/ under their own names."""
    arch = subprocess.run(["dpkg", "--print-architecture"], text=True,
                          stdout=subprocess.PIPE).stdout.strip()
    made = pathlib.Path(tempfile.mkdtemp(prefix="orthrus-programs."))
    atexit.register(shutil.rmtree, made)
    made.chmod(0o755)
    for name in "orthrus", "charon":
        for path in DIST.glob(f"{name}-[0-9]*-linux-{arch}"):
            (made / name).unlink(missing_ok=True)
            shutil.copy(path, made / name)
            (made / name).chmod(0o755)
    return made


def programs():
    """A folder with orthrus and charon: $ORTHRUS_PROGRAMS, else the static
    ones of dist/, else those of a build."""
    if given := os.environ.get("ORTHRUS_PROGRAMS"):
        return pathlib.Path(given)
    for folder in _of_release(), ROOT / "build/gcc", ROOT / "build/asan":
        if _is_whole(folder):
            return folder
    pytest.skip("no orthrus and charon: contrib/release.sh static makes them, "
                "and so does contrib/build.sh build/gcc")
