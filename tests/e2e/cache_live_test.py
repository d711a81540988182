"""The cache of a running app: kept, explained, purged by hand, by the app and by a deployment; large answers outlive a restart."""

import os
import pathlib
import re


from support import small_app
from support.process import FAIRLEAD, run
from support.service import command
from support.serve import Serve
from support.up import Up, built
from support.waiting import eventually

CACHED = "[[routes]]\nhost = 'small.example'\nprocess = 'web'\ncache = { ttl = '1h' }\n"
HOST = {"host": "small.example"}


def outcome(answer):
    assert answer.status == 200, answer
    said = answer.headers["Cache-Status"]
    return "hit" if "; hit" in said else "miss" if "fwd=miss" in said else said


def cache(state, *words):
    done = run(FAIRLEAD, "cache", *words, "--state", state)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_verbs_on_a_live_app(folder):
    with Up(folder, small_app.write(folder, rest=CACHED)) as up:
        url = f"http://small.example:{up.address.rsplit(':')[-1]}/one"
        ask = lambda path="/one": outcome(up.ask(path, host=url.split("/")[2]))
        assert "not cached" in cache(up.state, "inspect", url)
        assert [ask(), ask()] == ["miss", "hit"]
        assert "fresh for 3600 s" in cache(up.state, "inspect", url)
        stats = cache(up.state, "stats")
        assert "stored       1 responses" in stats and "hits         1 (50.0 %)" in stats
        assert cache(up.state, "purge", url) == "1 response purged\n"
        assert [ask(), ask()] == ["miss", "hit"]
        assert cache(up.state, "purge", "--prefix", url[:-3], "--soft") == "1 response made stale\n"
        assert ask("/two") == "miss"
        assert cache(up.state, "purge", "--environment", "small/dev") == "2 responses purged\n"
        assert cache(up.state, "purge", "--all") == "0 responses purged\n"
        refused = run(FAIRLEAD, "cache", "purge", "--state", up.state)
        assert refused.returncode == 1 and "what shall be purged?" in refused.stderr


def test_a_deployment_purges_what_the_former_release_said(folder):
    app = small_app.write(folder, rest=CACHED)
    with Serve(folder) as serve:
        serve.do("deploy", app)
        assert [outcome(serve.ask("/env/APP_VERSION", **HOST)) for _ in range(2)] == ["miss", "hit"]
        serve.do("deploy", app)
        fresh = serve.ask("/env/APP_VERSION", **HOST)
        assert (fresh.text, outcome(fresh)) == ("2.3.4+build.2", "miss")
        assert outcome(serve.ask("/env/APP_VERSION", **HOST)) == "hit"
        serve.do("scale", "web=2")  # the same release: what it said holds
        assert outcome(serve.ask("/env/APP_VERSION", **HOST)) == "hit"
        serve.do("rollback")
        assert serve.ask("/env/APP_VERSION", **HOST).text == "2.3.4+build.1"


def test_large_answers_outlive_a_restart(folder):
    app = small_app.write(folder, command='sh -c "exec python3 -m http.server $PORT --bind 127.0.0.1"', rest=CACHED)
    (app / "health").touch()
    (app / "large").write_bytes(os.urandom(2_000_000))
    port = "0"
    for expected in ("miss", "hit"):
        with Up(folder, app, env={"FAIRLEAD_HTTP_PORT": port}) as up:
            port = up.address.rsplit(":")[-1]  # a part of the URL that it is kept under
            ask = lambda: up.ask("/large", host=f"small.example:{port}")
            if expected == "hit":
                eventually(lambda: "1 responses" in cache(up.state, "stats"), "the disk to be read")
            answer = ask()
            assert (outcome(answer), answer.body) == (expected, (app / "large").read_bytes())
            eventually(lambda: outcome(ask()) == "hit", "the disk to have it")


DATA = pathlib.Path(__file__).parents[2] / "apps" / "airdata" / "data" / "environment_airq_measurand.csv"


def test_airdata_behind_the_cache(folder, postgresql):
    """Five replicas, one database: the second request is a hit, a load purges, the next request is fresh."""
    url = postgresql[1]
    app = built(folder, "airdata")
    file = app / "fairlead.toml"
    text = re.sub(r"^release_command.*\n", "", file.read_text(), flags=re.MULTILINE)
    file.write_text(re.sub(r"^replicas = \d+", "replicas = 5", text, flags=re.MULTILINE))
    env = {"DATABASE_URL": url}
    assert command("airdata", "migrate", env=env).returncode == 0
    assert command("airdata", "load", DATA, env=env).returncode == 0
    with Up(folder, app, env=env) as up:
        assert len(up.replicas()) == 5
        ask = lambda: up.ask("/air_quality?id_entity=aq_jaen&limit=1")
        first = ask()
        assert outcome(first) == "miss" and "Surrogate-Key" not in first.headers
        for _ in range(10):
            again = ask()
            assert outcome(again) == "hit" and again.body == first.body
        purge_url = cache(up.state, "url").strip()
        newer = folder / "newer.csv"
        newer.write_text("TimeInstant,id_entity,so2,no2,co,o3,pm10,pm2_5\n2000-01-01 00:00:00.000,aq_jaen,1,2,3,4,5,6\n")
        loaded = command("airdata", "load", newer, env={**env, "PURGE_URL": purge_url})
        assert loaded.returncode == 0, loaded.stderr
        fresh = ask()
        assert outcome(fresh) == "miss" and fresh.json()[0]["timestamp"].startswith("2000-01-01")
        assert outcome(ask()) == "hit"
