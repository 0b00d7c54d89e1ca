# SPDX-License-Identifier: ISC
"""contrib/prometheus: what promtool says of it, and a real Prometheus."""

import json
import pathlib
import re
import shutil
import signal
import subprocess
import urllib.parse
import urllib.request

import pytest

from lab.authority import Authority
from lab.charon_http import Api
from lab.system import DIES_WITH_US, free_port, until

pytestmark = pytest.mark.plain

REPO = pathlib.Path(__file__).parents[2]
FOLDER = REPO / "contrib/prometheus"
NAMES = re.compile(r"\bcharon_\w+")
ALERTS = ["OrthrusAgentOffline", "CharonDown", "CharonMemoryNearLimit"]


def needs(program):
    return pytest.mark.skipif(
        not shutil.which(program),
        reason=f"no {program}: contrib/deps.sh check")


def promtool(*args):
    done = subprocess.run(["promtool", *map(str, args)], cwd=FOLDER,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def put_in(text, old, new):
    assert text.count(old) == 1, old
    return text.replace(old, new)


def configuration(lab, port, token, tls_port=443, authority=None):
    """
    prometheus.yml for other ports and another token, with the job that is a
    comment there when it is given an authority; it has no time to lose.
    """
    text = (FOLDER / "prometheus.yml").read_text()
    text = put_in(text, "- 127.0.0.1:9180", f"- 127.0.0.1:{port}")
    text = put_in(text, "- charon.example.com:443", f"- 127.0.0.1:{tls_port}")
    before, rest = text.split("scrape_configs:")
    if authority:
        rest = re.sub("^  # ?(?=[ -] )", "  ", rest, flags=re.M)
        rest = put_in(rest, "scheme: https\n", "scheme: https\n    tls_config: "
                      f"{{ca_file: {authority}}}\n")
        rest = rest.replace("job_name: charon", "job_name: far", 2).replace(
            "job_name: far", "job_name: charon", 1)
    text = before.replace("_interval: 15s", "_interval: 1s") + \
        "scrape_configs:" + \
        rest.replace("/etc/prometheus/charon.token", token)
    shutil.copy(FOLDER / "charon-alerts.yml", lab.dir)
    return lab.write("prometheus.yml", text)


@needs("promtool")
def test_promtool(lab):
    assert "3 rules found" in promtool("check", "rules", "charon-alerts.yml")
    promtool("test", "rules", "alerts-test.yml")
    promtool("check", "config", "--syntax-only", "prometheus.yml")
    # With the files that it names, as an administrator would ask.
    config = configuration(lab, 9180, lab.write("token", "x"))
    promtool("check", "config", config)


def test_names_are_known(api):
    """Of all that rules, their tests and the manual ask for."""
    text = api.ask("/metrics").body.decode()
    there = set(re.findall(r"^# HELP (\S+)", text, re.M))
    manual = (REPO / "docs/gateway.md").read_text().split("## Prometheus")[1]
    asked = set(NAMES.findall((FOLDER / "charon-alerts.yml").read_text()) +
                NAMES.findall((FOLDER / "alerts-test.yml").read_text()) +
                NAMES.findall(manual))
    assert len(asked) > 5 and asked <= there, asked - there
    for alert in ALERTS:
        assert f"`{alert}`" in manual


class Prometheus:
    def __init__(self, lab, config):
        self.port = free_port()
        self.log = lab.path("prometheus.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                DIES_WITH_US + [
                    "prometheus", f"--config.file={config}",
                    f"--storage.tsdb.path={lab.path('prometheus')}",
                    f"--web.listen-address=127.0.0.1:{self.port}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def get(self, path, **query):
        assert self.process.poll() is None, open(self.log).read()
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?" + \
            urllib.parse.urlencode(query)
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]

    def ready(self):
        try:
            return self.get("status/buildinfo")
        except OSError:
            return None

    def query(self, expression):
        """[(labels, value)]"""
        return [(r["metric"], float(r["value"][1])) for r in
                self.get("query", query=expression)["result"]]

    def value(self, expression):
        found = self.query(expression)
        return found[0][1] if len(found) == 1 else None

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


@needs("prometheus")
def test_scrape(lab):
    """A real one sees the gateway, an agent that is there, and that it goes."""
    authority, tls_port = Authority(lab), free_port()
    pem = authority.issue("gw.pem", "127.0.0.1")
    api = Api(lab, tcp=True, tls={"listen": f"127.0.0.1:{tls_port}",
                                  "certificate": pem, "key": pem})
    agent = api.charon.agent("web-1", key=api.charon.add_agent("web-1"))
    token = f"{api.charon.state}/http.token"
    prometheus = lab.own(Prometheus(lab, configuration(
        lab, api.address[1], token, tls_port, authority.path)))
    until("it listens", 60, prometheus.ready)
    for job in "charon", "far":
        until("it has asked", 60, lambda: prometheus.value(
            f'up{{job="{job}"}}') == 1)
    labels = {"__name__": "charon_agent_up", "agent": "web-1",
              "instance": "127.0.0.1:%d" % api.address[1], "job": "charon"}
    up = 'charon_agent_up{job="charon"}'
    assert prometheus.query(up) == [(labels, 1)]
    age = prometheus.value(
        "time() - "
        'charon_agent_session_start_timestamp_seconds{job="charon"}')
    assert 0 <= age < 300
    agent.stop()
    until("it has gone", 60,
          lambda: prometheus.query(up) == [(labels, 0)])
    group, = prometheus.get("rules")["groups"]
    assert [r["name"] for r in group["rules"]] == ALERTS
    until("the alert waits", 60, lambda: {
        a["labels"]["alertname"]: a["state"]
        for a in prometheus.get("alerts")["alerts"]} ==
        {"OrthrusAgentOffline": "pending"})
