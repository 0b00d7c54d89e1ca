# SPDX-License-Identifier: ISC
"""What the programs are linked with, and what their headers promise."""

import platform
import re
import shutil
import subprocess

import pytest

from lab.charon import CHARON
from lab.harness import ORTHRUS

pytestmark = pytest.mark.skipif(not shutil.which("readelf"),
                                reason="needs readelf")
PROGRAMS = pytest.mark.parametrize("program", [ORTHRUS, CHARON])


def readelf(option, program):
    return subprocess.run(["readelf", "-W", option, program], check=True,
                          capture_output=True, text=True).stdout


@PROGRAMS
def test_no_library_for_nothing(program):
    needed = re.findall(r"NEEDED.*\[(.*)\]", readelf("-d", program))
    assert "libc.so.6" in needed
    assert not [n for n in needed if re.match(r"lib(gssapi|krb5|k5|com_err)",
                                              n)]


@PROGRAMS
def test_hardened(program):
    """No text relocations, nothing writable and run, all bound at start."""
    dynamic, segments = readelf("-d", program), readelf("-l", program)
    assert "TEXTREL" not in dynamic
    assert re.search(r"FLAGS.*BIND_NOW", dynamic) and "PIE" in dynamic
    assert "GNU_RELRO" in segments
    assert not re.search(r" RWE ", segments)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x86_64's")
@PROGRAMS
def test_shadow_stack(program):
    assert "SHSTK" in readelf("-n", program)
