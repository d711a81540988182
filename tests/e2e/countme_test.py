"""countme: every answered request has a number of its own, on Redis and on SQLite."""

import re

import pytest

from support.service import Service, command


@pytest.fixture(params=["redis", "sqlite"])
def store(request, folder):
    if request.param == "sqlite":
        return {"DATABASE_URL": f"sqlite:///{folder}/data/countme.db"}
    return {"REDIS_URL": f"unix://{request.getfixturevalue('redis').socket}"}


def ready(service):
    service.until(lambda: service.ask("/readyz").status == 200, "the store")
    return service


def number(answer):
    assert answer.status == 200, answer
    return int(re.fullmatch(r"Hello World! I have been seen (\d+) times\.\n", answer.text)[1])


def test_it_starts_at_one_and_counts_on(folder, store):
    with Service(folder, "countme", store) as service:
        first = ready(service).ask()
        assert first.headers["Content-Type"] == "text/html; charset=utf-8"
        assert first.text == "Hello World! I have been seen 1 times.\n"
        assert number(service.ask()) == 2
    with Service(folder, "countme", store) as service:
        assert number(ready(service).ask()) == 3


def test_looking_counts_nothing(folder, store):
    with Service(folder, "countme", store) as service:
        ready(service)
        assert service.ask(method="HEAD").status == 200
        for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"]:
            assert service.ask(path).status == 200
        assert service.ask("/nothing").status == 404
        assert service.ask(method="POST", body="x").status == 405
        assert number(service.ask()) == 1


def test_a_proxys_second_try_gets_the_number_of_the_first(folder, store):
    with Service(folder, "countme", store) as one, Service(folder, "countme", store) as two:
        ready(one), ready(two)
        assert number(one.ask(headers={"X-Request-ID": "a"})) == 1
        assert number(two.ask(headers={"X-Request-ID": "a"})) == 1
        assert number(two.ask(headers={"X-Request-ID": "b"})) == 2
        assert number(two.ask()) == 3


def test_an_id_of_a_client_that_is_no_trusted_proxy_means_nothing(folder, store):
    with Service(folder, "countme", {**store, "TRUSTED_PROXIES": "none"}) as service:
        ready(service)
        assert [number(service.ask(headers={"X-Request-ID": "a"})) for _ in range(3)] == [1, 2, 3]


def test_wrong_configuration_is_told_at_start(folder):
    for env, words in [({"REDIS_URL": "memcached://h"}, "supported are redis://, unix://"),
                       ({"REDIS_URL": "redis://h:0"}, "not understood"),
                       ({"DATABASE_URL": "postgresql://h/x"}, "supported are sqlite://")]:
        refused = command("countme", "serve", env=env)
        assert refused.returncode == 2 and words in refused.stderr, refused.stderr


def test_a_missing_redis_is_told_and_awaited(folder, redis):
    redis.stop()
    with Service(folder, "countme", {"REDIS_URL": f"unix://{redis.socket}"}) as service:
        down = service.ask()
        assert down.status == 503 and down.headers["Retry-After"] == "1"
        assert down.headers["Content-Type"] == "application/problem+json"
        assert "Redis" in service.ask("/readyz").json()["reason"]
        redis.start()
        service.until(lambda: service.ask("/readyz").status == 200, "Redis", seconds=2)
        assert number(service.ask()) == 1
