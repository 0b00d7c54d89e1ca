# SPDX-License-Identifier: ISC
"""--log-format json: every line is an object, and events have their fields."""

import json
import os
import pathlib
import re

import pytest

from lab.charon import CHARON, Charon
from lab.system import until

pytestmark = pytest.mark.skipif(not os.access(CHARON, os.X_OK),
                                reason="this build has no charon")
TOP = pathlib.Path(__file__).parents[2]
FIELDS = {"time", "level", "message", "event", "agent", "client", "peer",
          "reason", "code"}
AGENT = ["src/agent", "src/ssh", "src/tunnel", "src/muzzle"]
GATEWAY = ["src/gateway", "src/muzzle", "src/charon"]


def lines(text):
    """Each is a whole object with known fields and no empty ones."""
    found = [json.loads(line) for line in text.splitlines()]
    for line in found:
        assert set(line) <= FIELDS, line
        assert {"time", "level", "message"} <= set(line), line
        assert all(line[k] for k in line if k != "message"), line
        assert type(line.get("code", 1)) is int
        assert "event" in line or not set(line) & {"agent", "client", "peer"}
    return found


def events(text, name):
    return [line for line in lines(text) if line.get("event") == name]


def test_scenario(lab):
    """Enrolled, refused, displaced, away and back, and no Docker."""
    charon = lab.own(Charon(lab, log={"format": "json"},
                            agents={"heartbeat": "500ms", "timeout": "5s"}))
    key, as_json = charon.add_agent("a"), ("--log-format", "json")
    first = charon.agent("a", f"--docker={lab.path('none.sock')}", *as_json,
                         "--backoff-max", "2s", "--resume", "0", key=key)
    charon.wait_status("a", "online")
    until("Docker is looked for", 20,
          lambda: events(first.log(), "docker_down"))
    # Another process of the same identity displaces it, and is displaced.
    second = charon.agent("a", *as_json, "--no-reconnect", wait=None,
                          state=lab.path("state-a"),
                          control=lab.path("second.sock"))
    assert second.wait_exit(60) == 69
    lab.things.remove(second)
    until("the first is back", 20, lambda: first.state() == "connected")
    # One that the gateway does not know.
    refused = charon.agent("b", *as_json, wait=None,
                           key=key[:-60] + "A" * 4 + key[-56:])
    refused.wait_exit(20)
    lab.things.remove(refused)
    charon.stop()
    until("it is gone", 20, lambda: events(first.log(), "failed"))
    charon.start()
    first.wait_ready()

    server = f"127.0.0.1:{charon.port}"
    log = first.log()
    for name, field, value in [
            ("enrolled", "agent", "a"), ("connected", "peer", server),
            ("connecting", "peer", server), ("failed", "peer", server),
            ("failed", "reason", "Connection refused"),
            ("lost", "reason", "displaced by another orthrus"),
            ("lost", "agent", "a"), ("retry", "agent", "a"),
            ("docker_down", "reason", "start the engine"),
            ("ready", "agent", "a")]:
        assert any(value in e.get(field, "") for e in events(log, name)), name
    assert {e["code"] for e in events(log, "failed")} == {69}
    ended = [e for n in ("gave_up", "not_started")
             for e in events(refused.log(), n)]
    assert len(ended) == 1 and ended[0]["code"] >= 64 and ended[0]["reason"]

    log = charon.log()
    for name, field, value in [
            ("enrolled", "agent", "a"), ("agent_online", "agent", "a"),
            ("agent_offline", "agent", "a"), ("displaced", "agent", "a"),
            ("displaced", "peer", "127.0.0.1"),
            ("session_ended", "reason", "displaced"),
            ("session_ended", "agent", "a")]:
        assert any(value in e.get(field, "") for e in events(log, name)), name
    assert events(log, "login_refused") or events(log, "turned_away") or \
        not events(refused.log(), "gave_up")


@pytest.mark.parametrize("manual, folders", [
    ("orthrus.1", AGENT), ("charon.8", GATEWAY)])
def test_events_are_in_the_manual(manual, folders):
    text = (TOP / "docs" / manual).read_text()
    section = text.partition(".Ss Events")[2].partition("\n.S")[0]
    told = {word for line in re.findall(r"^\.It Cm (.*)", section, re.M)
            for word in line.split(" , ")}
    made = {name for folder in folders for path in (TOP / folder).glob("*.c")
            for name in re.findall(r'"([a-z]+(?:_[a-z]+)*)"', " ".join(
                re.findall(r"\.event\s*=\s*([^;]*?)[,)]", path.read_text())))}
    made |= {"failed", "lost"} if manual == "orthrus.1" else \
        {"agent_online", "agent_offline"}
    assert told == made
