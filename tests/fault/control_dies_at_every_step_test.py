"""Control kills itself at each place of a deployment, one after the other: no request is lost, one release is live."""

import re
import subprocess

import pytest

from support import small_app
from support.load import Load
from support.process import FAIRLEAD
from support.serve import Serve
from support.waiting import eventually

ROUTE = "[[routes]]\nhost = 'small.example'\nprocess = 'web'\n"
HOST = {"host": "small.example"}


@pytest.mark.timeout(900)
def test_nothing_is_lost_and_the_doctor_finds_nothing(folder):
    app = small_app.write(folder, replicas=2, rest=ROUTE + "[deploy]\nrelease_command = 'true'\n"
                                                           "[build]\ncommand = 'true'\n")
    places = []
    with Serve(folder) as serve:
        serve.do("deploy", app)
        with Load(serve.address, requests=None, connections=8, path="/x", **HOST) as load:
            load.until_answered(50)
            while True:
                serve.kill()
                serve.start(env={"FAIRLEAD_DIE_AT": str(len(places) + 1)})
                place = places[-1] if places else "at first"
                found = eventually(lambda: serve.finding("small/production"), f"one release to be whole ({place})", 40)
                assert found["verdict"] == "good", f"{place}: {found}"
                done = serve.verb("doctor")
                assert done.returncode == 0, f"{place}: {done.stdout}"
                if subprocess.run([FAIRLEAD, "deploy", app, "--state", serve.state], capture_output=True, timeout=60).returncode == 0:
                    break  # it has passed them all
                assert serve.wait(30) == -9, serve.output()
                places.append(re.search(r"dies at: (.*)", serve.stderr())[1])
                load.until_answered(load.outcomes.total() + 10)  # without control, too
                assert set(load.outcomes.counts) == {200}, f"{places[-1]}: {load.outcomes.counts}"
    assert len(places) >= 30, places
    assert {"before the commit", "after the commit", "after a switch", "before the build"} <= set(places)
