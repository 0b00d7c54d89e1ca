# SPDX-License-Identifier: ISC
"""What bench/run, bench/muzzle and bench/gateway measure with: the load
generators, the delaying link, the laboratory of the integration tests, and
the numbers of this machine."""

import ctypes
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(SOURCE.parent / "tests/integration"))

GCM = "aes256-gcm@openssh.com"
CHACHA = "chacha20-poly1305@openssh.com"
PR_SET_CHILD_SUBREAPER = 36

PROGRAMS = {"load": sorted(SOURCE.glob("load*.c")),
            "delay": [SOURCE / "delay.c"],
            "muzzle_load": [SOURCE / name for name in (
                "muzzle_load.c", "load_net.c", "load_proc.c")],
            "muzzle_engine": [SOURCE / "muzzle_engine.c"]}


class NotMeasured(Exception):
    """Why a number cannot be had; the table says so and the run goes on."""


def brief(error):
    """One line of an error; of a long one the end, where the cause is."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else "..." + text[-157:]


def prepare():
    """All we start is ours to end, and may open what it needs."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for sig in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, lambda *_: sys.exit(1))


def built(*more):
    """An orthrus of this tree as a user would build it, and more of what
    its makefile knows."""
    folder = SOURCE.parent / "build/bench"
    print(f"building in {folder}", file=sys.stderr)
    subprocess.run([SOURCE.parent / "contrib/build.sh", folder,
                    "CFLAGS=-O2"], check=True)
    if more:
        subprocess.run(["make", "-s", "-C", folder, *more], check=True,
                       stdout=subprocess.DEVNULL)
    return folder / "orthrus"


def compile_tools(folder, *names):
    """Builds those of PROGRAMS, so that any orthrus can be measured without
    configuring this tree."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        subprocess.run(
            [os.environ.get("CC", "cc"), "-O2", "-std=gnu11", "-D_GNU_SOURCE",
             "-Wall", "-pthread", "-o", str(folder / name),
             *map(str, PROGRAMS[name])], check=True)


class Tools:
    """Runs the programs that compile_tools() made."""

    def __init__(self, folder):
        self.folder = folder

    def load(self, test, tunnel=None, seconds=2.0, warmup=0.5, count=1,
             signals=(), target=None, limit=120):
        """One measurement of bench/load through a tunnel, or without one."""
        from lab.system import free_port
        target = target or (tunnel.target if tunnel else free_port())
        argv = [str(self.folder / "load"), "-t", f"127.0.0.1:{target}",
                "-s", str(seconds), "-w", str(warmup), "-n", str(count)]
        if tunnel:
            argv += ["-c", f"127.0.0.1:{tunnel.via}"]
            argv += ["-x"] if tunnel.socks else []
            for pid in tunnel.pids():
                argv += ["-p", str(pid)]
        for sig, pid in signals:
            argv += ["-k", f"{int(sig)}:{pid}"]
        return json_of([*argv, test], limit)

    def link(self, lab, server_port, milliseconds):
        """A delaying link to that port."""
        from lab.system import DIES_WITH_US, free_port
        return lab.own(Process(
            [*DIES_WITH_US, str(self.folder / "delay"), str(free_port()),
             str(server_port), str(milliseconds)]))


def json_of(argv, limit):
    """What a program prints; its last argument says what it measures."""
    from lab.system import DIES_WITH_US
    done = subprocess.Popen(
        [*DIES_WITH_US, *argv], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, said = done.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"{argv[-1]}: not done in {limit} s") from None
    finally:
        done.kill()
        done.wait()
    if done.returncode != 0:
        raise NotMeasured(f"{argv[-1]}: {said.strip() or done.returncode}")
    return json.loads(out)


class Process:
    """A process that a Lab can own."""

    def __init__(self, argv, log=subprocess.DEVNULL, **how):
        self.port = int(argv[-3]) if argv[-3].isdigit() else None
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, **how)
        self.pid = self.process.pid

    def running(self):
        return self.process.poll() is None

    def close(self):
        if self.running():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()


def cpu_of(pids):
    """CPU seconds of all threads, by the clock of each process: this number
    is what clock_getcpuclockid(3) gives."""
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


def family_of(pid):
    """A process and those that it has started: a gateway is several."""
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [pid, *map(int, f.read().split())]


def pss_of(pids, field="Pss"):
    """Proportional set size in KiB: shared pages are divided.  Pss_Anon is
    without those of files, whose share depends on who else maps them."""
    total = 0
    for pid in pids:
        for line in open(f"/proc/{pid}/smaps_rollup"):
            if line.startswith(field + ":"):
                total += int(line.split()[1])
    return total


def said_by(*argv):
    """The first line that a program says, on whatever stream."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True,
                              errors="replace", timeout=20,
                              stdin=subprocess.DEVNULL)
    except OSError:
        return "not installed"
    return (done.stdout + done.stderr).strip().partition("\n")[0]


def cpu_model():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return re.sub(r"\s+", " ", line.partition(":")[2].strip())
    return os.uname().machine


def cipher_speed(name):
    """Megabytes per second of one core in packets of 32 KiB, by openssl."""
    done = subprocess.run(
        ["openssl", "speed", "-mr", "-elapsed", "-seconds", "1", "-bytes",
         "32768", "-evp", name], capture_output=True, text=True)
    found = re.search(r"^\+F:\d+:[^:]+:([\d.]+)", done.stdout, re.M)
    return round(float(found[1]) / 1e6, 1) if found else None


def limits(tools):
    """What nothing here can exceed: loopback and one core's ciphers."""
    found = {"loopback_mbit_s": tools.load("down", seconds=1)["mbit_s"],
             "loopback_connects_s": tools.load("connects", seconds=1, count=64)
             ["per_second"]}
    for name in ("aes-256-gcm", "chacha20-poly1305"):
        found[f"{name}_mb_s"] = cipher_speed(name)
    return found
