# SPDX-License-Identifier: ISC
"""What "charon snippet" tells people to download: the commands are run as they
are printed, with stand-ins for what would fetch and install, and install only
what has the checksum of [release] sums."""

import hashlib
import platform
import re
import subprocess

import pytest

from lab.charon_home import CONFIG

KINDS = {"x86_64": "amd64", "aarch64": "arm64"}
KIND = KINDS.get(platform.machine(), "armhf")
URL = "https://dl.example.com/orthrus"
SUFFIXES = {"compose": f"-docker-{KIND}.tar.gz", "systemd": f"-linux-{KIND}",
            "tarball": f"-linux-{KIND}.tar.gz", "homebrew": "orthrus.rb",
            "kubernetes": f"-docker-{KIND}.tar.gz"}
INSTALLS = {"compose": "docker", "systemd": "install", "tarball": "tar",
            "homebrew": "brew", "kubernetes": "ctr"}


def version(home):
    return home.run("--version").stdout.split()[1]


def artefact(home, platform):
    suffix = SUFFIXES[platform]
    return f"orthrus-{version(home)}{suffix}" if suffix[0] == "-" else suffix


def snippet(home, platform):
    return home.run("snippet", "web-1", "--for", platform, "--server", "gw")


def release(home, names, content=b"a program\n", base_url=URL):
    """A configuration with the checksums of files of these names."""
    digest = hashlib.sha256(content).hexdigest()
    sums = home.path / "SHA256SUMS"
    sums.write_text("".join(f"{digest}  {name}\n" for name in names))
    home.write(f"[release]\nsums = {sums}\n" +
               (f"base_url = {base_url}\n" if base_url else ""))
    return digest


def download(text):
    """The commands on how to have it."""
    part = text[text.index("# To have it"):]
    lines = part.split("\n#\n")[1].splitlines()
    assert all(line.startswith("#\t") for line in lines)
    return "".join(line[2:] + "\n" for line in lines)


def run(home, commands, served):
    """Runs them; returns what was fetched, and what was installed."""
    bin, done = home.path / "bin", home.path / "done"
    there = home.path / "there"
    for folder in bin, there:
        folder.mkdir(exist_ok=True)
    for name in {*INSTALLS.values(), "gunzip"} - {"gunzip"}:
        (bin / name).write_text(f'#!/bin/sh\necho {name} "$@" >>"{done}"\n')
    (bin / "gunzip").write_text("#!/bin/sh\n")
    (bin / "curl").write_text(f"""#!/bin/sh
[ "$1" = -fLO ] && echo "$2" >"{home.path}/asked"
cp "{served}" "$(basename "$2")"
""")
    (bin / "shasum").write_text("""#!/bin/sh
[ "$1 $2" = "-a 256" ] && shift 2 && exec sha256sum "$@"
""")
    for program in bin.iterdir():
        program.chmod(0o755)
    done.write_text("")
    result = subprocess.run(
        ["sh"], input=commands, text=True, cwd=there, capture_output=True,
        env={"PATH": f"{bin}:/usr/bin:/bin"}, timeout=60)
    return ((home.path / "asked").read_text().strip(), done.read_text(),
            result)


@pytest.mark.parametrize("platform", SUFFIXES)
def test_downloads(home, platform):
    """What is whole is installed, and nothing else is."""
    name = artefact(home, platform)
    digest = release(home, [name, "charon-0-other"])
    done = snippet(home, platform)
    assert f"{digest}  {name}" in done.stdout
    assert "charon-0-other" not in done.stdout and "@@" not in done.stdout
    commands = download(done.stdout)
    served = home.path / "served"
    served.write_bytes(b"a program\n")
    asked, installed, result = run(home, commands, served)
    assert asked == f"{URL}/{name}"
    assert result.returncode == 0, result.stderr
    assert installed.startswith(INSTALLS[platform] + " ")
    assert name in installed or platform == "kubernetes"
    for content in b"another program\n", b"":
        served.write_bytes(content)
        asked, installed, result = run(home, commands, served)
        assert installed == "" and result.returncode != 0


@pytest.mark.parametrize("platform", SUFFIXES)
def test_nothing_said(home, platform):
    """By eye, with the command that computes it."""
    text = snippet(home, platform).stdout
    assert "sha256sum FILE" in text and "SHA256SUMS" in text
    assert "curl" not in text


def test_without_a_list(home):
    home.write(f"[release]\nbase_url = {URL}/\n")
    text = snippet(home, "systemd").stdout
    assert f'curl -fLO "{URL}/$f"' in text
    assert 'sha256sum "$f"' in text and "SHA256SUMS" in text


def test_without_a_url(home):
    """A list alone: the file is there by other means."""
    release(home, [artefact(home, "tarball")], base_url=None)
    text = snippet(home, "tarball").stdout
    assert "curl" not in text and "| sha256sum -c -" in text


def test_not_in_the_list(home):
    """That is said, and no checksum is made up."""
    release(home, ["orthrus-0.0.1-linux-amd64"])
    done = snippet(home, "systemd")
    assert re.search("warning: .*/SHA256SUMS has no orthrus-.*-linux-ARCH",
                     done.stderr)
    assert "0.0.1" not in done.stdout and "sha256sum" in done.stdout


GOOD = "0" * 64


@pytest.mark.parametrize("text, says", [
    (f"{GOOD}  a\n\nnonsense\n", ":3: expected 64 hexadecimal digits"),
    (f"{GOOD} a\n", ":1: expected two spaces"),
    (f"{GOOD}  a\n{GOOD[1:]}1  a\n", ":2: another checksum of a file"),
    (f"{GOOD}  ../a\n", ":1: expected the name of a file")])
def test_bad_list(home, text, says):
    """With file and line, by "check" as well."""
    sums = home.path / "SHA256SUMS"
    sums.write_text(text)
    home.write(f"[release]\nsums = {sums}\n")
    for command in (["check"], ["snippet", "a", "--for", "compose"]):
        assert f"{sums}{says}" in home.fails(CONFIG, *command)


def test_no_list(home):
    home.write("[release]\nsums = /no/such\n")
    for command in (["check"], ["snippet", "a", "--for", "compose"]):
        said = home.fails(CONFIG, *command)
        assert "[release] sums: cannot read /no/such: No such file" in said


def test_harmless(home):
    """What sha256sum would take as well; a line twice."""
    sums = home.path / "SHA256SUMS"
    sums.write_text(f"{'A' * 64} *a\r\n\n{'a' * 64}  a")
    home.write(f"[release]\nsums = {sums}\n")
    home.run("check")
