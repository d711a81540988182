"""A database that is down, or not migrated, is told with 503; the service comes back with it by itself."""

import re
import time

import pytest

from support.databases import PostgreSQL
from support.load import Load
from support.service import Service, command
from support.waiting import eventually


@pytest.fixture
def server(folder):
    """A server that this test may stop."""
    own = PostgreSQL(folder / "pg")
    yield own
    own.stop()


def visits(service):
    page = service.ask()
    assert page.status == 200, page
    return int(re.search(r"this page (\d+) times", page.text)[1])


def test_back_within_two_seconds_of_the_databases_return(folder, server):
    env = {"DATABASE_URL": server.new_database()[1]}
    assert command("visitors", "migrate", env=env).returncode == 0
    with Service(folder, "visitors", env) as service:
        assert visits(service) == 1
        server.stop()
        down = eventually(lambda: (p := service.ask()).status == 503 and p, "the database's absence to be told")
        assert "Query to DB failed" in down.text and down.headers["Retry-After"] == "1"
        ready = service.ask("/readyz")
        assert ready.status == 503 and "PostgreSQL" in ready.json()["reason"]
        assert service.ask("/healthz").status == 200
        server.start()
        begin = time.monotonic()
        eventually(lambda: service.ask("/readyz").status == 200, "readiness")
        assert time.monotonic() - begin < 2
        assert visits(service) == 2


@pytest.mark.timeout(120)
def test_what_was_acknowledged_is_counted_when_the_server_crashes(folder, server):
    env = {"DATABASE_URL": server.new_database()[1]}
    assert command("visitors", "migrate", env=env).returncode == 0
    with Service(folder, "visitors", env) as service:
        with Load(service.address, None, 16) as load:
            load.until_answered(500)
            server.program.stop(3)  # SIGQUIT: as a crash
            seen = load.outcomes.total()
            load.until_answered(seen + 200)
            server.start()
            good = load.outcomes.counts[200]
            eventually(lambda: load.outcomes.counts[200] > good + 500, "visits again", 60)
        assert set(load.outcomes.counts) == {200, 503}
        counted = visits(service) - 1
        # What failed may have been counted when the answer was lost on its way: never more than that.
        assert load.outcomes.counts[200] <= counted <= load.outcomes.counts[200] + 16


def test_not_migrated_is_not_ready(folder, server):
    env = {"DATABASE_URL": server.new_database()[1]}
    with Service(folder, "visitors", env) as service:
        ready = service.ask("/readyz").json()
        assert "version 0, version 3 is needed" in ready["reason"] and "migrate" in ready["hint"]
        assert service.ask().status == 503
        assert command("visitors", "migrate", env=env).returncode == 0
        assert service.ask("/readyz").status == 200
        assert visits(service) == 1


def test_sigterm_finishes_what_was_asked(folder):
    env = {"DATABASE_URL": f"sqlite:///{folder}/v.db"}
    with Service(folder, "visitors", env) as service:
        with Load(service.address, None, 16) as load:
            load.until_answered(500)
            assert service.stop() == 0
        # An idle connection may be closed just as its next request is sent; no request that was begun is lost.
        assert load.outcomes.counts[503] == load.outcomes.counts[500] == 0
        answered = load.outcomes.counts[200]
    with Service(folder, "visitors", env) as service:
        assert visits(service) == answered + 1
