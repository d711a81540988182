"""airquality: asks AirVisual seldom, survives its absence, and keeps every query."""

import concurrent.futures
import pathlib
import re
import sqlite3
import threading

import pytest

from support.origin import Origin, response
from support.service import Service, command

ANSWER = (pathlib.Path(__file__).parents[1] / "data" / "airvisual-nearest-city.json").read_text()


class AirVisual(Origin):
    """Answers as AirVisual does, and misbehaves as `mode` says."""

    def __init__(self):
        self.mode = "well"
        self.go_on = threading.Event()
        super().__init__(self.answer)

    def answer(self, request):
        if self.mode == "slow":
            self.go_on.wait(20)
            return None
        if self.mode == "hold":
            self.go_on.wait(20)
        return {"well": lambda: response(200, ANSWER), "hold": lambda: response(200, ANSWER),
                "broken": lambda: response(500, "oops"), "rubbish": lambda: response(200, "<html>"),
                "no http": lambda: b"\0\1\2\3\r\n\r\n", "cut": lambda: None,
                "quota": lambda: response(429, '{"status":"fail","data":{"message":"call_per_day_limit_reached"}}'),
                }[self.mode]()


@pytest.fixture
def airvisual():
    with AirVisual() as origin:
        yield origin
        origin.go_on.set()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, folder):
    if request.param == "sqlite":
        return f"sqlite:///{folder}/a.db"
    url = request.getfixturevalue("postgresql")[1]
    assert command("airquality", "migrate", env={"DATABASE_URL": url}).returncode == 0
    return url


def start(folder, url, airvisual, **more):
    return Service(folder, "airquality", {"DATABASE_URL": url, "AIRVISUAL_KEY": "s3cr3t&key",
                                          "AIRVISUAL_URL": f"http://{airvisual.address}", **more})


@pytest.fixture
def service(folder, airvisual):
    with start(folder, f"sqlite:///{folder}/a.db", airvisual) as started:
        yield started


def test_answers_and_keeps_the_query(folder, url, airvisual):
    with start(folder, url, airvisual) as service:
        assert service.ask("/").text == "Air Quality API running"
        assert service.ask("/queried-cities").json() == []
        answer = service.ask("/air-quality?lat=50&lon=1")
        assert answer.status == 200
        assert answer.json() == {"city": "Manchester", "air_quality_index": 19}
        assert airvisual.requests[0].path == "/v2/nearest_city?lat=50&lon=1&key=s3cr3t%26key"
        service.ask("/air-quality")
        assert airvisual.requests[1].path.startswith("/v2/nearest_city?lat=52&lon=0&")
        history = service.ask("/queried-cities").json()
        assert [entry["City"] for entry in history] == ["Manchester", "Manchester"]
        assert [list(entry) for entry in history] == [["Time", "City"]] * 2
        times = [entry["Time"] for entry in history]
        assert times == sorted(times, reverse=True)
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", time) for time in times)


def test_asks_once_for_what_is_fresh_and_keeps_every_query(service, airvisual):
    for query in ["?lat=50&lon=1", "?lat=50.0&lon=1.000", "?lon=1&lat=5e1"]:
        assert service.ask(f"/air-quality{query}").json()["city"] == "Manchester"
    assert len(airvisual.requests) == 1
    assert len(service.ask("/queried-cities").json()) == 3


def test_identical_questions_in_flight_are_merged(service, airvisual):
    airvisual.mode = "hold"
    with concurrent.futures.ThreadPoolExecutor(20) as workers:
        asked = [workers.submit(service.ask, "/air-quality?lat=1&lon=1") for _ in range(20)]
        service.until(lambda: 'readings_total{how="merged"} 19' in service.ask("/metrics").text, "19 to wait")
        airvisual.go_on.set()
        assert {done.result().status for done in asked} == {200}
    assert len(airvisual.requests) == 1
    assert len(service.ask("/queried-cities").json()) == 20


@pytest.mark.parametrize("query", ["lat=91", "lat=-90.1", "lon=181", "lat=x", "lat=", "lat=nan", "lon=1e999"])
def test_a_place_that_is_none_is_refused_without_asking(service, airvisual, query):
    refused = service.ask(f"/air-quality?{query}")
    assert refused.status == 400 and refused.headers["Content-Type"] == "application/problem+json"
    assert airvisual.requests == []


@pytest.mark.parametrize("mode, status, asked", [("broken", 502, 3), ("rubbish", 502, 1), ("no http", 502, 1),
                                                ("cut", 502, 3), ("quota", 502, 1)])
def test_failure_is_told_and_never_ends_the_process(service, airvisual, mode, status, asked):
    airvisual.mode = mode
    failed = service.ask("/air-quality")
    assert failed.status == status and failed.headers["Content-Type"] == "application/problem+json"
    assert asked <= len(airvisual.requests) <= asked + 1  # a kept connection found closed is tried once more
    assert "s3cr3t" not in failed.text + service.stdout() + service.stderr()
    assert service.ask("/readyz").status == 200
    airvisual.mode = "well"
    assert service.ask("/air-quality").status == 200


def test_silence_is_a_gateway_timeout(service, airvisual):
    airvisual.mode = "slow"
    assert service.ask("/air-quality").status == 504


def test_the_last_known_answer_is_marked_stale(folder, airvisual):
    with start(folder, f"sqlite:///{folder}/a.db", airvisual, FRESH_SECONDS="1") as service:
        assert service.ask("/air-quality").json() == {"city": "Manchester", "air_quality_index": 19}
        airvisual.mode = "broken"
        stale = service.until(lambda: (a := service.ask("/air-quality")).json().get("stale") and a, "a stale answer")
        assert stale.status == 200 and stale.headers["Warning"].startswith("110")
        assert stale.json()["city"] == "Manchester"
        airvisual.mode = "well"


def test_after_repeated_failures_airvisual_is_left_alone(service, airvisual):
    airvisual.mode = "broken"
    for _ in range(10):
        assert service.ask("/air-quality").status == 502
    assert len(airvisual.requests) == 5
    assert "airvisual_refused_total" in service.ask("/metrics").text


def test_the_history_is_paged(folder, url, airvisual):
    with start(folder, url, airvisual) as service:
        for _ in range(25):
            service.ask("/air-quality")
        everything = service.ask("/queried-cities").json()
        assert len(everything) == 25
        assert service.ask("/queried-cities?limit=7").json() == everything[:7]
        before = everything[9]["Time"]
        older = service.ask(f"/queried-cities?before={before}").json()
        assert older == [entry for entry in everything if entry["Time"] < before]
        pages, path = [], "/queried-cities?limit=10"
        while path:
            page = service.ask(path)
            pages += page.json()
            link = page.headers["Link"]
            path = link and re.fullmatch(r'<(.+)>; rel="next"', link)[1]
        assert pages == everything
        for wrong in ["limit=0", "limit=x", "limit=-1", "before=yesterday", "before='"]:
            assert service.ask(f"/queried-cities?{wrong}").status == 400


def test_a_long_history_is_streamed(folder, airvisual):
    url = f"sqlite:///{folder}/a.db"
    assert command("airquality", "migrate", env={"DATABASE_URL": url}).returncode == 0
    with sqlite3.connect(f"{folder}/a.db") as database:
        # Many in the same microsecond, over the edges of pages too.
        database.executemany("INSERT INTO UserQueries (Time, City) VALUES (?, ?)",
                             ((f"2020-01-01T00:00:{i // 1500:02}.000000Z", f"City {i}") for i in range(5000)))
    with start(folder, url, airvisual) as service:
        answer = service.ask("/queried-cities")
        assert answer.headers["Transfer-Encoding"] == "chunked"
        assert [entry["City"] for entry in answer.json()] == [f"City {i}" for i in reversed(range(5000))]
        assert len(service.ask("/queried-cities?limit=2500").json()) == 2500


def test_an_old_table_is_taken_over(folder, postgresql, postgresql_server, airvisual):
    name, url = postgresql
    postgresql_server.query("CREATE TABLE UserQueries (Time timestamp PRIMARY KEY, City text)", name)
    postgresql_server.query("INSERT INTO UserQueries VALUES ('2018-02-21 15:03:15.123456', 'Manchester')", name)
    assert command("airquality", "migrate", env={"DATABASE_URL": url}).returncode == 0
    with start(folder, url, airvisual) as service:
        assert service.ask("/queried-cities").json() == [{"Time": "2018-02-21T15:03:15.123456Z", "City": "Manchester"}]
        service.ask("/air-quality")
        assert len(service.ask("/queried-cities").json()) == 2
    # The time is a key no longer.
    postgresql_server.query("INSERT INTO UserQueries VALUES ('2018-02-21 15:03:15.123456', 'London')", name)


def test_wrong_configuration_is_told_at_start():
    database = {"DATABASE_URL": "sqlite:///tmp/x.db"}
    for env, words in [({}, "DATABASE_URL is not set"), ({**database, "AIRVISUAL_URL": "ftp://h"}, "AIRVISUAL_URL"),
                       ({**database, "FRESH_SECONDS": "0"}, "FRESH_SECONDS"), ({"DATABASE_URL": "redis://h"}, "supported")]:
        refused = command("airquality", "serve", env=env)
        assert refused.returncode == 2 and words in refused.stderr, refused.stderr
