"""Each way in which a release can fail is named as what it is, with an exit status of its own; the old one serves on."""

import pytest

from support import small_app
from support.load import Load
from support.serve import Serve

ROUTE = "[[routes]]\nhost = 'small.example'\nprocess = 'web'\n"
HOST = {"host": "small.example"}
HANGS = "import time\nclass Slow(Handler):\n    def do_GET(self):\n        time.sleep(600)\nHandler.do_GET = Slow.do_GET\n"
FAILS_LATER = 'int(os.environ.get("STATUS", "200"))', '200 if self.path == "/health" else 500'
EATS = """
import threading, time
def eat():
    time.sleep(0.5)
    hoard = bytearray(200_000_000)
threading.Thread(target=eat, daemon=True).start()
"""


def deploy_and_watch(serve, app):
    with Load(serve.address, requests=None, connections=4, path="/x", **HOST) as load:
        load.until_answered(50)
        done = serve.verb("deploy", app, "--watch", "20s")
        load.until_answered(load.outcomes.total() + 20)
    assert "v1 serves" in done.stderr, done.stderr
    assert serve.ask("/env/FAIRLEAD_RELEASE", **HOST).text == "v1"
    assert serve.verb("doctor").returncode == 0
    return done, load.outcomes.counts


def change(app, server=lambda text: text, toml=lambda text: text):
    for name, edit in (("server.py", server), ("fairlead.toml", toml)):
        (app / name).write_text(edit((app / name).read_text()))


BEFORE_THE_SWITCH = {
    "exits": (lambda t: "print('no database'); raise SystemExit(3)\n", 9, ["exit status 3", "no database"]),
    "hangs": (lambda t: t.replace("signal.signal", HANGS + "signal.signal"), 5, ["not ready within 2.0s", "GET /health", "it listens there, and does not answer"]),
    "listens elsewhere": (lambda t: t.replace('int(os.environ["PORT"])', "0"), 11, ["it listens on 127.0.0.1:", "the port in PORT"]),
}


@pytest.mark.parametrize("name", BEFORE_THE_SWITCH)
def test_nothing_changes_when_it_does_not_become_ready(folder, name):
    server, status, evidence = BEFORE_THE_SWITCH[name]
    app = small_app.write(folder, replicas=2, rest=ROUTE, process='start_timeout = "2s"')
    with Serve(folder) as serve:
        serve.do("deploy", app)
        change(app, server)
        done, counts = deploy_and_watch(serve, app)
    assert done.returncode == status, done.stderr
    assert all(text in done.stderr for text in evidence), done.stderr
    assert set(counts) == {200}


def test_its_migration_fails(folder):
    app = small_app.write(folder, rest=ROUTE)
    with Serve(folder) as serve:
        serve.do("deploy", app)
        change(app, toml=lambda t: t + "[deploy]\nrelease_command = 'echo no such column; exit 1'\n")
        done, counts = deploy_and_watch(serve, app)
    assert done.returncode == 4 and "no such column" in done.stderr
    assert set(counts) == {200}


def test_it_answers_500_after_the_switch(folder):
    app = small_app.write(folder, rest=ROUTE)
    with Serve(folder) as serve:
        serve.do("deploy", app)
        change(app, lambda t: t.replace(*FAILS_LATER))
        done, counts = deploy_and_watch(serve, app)
    assert done.returncode == 6 and "requests failed" in done.stderr
    assert set(counts) == {200, 500}


def test_it_passes_its_memory_limit_after_the_switch(folder):
    app = small_app.write(folder, replicas=2, rest=ROUTE, process='memory = "48M"')
    with Serve(folder) as serve:
        serve.do("deploy", app)
        change(app, lambda t: t.replace("signal.signal", EATS + "signal.signal"))
        done, counts = deploy_and_watch(serve, app)
    assert done.returncode == 10, done.stderr
    assert "at its limit of 48.0 MiB" in done.stderr and "raise 'memory'" in done.stderr
    assert set(counts) == {200}  # what was in flight was asked again elsewhere
