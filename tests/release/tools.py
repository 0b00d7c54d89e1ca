# SPDX-License-Identifier: ISC
"""Tools and programs that tests of a release use: those that are here, else
from the registries that the integration tests use; without a network such a
test is skipped, with the reason."""

import os
import pathlib
import shutil
import sys

import pytest

from machine import ROOT

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


def programs():
    """A folder with orthrus and charon: $ORTHRUS_PROGRAMS, or of a build."""
    for folder in (os.environ.get("ORTHRUS_PROGRAMS"), ROOT / "build/gcc",
                   ROOT / "build/asan", ROOT):
        if folder and all(os.access(pathlib.Path(folder, name), os.X_OK)
                          for name in ("orthrus", "charon")):
            return pathlib.Path(folder)
    pytest.skip("no orthrus and charon: contrib/build.sh build/gcc makes them")
