# SPDX-License-Identifier: ISC
"""A machine that runs a Debian system with systemd as its process 1: in
namespaces of its own, on a layer in memory over a system that stays as it is."""

import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

# Control groups of version 2, which every systemd knows, wherever they are.
CGROUPS = "mount -t cgroup2 cgroup2"
BOOT = r"""
	base=$1 layer=$2 share=$3 group=$4
	mount --make-rprivate /
	mount -t tmpfs -o size=50% tmpfs "$layer"
	cd "$layer"
	mkdir upper work root groups
	mount -t overlay overlay -o \
	    "lowerdir=$base,upperdir=$layer/upper,workdir=$layer/work" root
	""" + CGROUPS + r""" groups
	mkdir "groups/$group"
	echo $$ >"groups/$group/cgroup.procs"
	cd root
	mount -t proc proc proc
	mount -t sysfs -o ro sysfs sys
	mount --bind "$share" mnt
	mount -t tmpfs -o mode=755 tmpfs dev
	mkdir dev/pts dev/shm
	mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
	ln -s pts/ptmx dev/ptmx
	ln -s /proc/self/fd dev/fd
	mount -t tmpfs tmpfs dev/shm
	for name in null zero full random urandom tty; do
		: >dev/$name
		mount --bind /dev/$name dev/$name
	done
	exec unshare --cgroup bash -euc '
		""" + CGROUPS + r""" sys/fs/cgroup
		pivot_root . .
		umount -l .
		cd /
		mount --make-rshared /
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		    container=orthrus /lib/systemd/systemd'
"""
# What ended leaves its groups behind.
SWEEP = CGROUPS + r""" /mnt
	for i in $(seq 100); do
		find "/mnt/$1" -depth -type d -exec rmdir {} + && break
		sleep 0.1
	done"""


def until(what, seconds, check, every=0.1):
    """Polls check() until it is true, and returns its value."""
    deadline = time.monotonic() + seconds
    while not (value := check()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)
    return value


class Machine:
    """One that is up; its folder /mnt is share."""

    def __init__(self, base, share):
        self.group = f"orthrus-{os.getpid()}"
        self.layer = tempfile.mkdtemp(prefix="orthrus-machine.")
        self.console = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid",
             "--uts", "--ipc", "--net", "--fork", "--kill-child", "bash",
             "-euc", BOOT, "machine", base, self.layer, share, self.group],
            stdin=subprocess.DEVNULL, stdout=self.console,
            stderr=subprocess.STDOUT)
        until("systemd is up", 120, self.is_up)

    def init(self):
        """The number that its process 1 has outside."""
        pid = self.process.pid
        words = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return int(words.split()[0])

    def is_up(self):
        if self.process.poll() is not None:
            self.console.seek(0)
            raise AssertionError(self.console.read().decode())
        with contextlib.suppress(IndexError, OSError):
            state = self.run("systemctl", "is-system-running", check=None)
            return state.stdout.strip() in ("running", "degraded")
        return False

    def inside(self, *command):
        """The command line that runs this there."""
        return ["nsenter", "-t", str(self.init()), "--mount", "--pid", "--uts",
                "--ipc", "--net", "--cgroup", "--root", "env", "-i",
                f"PATH={PATH}", "HOME=/root", "LC_ALL=C.UTF-8",
                "DEBIAN_FRONTEND=noninteractive", *command]

    def run(self, *command, check=0, given=None):
        done = subprocess.run(
            self.inside(*command), input=given, text=True, timeout=300,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL if given is None else None)
        if check is not None and done.returncode != check:
            raise AssertionError(f"{command} ended with {done.returncode}:\n"
                                 f"{done.stdout}")
        return done

    def read(self, *command):
        return self.run(*command).stdout.strip()

    def shell(self, text):
        return self.read("sh", "-euc", text)

    def path(self, path):
        """Where a file of it is to be found from outside."""
        return pathlib.Path(f"/proc/{self.init()}/root{path}")

    def journal(self, *more):
        return subprocess.run(
            self.inside("journalctl", "--no-pager", "-o", "short", *more),
            text=True, stdout=subprocess.PIPE, check=False).stdout

    def property(self, unit, name):
        return self.read("systemctl", "show", "--value", "-p", name, unit)

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        subprocess.run(["unshare", "--mount", "sh", "-euc", SWEEP, "sweep",
                        self.group], check=False, stderr=subprocess.DEVNULL)
        os.rmdir(self.layer)
