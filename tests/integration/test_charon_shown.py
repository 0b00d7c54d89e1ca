# SPDX-License-Identifier: ISC
"""Times and sizes that charon shows: in people's own time zone and rounded,
and exact in UTC for programs."""

import calendar
import json
import re
import socket
import time

import pytest

SHOWN = r"(\d{4}-\d\d-\d\d \d\d:\d\d) \(([\w ]+) ago\)"


def seconds(text, pattern="%Y-%m-%d %H:%M"):
    """As if it were UTC."""
    return calendar.timegm(time.strptime(text, pattern))


@pytest.mark.parametrize("zone,minutes", [("UTC0", 0), ("XXX-5:30", 330),
                                          ("PST8", -480)])
def test_times(home, zone, minutes):
    home.run("client", "add", "al", "--allow", "egress")
    home.run("agent", "add", "web-1")
    home.seen("web-1", ago=7200)
    now, env = time.time(), {"TZ": zone}
    shown = home.run("agent", "show", "web-1", env=env).stdout
    listed = home.run("client", "list", env=env).stdout
    registered = re.search(f"^registered: {SHOWN}$", shown, re.M)
    seen = re.search(f"^last seen:  {SHOWN}$", shown, re.M)
    client = re.search(f"^al .* {SHOWN}  egress$", listed, re.M)
    for told, ago in ((registered, 0), (seen, 7200), (client, 0)):
        away = seconds(told[1]) - 60 * minutes + ago - now
        assert abs(away) < 180, (told[0], now)
    assert seen[2] == "2 h" and re.fullmatch(r"\d+ s", client[2])
    assert "  2 h ago  " in home.run("agent", "list", env=env).stdout
    agent = json.loads(home.run("agent", "show", "web-1", "--json",
                                env=env).stdout)
    utc = seconds(agent["last_seen"], "%Y-%m-%dT%H:%M:%SZ")
    assert abs(utc + 7200 - now) < 120
    assert agent["memory"] == {"used": 512 << 20, "total": 2 << 30}


def test_token_is_for_the_gateway_alone(home):
    """Anybody may listen on its port while it does not run, or on the same port
    of another address."""
    token = "T" * 43
    with socket.create_server(("127.0.0.1", 0)) as there:
        there.settimeout(0)
        port = there.getsockname()[1]
        home.run("agent", "add", "web-1")
        (home.state / "http.token").write_text(token + "\n")
        (home.state / "http.token").chmod(0o600)

        def ask(host):
            home.write(f"[http]\nlisten = {host}:{port}\n")
            home.run("agent", "show", "web-1")
            home.run("agent", "list", "--json")

        ask("127.0.0.1")
        with home.served():
            ask("127.0.0.2")
            with pytest.raises(BlockingIOError):
                there.accept()
            # But the gateway itself is asked.
            home.write(f"[http]\nlisten = 127.0.0.1:{port}\n")
            show = home.start("agent", "show", "web-1")
            there.settimeout(60)
            asked, _ = there.accept()
            with asked:
                asked.settimeout(60)
                assert token in asked.recv(4096).decode()
            assert show.communicate(timeout=60) and show.returncode == 0
