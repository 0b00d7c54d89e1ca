# SPDX-License-Identifier: ISC
"""A mistyped word is answered with the nearest one, in every command of both
programs, as their own help lists them; "help COMMAND" is that help."""

import os
import re
import subprocess

import pytest

from lab.harness import ORTHRUS

CHARON = os.path.join(os.path.dirname(ORTHRUS), "charon")


@pytest.fixture
def run(lab):
    def run(program, *args):
        done = subprocess.run([program, *args], capture_output=True,
                              text=True, env=lab.environment(), timeout=60)
        return done.returncode, done.stdout, done.stderr
    return run


def words_of(text):
    """The commands that a help lists: indented words with their meaning."""
    return re.findall(r"(?m)^  ([a-z][a-z-]*)  +\S", text)


def commands(run, program):
    """Every command, those of groups as two words."""
    for word in words_of(run(program, "--help")[1]):
        inner = run(program, word, "--help")[1]
        if "COMMAND [options]" in inner:
            yield from ((word, w) for w in words_of(inner))
        else:
            yield (word,)


@pytest.mark.parametrize("program", [ORTHRUS, CHARON],
                         ids=["orthrus", "charon"])
def test_names_are_single(run, program):
    """A command that had the name of another would never be run."""
    found = list(commands(run, program))
    assert len(set(found)) == len(found) >= 6


def mistyped(word):
    """With its last two neighbours swapped that are not the same."""
    i = max(i for i in range(len(word) - 1) if word[i] != word[i + 1])
    return word[:i] + word[i + 1] + word[i] + word[i + 2:]


@pytest.mark.parametrize("program", [ORTHRUS, CHARON],
                         ids=["orthrus", "charon"])
def test_every_command(run, program):
    name, found = os.path.basename(program), list(commands(run, program))
    assert len(found) >= 6
    for command in found:
        *group, word = command
        wrong = mistyped(word)
        code, out, err = run(program, *group, wrong)
        assert (code, out) == (64, "")
        right = " ".join((name, *command))
        assert f'"{wrong}" is not a command; did you mean "{right}"?' in err
        assert err.count("\n") == 1
        code, out, err = run(program, *command, "--help")
        assert code == 0 and err == ""
        assert run(program, "help", *command) == (0, out, "")
        options = re.findall(r"--([a-z][a-z0-9-]{3,})", out)
        for option in list(dict.fromkeys(options))[:3]:
            wrong = mistyped(option)
            code, _, err = run(program, *command, f"--{wrong}")
            assert code == 64, (command, option)
            assert f"unknown option --{wrong}; did you mean --{option}?" in \
                err.splitlines()[0], (command, option)
    for group in {command[0] for command in found if len(command) == 2}:
        assert run(program, "help", group) == run(program, group, "--help")
        assert run(program, group, "help") == run(program, group, "--help")


def test_far_words(run):
    for program in (ORTHRUS, CHARON):
        name = os.path.basename(program)
        for args in (["frobnicate"], ["help", "frobnicate"]):
            code, out, err = run(program, *args)
            assert (code, out) == (64, "")
            assert err == f'{name}: "frobnicate" is not a command; ' \
                f'"{name} --help" lists them\n'
    code, _, err = run(ORTHRUS, "status", "--frobnicate")
    assert code == 64
    assert err.startswith("orthrus status: unknown option --frobnicate; "
                          "--help lists them all\n")


def test_server_without_a_command(run):
    """As ssh takes it; a file is none."""
    for server in ("me@gw", "gw.example.com", "gw:2222", "ssh://gw:22",
                   "[2001:db8::1]"):
        code, out, err = run(ORTHRUS, server)
        assert (code, out) == (64, "")
        assert err == f'orthrus: "{server}" is not a command; did you mean ' \
            f'"orthrus connect {server}"?\n'
    for word in "gw", "./orthrus.ini", "/etc/orthrus/orthrus.ini":
        code, _, err = run(ORTHRUS, word)
        assert code == 64 and err.endswith('"orthrus --help" lists them\n')


def test_one_line_alone(run):
    """Nothing is asked for that the mistyped option may have been."""
    code, _, err = run(ORTHRUS, "connect", "--bogus")
    assert (code, err) == (64, "unknown option --bogus; --help lists them "
                           "all\n")
    code, _, err = run(ORTHRUS, "connect", "--sever", "h")
    assert (code, err.count("\n")) == (64, 1)
    assert "did you mean --server?" in err
