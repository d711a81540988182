"""Each of the five services as it ships, `fairlead up apps/NAME`, keeps its contract behind the edge, on its embedded store."""

import pathlib

import pytest

from contracts import SERVICES
from support.origin import Origin, response
from support.process import ROOT, run
from support.up import Up

READING = (pathlib.Path(__file__).parents[1] / "data" / "airvisual-nearest-city.json").read_text()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SERVICES)
def test_up_keeps_the_contract(folder, name):
    with Origin(lambda _: response(200, READING)) as airvisual:
        env = {"AIRVISUAL_URL": f"http://{airvisual.address}", "AIRVISUAL_KEY": "key"}
        with Up(folder, f"apps/{name}", env=env) as up:
            assert len(up.replicas()) == 2
            done = run(ROOT / "tests" / "contract", "--service", name, "--url", f"http://{up.address}")
            assert done.returncode == 0, done.stdout + done.stderr
