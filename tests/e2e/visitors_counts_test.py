"""Every visit is counted once: by several processes at once, on first visits too, and after the old program."""

import concurrent.futures
import re
import sqlite3

import pytest

from support import http
from support.load import Load
from support.service import Service, command


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, folder):
    """(URL, a function that gives the one value of a query)."""
    if request.param == "sqlite":
        path = f"{folder}/visitors.db"
        return f"sqlite:///{path}", lambda sql: sqlite3.connect(path).execute(sql).fetchone()[0]
    name, url = request.getfixturevalue("postgresql")
    server = request.getfixturevalue("postgresql_server")
    return url, lambda sql: int(server.query(sql, name))


@pytest.mark.timeout(300)
def test_two_processes_count_20000_requests_exactly(folder, database):
    url, value = database
    env = {"DATABASE_URL": url}
    assert command("visitors", "migrate", env=env).returncode == 0
    with Service(folder, "visitors", env) as one, Service(folder, "visitors", env) as two:
        with Load(one.address, 10_000, 32) as first, Load(two.address, 10_000, 32) as second:
            pass
        assert first.outcomes.counts == second.outcomes.counts == {200: 10_000}
    assert value("SELECT sum(visits) FROM visitor") == 20_000
    assert value("SELECT count(*) FROM visitor") == 1


@pytest.mark.timeout(300)
def test_32_workers_visit_the_same_1000_addresses_first(folder, postgresql_server, postgresql):
    name, url = postgresql
    env = {"DATABASE_URL": url}
    assert command("visitors", "migrate", env=env).returncode == 0
    with Service(folder, "visitors", env) as one, Service(folder, "visitors", env) as two:

        def worker(service):
            connection = http.Connection(service.address)
            totals = []
            for i in range(1000):
                page = connection.ask(headers={"X-Forwarded-For": f"10.1.{i // 250}.{i % 250}"})
                assert page.status == 200
                totals.append(int(re.search(r"Total visitors: (\d+)", page.text)[1]))
            connection.close()
            assert totals == sorted(totals) and totals[-1] == 1000

        with concurrent.futures.ThreadPoolExecutor(32) as workers:
            for done in [workers.submit(worker, [one, two][i % 2]) for i in range(32)]:
                done.result()
    counted = postgresql_server.query("SELECT count(*), sum(visits), min(visits), max(visits) FROM visitor", name)
    assert counted == "1000|32000|32|32"
    assert postgresql_server.query("SELECT sum(total) FROM visitor_total", name) == "1000"


def test_a_request_that_a_proxy_sends_again_counts_once(folder, database):
    url, value = database
    env = {"DATABASE_URL": url}
    assert command("visitors", "migrate", env=env).returncode == 0
    with Service(folder, "visitors", env) as one, Service(folder, "visitors", env) as two:
        def visit(service, **fields):
            page = service.ask(headers=fields)
            return int(re.search(r"visited this page (\d+) times", page.text)[1])

        ids = {"X-Request-ID": 'a"b'}
        assert [visit(one, **ids), visit(two, **ids), visit(two), visit(one, **ids)] == [1, 1, 2, 2]
        assert visit(one, **{"X-Request-ID": "c"}) == 3
    assert value("SELECT sum(visits) FROM visitor") == 3
    with Service(folder, "visitors", {**env, "TRUSTED_PROXIES": "none"}) as alone:
        assert [visit(alone, **ids) for _ in range(2)] == [4, 5]


OLD = ["CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)",
       "INSERT INTO alembic_version VALUES ('e75588bf2531')",
       "CREATE TABLE visitor (id {serial} PRIMARY KEY, ip varchar(40), visits integer)",
       "CREATE UNIQUE INDEX ix_visitor_ip ON visitor (ip)",
       "INSERT INTO visitor (ip, visits) VALUES ('192.0.2.1', 41), ('192.0.2.2', 1), ('192.0.2.3', NULL)"]


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_a_database_of_the_old_program_goes_on_counting(request, folder, store):
    if store == "sqlite":
        url = f"sqlite:///{folder}/old.db"
        with sqlite3.connect(f"{folder}/old.db") as old:
            for statement in OLD:
                old.execute(statement.format(serial="integer NOT NULL"))
    else:
        name, url = request.getfixturevalue("postgresql")
        for statement in OLD:
            request.getfixturevalue("postgresql_server").query(statement.format(serial="serial"), name)
    env = {"DATABASE_URL": url}
    migrated = command("visitors", "migrate", env=env)
    assert migrated.returncode == 0, migrated.stderr
    with Service(folder, "visitors", env) as service:
        for address, expected in [("192.0.2.1", (42, 3)), ("192.0.2.3", (1, 3)), ("192.0.2.4", (1, 4))]:
            page = service.ask(headers={"X-Forwarded-For": address})
            assert f"visited this page {expected[0]} times. Total visitors: {expected[1]}" in page.text


def test_migrating_twice_back_and_forth(folder, database):
    url, value = database
    env = {"DATABASE_URL": url}
    assert "not applied" in command("visitors", "migrate", "status", env=env).stdout
    assert "applied migration 3" in command("visitors", "migrate", env=env).stdout
    again = command("visitors", "migrate", env=env)
    assert again.returncode == 0 and "applied migration" not in again.stdout
    with Service(folder, "visitors", env) as service:
        service.ask()
    assert "undid migration 3" in command("visitors", "migrate", "down", env=env).stdout
    assert "undid migration 2" in command("visitors", "migrate", "down", env=env).stdout
    refused = command("visitors", "migrate", "down", env=env)
    assert refused.returncode == 1 and "cannot be undone" in refused.stderr
    assert "applied migration 2\napplied migration 3" in command("visitors", "migrate", "up", env=env).stdout
    assert value("SELECT sum(total) FROM visitor_total") == 1


def test_wrong_configuration_is_told_at_start(folder):
    for env, words in [({"DATABASE_URL": "mysql://h/x"}, "supported are sqlite://, postgresql://"),
                       ({"APP_VERSION": "1.0"}, "not SemVer"), ({"PORT": "x"}, "PORT is 'x'"),
                       ({"TRUSTED_PROXIES": "me"}, "'me' is no address")]:
        refused = command("visitors", "serve", env=env)
        assert refused.returncode == 2 and words in refused.stderr, refused.stderr
