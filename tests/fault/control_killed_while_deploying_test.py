"""kill -9 of control at any moment of a deployment: nothing is lost, and afterwards exactly one release is live."""

import json
import subprocess
import time

import pytest

from support import small_app
from support.load import Load
from support.process import FAIRLEAD
from support.serve import Serve
from support.waiting import eventually

ROUTE = "[[routes]]\nhost = 'small.example'\nprocess = 'web'\n"
HOST = {"host": "small.example"}


def releases_running(serve):
    return {r["name"].rsplit(".", 1)[1] for r in serve.replicas()}


@pytest.mark.timeout(600)
def test_killed_at_thirty_moments(folder):
    app = small_app.write(folder, replicas=2, rest=ROUTE + "[deploy]\nrelease_command = 'sleep 0.05'\n")
    with Serve(folder) as serve:
        serve.do("deploy", app)
        with Load(serve.address, requests=None, connections=8, path="/x", **HOST) as load:
            load.until_answered(50)
            for moment in range(30):
                order = subprocess.Popen([FAIRLEAD, "deploy", app, "--state", serve.state],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(moment * 0.03)  # the moment is what varies, not something that is waited for
                serve.kill()
                order.wait(30)
                load.until_answered(load.outcomes.total() + 20)  # without control, too
                serve.start()
                live = eventually(lambda: one_live(serve), "one release to be whole", seconds=40)
                assert serve.ask("/env/FAIRLEAD_RELEASE", **HOST).text == live
                assert set(load.outcomes.counts) == {200}, f"moment {moment}: {load.outcomes.counts}"


def one_live(serve):
    """The one release whose two replicas, and nothing else, run and are ready; None while it is not so."""
    done = serve.verb("deployments", "--json")
    if done.returncode != 0 or any(d["state"] == "running" for d in json.loads(done.stdout)):
        return None
    replicas = serve.replicas()
    running = releases_running(serve)
    if len(replicas) == 2 and len(running) == 1 and all(r["state"] == "ready" for r in replicas):
        return running.pop()
    return None
