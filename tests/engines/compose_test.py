"""docker-compose runs five replicas of airdata with database and cache; its CSV is loaded at the first start."""

import shutil

import pytest

from support import http
from support.containers import ROOT, app_folder, exported, fairlead
from support.edge import free_address
from support.process import run
from support.waiting import eventually

TOML = """name = "airdata"
version = "1.0.0"
build.include = ["bin/airdata", "data/small.csv"]
deploy.release_command = "airdata migrate && airdata load data/small.csv"
processes.web.command = "airdata serve"
processes.web.replicas = 5
processes.web.health = "/readyz"
services.db.type = "postgresql"
services.cache.type = "redis"
routes = [{ process = "web" }]  # every host
"""
ROWS = 1000


class Compose:
    def __init__(self, docker, folder):
        self.docker, self.folder = docker, folder
        self.env = {**docker.env, "POSTGRES_PASSWORD": "letters1and2digits"}

    def run(self, *words, check=True):
        done = run("docker-compose", "-p", "airdata-production", *words, cwd=self.folder, env=self.env, seconds=200)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def compose(docker, folder):
    docker.backing_images()
    docker.load(exported(folder, None, "fairlead-edge:test"))
    app = app_folder(folder / "app", TOML, "airdata")
    (app / "data").mkdir()
    with open(ROOT / "apps/airdata/data/environment_airq_measurand.csv") as source:
        (app / "data/small.csv").write_text("".join(line for _, line in zip(range(ROWS + 1), source)))
    docker.load(exported(folder, app, "airdata:1"))
    port = free_address().rsplit(":", 1)[1]
    fairlead("render", "compose", app, "--image", "airdata:1", "--edge-image", "fairlead-edge:test", "--http-port", port,
             "--out", folder / "rendered", "--check")
    engine = Compose(docker, folder / "rendered")
    engine.address = f"127.0.0.1:{port}"
    yield engine
    engine.run("down", "-v", "-t", "5")


@pytest.mark.timeout(400)
def test_five_replicas_with_database_and_cache(compose):
    if not shutil.which("docker-compose"):
        pytest.skip("not installed: docker-compose")
    compose.run("up", "-d")
    eventually(lambda: http.ask(compose.address, "/air_quality?limit=1").status == 200, "an answer through the edge", 90)
    assert len(compose.run("ps", "-q", "web").split()) == 5
    loaded = rows(compose)
    assert 0.9 * ROWS < loaded <= ROWS  # lines that say the same are one row
    compose.run("up", "-d")  # the release command runs once more, and changes nothing
    assert rows(compose) == loaded

    def replicas_seen():
        http.ask(compose.address, "/version?x=%d" % replicas_seen.asked)
        replicas_seen.asked += 1
        log = compose.run("logs", "--no-color", "edge")
        return len({line.split('"origin":"')[1].split('"')[0] for line in log.splitlines() if '"origin":"air' in line}) == 5

    replicas_seen.asked = 0
    eventually(replicas_seen, "answers of all five", 60)


def rows(compose):
    """Of the largest table."""
    def ask(query):
        return compose.run("exec", "-T", "db", "psql", "-U", "airdata", "-At", "-c", query).split()

    tables = ask("select table_name from information_schema.tables where table_schema = 'public'")
    return max(int(ask(f'select count(*) from "{table}"')[0]) for table in tables)
