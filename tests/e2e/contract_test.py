"""Our services keep their contracts whole; the programs before them keep the baseline, and differ in what is listed alone."""

import json
import pathlib

import pytest

from contracts import SERVICES
from references import references
from support.origin import Origin, response
from support.process import ROOT, run
from support.references import Reference
from support.service import Service, command

CONTRACT = ROOT / "tests" / "contract"
MEASUREMENTS = ROOT / "apps" / "airdata" / "data" / "environment_airq_measurand.csv"
READING = (pathlib.Path(__file__).parents[1] / "data" / "airvisual-nearest-city.json").read_text()


@pytest.fixture
def env(request, folder):
    """The environment that a service finds its store in: PostgreSQL, for countme Redis."""
    if "countme" in request.node.name:
        yield {"REDIS_URL": f"unix://{request.getfixturevalue('redis').socket}"}
        return
    with Origin(lambda _: response(200, READING)) as airvisual:
        yield {"DATABASE_URL": request.getfixturevalue("postgresql")[1], "AIRVISUAL_KEY": "key",
               "AIRVISUAL_URL": f"http://{airvisual.address}"}


def outcomes(service, url):
    done = run(CONTRACT, "--service", service, "--url", url, "--json")
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("service", SERVICES)
def test_ours_keeps_all_of_it(folder, service, env):
    if service == "airdata":
        assert command("airdata", "migrate", env=env).returncode == 0
        assert command("airdata", "load", MEASUREMENTS, env=env).returncode == 0
    elif service != "countme":
        assert command(service, "migrate", env=env).returncode == 0
    with Service(folder, service, env) as ours:
        ours.until(lambda: ours.ask("/readyz").status == 200, "the store")
        done = run(CONTRACT, "--service", service, "--url", ours.address)
        assert done.returncode == 0 and "FAILS" not in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_the_program_before_differs_in_what_is_listed_alone(request, folder, service, env):
    if service in references.SCHEMA:
        database, server = env["DATABASE_URL"].split("?")[0].rsplit("/", 1)[1], request.getfixturevalue("postgresql_server")
        server.query(references.SCHEMA[service], database)
        if service == "airdata":
            server.query(f"\\copy measurand FROM '{MEASUREMENTS}' CSV HEADER", database)
    with Reference(folder, service, env) as before:
        found = outcomes(service, before.url)
    assert [o for o in found if o["kind"] == "baseline" and not o["holds"]] == []
    assert [o for o in found if o["kind"] == "better" and o["holds"]] == []


def test_wrong_words_are_told():
    assert run(CONTRACT, "--service", "nothing", "--url", "http://x").returncode == 2
    assert "is no URL" in run(CONTRACT, "--service", "hello", "--url", "x").stderr
