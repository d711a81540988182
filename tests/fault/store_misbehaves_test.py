"""A store that is down, stands still, is full or answers rubbish is told with 503; two seconds after its return all is well,
and nothing that was acknowledged is lost."""

import contextlib
import json
import pathlib
import re
import resource
import signal
import sqlite3
import time

import pytest

from support.dynalite import Dynalite
from support.gate import Gate
from support.origin import Origin, response
from support.service import Service, command
from support.waiting import eventually

READING = (pathlib.Path(__file__).parents[1] / "data" / "airvisual-nearest-city.json").read_text()
MEASUREMENTS = pathlib.Path(__file__).parents[2] / "apps" / "airdata" / "data" / "environment_airq_measurand.csv"
WRITERS = ["visitors", "hello", "airquality"]


class Asking:
    """Asks a service what needs its store, and knows what it acknowledged."""

    def __init__(self, name, service):
        self.name, self.service, self.acknowledged = name, service, 0

    def ask(self):
        if self.name == "hello":
            answer = self.service.ask("/hello/" + username(self.acknowledged), "PUT", json.dumps({"dateOfBirth": "1815-12-10"}))
        else:
            answer = self.service.ask({"airquality": "/air-quality", "airdata": "/air_quality?limit=1"}.get(self.name, "/"))
        assert answer.status in (200, 204, 503), answer
        if answer.status != 503:
            self.acknowledged += 1
        return answer

    def works(self):
        return self.ask().status != 503

    def told(self):
        """Asks until the fault is seen, which must be in time, with the words that were promised."""
        begin = time.monotonic()
        answer = eventually(lambda: (a := self.ask()).status == 503 and a, "the fault to be told", seconds=9)
        assert time.monotonic() - begin < 9
        assert answer.headers["Retry-After"] == "1"
        if self.name == "visitors":
            assert "Query to DB failed" in answer.text
        else:
            assert answer.headers["Content-Type"] == "application/problem+json"
        assert self.service.ask("/healthz").status == 200

    def back(self):
        begin = time.monotonic()
        eventually(lambda: self.works() and self.service.ask("/readyz").status == 200, "all to be well again", seconds=5)
        assert time.monotonic() - begin < 2

    def nothing_is_lost(self):
        """What was acknowledged is there. A write whose answer was lost may be there too."""
        if self.name == "visitors":
            kept = int(re.search(r"this page (\d+) times", self.service.ask().text)[1]) - 1
        elif self.name == "countme":
            kept = int(self.service.ask().text.split()[6]) - 1
        elif self.name == "airquality":
            kept = len(self.service.ask("/queried-cities").json())
        else:
            kept = self.acknowledged
        if self.name == "hello":
            assert all(self.service.ask("/hello/" + username(i)).status == 200 for i in range(self.acknowledged))
        assert kept >= self.acknowledged


def username(number):
    return "User" + "".join(chr(ord("a") + int(digit)) for digit in str(number))


@contextlib.contextmanager
def asking(folder, name, env, **options):
    """The service, migrated, loaded and well."""
    with Origin(lambda _: response(200, READING)) as airvisual:
        env = {**env, "AIRVISUAL_KEY": "key", "AIRVISUAL_URL": f"http://{airvisual.address}"}
        if "DATABASE_URL" in env and "dynamodb" not in env["DATABASE_URL"]:
            migrated = command(name, "migrate", env=env)
            assert migrated.returncode == 0, migrated.stderr
        if name == "airdata":
            assert command("airdata", "load", MEASUREMENTS, env=env).returncode == 0
        with Service(folder, name, env, **options) as service:
            service.until(lambda: service.ask("/readyz").status == 200, "the store")
            found = Asking(name, service)
            assert found.works()
            yield found


@pytest.fixture(params=["visitors-postgresql", "hello-postgresql", "airquality-postgresql", "airdata-postgresql",
                        "countme-redis", "hello-redis", "hello-dynamodb"])
def behind_a_gate(request, folder):
    """(name of the service, its environment, the gate in front of its store)."""
    name, store = request.param.split("-")
    with contextlib.ExitStack() as stack:
        if store == "postgresql":
            server, url = request.getfixturevalue("postgresql_server"), request.getfixturevalue("postgresql")[1]
            gate = stack.enter_context(Gate(f"unix:{folder}/.s.PGSQL.5432", f"unix:{server.folder}/.s.PGSQL.5432"))
            env = {"DATABASE_URL": url.replace(f"host={server.folder}", f"host={folder}")}
        elif store == "redis":
            gate = stack.enter_context(Gate(f"unix:{folder}/gate.sock", f"unix:{request.getfixturevalue('redis').socket}"))
            env = {"REDIS_URL" if name == "countme" else "DATABASE_URL": f"unix://{folder}/gate.sock"}
        else:
            server = Dynalite(folder)
            stack.callback(server.stop)
            gate = stack.enter_context(Gate("127.0.0.1:0", server.address))
            env = {**server.env, "DATABASE_URL": server.url.replace(server.address, gate.address)}
        yield name, env, gate


@pytest.mark.parametrize("fault", ["close", "hold", "rubbish"])
def test_down_standing_still_or_talking_rubbish(folder, behind_a_gate, fault):
    name, env, gate = behind_a_gate
    with asking(folder, name, env) as it:
        getattr(gate, fault)()
        it.told()
        assert it.service.ask("/readyz").status == 503
        gate.open()
        it.back()
        it.nothing_is_lost()


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_postgresql(folder, postgresql_server, postgresql, name):
    """Played by a trigger that raises what PostgreSQL raises then: a disk of the test's own would need root."""
    database, url = postgresql
    table = {"visitors": "visitor", "hello": "birthday", "airquality": "UserQueries"}[name]
    with asking(folder, name, {"DATABASE_URL": url}) as it:
        postgresql_server.query("CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
                                "$$ BEGIN RAISE 'No space left on device' USING ERRCODE = 'disk_full'; END $$", database)
        postgresql_server.query(f"CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {table} EXECUTE FUNCTION full_disk()",
                                database)
        it.told()
        assert it.service.ask("/readyz").status == 200  # it answers, and reads go on
        postgresql_server.query(f"DROP TRIGGER full_disk ON {table}", database)
        it.back()
        it.nothing_is_lost()


@pytest.mark.parametrize("name", ["countme", "hello"])
def test_a_full_redis(folder, redis, name):
    with asking(folder, name, {"REDIS_URL" if name == "countme" else "DATABASE_URL": f"unix://{redis.socket}"}) as it:
        redis.command("CONFIG", "SET", "maxmemory", "1")
        it.told()
        redis.command("CONFIG", "SET", "maxmemory", "0")
        it.back()
        it.nothing_is_lost()


@pytest.mark.parametrize("name", [*WRITERS, "countme"])
def test_a_full_disk_under_sqlite(folder, name):
    """The process may not make files larger, as on a full disk."""
    with asking(folder, name, {"DATABASE_URL": f"sqlite:///{folder}/s.db"}) as it:
        resource.prlimit(it.service.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        it.told()
        resource.prlimit(it.service.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        it.back()
        it.nothing_is_lost()


@pytest.mark.parametrize("name", [*WRITERS, "countme"])
def test_an_sqlite_file_that_another_keeps_locked(folder, name):
    with asking(folder, name, {"DATABASE_URL": f"sqlite:///{folder}/s.db"}) as it:
        other = sqlite3.connect(folder / "s.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        it.told()
        other.execute("ROLLBACK")
        other.close()
        it.back()
        it.nothing_is_lost()


@pytest.mark.parametrize("name", [*WRITERS, "countme", "airdata"])
def test_an_sqlite_file_of_rubbish(folder, name):
    url = {"DATABASE_URL": f"sqlite:///{folder}/s.db"}
    with asking(folder, name, url):
        pass  # makes a good one
    (folder / "s.db").rename(folder / "good.db")
    (folder / "s.db").write_bytes(Gate.RUBBISH * 100)
    with Origin(lambda _: response(200, READING)) as airvisual:
        with Service(folder, name, {**url, "AIRVISUAL_KEY": "key", "AIRVISUAL_URL": f"http://{airvisual.address}"}) as service:
            it = Asking(name, service)
            it.told()
            assert "database" in service.ask("/readyz").json()["reason"]
            (folder / "good.db").rename(folder / "s.db")
            it.back()


def test_a_crash_of_the_service_loses_nothing(folder):
    url = {"DATABASE_URL": f"sqlite:///{folder}/s.db"}
    for _ in range(3):
        with asking(folder, "countme", url) as it:
            numbers = [int(it.ask().text.split()[6]) for _ in range(20)]
            assert numbers == list(range(numbers[0], numbers[0] + 20))
            it.service.stop(signal.SIGKILL)
    with asking(folder, "countme", url) as it:
        assert int(it.ask().text.split()[6]) == 3 * 21 + 2
