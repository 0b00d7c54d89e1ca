# SPDX-License-Identifier: ISC
"""The root of a machine that a test may write to: a layer in memory over ours,
in a mount namespace of its own, with stand-ins for systemctl and journalctl.

They are no systemd: they write down what they are asked, say what the test has
told them to, and "start" runs what it has given them.  tests/release has the
real one."""

import os
import pathlib
import subprocess

import pytest

from lab.harness import ORTHRUS
from lab.system import DIES_WITH_US, until

LAYERS = r"""
	mount --make-rprivate /
	mount -t tmpfs -o size=50% tmpfs "$1"
	cd "$1"
	mkdir upper work root
	mount -t overlay overlay -o \
	    "lowerdir=/,upperdir=$1/upper,workdir=$1/work" root
	cd root
	mount --rbind /proc proc
	mount --rbind /dev dev
	mount -t tmpfs tmpfs run
	mount -t tmpfs tmpfs tmp
	mkdir -p run/systemd/system stand-in/show
	rm -rf etc/orthrus etc/charon etc/systemd/system/orthrus* \
	    etc/systemd/system/charon* var/lib/orthrus var/lib/charon
	: >run/is-up
	exec chroot . sleep infinity
"""

SYSTEMCTL = r"""#!/bin/sh
echo "$*" >>/stand-in/asked
[ "$1" != --user ] || shift
case $1 in
show)	cat "/stand-in/show/$4" 2>/dev/null ;;
start)	[ ! -e /stand-in/start ] || setsid sh /stand-in/start \
	    </dev/null >/stand-in/started 2>&1 & ;;
stop|disable)
	pid=$(cat /stand-in/pid 2>/dev/null) || pid=
	[ -z "$pid" ] || kill "$pid"
	# Nobody waits for it here, so that it may stay as a zombie.
	while grep -qs "State:.[^Z]" "/proc/${pid:-0}/status"; do
		sleep 0.05
	done
	rm -f /stand-in/pid ;;
esac
if [ -e "/stand-in/fail-$1" ]; then
	echo "the stand-in fails" >&2
	exit 5
fi
"""

JOURNALCTL = """#!/bin/sh
echo "the last line of the journal"
"""


class House:
    """run() runs a program in it; path() is a file of it from outside."""

    def __init__(self, lab):
        self.lab = lab
        layer = lab.path("house")
        os.mkdir(layer)
        self.process = subprocess.Popen(
            DIES_WITH_US + ["unshare", "--mount", "bash", "-euc", LAYERS,
                            "house", layer],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)
        until("it stands", 30, self._stands)
        self.write("/usr/local/bin/systemctl", SYSTEMCTL, 0o755)
        self.write("/usr/local/bin/journalctl", JOURNALCTL, 0o755)
        self.programs()

    def _stands(self):
        if self.process.poll() is not None:
            pytest.skip("no overlay of / can be made here: " +
                        self.process.stdout.read().decode())
        return self.path("/run/is-up").exists()

    def programs(self):
        folder = os.path.dirname(ORTHRUS)
        for name in "orthrus", "charon":
            program = pathlib.Path(folder, name)
            if program.exists():
                target = self.path(f"/usr/local/bin/{name}")
                target.write_bytes(program.read_bytes())
                target.chmod(0o755)

    def path(self, path):
        return pathlib.Path(f"/proc/{self.process.pid}/root{path}")

    def read(self, path):
        return self.path(path).read_text()

    def write(self, path, text, mode=0o644):
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def run(self, *argv, given=None, env=None, timeout=60, user=None):
        inside = ["nsenter", "-t", str(self.process.pid), "--mount",
                  "--root"]
        if user is not None:
            inside += ["setpriv", "--reuid", str(user), "--regid", str(user),
                       "--clear-groups"]
        sanitizers = {k: v for k, v in os.environ.items()
                      if k.endswith("_OPTIONS")}
        done = subprocess.run(
            DIES_WITH_US + inside + [
                "env", "-C", "/", "-i",
                "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LC_ALL=C", *(f"{k}={v}" for k, v in
                              {**sanitizers, **(env or {})}.items()),
                *map(str, argv)],
            input=given, text=True, capture_output=True, timeout=timeout,
            stdin=subprocess.DEVNULL if given is None else None)
        done.text = done.stdout + done.stderr
        return done

    def asked(self):
        """What systemctl was asked to do so far, but for what it shows."""
        lines = self.read("/stand-in/asked").splitlines() \
            if self.path("/stand-in/asked").exists() else []
        self.write("/stand-in/asked", "")
        return [line for line in lines if " show " not in f" {line} "]

    def shows(self, **properties):
        for name, value in properties.items():
            self.write(f"/stand-in/show/{name}", value + "\n")

    def close(self):
        self.process.kill()
        self.process.wait()
