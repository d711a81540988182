"""airdata: a CSV of measurements as JSON."""

import csv
import re

from contracts.contract import Contract, add_common, expect, is_problem

contract = Contract()
VALUES = ["so2", "no2", "co", "o3", "pm10", "pm2_5"]
COLUMNS = ["timestamp", "id_entity", *VALUES]
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}"


def rows(client, query=""):
    answer = client.ask(f"/air_quality{query}")
    expect(answer.status == 200 and answer.headers["Content-Type"].startswith("application/json"), answer)
    return answer.json()


@contract.baseline("GET /air_quality is a JSON array of the measurements, in time order")
def everything(client):
    found = rows(client)
    assert found and all(set(row) == set(COLUMNS) for row in found), found[:2]
    assert all(re.fullmatch(TIME, row["timestamp"]) for row in found), found[:2]
    assert all(row[name] is None or isinstance(row[name], (int, float)) for row in found for name in VALUES)
    times = [row["timestamp"] for row in found]
    assert times == sorted(times)


@contract.better("?id_entity=, ?from= and ?to= filter")
def filters(client):
    found = rows(client)
    station, middle = found[0]["id_entity"], found[len(found) // 2]["timestamp"]
    assert rows(client, f"?id_entity={station}") == [r for r in found if r["id_entity"] == station]
    assert rows(client, f"?from={middle}") == [r for r in found if r["timestamp"] >= middle]
    assert rows(client, f"?to={middle}") == [r for r in found if r["timestamp"] < middle]


@contract.better("?limit= and ?after= page")
def pages(client):
    first = client.ask("/air_quality?limit=2")
    link = re.fullmatch(r'<.*(/air_quality\?.+)>; rel="next"', first.headers["Link"])[1]
    assert first.json() + client.ask(link).json() == rows(client, "?limit=4")


@contract.better("?every=1h is the mean per station and hour")
def means(client):
    found = rows(client, "?every=1h")
    assert all(row["timestamp"][14:] == "00:00.000" for row in found), found[:2]
    keys = [(row["timestamp"], row["id_entity"]) for row in found]
    assert len(set(keys)) == len(keys)


@contract.better("GET /air_quality/stations lists the stations")
def stations(client):
    answer = client.ask("/air_quality/stations")
    expect({s["id_entity"] for s in answer.json()} == {r["id_entity"] for r in rows(client)}, answer)


@contract.better("Accept: text/csv gives CSV")
def as_csv(client):
    answer = client.ask("/air_quality?limit=3", headers={"Accept": "text/csv"})
    expect(answer.headers["Content-Type"].startswith("text/csv"), answer)
    lines = list(csv.reader(answer.text.splitlines()))
    assert len(lines) == 4 and lines[0] == ["TimeInstant", *COLUMNS[1:]], lines


@contract.better("what a cache needs: ETag and Last-Modified that are honoured, Cache-Control, Surrogate-Key")
def cacheable(client):
    answer = client.ask("/air_quality?limit=1")
    # A cache in front keeps Surrogate-Key to itself.
    in_front = answer.headers["Cache-Status"] is not None
    for field in ["ETag", "Last-Modified", "Cache-Control", *([] if in_front else ["Surrogate-Key"])]:
        expect(answer.headers[field], answer)
    again = client.ask("/air_quality?limit=1", headers={"If-None-Match": answer.headers["ETag"]})
    expect(again.status == 304 and again.body == b"", again)


@contract.better("a filter that is none is a 400 problem document")
def wrong_filters(client):
    for query in ["from=x", "limit=0", "every=1y"]:
        is_problem(client.ask(f"/air_quality?{query}"), 400)


add_common(contract, "/air_quality")
