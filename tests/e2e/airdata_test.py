"""airdata: a CSV, whole or not at all, as JSON that is filtered, averaged, paged, cached and streamed."""

import csv
import datetime
import os
import pathlib
import pty
import re
import statistics
import subprocess

import pytest

from support import process
from support.origin import Origin, response
from support.service import Service, command
from support.up import SANITIZED

DATA = pathlib.Path(__file__).parents[2] / "apps" / "airdata" / "data" / "environment_airq_measurand.csv"
HEADER = "TimeInstant,id_entity,so2,no2,co,o3,pm10,pm2_5\n"
VALUES = ["so2", "no2", "co", "o3", "pm10", "pm2_5"]


def expected_rows():
    with open(DATA, newline="") as file:
        return [{"timestamp": row["TimeInstant"].replace(" ", "T"), "id_entity": row["id_entity"],
                 **{name: float(row[name]) for name in VALUES}} for row in csv.DictReader(file)]


@pytest.fixture(params=["sqlite", "postgresql"])
def env(request, folder):
    if request.param == "sqlite":
        found = {"DATABASE_URL": f"sqlite:///{folder}/data/air.db"}
    else:
        found = {"DATABASE_URL": request.getfixturevalue("postgresql")[1]}
    assert command("airdata", "migrate", env=found).returncode == 0
    return found


def load(env, *words):
    return command("airdata", "load", *words, env=env)


@pytest.fixture
def service(folder, env):
    assert load(env, DATA).returncode == 0
    with Service(folder, "airdata", env) as started:
        started.until(lambda: started.ask("/readyz").status == 200, "the store")
        yield started


def all_rows(service, query=""):
    answer = service.ask(f"/air_quality{query}")
    assert answer.status == 200, answer
    return answer.json()


def test_all_rows_in_time_order(service):
    rows = all_rows(service)
    assert rows == expected_rows()
    assert list(rows[0]) == ["timestamp", "id_entity", *VALUES]


def test_loading_again_changes_nothing(folder, env, service):
    tag = service.ask("/air_quality").headers["ETag"]
    again = load(env, DATA)
    assert again.returncode == 0 and "960 rows read, 0 new or changed" in again.stdout
    assert service.ask("/air_quality").headers["ETag"] == tag
    assert len(all_rows(service)) == 960


def test_filters(service):
    rows = expected_rows()
    jaen = [r for r in rows if r["id_entity"] == "aq_jaen"]
    assert all_rows(service, "?id_entity=aq_jaen") == jaen
    assert all_rows(service, "?id_entity=nobody") == []
    noon = "2016-10-01T12:00:00"
    assert all_rows(service, f"?from={noon}") == [r for r in rows if r["timestamp"] >= noon]
    assert all_rows(service, f"?to={noon}&id_entity=aq_jaen") == [r for r in jaen if r["timestamp"] < noon]
    assert all_rows(service, "?from=2016-10-02") == []
    assert all_rows(service, "?from=2016-10-01%2000:00:00.004&to=2016-10-01%2000:00:00.005") == rows[:1]
    for wrong in ["from=x", "to=2016-13-01", "limit=0", "limit=x", "every=1y", "every=h", "every=0h", "after=x"]:
        refused = service.ask(f"/air_quality?{wrong}")
        assert refused.status == 400 and wrong.split("=")[0] in refused.json()["detail"]


@pytest.mark.parametrize("query", ["limit=100", "limit=77&id_entity=aq_jaen", "limit=13&every=2h"])
def test_pages_follow_one_another_without_a_gap(service, query):
    whole = all_rows(service, "?" + re.sub(r"limit=\d+&?", "", query))
    pages, path = [], f"/air_quality?{query}"
    while path:
        page = service.ask(path)
        pages += page.json()
        link = page.headers["Link"]
        path = link and re.fullmatch(r'<(.+)>; rel="next"', link)[1]
    assert pages == whole


def test_means_per_station_and_bucket(service):
    buckets = {}
    for row in expected_rows():
        key = (row["timestamp"][:13] + ":00:00.000", row["id_entity"])
        buckets.setdefault(key, []).append(row)
    means = all_rows(service, "?every=1h")
    assert [(m["timestamp"], m["id_entity"]) for m in means] == sorted(buckets)
    for mean in means:
        rows = buckets[mean["timestamp"], mean["id_entity"]]
        for name in VALUES:
            assert mean[name] == pytest.approx(statistics.fmean(r[name] for r in rows))


def test_stations(service):
    stations = service.ask("/air_quality/stations").json()
    rows = expected_rows()
    names = sorted({r["id_entity"] for r in rows})
    assert [s["id_entity"] for s in stations] == names
    for station in stations:
        times = [r["timestamp"] for r in rows if r["id_entity"] == station["id_entity"]]
        assert (station["first"], station["last"]) == (min(times), max(times))


def test_csv_is_what_was_loaded(service):
    answer = service.ask("/air_quality", headers={"Accept": "text/csv"})
    assert answer.headers["Content-Type"].startswith("text/csv") and answer.headers["Vary"] == "Accept"
    assert list(csv.reader(answer.text.splitlines()))[0] == HEADER.strip().split(",")
    numbers = [[float(v) for v in row[2:]] for row in list(csv.reader(answer.text.splitlines()))[1:]]
    assert numbers == [[r[name] for name in VALUES] for r in expected_rows()]
    json_first = service.ask("/air_quality?limit=1", headers={"Accept": "text/csv;q=0.5, application/json"})
    assert json_first.headers["Content-Type"] == "application/json"


def test_caches_are_told_what_they_need(folder, env, service):
    first = service.ask("/air_quality")
    assert first.headers["Surrogate-Key"] == "air_quality" and "s-maxage" in first.headers["Cache-Control"]
    tag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    assert service.ask("/air_quality", headers={"Accept": "text/csv"}).headers["ETag"] != tag
    for fields in [{"If-None-Match": tag}, {"If-None-Match": f'"x", W/{tag}'}, {"If-Modified-Since": modified}]:
        unchanged = service.ask("/air_quality", headers=fields)
        assert unchanged.status == 304 and unchanged.body == b"" and unchanged.headers["ETag"] == tag
    more = folder / "more.csv"
    more.write_text(HEADER + "2016-10-02 00:00:00.004,aq_jaen,1,2,3,4,5,6\n")
    purged = []
    with Origin(lambda request: purged.append(request) or response(200)) as cache:
        assert load({**env, "PURGE_URL": f"http://{cache.address}"}, more).returncode == 0
        assert load({**env, "PURGE_URL": f"http://{cache.address}"}, more).returncode == 0
    assert [(p.method, p.path, p.get("surrogate-key")) for p in purged] == [("PURGE", "/air_quality", ["air_quality"])]
    changed = service.ask("/air_quality", headers={"If-None-Match": tag})
    assert changed.status == 200 and len(changed.json()) == 961


def test_a_corrected_row_replaces_the_earlier(folder, env):
    first, second = folder / "1.csv", folder / "2.csv"
    first.write_text(HEADER + "2016-10-01 00:00:00,a,1,2,3,4,5,6\n2016-10-01 00:00:00,b,1,,3,4,5,6\n")
    second.write_text(HEADER + "2016-10-01 00:00:00,a,9,2,3,4,5,6\r\n2016-10-01 00:15:00,a,1,1,1,1,1,1\r\n"
                               "2016-10-01 00:15:00,a,2,2,2,2,2,2\r\n2016-10-01 00:00:00,b,1,,3,4,5,6")
    assert load(env, first).returncode == 0
    assert load(env, second).returncode == 0
    with Service(folder, "airdata", env) as service:
        rows = all_rows(service)
        assert [(r["timestamp"][11:16], r["id_entity"], r["so2"], r["no2"]) for r in rows] == \
            [("00:00", "a", 9, 2), ("00:00", "b", 1, None), ("00:15", "a", 2, 2)]


@pytest.mark.parametrize("row, words", [("2016-10-01 00:00:00,a,1,2,3,4,5,x", "line 962: column pm2_5: 'x' is no number"),
                                        ("yesterday,a,1,2,3,4,5,6", "line 962: column TimeInstant: 'yesterday'"),
                                        ("2016-10-01 00:00:00,a", "line 962: 2 columns where 8 are expected")])
def test_a_bad_row_rejects_the_file(folder, env, row, words):
    bad = folder / "bad.csv"
    bad.write_text(DATA.read_text().rstrip("\n") + f"\n{row}\n2016-10-03 00:00:00,a,1,2,3,4,5,6\n")
    refused = load(env, bad)
    assert refused.returncode == 1 and words in refused.stderr
    with Service(folder, "airdata", env) as service:
        assert all_rows(service) == []
    skipped = load(env, bad, "--skip-bad", folder / "rejects.csv")
    assert skipped.returncode == 0 and "961 rows read, 961 new or changed, 1 rejected" in skipped.stdout
    assert (folder / "rejects.csv").read_text() == HEADER + row + "\n"


def test_wrong_files_and_words_are_told(folder, env):
    other = folder / "other.csv"
    other.write_text("a,b\n1,2\n")
    assert "line 1: the columns are 'a,b'" in load(env, other).stderr
    assert "cannot read" in load(env, folder / "none.csv").stderr
    assert load(env).returncode == load(env, "x", "y").returncode == 2


def test_standard_input(env, folder):
    for expected in ["960 new or changed", "0 new or changed"]:
        with open(DATA) as data:
            done = subprocess.run([process.BUILD / "airdata", "load", "-"], stdin=data, capture_output=True, text=True,
                                  env={**os.environ, **env})
        assert done.returncode == 0 and expected in done.stdout, done


def large_file(path, rows):
    time = datetime.datetime(2020, 1, 1)
    with open(path, "w") as file:
        file.write(HEADER)
        for i in range(rows // 10):
            stamp = (time + i * datetime.timedelta(minutes=15)).isoformat(" ")
            file.write("".join(f"{stamp},station{s},{i % 97}.5,{s},0.25,{i % 13},1e-3,7\n" for s in range(10)))
    return path


@pytest.mark.timeout(120)
def test_a_terminal_is_shown_how_far_it_is(folder, env):
    big = large_file(folder / "big.csv", 300_000)
    terminal, other_end = pty.openpty()
    loading = subprocess.Popen([process.BUILD / "airdata", "load", big], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=other_end, env={**os.environ, **env})
    os.close(other_end)
    shown = b""
    try:
        while piece := os.read(terminal, 4096):
            shown += piece
    except OSError:
        pass  # how a terminal ends
    os.close(terminal)
    assert b"300000 rows read" in loading.communicate()[0] and loading.returncode == 0
    assert re.search(rb"\[#*\.*\] +\d+ %  \d+ rows, \d+ rows/s  [\d.]+ ?\w+ left", shown), shown[-300:]
    assert shown.endswith(b"\r\033[K")  # taken away at the end


@pytest.mark.timeout(120)
def test_a_load_that_is_killed_leaves_the_table_as_before(folder, env):
    big = large_file(folder / "big.csv", 400_000)
    assert load(env, DATA).returncode == 0
    pipe_read, pipe_write = os.pipe()
    loading = subprocess.Popen([process.BUILD / "airdata", "load", "-"], stdin=pipe_read, env={**os.environ, **env})
    os.close(pipe_read)
    with open(big, "rb") as data, os.fdopen(pipe_write, "wb") as pipe:
        pipe.write(data.read(20_000_000))  # most of it, and it is being loaded: the pipe holds 64 KiB
        loading.kill()
    assert loading.wait() == -9
    with Service(folder, "airdata", env) as service:
        assert all_rows(service) == expected_rows()


@pytest.mark.timeout(120)
def test_memory_stays_flat(folder, env):
    big = large_file(folder / "big.csv", 300_000)
    assert load(env, big).returncode == 0
    with Service(folder, "airdata", env) as service:
        before = process.resident_kib(service.pid)
        answer = service.ask("/air_quality")
        assert answer.headers["Transfer-Encoding"] == "chunked" and answer.text.count("{") == 300_000
        assert len(all_rows(service, "?every=1d")) == 3130
        # The address sanitizer keeps freed memory for a while.
        assert process.resident_kib(service.pid) < (1024 if SANITIZED else 64) * 1024, before
