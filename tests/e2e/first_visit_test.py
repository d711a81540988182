"""From nothing to a counted visit: what a new user sees first."""

import re

from support import http
from support.up import Up

APP = "apps/visitors"  # as it is, its build included
SEMVER = r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"


def test_the_first_visit_is_number_one(folder):
    with Up(folder, APP) as up:
        page = up.ask()
        assert page.status == 200
        assert page.headers["Content-Type"].startswith("text/html")
        assert "You have visited this page 1 times. Total visitors: 1" in page.text
        assert "You have visited this page 2 times. Total visitors: 1" in up.ask().text


def test_the_version_is_semver(folder):
    with Up(folder, APP) as up:
        answer = up.ask("/version")
        assert answer.status == 200
        assert re.fullmatch(SEMVER, answer.json()["version"])


def test_the_same_over_tls_with_a_self_signed_certificate(folder):
    with Up(folder, APP) as up:
        answer = http.ask(up.tls_address, "/version", tls=True)
        assert answer.status == 200


def test_two_replicas_and_the_edge_are_ready(folder):
    with Up(folder, APP) as up:
        assert [r["name"] for r in up.replicas()] == ["web.1", "web.2"]
        assert {r["state"] for r in up.replicas()} == {"ready"}
        assert up.status()["edge"]["state"] == "ready"
