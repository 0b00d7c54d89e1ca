# SPDX-License-Identifier: ISC
"""The rows of the table: what is done with each program, in turn."""

import contextlib
import multiprocessing
import signal
import time

from contenders import Autossh, Orthrus
from tools import CHACHA, GCM, NotMeasured, brief, cpu_of, prepare, pss_of

# Up is towards the server.  The load generator always connects to where the
# tunnel listens, which for -R is the server: its "up" is our "down".
UP_DOWN = {"L": (("up", "up"), ("down", "down")),
           "R": (("down", "up"), ("up", "down"))}
LINK_MS = 50			# each way
ONCE = 1000			# more channels than this are opened once


class Row:
    """One row: a fresh laboratory, rounds of A B B A, what goes wrong with
    one program is noted and does not stop the others."""

    def __init__(self, bench, number):
        self.bench, self.number = bench, number
        self.plan = bench.plan(number)
        self.tools, self.report = bench.tools, bench.report(number)

    def measure(self, label, unit, aim=None):
        return self.report.measure(self.number, label, unit, aim)

    @contextlib.contextmanager
    def guard(self, program, *measures):
        """Notes why this program has no value there."""
        try:
            yield
        except (NotMeasured, AssertionError, OSError) as e:
            self.bench.say(f"row {self.number}: {program}: {brief(e)}")
            for m in measures:
                m.missing(program, brief(e))

    def rounds(self, tunnels):
        """Every tunnel in turn, again and again: A B, B A, A B ..."""
        for turn in range(self.plan.rounds):
            for name, tunnel in list(tunnels.items())[::1 - turn % 2 * 2]:
                self.bench.say(f"row {self.number}: round {turn + 1} of "
                               f"{self.plan.rounds}: {name}")
                yield turn, name, tunnel

    def load(self, test, tunnel, **more):
        more.setdefault("seconds", self.plan.seconds)
        more.setdefault("warmup", self.plan.warmup)
        found = self.tools.load(test, tunnel, **more)
        time.sleep(0.1)		# what is still on its way
        return found

    def open(self, lab, port, kind, measures):
        """The tunnels of all that can do this kind, by name; of the kind
        that each likes best where none is asked for."""
        tunnels = {}
        for c in self.bench.contenders(self.number):
            with self.guard(c.name, *measures):
                tunnels[c.name] = c.start(lab, port, kind or c.kinds[0])
        return tunnels


def bulk(row, port, lab, kind, aims, label=""):
    """Throughput and CPU per GiB, up and down."""
    measures = {}
    for test, way in UP_DOWN[kind]:
        measures[test] = (
            row.measure(f"-{kind} {way}{label}", "Mbit/s", aims.get("speed")),
            row.measure(f"-{kind} {way}{label}, client CPU", "s/GiB",
                        aims.get("cpu")))
    every = [m for pair in measures.values() for m in pair]
    tunnels = row.open(lab, port, kind, every)
    for _, name, tunnel in row.rounds(tunnels):
        for test in measures:
            with row.guard(name, *measures[test]):
                found = row.load(test, tunnel)
                measures[test][0].add(name, found["mbit_s"])
                measures[test][1].add(name, found["cpu_s_gib"])


def row1(row):
    """Bulk with each program's own defaults."""
    with row.bench.lab() as lab:
        bulk(row, lab.sshd_port(), lab, "L", {"speed": ("ratio>=", 2.5)},
             ", defaults")


def row2(row):
    """Bulk on AES-GCM, both kinds of forward."""
    for kind in "LR":
        with row.bench.lab() as lab:
            bulk(row, lab.sshd_port(GCM), lab, kind,
                 {"speed": ("ratio>=", 1.1), "cpu": ("ratio<=", 0.9)},
                 ", aes256-gcm")


def row3(row):
    """Bulk on ChaCha20, both kinds of forward."""
    for kind in "LR":
        with row.bench.lab() as lab:
            bulk(row, lab.sshd_port(CHACHA), lab, kind,
                 {"cpu": ("ratio<=", 0.5)}, ", chacha20")


def row4(row):
    """New SOCKS5 connections."""
    measures = {n: row.measure(f"SOCKS5, {n} at a time", "conn/s",
                               ("ratio>=", 2)) for n in (1, 64)}
    with row.bench.lab() as lab:
        tunnels = row.open(lab, lab.sshd_port(row.bench.cipher), "D",
                           measures.values())
        for _, name, tunnel in row.rounds(tunnels):
            for n, m in measures.items():
                with row.guard(name, m):
                    found = row.load("connects", tunnel, count=n)
                    if found["failed"]:
                        row.bench.say(f"row 4: {name}: {found['failed']} of "
                                      f"{found['done']} failed")
                    m.add(name, found["per_second"])


def row5(row):
    """Small requests beside bulk."""
    measures = {}
    for way in ("up", "down"):
        measures[way] = [
            row.measure(f"64 bytes beside bulk {way}, {p}", "ms",
                        ("ratio<=", 0.5)) for p in ("p50", "p99")]
        measures[way].append(row.measure(f"the bulk {way}", "Mbit/s"))
    with row.bench.lab() as lab:
        tunnels = row.open(lab, lab.sshd_port(row.bench.cipher), "L",
                           [m for ms in measures.values() for m in ms])
        for _, name, tunnel in row.rounds(tunnels):
            for way, (p50, p99, speed) in measures.items():
                with row.guard(name, p50, p99, speed):
                    found = row.load(f"latency-{way}", tunnel)
                    p50.add(name, found["p50_ms"])
                    p99.add(name, found["p99_ms"])
                    speed.add(name, found["mbit_s"])


def row6(row):
    """Many idle channels and one that is busy."""
    counts, many = row.plan.counts, max(row.plan.counts)
    lines = {n: {"cpu": row.measure(f"{n:,} channels, CPU of a busy one",
                                    "s/GiB"),
                 "speed": row.measure(f"{n:,} channels, a busy one",
                                      "Mbit/s")} for n in counts}
    for n in counts[1:]:
        lines[n]["memory"] = row.measure(f"{n:,} channels, memory of each",
                                         "bytes", ("value<=", 8192))
    # A hundred are open within 10 ms, which is too short to be compared.
    for n in (n for n in counts if n >= 1000):
        lines[n]["open"] = row.measure(f"{n:,} channels, to open all", "s")
    growth = row.measure(f"CPU per GiB at {many:,} against 1", "times",
                         ("value<=", 1.3))
    for turn in range(row.plan.rounds):
        for contender in row.bench.contenders(6):
            cost = {}
            for n in counts:
                if turn > 0 and n > ONCE:
                    continue
                row.bench.say(f"row 6: {contender.name}, {n:,} channels")
                with row.guard(contender.name, *lines[n].values()):
                    found = channels(row, contender, n)
                    cost[n] = found["cpu"]
                    for what, measure in lines[n].items():
                        measure.add(contender.name, found[what])
            if 1 in cost and many in cost:
                growth.add(contender.name, cost[many] / cost[1])


def channels(row, contender, n):
    """A process of its own, since memory that was freed stays with it."""
    with row.bench.lab() as lab:
        tunnel = contender.start(lab, lab.sshd_port(row.bench.cipher), "L")
        found = row.load("idle", tunnel, count=n - 1, limit=240)
    if found["failed"]:
        raise NotMeasured(f"{found['failed']:,} of {n:,} channels failed")
    return {"memory": found.get("bytes_per_channel"),
            "open": found["open_seconds"],
            "cpu": found["down"]["cpu_s_gib"],
            "speed": found["down"]["mbit_s"]}


def row7(row):
    """Nothing to do: all of them side by side."""
    memory = row.measure("idle client, PSS", "KiB", ("ratio<=", 1))
    cpu = row.measure(f"idle client, CPU in {row.plan.seconds:.0f} s", "s",
                      ("value<=", 0.05 * row.plan.seconds / 60))
    with row.bench.lab() as lab:
        tunnels = row.open(lab, lab.sshd_port(row.bench.cipher), None,
                           (memory, cpu))
        row.bench.say(f"row 7: {row.plan.seconds:.0f} idle seconds")
        time.sleep(2)
        before = {name: cpu_of(t.pids()) for name, t in tunnels.items()}
        time.sleep(row.plan.seconds)
        for name, tunnel in tunnels.items():
            with row.guard(name, memory, cpu):
                cpu.add(name, cpu_of(tunnel.pids()) - before[name])
                memory.add(name, pss_of(tunnel.pids()))


def row8(row):
    """The link breaks; ssh itself does not come back, autossh does."""
    killed = row.measure("first byte after the session was killed", "s",
                         ("value<=", 1.5))
    outages = row.plan.outages
    cut = row.measure("first byte after outages of " +
                      ", ".join(f"{s:g}" for s in outages) + " s", "s",
                      ("value<=", 1.5))
    for m in (killed, cut):
        m.missing("ssh", "ssh does not reconnect; see autossh")
    pair = [Orthrus(row.bench.program), Autossh()]
    row.bench.also("autossh")

    for how, measure in ((after_kill, killed), (after_outage, cut)):
        row.bench.say(f"row 8: {row.plan.rounds} rounds at once")
        jobs = []
        for turn in range(row.plan.rounds):
            for c in pair:
                outage = outages[turn % len(outages)]
                jobs.append((c.name, aside(lambda: how(row, c, outage))))
                time.sleep(0.2)
        for name, wait in jobs:
            with row.guard(name, measure):
                measure.add(name, wait())


def aside(job):
    """Has job() done in a process of its own, beside others: what takes the
    time is waiting.  Returns what waits for its result."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(False)

    def run():
        prepare()
        try:
            there.send((job(), None))
        except (NotMeasured, AssertionError, OSError) as e:
            there.send((None, brief(e)))

    def wait():
        try:
            value, why = here.recv()
        except EOFError:
            why = "its process ended"
        process.join()
        if why:
            raise NotMeasured(why)
        return value

    process = context.Process(target=run, daemon=True)
    process.start()
    there.close()
    return wait


def after_kill(row, contender, _):
    """The session's sshd is gone, and another would be there at once."""
    with row.bench.lab() as lab:
        tunnel = contender.start(lab, lab.sshd_port(), "L")
        row.load("first", tunnel, seconds=20)
        return row.load("first", tunnel, seconds=40, signals=[
            (signal.SIGKILL, pid) for pid in lab.server.sessions()]
            )["first_byte_s"]


def after_outage(row, contender, seconds):
    """Connections are reset and refused, then the link is there again."""
    with row.bench.lab() as lab:
        link = row.tools.link(lab, lab.sshd_port(), 0)
        tunnel = contender.start(lab, link.port, "L")
        row.load("first", tunnel, seconds=20)
        link.process.send_signal(signal.SIGUSR1)
        time.sleep(seconds)
        return row.load("first", tunnel, seconds=60, signals=[
            (signal.SIGUSR2, link.pid)])["first_byte_s"]


def row9(row):
    """One stream over a long link."""
    aims = {"up": ("ratio>=", 1), "down": ("ratio>=", 3)}
    measures = {way: row.measure(f"-L {way}, round trip {2 * LINK_MS} ms",
                                 "Mbit/s", aims[way]) for way in aims}
    with row.bench.lab() as lab:
        link = row.tools.link(lab, lab.sshd_port(row.bench.cipher), LINK_MS)
        tunnels = row.open(lab, link.port, "L", measures.values())
        for _, name, tunnel in row.rounds(tunnels):
            for way in measures:
                with row.guard(name, measures[way]):
                    found = row.load(way, tunnel)
                    measures[way].add(name, found["mbit_s"])
                    time.sleep(0.5)


ROWS = {1: row1, 2: row2, 3: row3, 4: row4, 5: row5, 6: row6, 7: row7,
        8: row8, 9: row9}
