# SPDX-License-Identifier: ISC
"""The demonstrations: what they show, and colour where somebody looks on."""

import os
import pathlib
import pty
import re
import subprocess

import pytest

from lab.docker_engine import missing
from lab.harness import ORTHRUS

pytestmark = pytest.mark.plain

CONTRIB = pathlib.Path(__file__).parents[2] / "contrib"
SAY = f'root=x; . "{CONTRIB}/demo-lib.sh"; step Title; typed do it; ' \
    'says echo "it is done"'


def environment(**more):
    given = {**os.environ, "TERM": "xterm", **more}
    given.pop("NO_COLOR", None) if "NO_COLOR" not in more else None
    return given


def at_terminal(**more):
    """What a terminal gets."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(["bash", "-euc", SAY], stdout=theirs,
                          env=environment(**more)) as p:
        os.close(theirs)
        text = b""
        try:
            while part := os.read(ours, 4096):
                text += part
        except OSError:			# all have closed it
            pass
        assert p.wait(30) == 0
    os.close(ours)
    return text.decode().replace("\r\n", "\n")


def test_colour():
    plain = subprocess.run(["bash", "-euc", SAY], env=environment(),
                           capture_output=True, text=True, check=True).stdout
    assert plain == "\n== Title\n  $ do it\n  $ echo it is done\n" \
        "  it is done\n"
    assert at_terminal(NO_COLOR="1") == plain
    assert at_terminal(TERM="dumb") == plain
    coloured = at_terminal()
    assert "\x1b[1m== Title\x1b[0m\n" in coloured
    assert "\x1b[32m$\x1b[0m " in at_terminal(NO_COLOR="")
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain


def run(script, docker):
    # It would install an engine where there is none.
    env = environment(ORTHRUS=ORTHRUS, ORTHRUS_DEMO_DOCKER="no" if missing()
                      else docker)
    done = subprocess.run([CONTRIB / script], env=env,
                          capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    return done.stdout


def commands(shown):
    return re.findall(r"^  \$ (.*)$", shown, re.M)


def hides_the_secret(shown):
    """Where an engine runs that is the demonstration's own."""
    if "[TOKEN=secret]" not in shown:
        return "no Docker engine" in shown or "docker ps" in shown
    return shown.count("[TOKEN=***]") == 1 == shown.count("[TOKEN=secret]")


@pytest.mark.parametrize("script,docker,wanted", [
    ("demo.sh", "yes", ["charon serve", "charon agent add vps-london-01",
                 "charon agent list", "cat orthrus.ini",
                 "charon agent show vps-london-01",
                 "charon client add joe --allow 'vps-london-01:*'"]),
    ("demo-sshd.sh", "no", ["orthrus status --json"])])
def test_what_is_shown(script, docker, wanted):
    """Each command in front of what it prints."""
    shown = run(script, docker)
    typed = commands(shown)
    for command in wanted:
        assert command in typed, shown
    for start in ("orthrus connect ", "curl ", "kill -TERM "):
        assert any(start in c for c in typed), shown
    assert hides_the_secret(shown), shown
    assert shown.endswith(": it worked\n")
