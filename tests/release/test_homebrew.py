# SPDX-License-Identifier: ISC
"""The formula for Homebrew, by ruby and its linter, and built and tested as brew
would do it, by an ordinary user with Debian's libraries: brew itself is on no
registry that can be reached from here."""

import hashlib
import json
import os
import re
import subprocess

import pytest

from machine import ROOT
from test_deb import DIST
from tools import programs, tool

HERE = ROOT / "tests/release"
VERSION = re.search(r"(?m)^AC_INIT\(\[orthrus\], \[(.*)\]\)$",
                    (ROOT / "configure.ac").read_text())[1]
TARBALL = f"orthrus-{VERSION}.tar.gz"
# Who brings what configure looks for; "" is no formula.
BRINGS = {"libsodium": "libsodium", "libcrypto": "openssl@3",
          "libssl": "openssl@3", "inih": "inih", "libevent_core": "libevent",
          "libprotobuf-c": "protobuf-c", "jansson": "jansson",
          "sqlite3": "sqlite", "libseccomp": "libseccomp", "cmocka": ""}
# As far as plain rubocop knows what "brew style" asks for.
STYLE = """
AllCops: {NewCops: enable, SuggestExtensions: false, TargetRubyVersion: 3.1}
Layout/LineLength: {Max: 118}
Layout/SpaceAroundOperators: {Enabled: false}
Metrics: {Enabled: false}
Naming/HeredocDelimiterNaming: {Enabled: false}
Style/FrozenStringLiteralComment: {Enabled: false}
Style/StringLiterals: {EnforcedStyle: double_quotes}
"""


class Maker:
    """contrib/release/homebrew.sh with a tarball that is none."""

    def __init__(self, where):
        self.dist = where / "dist"
        self.dist.mkdir()
        (self.dist / TARBALL).write_text("no tarball\n")
        (where / "build/release").mkdir(parents=True)
        head = subprocess.run(
            ["git", "-C", ROOT, "rev-parse", "HEAD"], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        (where / "build/release/tarball.of").write_text(head or
                                                        "no-commit\n")
        self.env = {**os.environ, "ORTHRUS_DIST": str(self.dist),
                    "ORTHRUS_BUILD": str(where / "build"),
                    "ORTHRUS_CACHE": str(where / "cache"),
                    "ORTHRUS_SOURCE_URL": "", "ORTHRUS_BASE_URL": ""}

    def make(self, status=0, **env):
        done = subprocess.run(
            ["bash", ROOT / "contrib/release/homebrew.sh"], text=True,
            env={**self.env, **env}, stdin=subprocess.DEVNULL, timeout=120,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == status, done.stdout
        return self.dist / "orthrus.rb" if status == 0 else done.stdout


@pytest.fixture
def maker(tmp_path):
    return Maker(tmp_path)


def facts(formula, tmp_path):
    tool("ruby")
    subprocess.run(["ruby", HERE / "brew.rb", formula, tmp_path / "facts"],
                   check=True, timeout=120)
    return json.loads((tmp_path / "facts").read_text())


def test_where_things_are(maker, tmp_path):
    told = facts(maker.make(ORTHRUS_BASE_URL="https://dl.example.com/x/"),
                 tmp_path)
    assert told["url"] == f"https://dl.example.com/x/{TARBALL}"
    assert told["sha256"] == hashlib.sha256(b"no tarball\n").hexdigest()
    told = facts(maker.make(ORTHRUS_SOURCE_URL="https://example.com/o"),
                 tmp_path)
    assert told["homepage"] == "https://example.com/o"
    assert told["url"] == \
        f"https://example.com/o/releases/download/v{VERSION}/{TARBALL}"


def test_libssh(maker, tmp_path):
    """It is that of static programs."""
    libssh = facts(maker.make(), tmp_path)["resources"]["libssh"]
    path = libssh["url"].removeprefix("https://deb.debian.org/")
    assert libssh["mirror"].endswith(path.removeprefix("debian"))
    pins = ROOT / "contrib/release/sources.txt"
    if not pins.exists():
        pytest.skip(f"there is no {pins}")
    assert f"  {libssh['sha256']} {path}\n" in pins.read_text()


@pytest.mark.parametrize("url", ["http://dl.example.com", "dl.example.com",
                                 "https://dl.example.com/a|b",
                                 'https://dl.example.com/"'])
def test_bad_address(maker, url):
    assert "is not an https:// address" in maker.make(
        64, ORTHRUS_BASE_URL=url)
    assert not (maker.dist / "orthrus.rb").exists()


def test_syntax(maker):
    ruby = tool("ruby")
    done = subprocess.run([ruby, "-wc", maker.make()], text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert (done.returncode, done.stdout) == (0, "Syntax OK\n")


def test_style(maker, tmp_path):
    rubocop = tool("rubocop")
    (tmp_path / "style.yml").write_text(STYLE)
    done = subprocess.run(
        [rubocop, "--config", tmp_path / "style.yml", "--cache", "false",
         "--format", "emacs", maker.make()], text=True, timeout=120,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert (done.returncode, done.stdout) == (0, "")


def test_brew_style(maker):
    subprocess.run([tool("brew"), "style", maker.make()], check=True,
                   timeout=600)


def test_dependencies(maker, tmp_path):
    """All that configure looks for, and nothing else."""
    told = facts(maker.make(), tmp_path)
    text = (ROOT / "configure.ac").read_text()
    looked = re.findall(r"PKG_CHECK_MODULES\(\[\w+\], \[([\w-]+)", text)
    wanted = {BRINGS[name] for name in looked} - {""} | {"wslay"}
    assert set(told["depends_on"]) == wanted | {"cmake", "pkgconf"}
    assert told["uses_from_macos"] == ["zlib"]
    assert set(told["resources"]) == {"libssh"}


def test_options(maker):
    """Each is one that configure has."""
    (given,) = re.findall(r'args << "--(?:with|enable)-([\w-]+)"',
                          maker.make().read_text())
    text = (ROOT / "configure.ac").read_text()
    assert given in re.findall(r"AC_ARG_(?:WITH|ENABLE)\(\[(\w+)\]", text)


def test_service(maker, tmp_path):
    """What it runs is a command, and its caveats name one, too."""
    told = facts(maker.make(), tmp_path)
    command = told["service"]["run"]
    assert command[0] == "/prefix/bin/orthrus"
    assert "AUTH_KEY_FILE=FILE orthrus enroll --server HOST" in \
        told["caveats"]
    for args in command[1:], ["enroll", "--server", "gw"]:
        subprocess.run([programs() / "orthrus", *args, "--help"], check=True,
                       stdout=subprocess.DEVNULL, timeout=60)


def test_its_own_test(maker, tmp_path):
    """Which waits for the gateway that it starts."""
    (tmp_path / "cellar").mkdir()
    (tmp_path / "cellar/bin").symlink_to(programs())
    done = subprocess.run(
        [tool("ruby"), HERE / "brew.rb", maker.make(), tmp_path / "cellar",
         "test"], text=True, timeout=300, stdin=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout


def test_built_and_tested():
    """From the tarball in dist/, without a libssh to begin with."""
    formula = DIST / "orthrus.rb"
    if os.geteuid() != 0 or not formula.exists() or \
            not (DIST / TARBALL).exists():
        pytest.skip(f"no formula in {DIST}: contrib/release.sh homebrew "
                    "makes it, as root")
    done = subprocess.run([HERE / "homebrew.sh", formula, DIST / TARBALL],
                          text=True, stdin=subprocess.DEVNULL, timeout=3000,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode == 75:
        pytest.skip(done.stdout)
    assert done.returncode == 0, done.stdout[-8000:]
    assert "\nbuilt, installed and tested\n" in done.stdout
    files = done.stdout.splitlines()
    for name in ("bin/orthrus", "bin/charon", "share/man/man1/orthrus.1",
                 "share/man/man8/charon.8", "share/orthrus/orthrus.ini"):
        assert f"Cellar/orthrus/0/{name}" in files, name
