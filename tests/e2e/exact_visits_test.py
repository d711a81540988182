"""20,000 requests over 64 connections: each is answered, each is counted once, and the replicas share them."""

import collections

import pytest

from support.load import Load
from support.up import Up
from support.waiting import eventually

REQUESTS, CONNECTIONS = 20_000, 64


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request):
    """None for the embedded default."""
    return request.getfixturevalue("postgresql")[1] if request.param == "postgresql" else None


@pytest.mark.timeout(600)
def test_every_request_is_answered_and_counted_once(folder, database_url):
    with Up(folder, env={"DATABASE_URL": database_url} if database_url else {}) as up:
        with Load(up.address, REQUESTS, CONNECTIONS) as load:
            pass
        assert load.outcomes.counts == {200: REQUESTS}
        assert up.visits() == REQUESTS + 1

        records = eventually(lambda: whole(up.records()), f"{REQUESTS} access records")
        served = collections.Counter(r["origin"] for r in records)
        assert len(served) == 2
        for origin, count in served.items():
            assert 0.4 <= count / REQUESTS <= 0.6, f"{origin} served {count}"


def whole(records):
    """The records of the load, once all are there."""
    ours = [r for r in records if r["user_agent"] == "load"]
    return ours if len(ours) == REQUESTS else None
