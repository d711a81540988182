"""Deployments, rollbacks, scalings and restarts lose no request, and a release that fails changes nothing."""

import json

import pytest

from support import small_app
from support.load import Load
from support.serve import Serve
from support.waiting import eventually

ROUTE = "[[routes]]\nhost = 'small.example'\nprocess = 'web'\n"
HOST = {"host": "small.example"}


def set_version(app, version):
    file = app / "fairlead.toml"
    lines = [f'version = "{version}"' if line.startswith("version") else line for line in file.read_text().splitlines()]
    file.write_text("\n".join(lines) + "\n")


@pytest.fixture
def app(folder):
    return small_app.write(folder, replicas=2, rest=ROUTE)


def test_the_first_deployment_makes_it_live(folder, app):
    with Serve(folder) as serve:
        deployment = serve.deployment("deploy", app)
        assert (deployment["state"], deployment["from"], deployment["to"]) == ("succeeded", 0, 1)
        assert serve.ask("/env/APP_VERSION", **HOST).text == "2.3.4+build.1"
        assert serve.ask("/env/FAIRLEAD_RELEASE", **HOST).text == "v1"
        assert serve.ask("/", host="another.example").status == 404
        assert [r["name"] for r in serve.replicas()] == ["web.1.v1", "web.2.v1"]


@pytest.mark.timeout(300)
def test_nothing_is_lost_under_load(folder, app):
    with Serve(folder) as serve:
        serve.do("deploy", app)
        with Load(serve.address, requests=None, connections=16, path="/x", **HOST) as load:
            load.until_answered(200)
            for number in range(3):
                set_version(app, f"3.0.{number}")
                assert serve.deployment("deploy", app)["state"] == "succeeded"
            assert serve.ask("/env/APP_VERSION", **HOST).text == "3.0.2+build.4"
            assert serve.deployment("deploy", app, "--blue-green")["state"] == "succeeded"
            assert serve.deployment("rollback")["to"] == 4
            assert serve.deployment("rollback", "v2")["to"] == 2
            assert serve.ask("/env/APP_VERSION", **HOST).text == "3.0.0+build.2"
            assert serve.deployment("scale", "web=4")["state"] == "succeeded"
            assert len(serve.replicas()) == 4
            assert serve.deployment("scale", "web=1")["state"] == "succeeded"
            assert serve.deployment("restart")["state"] == "succeeded"
            assert len(serve.replicas()) == 1
            load.until_answered(load.outcomes.total() + 200)
        assert set(load.outcomes.counts) == {200}


def test_the_receipt_counts_every_request(folder, app):
    with Serve(folder) as serve:
        serve.do("deploy", app)
        with Load(serve.address, requests=None, connections=4, path="/x", **HOST) as load:
            load.until_answered(100)
            receipt = serve.deployment("deploy", app, "--watch", "1s")["receipt"]
            load.until_answered(load.outcomes.total() + 1)
        assert receipt["before"]["failed"] == receipt["during"]["failed"] == receipt["after"]["failed"] == 0
        assert receipt["before"]["requests"] > 0 and receipt["after"]["requests"] > 0
        assert receipt["before"]["requests"] + receipt["during"]["requests"] <= load.outcomes.total()


@pytest.mark.parametrize("command, status, evidence", [
    ("echo no database; exit 3", 9, "exit status 3"),
    ("no-such-program", 5, "No such file or directory"),
    ("env STATUS=500 python3 server.py", 5, "answered 500"),
])
def test_a_release_that_does_not_start_changes_nothing(folder, app, command, status, evidence):
    with Serve(folder) as serve:
        serve.do("deploy", app)
        text = (app / "fairlead.toml").read_text()
        (app / "fairlead.toml").write_text(text.replace("python3 server.py", command) + 'start_timeout = "2s"\n')
        with Load(serve.address, requests=None, connections=4, path="/x", **HOST) as load:
            done = serve.verb("deploy", app)
            load.until_answered(load.outcomes.total() + 10)
        assert done.returncode == status
        assert evidence in done.stderr and "v1 serves" in done.stderr
        assert set(load.outcomes.counts) == {200}
        assert [r["name"] for r in serve.replicas()] == ["web.1.v1", "web.2.v1"]
        assert serve.ask("/env/FAIRLEAD_RELEASE", **HOST).text == "v1"


def test_a_migration_that_fails_changes_nothing(folder, app):
    with Serve(folder) as serve:
        serve.do("deploy", app)
        text = (app / "fairlead.toml").read_text()
        (app / "fairlead.toml").write_text(text + "[deploy]\nrelease_command = 'echo no such column; exit 1'\n")
        done = serve.verb("deploy", app)
        assert done.returncode == 4
        assert "no such column" in done.stderr
        assert serve.ask("/env/FAIRLEAD_RELEASE", **HOST).text == "v1"


def test_a_release_that_fails_after_the_switch_goes_back_by_itself(folder, app):
    with Serve(folder) as serve:
        serve.do("deploy", app)
        text = (app / "server.py").read_text()
        (app / "server.py").write_text(text.replace('int(os.environ.get("STATUS", "200"))',
                                                    '200 if self.path == "/health" else 500'))
        with Load(serve.address, requests=None, connections=4, path="/x", **HOST) as load:
            done = serve.verb("deploy", app, "--watch", "20s")
            load.until_answered(load.outcomes.total() + 100)
            assert serve.ask("/env/FAIRLEAD_RELEASE", **HOST).text == "v1"
        assert done.returncode == 6
        assert "worse than before" in done.stderr
        assert set(load.outcomes.counts) == {200, 500}


def test_the_history_tells_what_was_done_and_by_whom(folder, app):
    with Serve(folder) as serve:
        serve.do("deploy", app)
        serve.do("restart")
        releases = json.loads(serve.do("releases", "--json"))
        assert [r["number"] for r in releases] == [2, 1]
        assert [d["kind"] for d in json.loads(serve.do("deployments", "--json"))] == ["restart", "deploy"]
        assert [b["number"] for b in json.loads(serve.do("builds", "--json"))] == [1]
        assert [a["action"] for a in json.loads(serve.do("audit", "--json"))] == ["restart", "deploy"]
        assert "root" in serve.do("releases") or releases[0]["by"] in serve.do("releases")


def test_environments_stand_side_by_side(folder):
    app = small_app.write(folder, rest=ROUTE + "[environments.staging]\nroutes = [{ host = 'staging.example', "
                                               "process = 'web' }]\nenv.COLOUR = 'blue'\n[env]\nCOLOUR = 'red'\n")
    with Serve(folder) as serve:
        serve.do("deploy", app)
        serve.do("deploy", app, "-e", "staging")
        assert serve.ask("/env/COLOUR", **HOST).text == "red"
        assert serve.ask("/env/COLOUR", host="staging.example").text == "blue"


def test_secrets_reach_the_replicas_and_no_release_is_made_without_them(folder):
    app = small_app.write(folder, rest=ROUTE + "[secrets]\nnames = ['API_KEY']\n")
    with Serve(folder) as serve:
        done = serve.verb("deploy", app)
        assert done.returncode == 1 and "API_KEY" in done.stderr
        serve_secret(serve, "first")
        serve.do("deploy", app)
        assert serve.ask("/env/API_KEY", **HOST).text == "first"
        serve_secret(serve, "second")
        assert serve.ask("/env/API_KEY", **HOST).text == "first"  # a release pins its versions
        serve.do("restart")
        assert serve.ask("/env/API_KEY", **HOST).text == "first"
        serve.do("deploy", app)
        assert serve.ask("/env/API_KEY", **HOST).text == "second"
        kept = b"".join(f.read_bytes() for f in serve.state.rglob("*") if f.is_file())
        assert b"second" not in kept
        listed = json.loads(serve.do("secrets", "list", "--json"))
        assert [(s["name"], s["version"]) for s in listed] == [("API_KEY", 2)]
        assert serve.verb("secrets", "set", "API_KEY=third").returncode == 2


def test_a_secret_that_the_app_writes_is_not_kept(folder):
    app = small_app.write(folder, rest=ROUTE + "[secrets]\nnames = ['API_KEY']\n", command="echo key: $API_KEY; exec python3 server.py")
    with Serve(folder) as serve:
        serve_secret(serve, "s3cret-value")
        serve.do("deploy", app)
        log = eventually(lambda: [line for line in serve.do("logs").splitlines() if "key:" in line], "the line to be kept")
        assert log[0].endswith("key: ***")
        file = app / "fairlead.toml"
        file.write_text(file.read_text().replace("exec python3", "exit 3; exec python3"))
        failed = serve.verb("deploy", app)
        assert failed.returncode == 9 and "key: ***" in failed.stderr
        assert "s3cret-value" not in serve.do("deployments", "--json")


def serve_secret(serve, value):
    import subprocess

    from support.process import FAIRLEAD

    subprocess.run([FAIRLEAD, "secrets", "set", "API_KEY", "--app", "small", "--state", serve.state], input=value + "\n",
                   text=True, check=True, capture_output=True)


def test_the_same_source_is_the_same_artifact_and_a_procfile_is_enough(folder):
    app = small_app.write(folder, rest=ROUTE)
    text = (app / "fairlead.toml").read_text()
    (app / "fairlead.toml").write_text(text[:text.index("[processes.web]")])
    (app / "Procfile").write_text("web: python3 server.py\n")
    with Serve(folder) as serve:
        serve.do("deploy", app)
        serve.do("deploy", app)
        assert len({b["artifact"] for b in json.loads(serve.do("builds", "--json"))}) == 1
        assert eventually(lambda: serve.ask("/x", **HOST).text == "/x")
