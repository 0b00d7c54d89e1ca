# SPDX-License-Identifier: ISC
"""Thousands that are registered, revoked and removed at once, and a reload
with them: nobody else notices, and the loop is never held (the gateway's own
watch says when it was, and lab.charon looks)."""

import contextlib
import os
import sqlite3

from lab.charon_http import Api
from lab.scene import MB, Scene
from lab.system import until

MANY = 5000
ADD = f"""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
          WHERE i < {MANY}) INSERT INTO peers (kind, name, created, allow,
          secret) SELECT 0, 'many-' || i, 1, '', randomblob(32) FROM n"""
REVOKE = "UPDATE peers SET secret = randomblob(32) WHERE name LIKE 'many-%'"
REMOVE = "DELETE FROM peers WHERE name LIKE 'many-%'"


def change(charon, *statements):
    """In one transaction, as no command does it."""
    path = os.path.join(charon.state, "registry.db")
    with contextlib.closing(sqlite3.connect(path, timeout=60)) as db:
        db.execute("PRAGMA foreign_keys = ON")
        with db:
            for statement in statements:
                db.execute(statement)


def registered(api):
    return sum(n for k, n in api.metrics().items() if k[0] == "charon_agents")


def test_thousands_at_once(lab):
    scene = Scene(lab, log={"level": "warn"})
    api = Api.of(scene.charon)
    friend = scene.login(scene.client("friend", "good:*"))
    before = registered(api)
    with scene.attack(memory=100 * MB):
        change(scene.charon, ADD)
        until("all are there", 60, lambda: registered(api) == before + MANY)
        # What a command has done holds when it returns, also amidst these.
        change(scene.charon, REVOKE)
        key = scene.charon.add_agent("late")
        assert api.ask("/api/v1/agents/late").status == 200
        # Who logs in then is known, and not taken for who was revoked.
        change(scene.charon, REVOKE)
        late = scene.charon.agent("late", key=key)
        assert late.status()["reconnects"] == 0
        change(scene.charon, REMOVE)
        scene.charon.run("agent", "remove", "late")
        assert api.ask("/api/v1/agents/late").status == 404
        until("all have gone", 60, lambda: registered(api) == before)
        assert not any(name.startswith("many-") for name in os.listdir(
            os.path.join(scene.charon.runtime, "agents")))
        assert friend.direct("good.orthrus", scene.target.port)[0]
    late.stop()
    # The journal does not reach back: all is read, and who is gone is found.
    change(scene.charon, ADD)
    until("all are there", 60, lambda: registered(api) == before + MANY)
    other = scene.login(scene.client("other", "good:*"))
    change(scene.charon, REMOVE, "DELETE FROM peers WHERE name = 'friend'",
           "DELETE FROM changes")
    until("all have gone", 60, lambda: registered(api) == before)
    for raw in friend, other:	# all are taken for revoked
        assert raw.ended(20)
    until("the good agent is back", 30, scene.asks)


def test_reload_and_end_of_many_sessions(lab):
    """Each agent hears of both, more than are told in one turn."""
    scene = Scene(lab, log={"level": "warn"})
    raws = [scene.login(scene.enrol(f"a-{i}")) for i in range(70)]
    api = Api.of(scene.charon)

    def online():
        return api.metrics()["charon_agents", ("status", "online")]
    until("all are online", 20, lambda: online() == 71)
    scene.charon.sections["agents"] = {"enabled": "no"}
    scene.charon.configure()
    os.kill(scene.charon.pid, 1)
    until("all are sent away", 20, lambda: online() == 0)
    for raw in raws:
        assert raw.ended(20)
