# SPDX-License-Identifier: ISC
"""Times and sizes that charon shows: in people's own time zone and rounded,
and exact in UTC for programs."""

import calendar
import json
import re
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
