# SPDX-License-Identifier: ISC
"""GET /metrics: the format, and that the numbers tell what happened."""

import os
import pathlib
import re
import shutil
import subprocess
import time

import pytest

from lab.charon_http import Api, parse_metrics
from lab.cutter import Cutter
from lab.muzzle_engine import Engine
from lab.system import until
from lab.targets import echo, payload, read_exactly

DOCS = pathlib.Path(__file__).parents[2] / "docs"
FAMILIES = {
    "charon_build_info", "charon_agents", "charon_sessions",
    "charon_unauthenticated", "charon_connections_total",
    "charon_handshakes_total", "charon_logins_total",
    "charon_login_failures_total", "charon_login_timeouts_total",
    "charon_dropped_total", "charon_penalised_total",
    "charon_refusals_total", "charon_channels",
    "charon_channels_total", "charon_bytes_total", "charon_heartbeats_total",
    "charon_heartbeat_delay_seconds_total", "charon_renewals_total",
    "charon_enrolments_total", "charon_loop_held_total",
    "charon_loop_held_seconds_total", "charon_memory_used_bytes",
    "charon_memory_limit_bytes"}
OF_ALL_AGENTS = {"charon_agent_up", "charon_agent_requests_total"}
OF_SESSIONS = {
    "charon_agent_session_start_timestamp_seconds", "charon_agent_link_info",
    "charon_agent_resumes_total", "charon_agent_resent_bytes_total"}
OF_SEEN_AGENTS = {
    "charon_agent_last_seen_timestamp_seconds", "charon_agent_load",
    "charon_agent_memory_used_bytes", "charon_agent_memory_bytes"}


def documented():
    text = (DOCS / "charon-api.md").read_text()
    names = set()
    for row in text.split("## Metrics")[1].split("\n"):
        if row.startswith("| `charon_"):
            names |= set(re.findall(r"`(\w+)`", row.split(" | ")[0]))
    return names


def test_families(api):
    assert FAMILIES == {name for name, *_ in api.metrics()}
    api.charon.add_agent("web-1")
    until("it is there", 5, lambda: FAMILIES | OF_ALL_AGENTS == {
        name for name, *_ in api.metrics()})
    helped = set(re.findall(r"^# HELP (\S+)", api.ask("/metrics").body.decode(),
                            re.M))
    assert helped == FAMILIES | OF_ALL_AGENTS | OF_SEEN_AGENTS | OF_SESSIONS
    assert helped == documented()
    answer = api.ask("/metrics")
    assert answer.header("content-type") == \
        "text/plain; version=0.0.4; charset=utf-8"
    version = api.charon.run("--version").stdout.split()[1]
    assert api.metrics()["charon_build_info", ("version", version)] == 1


def of_agent(api, name):
    """{family: value} of what has one sample for it."""
    return {k[0]: v for k, v in api.metrics().items()
            if ("agent", name) in k[1:] and ("endpoint", "docker") not in k}


def test_agent(lab):
    """What is there of one that comes, is there, loses its link and goes."""
    api = Api(lab, agents={"heartbeat": "500ms"})
    started = time.time()
    key = api.charon.add_agent("web-1")
    until("it is there", 5, lambda: of_agent(api, "web-1") ==
          {"charon_agent_up": 0})
    cutter = lab.own(Cutter(api.charon.port))
    agent = api.charon.agent("web-1", key=key,
                             server=f"127.0.0.1:{cutter.port}")
    found = until("a heartbeat", 10, lambda: (n := of_agent(api, "web-1")) and
                  "charon_agent_load" in n and n)
    assert set(found) | OF_ALL_AGENTS == \
        OF_ALL_AGENTS | OF_SEEN_AGENTS | OF_SESSIONS
    assert found["charon_agent_up"] == 1
    for moment in "last_seen", "session_start":
        value = found[f"charon_agent_{moment}_timestamp_seconds"]
        assert int(started) <= value <= time.time()
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < found["charon_agent_memory_used_bytes"] < \
        found["charon_agent_memory_bytes"] <= total
    assert found["charon_agent_resumes_total"] == 0
    assert api.metrics()["charon_agent_link_info", ("agent", "web-1"),
                         ("transport", "tcp")] == 1
    cutter.cut()
    again = until("it goes on", 20, lambda: (n := of_agent(api, "web-1")) and
                  n.get("charon_agent_resumes_total") == 1 and
                  n["charon_agent_up"] == 1 and n)
    same = "charon_agent_session_start_timestamp_seconds"
    assert again[same] == found[same]
    agent.stop()
    gone = until("it has gone", 10, lambda: (n := of_agent(api, "web-1"))
                 and n["charon_agent_up"] == 0 and same not in n and n)
    assert set(gone) == OF_SEEN_AGENTS | {"charon_agent_up"}
    promtool(api)


def promtool(api):
    """Prometheus' own judgement, where it is there."""
    if not shutil.which("promtool"):
        return
    done = subprocess.run(["promtool", "check", "metrics"],
                          input=api.ask("/metrics").body, timeout=60,
                          capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool")
def test_promtool(api):
    api.charon.add_agent("web-1")
    promtool(api)


@pytest.mark.parametrize("bad", [
    "charon_x 1\n", "# HELP charon_x some text\ncharon_x 1\n",
    "# HELP charon_x some text\n# TYPE charon_x gauge\ncharon_y 1\n",
    "# HELP charon_x some text\n# TYPE charon_x gauge\ncharon_x{a=\"\"\"} 1\n",
    "# HELP charon_x some text\n# TYPE charon_x gauge\ncharon_x 1",
    "# HELP charon_x some text\n# TYPE charon_x gauge\ncharon_x 1\n" * 2])
def test_parser_is_strict(bad):
    with pytest.raises(AssertionError):
        parse_metrics(bad)


def test_numbers(lab):
    """Everybody who comes, what they do, and when they have gone."""
    api = Api(lab, agents={"heartbeat": "500ms"})
    engine = lab.own(Engine(lab.path("engine.sock")))
    port = lab.serve(echo).port
    for name in "web-1", "web-2":
        key = api.charon.add_agent(name)
    agent = api.charon.agent("web-2", f"--docker={engine.path}", "--expose",
                             port, key=key)

    def metric(name, **labels):
        return api.metrics()[name, *labels.items()]
    until("a heartbeat", 10, lambda: metric("charon_heartbeats_total") > 1)
    assert metric("charon_agents", status="online") == 1
    assert metric("charon_agents", status="pending") == 1
    assert metric("charon_sessions", kind="agent") == 1
    assert metric("charon_enrolments_total") == 1
    assert metric("charon_logins_total") == 2	# enroll's and its own
    # Docker, by the API and by the socket.
    for way in api.ask, None:
        target = "/api/v1/agents/web-2/docker/info"
        if way:
            assert way(target).status == 200
        else:
            conn = lab.connect(api.charon.socket("web-2"))
            conn.sendall(b"GET /info HTTP/1.1\r\nHost: docker\r\n\r\n")
            assert conn.recv(65536).startswith(b"HTTP/1.1 200 ")
            conn.close()
    assert metric("charon_agent_requests_total", agent="web-2",
                  endpoint="docker") == 2
    assert metric("charon_agent_requests_total", agent="web-1",
                  endpoint="docker") == 0
    # A port; its bytes are counted while they flow.
    until("Docker's streams are over", 10,
          lambda: metric("charon_channels") == 0)
    before = metric("charon_bytes_total", direction="in")
    conn = lab.connect(api.charon.socket("web-2", port))
    data = payload(1, 100000)
    conn.sendall(data)
    assert read_exactly(conn, len(data)) == data
    assert metric("charon_channels") == 1
    assert metric("charon_bytes_total", direction="in") == before + len(data)
    conn.close()
    until("it is over", 10, lambda: metric("charon_channels") == 0)
    assert metric("charon_bytes_total", direction="in") == before + len(data)
    assert metric("charon_agent_requests_total", agent="web-2",
                  endpoint=str(port)) == 1
    # Somebody who may not.
    state = lab.path("stranger")
    stranger = api.charon.agent("web-1", key=None, wait=0, state=state)
    stranger.wait_exit(20)
    lab.things.remove(stranger)
    agent.stop()
    until("it has gone", 10,
          lambda: metric("charon_agents", status="offline") == 1)
    assert metric("charon_sessions", kind="agent") == 0
