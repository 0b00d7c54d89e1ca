# SPDX-License-Identifier: ISC
"""kill -9 of charon at 50 random moments, while agents enrol, renew and are
rekeyed and removed: what was acknowledged is there after each start."""

import base64
import os
import random
import sqlite3
import subprocess
import threading
import time

import pytest

from lab.charon import CHARON, Charon
from lab.raw_ssh import Raw, load_key
from lab.system import DIES_WITH_US, until

KILLS = 50
STEADY = 12			# agents that stay connected all the time

pytestmark = [pytest.mark.heavy,
              pytest.mark.skipif(not os.access(CHARON, os.X_OK),
                                 reason="this build has no charon")]


class Case:
    """One agent, and what it was told."""

    def __init__(self, lab, name, auth_key):
        self.name, self.auth_key = name, auth_key
        self.state = lab.path(f"state-{name}")
        self.enrolled = self.removed = False
        self.unsure = False		# a command was cut off
        self.old = []			# (key, certificate) that are revoked

    def identity(self):
        path = os.path.join(self.state, "id_ed25519")
        with open(path + "-cert.pub") as f:
            return load_key(path), base64.b64decode(f.read().split()[1])


class Trial:
    def __init__(self, lab, seed):
        self.lab, self.rng = lab, random.Random(seed)
        # Renewed after half of its time; that outlives each outage here.
        self.charon = lab.own(Charon(lab, agents={
            "certificate_lifetime": "16s", "renew_before": "15s"}))
        self.cases, self.made = [], 0
        self.acknowledged = {"enrolled": 0, "removed": 0, "rekeyed": 0}
        self.failures = []

    def command(self, *args, deadly=False):
        """
        A charon command: what it printed once it has succeeded, None when it
        was killed or failed.
        """
        process = subprocess.Popen(
            DIES_WITH_US + [CHARON, *args], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=self.lab.environment({"CHARON_CONFIG": self.charon.config}))
        if deadly:
            time.sleep(self.rng.uniform(0, 0.03))
            process.kill()
        out, err = process.communicate(timeout=30)
        assert process.returncode in (0, -9), err
        return out if process.returncode == 0 else None

    def enroll(self, case):
        os.makedirs(case.state, mode=0o700, exist_ok=True)
        done = self.lab.run(
            "enroll", "--server", self.charon.address, env={
                "AUTH_KEY": case.auth_key, "STATE_DIRECTORY": case.state},
            timeout=30)
        if done.returncode == 0:
            case.enrolled = True
            self.acknowledged["enrolled"] += 1
        return done

    def add(self):
        self.made += 1
        name = f"n{self.made}"
        case = Case(self.lab, name, self.command("agent", "add",
                                                 name).strip())
        self.cases.append(case)
        return case

    def remove(self, case, deadly):
        if self.command("agent", "remove", case.name,
                        deadly=deadly) is None:
            case.unsure = True
            return
        case.removed = True
        self.acknowledged["removed"] += 1

    def rekey(self, case, deadly):
        old = case.identity()
        key = self.command("agent", "rekey", case.name, deadly=deadly)
        if key is None:
            case.unsure = True
            return
        case.old.append(old)
        case.enrolled, case.auth_key = False, key.strip()
        self.acknowledged["rekeyed"] += 1

    def work(self, deadly):
        """Until charon is gone: enrolments, a removal, a rekey."""
        try:
            known = [c for c in self.cases
                     if c.enrolled and not c.removed and not c.unsure]
            self.rng.shuffle(known)
            for _ in range(2):
                self.enroll(self.add())
            if len(known) > 4:
                self.remove(known.pop(), deadly)
            if len(known) > 3:
                self.rekey(known.pop(), deadly)
        except Exception as e:
            self.failures.append(repr(e))

    def lets_in(self, case, identity):
        raw = Raw(self.charon.port, timeout=10)
        try:
            raw.service()
            return raw.login_key(case.name, *identity)
        finally:
            raw.close()

    def check_database(self):
        with sqlite3.connect(os.path.join(self.charon.state,
                                          "registry.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == \
                [("ok",)]
            assert not db.execute("PRAGMA foreign_key_check").fetchall()
        db.close()

    def check(self, recent):
        """All are listed; of a few, not yet expired, a login is tried."""
        listed = self.charon.agents()
        for case in self.cases:
            if case.unsure:
                # Either way, but wholly: what is listed can be removed.
                if case.name in listed:
                    self.charon.run("agent", "remove", case.name)
                case.unsure, case.removed = False, True
                continue
            assert (case.name in listed) == (not case.removed), case.name
        for case in recent:
            if case.enrolled:
                assert self.lets_in(case, case.identity()) == \
                    (not case.removed), case.name
            for old in case.old:
                assert not self.lets_in(case, old), case.name
            if not case.enrolled and not case.removed:
                # Cut off: the same AUTH_KEY is still good for this.
                done = self.enroll(case)
                assert done.returncode == 0, done.text
                assert self.lets_in(case, case.identity()), case.name

    def kill_once(self, number):
        deadly = number % 3 == 0
        worker = threading.Thread(target=self.work, args=(deadly,))
        worker.start()
        time.sleep(self.rng.uniform(0, 0.35))
        self.charon.kill()
        worker.join(60)
        assert not worker.is_alive() and not self.failures, self.failures
        self.check_database()
        self.charon.start()
        self.check(self.cases[-6:])


def test_fifty_kills(lab):
    seed = random.randrange(10 ** 9)
    print("seed", seed)
    trial = Trial(lab, seed)
    charon = trial.charon
    steady = {f"s{n}": charon.agent(
        f"s{n}", "--backoff-min", "100ms", "--backoff-max", "500ms",
        key=charon.add_agent(f"s{n}")) for n in range(STEADY)}
    started = time.monotonic()
    for number in range(KILLS):
        trial.kill_once(number)
    trial.check([])
    print(f"{KILLS} kills in {time.monotonic() - started:.0f} s, "
          f"acknowledged: {trial.acknowledged}, "
          f"{charon.log().count('certificate renewed')} renewals")
    assert min(trial.acknowledged.values()) >= 10
    assert charon.log().count("certificate renewed") >= 10
    for name, agent in steady.items():
        until(f"{name} is online", 20,
              lambda: charon.status(name) == "online")
        assert agent.running()
    # All have long been renewed: they come back with what they hold now.
    charon.kill()
    charon.start()
    for name in steady:
        charon.wait_status(name, "online")
    trial.check_database()
