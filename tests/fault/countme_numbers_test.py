"""While replicas and Redis are killed and come back: no number is given twice, and none goes back on a connection."""

import contextlib
import os
import re
import signal

import pytest

from support.load import Load
from support.service import Service
from support.up import Up, built
from support.waiting import eventually

REPLICAS = 4


def numbers(loads):
    """The numbers given on each connection."""
    return [[int(re.search(rb"seen (\d+) times", body)[1]) for status, body in answers if status == 200]
            for load in loads for answers in load.answers]


def assert_each_its_own(loads):
    given = numbers(loads)
    flat = [n for mine in given for n in mine]
    assert len(set(flat)) == len(flat)
    assert all(mine == sorted(mine) for mine in given)
    # Skipped are only numbers whose answer was lost on its way.
    failed = sum(load.outcomes.total() - load.outcomes.counts[200] for load in loads)
    assert max(flat) - len(flat) <= failed


def crash(redis):
    redis.program.stop(signal.SIGKILL)
    redis.start()


def answered(loads):
    return sum(load.outcomes.counts[200] for load in loads)


@pytest.mark.timeout(180)
def test_10000_requests_to_four_processes(folder, redis):
    env = {"REDIS_URL": f"unix://{redis.socket}"}
    with contextlib.ExitStack() as stack:
        replicas = [stack.enter_context(Service(folder, "countme", env)) for _ in range(REPLICAS)]
        loads = [stack.enter_context(Load(r.address, None, 16, keep=True)) for r in replicas]
        for enough, victim in [(1500, replicas[0]), (3000, redis), (5000, replicas[1]), (6500, redis), (10_000, None)]:
            eventually(lambda: answered(loads) >= enough, f"{enough} answers", seconds=60)
            if victim is redis:
                crash(redis)
            elif victim:
                victim.stop(signal.SIGKILL)
        stack.pop_all().close()
        assert_each_its_own(loads)


@pytest.mark.timeout(300)
def test_10000_concurrent_requests_through_the_edge(folder, redis):
    app = built(folder, "countme")
    file = app / "fairlead.toml"
    file.write_text(file.read_text().replace("replicas = 2", f"replicas = {REPLICAS}"))
    with Up(folder, app, env={"REDIS_URL": f"unix://{redis.socket}"}) as up:
        with Load(up.address, None, 10_000, keep=True) as load:
            for enough, victim in [(2000, "web.1"), (6000, redis), (10_000, "web.3"), (14_000, redis), (20_000, None)]:
                eventually(lambda: answered([load]) >= enough, f"{enough} answers", seconds=100)
                if victim is redis:
                    crash(redis)
                elif victim:
                    os.kill(up.replica(victim)["pid"], signal.SIGKILL)
        assert_each_its_own([load])
        # 502: a replica died with so many requests that the edge did not try all of them again.
        assert {200} <= set(load.outcomes.counts) <= {200, 502, 503}, load.outcomes.counts
        eventually(lambda: up.is_ready() and len(up.replicas()) == REPLICAS, "the killed replicas to be back")
