"""`fairlead check` says everything that is wrong, and where, for people and for programs."""

import json

from support import small_app
from support.process import FAIRLEAD, run


def test_all_errors_are_told_with_place_and_suggestion(folder):
    app = small_app.write(folder, process="replica = 2\nmemory = \"lots\"")
    done = run(FAIRLEAD, "check", app)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "fairlead.toml:9:1: error: unknown key 'replica'" in done.stderr
    assert "did you mean 'replicas'?" in done.stderr
    assert "fairlead.toml:10:" in done.stderr
    assert "\x1b" not in done.stderr


def test_json_has_the_same(folder):
    app = small_app.write(folder, process="replica = 2")
    done = run(FAIRLEAD, "check", "--json", app / "fairlead.toml")
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer["ok"] is False and answer["environments"] == {}
    assert [(d["line"], d["column"]) for d in answer["diagnostics"]] == [(9, 1)]


def test_a_right_file_is_shown_resolved(folder):
    app = small_app.write(folder, replicas=3)
    done = run(FAIRLEAD, "check", "--json", cwd=app)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["environments"]["production"]["processes"]["web"]["replicas"] == 3
    assert run(FAIRLEAD, "check", "-e", "nowhere", app).returncode == 1


def test_up_refuses_what_check_refuses(folder):
    app = small_app.write(folder, process="replica = 2")
    done = run(FAIRLEAD, "up", app, "--state", folder / "state")
    assert done.returncode == 1
    assert "did you mean 'replicas'?" in done.stderr
    assert not (folder / "state").exists()
