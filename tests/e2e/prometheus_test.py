"""Prometheus from Debian scrapes us, takes our rules, and understands every expression of the Grafana dashboard."""

import json
import re
import urllib.parse

from support import http, small_app
from support.edge import free_address
from support.process import FAIRLEAD, Program, run
from support.up import Up
from support.waiting import eventually

ALERTS = """
[alerts]
webhook = "http://localhost:1/hook"
slack = "$SLACK"
[alerts.email]
server = "smtp://localhost:25"
from = "a@example.com"
to = ["b@example.com"]
[alerts.rules.queue]
metric = "small_queue"
above = 10
"""


def rendered(folder, app, target):
    done = run(FAIRLEAD, "render", target, app, "--env", "dev", "--out", folder / target)
    assert done.returncode == 0, done.stderr
    return folder / target


def test_prometheus_scrapes_us_and_takes_our_rules(folder):
    app = small_app.write(folder, rest=ALERTS)
    config = rendered(folder, app, "prometheus")
    checked = run("promtool", "check", "config", config / "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    address = free_address()
    with Up(folder, app, env={"SLACK": "x"}) as up:
        ours = re.fullmatch(r"http://(localhost:\d+)/", up.status()["dashboard"])[1]
        text = (config / "prometheus.yml").read_text().replace("localhost:9797", ours).replace("10s", "1s")
        (config / "prometheus.yml").write_text(text)
        with Program(["prometheus", f"--config.file={config}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
                      f"--web.listen-address={address}"], folder, name="prometheus"):
            def value(expression):
                answer = http.ask(address, "/api/v1/query?query=" + urllib.parse.quote(expression))
                found = answer.json()["data"]["result"]
                return float(found[0]["value"][1]) if found else None
            eventually(lambda: value('up{job="fairlead"}') == 1, "a scrape", 30)
            # Counted is what comes after the first look at the edge, some seconds after the start.
            counted = 'fairlead_edge_requests_total{app="small",class="2xx",replica="web.1"}'
            eventually(lambda: up.ask("/one") and value(counted), "our counters", 40)
            assert value('count(fairlead_edge_request_duration_seconds_bucket{app="small",le="+Inf"})') == 1
            rules = http.ask(address, "/api/v1/rules").json()["data"]["groups"][0]["rules"]
            assert {"error-rate", "latency-burn", "queue", "certificate"} <= {r["name"] for r in rules}
            eventually(lambda: all(r["health"] == "ok" for r in http.ask(address, "/api/v1/rules").json()["data"]["groups"][0]["rules"]),
                       "every rule to be evaluated", 30)


def test_alertmanager_takes_our_receivers(folder):
    config = rendered(folder, small_app.write(folder, rest=ALERTS), "alertmanager")
    checked = run("amtool", "check-config", config / "alertmanager.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_grafana_dashboard_is_whole(folder):
    config = rendered(folder, small_app.write(folder), "grafana")
    dashboard = json.loads((config / "dashboards" / "fairlead.json").read_text())
    assert dashboard["schemaVersion"] >= 36 and len(dashboard["uid"]) <= 40
    assert len({p["id"] for p in dashboard["panels"]}) == len(dashboard["panels"]) >= 8
    assert [v["type"] for v in dashboard["templating"]["list"]] == ["datasource"]
    expressions = [t["expr"].replace("$__rate_interval", "1m") for p in dashboard["panels"] for t in p["targets"]]
    rules = [{"record": f"panel:{i}", "expr": e} for i, e in enumerate(expressions)]
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    checked = run("promtool", "check", "rules", folder / "rules.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
