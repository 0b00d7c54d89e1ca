# SPDX-License-Identifier: ISC
"""Everybody at once does whatever comes to their mind, and it must hold.

Agents, clients, consumers and commands, lawful and not, for a minute
(ORTHRUS_MONKEY_SECONDS), in orders that ORTHRUS_MONKEY_SEED decides.  A good
agent and who uses it must notice nothing; in the end everything is as before.
"""

import contextlib
import os
import random
import re
import signal
import socket
import threading
import time

import pytest

from lab import socks
from lab.charon import CHARON
from lab.monkeys import BadAgent, BadClient, Consumer, Stranger
from lab.muzzle_engine import Engine
from lab.scene import MB, Scene, Witness, sanitized
from lab.system import descriptors, free_port, until
from lab.targets import echoes

pytestmark = [pytest.mark.heavy,
              pytest.mark.skipif(not os.access(CHARON, os.X_OK),
                                 reason="this build has no charon")]

SECONDS = float(os.environ.get("ORTHRUS_MONKEY_SECONDS") or 60)
SEED = os.environ.get("ORTHRUS_MONKEY_SEED") or str(random.randrange(10 ** 6))
KEEPERS = ("a0", "a1", "a2")	# agents that are stopped, killed and rekeyed
SLACK = 8			# descriptors that come with the first use
HELD = re.compile(r"the loop was held for \d+ ms \(CPU (\d+) ms\)[^\n]*")


class World:
    """charon, the good agent, those who are played with, and their places."""

    def __init__(self, lab):
        self.lab, self.scene = lab, Scene(lab)
        self.charon, self.target = self.scene.charon, self.scene.target
        self.over = threading.Event()
        self.http = os.path.join(self.charon.runtime, "http.sock")
        self.engine = lab.own(Engine(lab.path("engine.sock")))
        self.names, self.keepers, self.keys = ("good",) + KEEPERS, {}, {}
        for name in KEEPERS:
            self.keep(name, self.charon.add_agent(name))
        allow = ",".join(f"{name}:*" for name in self.names + ("evil",))
        self.ssh = self.charon.ssh_client("ann", allow)
        self.client = self.charon.agent(
            "joe", key=self.charon.add_client("joe", allow),
            socks5=f"127.0.0.1:{free_port()}", level="info")
        self.insiders = {
            "evil": self.scene.enrol("evil"),
            "mallory": self.scene.client(
                "mallory", f"good:{self.target.port}")}

    def keep(self, name, key=None, generation=0):
        """
        An agent of this name.  Started again it gets its AUTH_KEY again: it may
        have been ended before it had enrolled.
        """
        self.keys[name] = key or self.keys[name]
        with contextlib.suppress(FileNotFoundError):	# of one that was killed
            os.unlink(self.lab.path(f"{name}.sock"))
        self.keepers[name] = self.charon.agent(
            name, "--expose", self.target.port,
            f"--docker={self.engine.path}", "--backoff-min", "100ms",
            "--backoff-max", "1s", key=self.keys[name], level="info", wait=0,
            state=self.lab.path(f"state-{name}-{generation}"))

    def dial_client(self):
        return socket.create_connection(self.client.socks5, 5)

    def through_client(self, stack, name, port, seconds):
        s = stack.enter_context(self.dial_client())
        s.settimeout(seconds)
        if socks.ask(s, f"{name}.orthrus", port) == socks.SUCCEEDED:
            echoes(s)

    def in_order(self):
        """All that are registered to stay are there and are served."""
        listed = self.charon.agents()
        return all(listed[name]["status"] == "online"
                   for name in self.names) and all(map(
                       self.serves, self.names))

    def serves(self, name):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(5)
                s.connect(self.charon.socket(name, self.target.port))
                return echoes(s)
        except (OSError, EOFError):
            return False

    def descriptors(self):
        return {"charon": descriptors(self.charon.pid),
                "good": self.scene.agent.descriptors(),
                "joe": self.client.descriptors()}


class Owner:
    """
    Runs commands, sends signals, starts and ends agents.  In the main thread:
    what a thread has started ends with it.
    """

    def __init__(self, world, seed):
        self.world, self.rng = world, random.Random(f"{seed} owner")
        self.charon, self.done, self.made = world.charon, {}, 0
        self.acts = [getattr(self, n) for n in sorted(dir(self))
                     if n.startswith("act_")]

    def play(self, seconds):
        end, first = time.monotonic() + seconds, True
        while first or time.monotonic() < end:
            for act in self.rng.sample(self.acts, len(self.acts)):
                name = act.__name__[4:]
                self.done[name] = self.done.get(name, 0) + 1
                act()
                time.sleep(self.rng.uniform(0, 0.2))
                assert self.charon.process.poll() is None, "charon ended"
            first = False

    @staticmethod
    def signal(agent, sig):
        """Its status socket is there once it handles signals."""
        until("it takes signals", 60, lambda: not agent.running() or
              os.path.exists(agent.control))
        agent.signal(sig)

    def keeper(self):
        return self.rng.choice(sorted(self.world.keepers))

    def act_lists(self):
        self.charon.run("agent", "list", "--json")
        self.charon.run("client", "list")
        self.charon.run("agent", "show", self.keeper())

    def act_agent_comes_and_goes(self):
        """Registered, enrolled, perhaps rekeyed, and forgotten."""
        self.made += 1
        name = f"t{self.made}"
        agent = self.charon.agent(name, "--no-reconnect",
                                  key=self.charon.add_agent(name), wait=0,
                                  level="info")
        time.sleep(self.rng.uniform(0, 1.5))
        if self.rng.random() < 0.5:
            self.charon.run("agent", "rekey", name)
        self.charon.run("agent", "remove", name)
        # Its session has been ended, or never came to be.
        if agent.running() and self.rng.random() < 0.5:
            self.signal(agent, signal.SIGTERM)
        agent.process.wait(60)

    def act_client_comes_and_goes(self):
        self.made += 1
        name = f"c{self.made}"
        self.charon.add_client(name, "good:*")
        self.charon.run("client", "allow", name, "--allow", "egress,a0:80")
        self.charon.run("client", "remove", name)

    def act_narrows_a_client(self):
        """While it is used; in the end it may what it could before."""
        port = self.world.target.port
        for allow in (f"good:{port}", "egress", f"good:{port}"):
            self.charon.run("client", "allow", "mallory", "--allow", allow)
            time.sleep(self.rng.uniform(0, 0.3))

    def act_rekeys(self):
        """The old one is sent away, a new one enrols in its place."""
        name = self.keeper()
        key = self.charon.run("agent", "rekey", name).stdout.strip()
        agent = self.world.keepers[name]
        self.signal(agent, signal.SIGTERM)
        agent.process.wait(60)
        self.made += 1
        self.world.keep(name, key, self.made)

    def act_reloads(self):
        beat = self.rng.choice(("2s", "4s", "5s"))
        self.charon.sections["agents"] = {"heartbeat": beat}
        self.charon.configure()
        self.charon.process.send_signal(signal.SIGHUP)

    def act_reloads_nonsense(self):
        self.charon.sections["agents"] = {"heartbeat": "often"}
        self.charon.configure()
        self.charon.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        self.charon.sections["agents"] = {}	# the commands read it, too
        self.charon.configure()

    def act_agent_reloads(self):
        self.signal(self.world.keepers[self.keeper()], signal.SIGHUP)

    def act_agent_sleeps(self):
        agent = self.world.keepers[self.keeper()]
        agent.signal(signal.SIGSTOP)
        time.sleep(self.rng.uniform(0.05, 2))
        agent.signal(signal.SIGCONT)

    def act_gateway_sleeps(self):
        self.charon.process.send_signal(signal.SIGSTOP)
        time.sleep(self.rng.uniform(0.05, 0.5))
        self.charon.process.send_signal(signal.SIGCONT)

    def act_agent_starts_again(self):
        name = self.keeper()
        old = self.world.keepers[name]
        if self.rng.random() < 0.5:
            old.signal(signal.SIGKILL)
            old.process.wait(10)
            self.world.lab.things.remove(old)	# not ended as it should
        else:
            self.signal(old, signal.SIGTERM)
            old.process.wait(60)
        generation = old.env["STATE_DIRECTORY"].rpartition("-")[2]
        self.world.keep(name, generation=generation)


def set_off(world, seed):
    monkeys = [Stranger(world, f"stranger-{i}", seed) for i in range(2)] + \
        [Consumer(world, f"consumer-{i}", seed) for i in range(2)] + \
        [BadClient(world, "mallory", seed), BadAgent(world, "evil", seed)]
    for monkey in monkeys:
        monkey.start()
    return monkeys


def end(world, monkeys):
    world.over.set()
    for monkey in monkeys:
        monkey.join(180)
        assert not monkey.is_alive(), f"{monkey.name} hangs"
        assert monkey.failure is None, monkey.failure


def check_loop(world, limit):
    """By its own watch, which counts the processor's time, not the clock's."""
    for who in [t for t in world.lab.things if hasattr(t, "log")]:
        for line in HELD.finditer(who.log()):
            assert int(line[1]) <= limit, line[0]


def check_fresh(world):
    """Who comes now is served as if nothing had been."""
    charon, lab = world.charon, world.lab
    charon.agent("fresh", "--expose", world.target.port,
                 key=charon.add_agent("fresh"), wait=60)
    until("the fresh agent serves", 30, lambda: world.serves("fresh"))
    fresh = world.scene.client("new", f"fresh:{world.target.port}")
    raw = world.scene.login(fresh)
    ok, number = raw.direct("fresh.orthrus", world.target.port)
    assert ok, number
    lab.things.remove(raw)
    raw.close()


def test_monkeys(lab):
    print(f"ORTHRUS_MONKEY_SEED={SEED} ORTHRUS_MONKEY_SECONDS={SECONDS:g}")
    world = World(lab)
    until("all are there", 60, world.in_order, every=0.3)
    asan = sanitized(world.charon.pid)
    before, memory = world.descriptors(), world.charon.memory()
    witness, owner = Witness(world.scene), Owner(world, SEED)
    witness.start()
    monkeys = set_off(world, SEED)
    try:
        owner.play(SECONDS)
    finally:
        end(world, monkeys)
        witness.over.set()
        witness.join(60)
    print({m.name: (m.done, m.met) for m in monkeys}, owner.done)
    assert witness.failure is None, witness.failure
    assert not witness.is_alive() and witness.asked > 0
    until("all are there again", 120, world.in_order, every=0.5)
    # What it last said that it exposes has a socket as long as it is known.
    world.charon.run("agent", "remove", "evil")
    try:
        until("no descriptor was left behind", 90, lambda: all(
            n <= before[who] + SLACK
            for who, n in world.descriptors().items()), every=0.5)
    except AssertionError:
        print(before, world.descriptors(), *sorted(
            os.readlink(f.path) for f in os.scandir(
                f"/proc/{world.charon.pid}/fd")), sep="\n")
        raise
    grown, peak = world.charon.memory() - memory, witness.peak - memory
    print(f"memory {grown / MB:+.1f} MB, at most {peak / MB:+.1f} MB; the "
          f"good agent answered in at most {witness.worst:.2f} s")
    if not asan:
        assert grown < 16 * MB and peak < 64 * MB
    check_loop(world, 1000 if asan else 150)
    check_fresh(world)
