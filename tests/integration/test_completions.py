# SPDX-License-Identifier: ISC
"""What bash, zsh and fish themselves complete, by the scripts that are
installed, against what the programs take."""

import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from lab.harness import ORTHRUS

pytestmark = pytest.mark.plain

SCRIPTS = pathlib.Path(__file__).parents[2] / "contrib/completions"
CHARON = os.path.join(os.path.dirname(ORTHRUS), "charon")

# A line, some of what its last word may become, and what it may not.
CASES = [
    ("orthrus ", ["connect", "status", "help"], ["agent", "--json"]),
    ("orthrus ch", ["check"], ["connect"]),
    ("orthrus connect --tls-", ["--tls-ca", "--tls-name"], ["--server"]),
    ("orthrus connect -v --transport ", ["tcp", "tls", "wss"], ["FILE"]),
    ("orthrus connect --log-level ", ["error", "debug"], ["text"]),
    ("orthrus connect --log-format ", ["text", "json"], ["debug"]),
    ("orthrus connect --proxy ", ["env", "none"], ["URL"]),
    ("orthrus muzzle --docker-re", ["--docker-redact", "--docker-reveal"],
     ["--docker-allow"]),
    ("orthrus muzzle --docker-redact ", ["env", "none"], ["--listen"]),
    ("orthrus status --j", ["--json"], ["--name"]),
    ("orthrus check -c ./fil", ["./file.ini"], ["--config"]),
    ("orthrus help mu", ["muzzle"], ["connect"]),
    ("charon ", ["serve", "agent"], ["connect"]),
    ("charon agent ", ["add", "list", "remove"], ["agent"]),
    ("charon agent show ", ["box-one", "box-two"], ["list", "person"]),
    ("charon agent remove box-one box-t", ["box-two"], ["box-one"]),
    ("charon agent list --js", ["--json"], ["--allow"]),
    ("charon snippet box-one --for ", ["compose", "kubernetes"], ["box-one"]),
    ("charon client add joe --key ./fil", ["./file.ini"], []),
    ("charon serve --log-level w", ["warn"], ["error"]),
]


@pytest.fixture
def home(lab):
    """Both programs in a PATH, a file, and a registry with two agents."""
    os.mkdir(lab.path("bin"))
    for program in (ORTHRUS, CHARON):
        os.symlink(program, lab.path("bin/" + os.path.basename(program)))
    lab.write("file.ini", "")
    ini = lab.write("charon.ini", f"[state]\ndirectory = {lab.path('c')}\n"
                    f"runtime = {lab.path('r')}\n")
    lab.env = lab.environment({
        "PATH": lab.path("bin") + ":" + os.environ["PATH"],
        "CHARON_CONFIG": ini, "TERM": "xterm"})
    del lab.env["STATE_DIRECTORY"], lab.env["RUNTIME_DIRECTORY"]
    for words in (["agent", "add", "box-one"], ["agent", "add", "box-two"],
                  ["client", "add", "person", "--allow", "egress"]):
        subprocess.run([CHARON, *words], env=lab.env, check=True,
                       capture_output=True, timeout=60)
    return lab


def shell(name):
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is missing: apt install {name}")
    return found


def check(complete):
    for line, some, none in CASES:
        found = complete(line)
        assert set(some) <= set(found), (line, found)
        assert not set(none) & set(found), (line, found)


def test_bash(home):
    script = f"""
. {SCRIPTS}/orthrus.bash
shift 0
while IFS= read -r line; do
	read -ra COMP_WORDS <<<"$line"
	case $line in *" ") COMP_WORDS+=("") ;; esac
	COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
	_orthrus_complete
	printf '%s\\n' "${{COMPREPLY[@]}}" ===
done
"""
    lines = [line for line, _, _ in CASES]
    done = subprocess.run([shell("bash"), "--norc", "-c", script],
                          input="\n".join(lines) + "\n", env=home.env,
                          cwd=home.dir, capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    found = dict(zip(lines, done.stdout.split("===\n")))
    check(lambda line: found[line].splitlines())


def test_bash_with_an_equals_sign(home):
    """bash makes three words of it."""
    script = f""". {SCRIPTS}/orthrus.bash
COMP_WORDS=(orthrus connect --transport = "$1") COMP_CWORD=4
_orthrus_complete; echo "${{COMPREPLY[@]}}"
COMP_WORDS=(orthrus connect --transport =) COMP_CWORD=3
_orthrus_complete; echo "${{COMPREPLY[@]}}"
"""
    done = subprocess.run([shell("bash"), "--norc", "-c", script, "x", "t"],
                          env=home.env, capture_output=True, text=True,
                          timeout=60)
    assert done.stdout == "tcp tls\ntcp tls wss\n", done.stderr


def test_fish(home):
    commands = "".join(f"complete -C '{line}'\necho ===\n"
                       for line, _, _ in CASES)
    script = home.write("ask.fish", f"source {SCRIPTS}/orthrus.fish\n" +
                        commands)
    done = subprocess.run([shell("fish"), "--no-config", script],
                          env=home.env, cwd=home.dir, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = dict(zip([line for line, _, _ in CASES],
                     done.stdout.split("===\n")))
    check(lambda line: [f.split("\t")[0]
                        for f in found[line].splitlines()])
    assert "\tkeep a session to a server" in found["orthrus "]


ZSHRC = """
fpath=({scripts} $fpath)
autoload -Uz compinit
compinit -u -d {dump}
# What is added to the matches is written down, too.
compadd() {{
	local w
	local -a found
	builtin compadd -O found "$@"
	for w in $found; do print -r -- $w >>{found}; done
	builtin compadd "$@"
}}
asked() {{ print -r -- @done >>{found}; zle kill-whole-line }}
zle -N asked
bindkey '^X^D' asked
zle-line-init() {{ print -r -- @ready >>{found} }}
zle -N zle-line-init
"""


class Zsh:
    """An interactive zsh at a terminal, who is sent Tabs."""

    def __init__(self, home):
        self.found = pathlib.Path(home.path("found"))
        home.write(".zshrc", ZSHRC.format(
            scripts=SCRIPTS, dump=home.path("zcompdump"), found=self.found))
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(home.dir)
            os.execve(shell("zsh"), ["zsh", "-d", "-i"],
                      {**home.env, "ZDOTDIR": home.dir})
        self.wait("@ready")

    def drain(self):
        while select.select([self.fd], [], [], 0)[0]:
            try:
                if not os.read(self.fd, 65536):
                    return
            except OSError:
                return

    def wait(self, last):
        """Until this was written: the lines before it."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            self.drain()
            if self.found.exists():
                lines = self.found.read_text().splitlines()
                if last in lines:
                    self.found.unlink()
                    return lines[:-1]
            time.sleep(0.02)
        raise AssertionError("zsh says nothing")

    def complete(self, line):
        os.write(self.fd, (line + "\t\x18\x04").encode())
        return self.wait("@done")

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def test_zsh(home):
    shell("zsh")
    zsh = home.own(Zsh(home))
    check(lambda line: ["./" + f if "./" in line and "/" not in f else f
                        for f in zsh.complete(line)])


def test_nothing_is_left_out(home):
    """Each command offers the options that its help names, and no other."""
    def ask(program, *args):
        return subprocess.run([program, *args], env=home.env,
                              capture_output=True, text=True,
                              timeout=60).stdout

    def offers(program, *words):
        return [f.split("\t")[0] for f in
                ask(program, "--complete", *words).splitlines()]

    looked = 0
    for program in (ORTHRUS, CHARON):
        for command in offers(program, "")[:-1]:	# the last is help
            inner = [o for o in offers(program, command, "")
                     if "COMMAND [options]" in ask(program, command,
                                                   "--help")]
            for words in [[command, w] for w in inner] or [[command]]:
                text = ask(program, *words, "--help")
                offered = {o for o in offers(program, *words, "-")
                           if o.startswith("--")}
                listed = set(re.findall(r"(?m)^  +(?:-\w, )?(--[a-z0-9-]+)",
                                        text))
                assert listed and listed <= offered, (words, text)
                assert all(re.search(rf"{o}\b", text) for o in offered), \
                    (words, offered)
                looked += 1
    assert looked >= 17
    platforms = subprocess.run([CHARON, "snippet", "x", "--for", "?"],
                               env=home.env, capture_output=True, text=True,
                               timeout=60).stderr
    offered = subprocess.run([CHARON, "--complete", "snippet", "--for", ""],
                             env=home.env, capture_output=True, text=True,
                             timeout=60).stdout.split()
    said = re.search(r"expected (.*)", platforms)[1]
    assert offered == re.split(r", | or ", said)
