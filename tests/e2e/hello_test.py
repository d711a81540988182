"""hello: greets on birthdays, on every store it takes."""

import datetime
import json

import pytest

from support.service import Service, command


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def url(request, folder):
    if request.param == "sqlite":
        return f"sqlite:///{folder}/data/hello.db"
    if request.param == "redis":
        return f"unix://{request.getfixturevalue('redis').socket}"
    url = request.getfixturevalue("postgresql")[1]
    assert command("hello", "migrate", env={"DATABASE_URL": url}).returncode == 0
    return url


@pytest.fixture
def service(folder, url):
    with Service(folder, "hello", {"DATABASE_URL": url, "TZ": "UTC"}) as started:
        started.until(lambda: started.ask("/readyz").status == 200, "the store")
        yield started


def today():
    return datetime.datetime.now(datetime.timezone.utc).date()


def put(service, name, body):
    return service.ask(f"/hello/{name}", "PUT", body if isinstance(body, str) else json.dumps(body))


def born(service, name, day):
    answer = put(service, name, {"dateOfBirth": day.isoformat() if hasattr(day, "isoformat") else day})
    assert answer.status == 204 and answer.body == b"", answer


def message(service, name):
    answer = service.ask(f"/hello/{name}")
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json"
    return answer.json()


def test_greets_on_the_day_and_counts_to_it(service):
    now = today()
    born(service, "Ada", now.replace(year=1988 if (now.month, now.day) == (2, 29) else 1990))
    born(service, "bob", now)
    born(service, "Eve", now - datetime.timedelta(days=1))
    if today() == now:  # not over midnight
        assert message(service, "Ada") == {"message": "Hello Ada! Happy birthday!"}
        assert message(service, "bob") == {"message": "Hello bob! Happy birthday!"}
        yesterday = now - datetime.timedelta(days=1)
        leap = (yesterday.month, yesterday.day) == (2, 29)
        coming = datetime.date(yesterday.year + 1, 3, 1) if leap else yesterday.replace(year=yesterday.year + 1)
        assert message(service, "Eve") == {"message": f"Hello Eve! Your birthday is in {(coming - now).days} day(s)"}


def test_a_later_date_replaces_the_earlier(service):
    born(service, "Ada", "1815-12-10")
    born(service, "Ada", today())
    assert "Happy birthday" in message(service, "Ada")["message"]


def test_who_was_never_put_is_not_found(service):
    for name in ["Nobody", "no1", "%C3%89ve", "a%2Fb"]:
        answer = service.ask(f"/hello/{name}")
        assert answer.status == 404 and answer.headers["Content-Type"] == "application/problem+json"
    born(service, "Ada", "1815-12-10")
    assert service.ask("/hello/ada").status == 404


@pytest.mark.parametrize("body", ["", "x", "[]", "{}", '{"dateOfBirth":5}', '{"dateOfBirth":"1999-02-29"}',
                                  '{"dateOfBirth":"19990228"}', '{"dateOfBirth":"9999-01-01"}'])
def test_a_body_that_holds_no_date_of_birth_is_refused(folder, body):
    with Service(folder, "hello", {"DATABASE_URL": f"sqlite:///{folder}/h.db"}) as service:
        answer = put(service, "Ada", body)
        assert answer.status == 400 and answer.headers["Content-Type"] == "application/problem+json"
        assert service.ask("/hello/Ada").status == 404


def test_the_rest_of_the_contract(service):
    root = service.ask("/")
    assert root.status == 200 and root.body == b""
    assert put(service, "R2D2", {"dateOfBirth": "1977-05-25"}).status == 400
    assert put(service, "Ada", "x" * (1 << 20) + "x").status == 413
    wrong = service.ask("/hello/Ada", "DELETE")
    assert wrong.status == 405 and wrong.headers["Allow"] == "GET, HEAD, PUT, OPTIONS"
    assert service.ask("/hello").status == service.ask("/hello/Ada/x").status == 404
    assert service.ask("/openapi.json").json()["openapi"] == "3.1.0"


def test_what_was_put_outlives_the_process(folder, url):
    for step in range(2):
        with Service(folder, "hello", {"DATABASE_URL": url}) as service:
            service.until(lambda: service.ask("/readyz").status == 200, "the store")
            if step == 0:
                born(service, "Ada", "1815-12-10")
            assert message(service, "Ada")["message"].startswith("Hello Ada! ")


def test_a_store_that_is_down_is_told(folder, redis):
    with Service(folder, "hello", {"DATABASE_URL": f"unix://{redis.socket}"}) as service:
        service.until(lambda: service.ask("/readyz").status == 200, "the store")
        redis.stop()
        for answer in [service.ask("/hello/Ada"), put(service, "Ada", {"dateOfBirth": "1815-12-10"})]:
            assert answer.status == 503 and answer.headers["Retry-After"] == "1"
        redis.start()
        service.until(lambda: service.ask("/readyz").status == 200, "the store's return", seconds=2)


def test_wrong_configuration_is_told_at_start():
    for env, words in [({"DATABASE_URL": ""}, "DATABASE_URL is not set"), ({"DATABASE_URL": "mysql://x/y"}, "supported are")]:
        refused = command("hello", "serve", env=env)
        assert refused.returncode == 2 and words in refused.stderr, refused.stderr
