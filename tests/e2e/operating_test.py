"""The verbs that an operator uses between deployments: they change nothing else, and lose no request."""

import json
import subprocess
import threading

import pytest

from support import small_app
from support.load import Load
from support.process import FAIRLEAD, run
from support.serve import Serve
from support.waiting import eventually

ROUTE = "[[routes]]\nhost = 'small.example'\nprocess = 'web'\n"
HOST = {"host": "small.example"}


@pytest.fixture
def serve(folder):
    app = small_app.write(folder, replicas=2, rest=ROUTE)
    with Serve(folder) as serve:
        serve.app = app
        serve.do("deploy", app)
        yield serve


def test_requests_wait_while_it_is_paused_and_none_fails(serve):
    with Load(serve.address, requests=None, connections=8, path="/x", **HOST) as load:
        load.until_answered(100)
        serve.do("pause")
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(serve.ask("/late", **HOST).text))
        waiting.start()
        before = load.outcomes.total()
        assert serve.deployment("deploy", serve.app)["state"] == "succeeded"  # also while requests wait
        assert load.outcomes.total() <= before + 8 and not answers
        serve.do("resume")
        waiting.join(30)
        load.until_answered(before + 100)
    assert answers == ["/late"]
    assert set(load.outcomes.counts) == {200}


def test_maintenance_is_said_and_ended(serve):
    serve.do("maintenance", "on")
    answer = serve.ask("/x", **HOST)
    assert answer.status == 503 and "maintained" in answer.text
    serve.kill()
    serve.start()  # it is kept
    eventually(lambda: serve.finding("small/production"))
    assert serve.ask("/x", **HOST).status == 503
    serve.do("maintenance", "off")
    assert serve.ask("/x", **HOST).text == "/x"


def test_stopped_is_stopped_until_the_next_deployment(serve):
    assert "stopped" in serve.do("stop")
    assert serve.replicas() == []
    assert serve.ask("/x", **HOST).status == 503
    assert serve.verb("resume").returncode == 1
    serve.kill()
    serve.start()
    assert eventually(lambda: serve.finding("small/production"))["verdict"] == "good"
    assert serve.replicas() == [] and serve.ask("/x", **HOST).status == 503
    serve.do("restart")
    assert serve.ask("/x", **HOST).text == "/x"


def test_a_command_runs_as_the_replicas_do(serve):
    done = run(FAIRLEAD, "exec", "--state", serve.state, "--", "sh", "-c",
               "echo $FAIRLEAD_APP $FAIRLEAD_RELEASE; ls server.py; exit 7")
    assert done.returncode == 7
    assert done.stdout.split() == ["small", "v1", "server.py"]


def test_artifacts_are_listed_with_what_needs_them_and_the_others_removed(serve):
    server = serve.app / "server.py"
    for number in range(3):
        server.write_text(server.read_text() + f"\n# {number}\n")
        serve.do("deploy", serve.app)
    listed = json.loads(serve.do("artifacts", "--json"))
    assert len(listed) == 4
    assert sorted(need for a in listed for need in a["needed_by"]) == \
        ["small/production v1", "small/production v2", "small/production v3", "small/production v4 (live)"]
    assert "removed 2 artifacts" in serve.do("artifacts", "clean", "--keep", "1")
    assert serve.deployment("rollback")["state"] == "succeeded"  # to what was kept
    done = serve.verb("rollback", "v1")
    assert done.returncode == 1 and "no artifact" in done.stderr
    assert serve.finding("artifacts")["verdict"] == "good"


def test_the_doctor_finds_a_damaged_artifact(serve):
    assert serve.verb("doctor").returncode == 0
    largest = max((serve.state / "artifacts" / "blobs" / "sha256").iterdir(), key=lambda f: f.stat().st_size)
    largest.write_bytes(b"x" + largest.read_bytes()[1:])
    done = serve.verb("doctor")
    assert done.returncode == 1
    assert "BAD" in done.stdout and largest.name[:12] in done.stdout


def test_processes_are_listed(serve):
    lines = serve.do("ps").splitlines()
    assert [line.split()[:2] for line in lines[2:]] == [["small/production", "web.1.v1"], ["small/production", "web.2.v1"]]


def test_a_new_key_opens_what_the_old_one_sealed(serve):
    subprocess.run([FAIRLEAD, "secrets", "set", "KEY", "--app", "small", "--state", serve.state], input="value\n", text=True,
                   check=True, capture_output=True)
    key = serve.state / "secrets" / "small" / "key"
    before = key.read_bytes()
    serve.do("secrets", "rotate")
    assert key.read_bytes() != before
    assert [s["name"] for s in json.loads(serve.do("secrets", "list", "--json"))] == ["KEY"]
    assert "rotate-key" in serve.do("audit")


def test_a_build_that_fails_has_its_own_exit_status_and_shows_its_end(serve):
    file = serve.app / "fairlead.toml"
    file.write_text(file.read_text() + "[build]\ncommand = 'echo no such header >&2; exit 3'\n")
    done = serve.verb("deploy", serve.app)
    assert done.returncode == 3
    assert "exit status 3" in done.stderr and "no such header" in done.stderr and "v1 serves" in done.stderr
