"""airquality: air quality at a place, and which cities were asked for."""

import re

from contracts.contract import Contract, add_common, expect, is_problem

contract = Contract()
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z"


def history(client, query=""):
    answer = client.ask(f"/queried-cities{query}")
    expect(answer.status == 200 and answer.headers["Content-Type"].startswith("application/json"), answer)
    expect(isinstance(answer.json(), list), answer)
    return answer.json()


@contract.better("a history without queries is []")  # first: after this there is one
def empty(client):
    history(client)


@contract.baseline("GET / says that it runs")
def root(client):
    answer = client.ask("/")
    expect(answer.status == 200 and answer.text == "Air Quality API running", answer)


@contract.baseline("GET /air-quality?lat=&lon= is the city and its index, also without a place")
def quality(client):
    for query in ["?lat=50&lon=1", ""]:
        answer = client.ask(f"/air-quality{query}")
        expect(answer.status == 200 and answer.headers["Content-Type"].startswith("application/json"), answer)
        expect(set(answer.json()) - {"stale"} == {"city", "air_quality_index"}, answer)
        expect(isinstance(answer.json()["city"], str) and isinstance(answer.json()["air_quality_index"], int), answer)


@contract.baseline("every query is kept with its time, newest first")
def kept(client):
    before = len(history(client))
    city = client.ask("/air-quality?lat=50&lon=1").json()["city"]
    now = history(client)
    assert len(now) > before and now[0]["City"] == city, now[:3]
    times = [query["Time"] for query in now]
    assert all(re.fullmatch(TIME, time) for time in times) and times == sorted(times, reverse=True), times[:3]


@contract.better("a place that is none on earth is a 400 problem document")
def no_place(client):
    for query in ["lat=91", "lon=-181", "lat=x", "lat=nan"]:
        is_problem(client.ask(f"/air-quality?{query}"), 400)


@contract.better("?limit= and ?before= page through the history")
def pages(client):
    client.ask("/air-quality"), client.ask("/air-quality")
    newest = history(client, "?limit=1")
    assert len(newest) == 1, newest
    older = history(client, f"?before={newest[0]['Time']}&limit=2")
    assert all(query["Time"] < newest[0]["Time"] for query in older) and 1 <= len(older) <= 2, older


add_common(contract, "/air-quality")
