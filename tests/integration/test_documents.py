# SPDX-License-Identifier: ISC
"""What README.md and docs/*.md tell people to type is there: each command line
of orthrus and charon has a command and options that --help has.  And what
docs/ shows and says to remove."""

import os
import pathlib
import re
import shlex
import subprocess
import xml.etree.ElementTree

import pytest

from lab.charon import CHARON
from lab.harness import ORTHRUS

pytestmark = pytest.mark.plain

ROOT = pathlib.Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = {"orthrus": ORTHRUS, "charon": CHARON}
GROUPS = ("agent", "client")


def commands_of(text):
    """The words of each simple command; what is no shell is left out."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words = [[]]
    try:
        for word in lexer:
            if set(word) <= set("();<>|&"):
                words.append([])
            else:
                words[-1].append(word)
    except ValueError:			# an apostrophe in prose
        return
    for command in words:
        while command and (re.match(r"\w+=", command[0]) or
                           command[0] in ("$", "sudo", "exec")):
            command.pop(0)
        if command and command[0] in PROGRAMS:
            yield command


def code_of(page):
    """Blocks of shell line by line, and code in the text."""
    text = page.read_text()
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S):
        yield from block.replace("\\\n", " ").splitlines()
    rest = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    yield from re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", rest)


def documented():
    return [(page.name, command) for page in PAGES for line in code_of(page)
            for command in commands_of(line)]


def help_of(*command):
    done = subprocess.run([PROGRAMS[command[0]], *command[1:], "--help"],
                          capture_output=True, text=True, timeout=30)
    return done.stdout if done.returncode == 0 else None


def what_is_wrong(command, helps):
    """None when all of it is known."""
    name = command[:1]
    for word in command[1:]:
        if word.startswith("-") or len(name) > 1 and name[-1] not in GROUPS:
            break
        name.append(word)
    if len(name) > 1 and name[-1] == "NAME":	# of "charon agent NAME"
        return None
    if tuple(name) not in helps:
        helps[tuple(name)] = help_of(*name)
    text = helps[tuple(name)]
    if text is None:
        return f"there is no command {' '.join(name)}"
    for word in command[len(name):]:
        option = re.fullmatch(r"(--[a-z0-9-]+|-[A-Za-z])(=.*)?", word, re.S)
        if option and not re.search(
                rf"(?<![\w-]){option[1]}(?![\w-])", text):
            return f"{' '.join(name)} has no {option[1]}"
    return None


def test_command_lines():
    if not os.access(CHARON, os.X_OK):
        pytest.skip("this build has no charon")
    lines, helps = documented(), {
        ("orthrus",): "--help --version --verbose",
        ("charon",): "--help --version --verbose"}
    assert len(lines) > 100 and len({page for page, _ in lines}) > 10
    wrong = [f"{page}: {shlex.join(command)}: {why}"
             for page, command in lines
             if (why := what_is_wrong(command, helps))]
    assert not wrong, "\n".join(wrong)


def test_what_is_no_command_is_found():
    """The check itself."""
    helps = {("orthrus",): "--help", ("orthrus", "status"): "  --json\n"}
    for text in ("orthrus status --jsn", "A=b orthrus connekt",
                 "true && orthrus status -x | cat", "orthrus --frobnicate"):
        (command,) = commands_of(text)
        assert what_is_wrong(command, helps), text
    for text in ("orthrus status --json", "orthrus", "orthrus --help"):
        (command,) = commands_of(text)
        assert what_is_wrong(command, helps) is None, text
    assert not list(commands_of("# orthrus status --jsn"))
    assert not list(commands_of("the orthrus connekt of"))


@pytest.mark.parametrize("name", ["latency", "channels", "long-link"])
def test_plots(name):
    """Each has a title, and says which way is better."""
    path = ROOT / "docs" / f"bench-{name}.svg"
    svg = xml.etree.ElementTree.parse(path).getroot()
    title = svg.find("{http://www.w3.org/2000/svg}title").text
    assert re.fullmatch(r"[A-Z].{20,} \((lower|higher) is better\)", title)
    assert "is better)" in path.read_text().split("</title>", 1)[1]


def test_links():
    """What a page says is in docs/ or contrib/ is there; KIND stands for any."""
    for page in PAGES:
        for path in re.findall(r"`((?:docs|contrib|bench)/[\w./-]+)`",
                               page.read_text()):
            pattern = re.sub(r"\b[A-Z]{3,}\b(?!\.md)", "*", path)
            assert list(ROOT.glob(pattern)), f"{page.name}: {path}"


def test_uninstalling(tmp_path):
    """"make uninstall" leaves no file of what "make install" has put."""
    build = pathlib.Path(ORTHRUS).parent
    if not (build / "Makefile").exists():
        pytest.skip("the program is not in the folder it was built in")

    def make(goal):
        subprocess.run(["make", "-s", "-C", build, goal,
                        f"DESTDIR={tmp_path}"], check=True, timeout=120,
                       stdout=subprocess.DEVNULL)
        return sorted(p.name for p in tmp_path.rglob("*") if p.is_file())

    installed = make("install")
    assert {"orthrus", "charon", "orthrus.1", "charon.8"} <= set(installed)
    # What docs/uninstalling.md finds by name where that folder is gone.
    assert not [n for n in installed if "orthrus" not in n and
                "charon" not in n]
    assert make("uninstall") == []
