"""Databases that a fairlead.toml asks for are run by Fairlead: made once, kept, supervised, and handed to the app by URL."""

import json
import os

import pytest

from support import process, small_app
from support.serve import Serve
from support.up import Up, built
from support.waiting import eventually

ROUTE = "[[routes]]\nhost = 'small.example'\nprocess = 'web'\n"
HOST = {"host": "small.example"}
BOTH = "[services.db]\ntype = 'postgresql'\n[services.cache]\ntype = 'redis'\n"


@pytest.fixture
def folder(folder):
    os.chmod(folder, 0o711)  # PostgreSQL does not run as root: its user must get to its data
    return folder


def service(program, name):
    return next(p for p in program.replicas() if p["name"] == name)


def test_up_runs_what_visitors_needs_and_keeps_what_it_stored(folder):
    app = built(folder)
    file = app / "fairlead.toml"
    file.write_text(file.read_text() + "[services.db]\ntype = 'postgresql'\n")
    with Up(folder, app) as up:
        assert "postgresql://visitors:***@127.0.0.1:" in json.dumps(up.status())
        assert [up.visits() for _ in range(3)] == [1, 2, 3]
        process.kill(service(up, "db")["pid"])
        eventually(lambda: service(up, "db")["restarts"] == 1 and up.is_ready(), "PostgreSQL to be back", seconds=30)
        # One replica may have connected again before the other: an answer that is no page has counted nothing.
        page = eventually(lambda: (answer := up.ask()).status == 200 and answer, "visitors to have connected again")
        assert "visited this page 4 times" in page.text
        eventually(lambda: all(up.ask("/readyz").status == 200 for _ in range(4)), "both to have connected again")
    with Up(folder, app) as up:
        assert up.visits() == 5


def test_serve_keeps_them_running_without_control(folder):
    app = small_app.write(folder, rest=ROUTE + BOTH)
    with Serve(folder) as serve:
        serve.do("deploy", app)
        urls = [serve.ask(f"/env/{name}", **HOST).text for name in ("DATABASE_URL", "REDIS_URL")]
        assert urls[0].startswith("postgresql://small:") and urls[1].startswith("redis://default:")
        assert process.run("psql", urls[0], "-AtX", "-c", "create table kept(n int); insert into kept values (7)").returncode == 0
        assert process.run("redis-cli", "-u", urls[1], "set", "kept", "8").stdout.strip() == "OK"
        pids = [service(serve, name)["pid"] for name in ("db", "cache")]
        for pid in pids:
            words = " ".join(process.command_line(pid))
            assert all(url.split(":")[2].split("@")[0] not in words for url in urls), words
        serve.kill()
        assert process.run("psql", urls[0], "-AtX", "-c", "select n from kept").stdout.strip() == "7"
        serve.start()
        eventually(lambda: serve.finding("small/production"), "control to have adopted them")
        assert [service(serve, name)["pid"] for name in ("db", "cache")] == pids
        serve.do("deploy", app)
        assert serve.ask("/env/DATABASE_URL", **HOST).text == urls[0]
        assert process.run("redis-cli", "-u", urls[1], "get", "kept").stdout.strip() == "8"


def test_a_database_named_in_the_shell_is_used_instead(folder):
    app = built(folder)
    file = app / "fairlead.toml"
    file.write_text(file.read_text() + "[services.db]\ntype = 'postgresql'\n")
    with Up(folder, app, env={"DATABASE_URL": f"sqlite://{folder}/own.db"}) as up:
        assert {p["type"] for p in up.replicas()} == {"web"}
        assert up.visits() == 1
