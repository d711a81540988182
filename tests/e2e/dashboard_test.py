"""The dashboard, in a real browser: every page, light and dark, wide and on a phone."""

import json
import re
import time

from support import http, small_app, web
from support.serve import Serve
from support.up import Up
from support.waiting import eventually


def address_of(url):
    return re.fullmatch(r"http://localhost:(\d+)/", url)[1]


def ask(url, path, method="GET", body=None, headers=None, host="localhost"):
    return http.ask(f"127.0.0.1:{address_of(url)}", path, method, body, headers, host=host)


def test_the_files_in_the_binary_are_what_the_sources_give():
    fresh = web.build()
    kept = web.WEB / "dist"
    assert sorted(f.name for f in kept.iterdir()) == sorted(f.name for f in fresh.iterdir())
    for file in fresh.iterdir():
        assert (kept / file.name).read_bytes() == file.read_bytes(), f"web/dist/{file.name} is old: cd web && npm run build"


def test_every_page_is_clean(folder):
    app = small_app.write(folder, replicas=2)
    with Serve(folder) as serve:
        serve.do("deploy", app)
        serve.do("deploy", app)
        for i in range(20):
            serve.ask(f"/page/{i}", host="small.localhost")
        request = serve.ask("/explained", host="small.localhost").headers["X-Request-ID"]
        url = serve.status()["dashboard"]
        eventually(lambda: json.loads(ask(url, "/v1/metrics/query?name=fairlead_edge_requests").text)["groups"], "the first samples",
                   seconds=40)
        eventually(lambda: ask(url, f"/v1/explain?request={request}").status == 200)
        token = (serve.state / "dashboard.token").read_text().strip()
        where = "/apps/small/production"
        seen = web.look(url, ["/", where, f"{where}/releases", "/logs", "/alerts", "/host", "/explain", f"/explain/{request}"], token)
    assert seen["errors"] == []
    assert seen["foreign"] == []
    assert seen["violations"] == []
    assert seen["pages"] == 8 * 4
    assert seen["titles"][where] == "small · Fairlead"


def test_who_has_not_the_token_changes_nothing(folder):
    with Up(folder, small_app.write(folder)) as up:
        url = up.status()["dashboard"]
        page = ask(url, "/apps/small/dev")
        assert page.status == 200 and "script-src 'self'" in page.headers["Content-Security-Policy"]
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert ask(url, "/v1/status").json()["environments"][0]["app"] == "small"
        for method, path in [("POST", "/v1/stop"), ("POST", "/v1/orders"), ("POST", "/v1/alerts/test"), ("PUT", "/v1/secrets"),
                             ("DELETE", "/v1/alerts/silences/1"), ("GET", "/v1/secrets")]:
            assert ask(url, path, method, "{}").status == 401, path
            assert ask(url, path, method, "{}", {"Authorization": "Bearer " + "0" * 48}).status == 401, path
        # A page elsewhere whose name has come to mean 127.0.0.1.
        assert ask(url, "/v1/status", host="evil.example").status == 421
        token = (up.state / "dashboard.token").read_text().strip()
        assert (up.state / "dashboard.token").stat().st_mode & 0o077 == 0
        assert ask(url, "/v1/alerts/test", "POST", "{}", {"Authorization": f"Bearer {token}"}).status == 202
        assert ask(url, "/v1/session", headers={"Authorization": f"Bearer {token}"}).json() == {"signed_in": True}


def test_the_first_page_is_there_at_once(folder):
    with Up(folder, small_app.write(folder)) as up:
        url = up.status()["dashboard"]
        began = time.monotonic()
        for path in ("/", "/app.js", "/app.css"):
            assert ask(url, path).status == 200
        assert time.monotonic() - began < 0.3
