"""kill -9 of a replica under load costs no request, and the replica is back within two seconds."""

import os
import signal
import time

import pytest

from support.load import Load
from support.up import Up
from support.waiting import eventually

REQUESTS, CONNECTIONS = 20_000, 64


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["web.1", "web.2"])
def test_no_request_fails_and_the_replica_comes_back(folder, name):
    with Up(folder) as up:
        victim = up.replica(name)["pid"]
        with Load(up.address, REQUESTS, CONNECTIONS) as load:
            load.until_answered(REQUESTS // 4)
            os.kill(victim, signal.SIGKILL)
            killed = time.monotonic()
            back = eventually(lambda: returned(up, name, victim), f"{name} to be back")
            seconds = time.monotonic() - killed
            under_load = load.outcomes.total() < REQUESTS
        assert load.outcomes.counts == {200: REQUESTS}
        assert under_load, "the load ended before the replica was back: it proves nothing"
        assert seconds < 2
        assert back["restarts"] == 1
        # An idempotent request is tried again; one that was counted before its replica died counts twice, none is lost.
        assert REQUESTS + 1 <= up.visits() <= REQUESTS + 1 + CONNECTIONS


def returned(up, name, old_pid):
    replica = up.replica(name)
    return replica if replica["state"] == "ready" and replica["pid"] != old_pid else None
