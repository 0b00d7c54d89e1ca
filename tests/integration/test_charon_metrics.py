# SPDX-License-Identifier: ISC
"""GET /metrics: the format, and that the numbers tell what happened."""

import shutil
import subprocess

import pytest

from lab.charon_http import Api, parse_metrics
from lab.muzzle_engine import Engine
from lab.system import until
from lab.targets import echo, payload, read_exactly

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
    "charon_loop_held_seconds_total", "charon_agent_requests_total"}


def test_families(api):
    assert FAMILIES - {"charon_agent_requests_total"} == \
        {name for name, *_ in api.metrics()}
    api.charon.add_agent("web-1")
    until("it is there", 5, lambda: FAMILIES == {
        name for name, *_ in api.metrics()})
    answer = api.ask("/metrics")
    assert answer.header("content-type") == \
        "text/plain; version=0.0.4; charset=utf-8"
    version = api.charon.run("--version").stdout.split()[1]
    assert api.metrics()["charon_build_info", ("version", version)] == 1


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool")
def test_promtool(api):
    api.charon.add_agent("web-1")
    done = subprocess.run(["promtool", "check", "metrics"],
                          input=api.ask("/metrics").body, timeout=60,
                          capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


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
