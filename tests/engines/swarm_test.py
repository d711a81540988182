"""A Swarm runs a service behind our edge, and updates, rolls back and scales it without losing a request."""

import http.server
import json
import os
import threading
import time

import pytest

from support import http as client
from support.containers import ROOT, app_folder, built_image, exported, fairlead
from support.edge import free_address
from support.load import Load
from support.waiting import eventually

TOML = """name = "airquality"
version = "1.0.0"
build.include = ["bin/airquality"]
deploy.release_command = "airquality migrate"
processes.web.command = "airquality serve"
processes.web.replicas = 2
processes.web.health = "/readyz"
processes.web.memory = "64M"
services.db.type = "postgresql"
env.AIRVISUAL_URL = "{airvisual}"
secrets.names = ["AIRVISUAL_KEY"]
routes = [{ process = "web" }]  # every host
"""
KEY = "a secret of the Swarm"
STACK = "airquality-production"


@pytest.fixture
def airvisual():
    """What the real AirVisual answers, for those who know the key."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = (ROOT / "tests/data/airvisual-nearest-city.json").read_bytes()
            self.send_response(200 if "key=a%20secret%20of%20the%20Swarm" in self.path else 403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1], asked
    server.shutdown()
    server.server_close()


class Swarm:
    def __init__(self, docker, folder, app, port):
        self.docker, self.folder, self.app, self.port = docker, folder, app, port
        self.address = f"127.0.0.1:{port}"

    def fairlead(self, *words):
        env = {"DOCKER_HOST": self.docker.env["DOCKER_HOST"], "PATH": f"/usr/bin:{os.environ['PATH']}"}
        return fairlead("deploy", "--to", "swarm", self.app, *words, "--edge-image", "fairlead-edge:test", "--http-port",
                        self.port, env=env, seconds=240)

    def deploy(self, image):
        return self.fairlead("--image", image).stdout

    def rollback(self):
        return self.fairlead("--rollback").stdout

    def update_state(self):
        form = "{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}"
        return self.docker.out("service", "inspect", "-f", form, f"{STACK}_web")

    def replicas(self):
        return self.docker.out("service", "ls", "--filter", f"name={STACK}_web", "--format", "{{.Replicas}}")

    def records(self, since):
        """The edge's access records from then on."""
        edge = self.docker.out("ps", "-q", "--filter", f"name={STACK}_edge")
        lines = self.docker.out("logs", "--since", f"{since:.3f}", edge).splitlines()
        return [json.loads(line) for line in lines if line.startswith('{"time"') and '"origin"' in line]


@pytest.fixture
def swarm(docker, folder, airvisual):
    docker.backing_images()
    docker.load(exported(folder, None, "fairlead-edge:test"))
    docker.remove_leftovers()
    docker.run("swarm", "init", "--advertise-addr", "127.0.0.1")
    form = "{{(index .IPAM.Config 0).Gateway}}"
    gateway = eventually(lambda: docker.out("network", "inspect", "-f", form, "docker_gwbridge", check=False),
                         "the way out of an overlay network")
    app = app_folder(folder / "app", TOML.replace("{airvisual}", f"http://{gateway}:{airvisual[0]}"), "airquality")
    for number in (1, 2):  # two builds of the same program
        docker.load(exported(folder, app, f"airquality:{number}"))
    for name, value in (("AIRVISUAL_KEY", KEY), ("POSTGRES_PASSWORD", "p@ss/w:rd%")):
        (folder / "secret").write_text(value)
        docker.run("secret", "create", f"{STACK}-{name}", folder / "secret")
    yield Swarm(docker, folder, app, free_address().rsplit(":", 1)[1])
    docker.run("stack", "rm", STACK)
    docker.run("swarm", "leave", "--force")
    eventually(lambda: not docker.out("ps", "-q"), "the Swarm's containers to end", 60)


@pytest.mark.timeout(300)
def test_updates_rolls_back_and_scales_under_load(swarm, airvisual):
    receipt = swarm.deploy("airquality:1")
    assert "web: 2/2 replicas of airquality:1" in receipt
    eventually(lambda: client.ask(swarm.address, "/air-quality").status == 200, "an answer through the edge", 60)
    assert any("key=a%20secret" in path for path in airvisual[1])

    with Load(swarm.address, requests=None, connections=8, path="/") as load:
        load.until_answered(500)
        assert "web: 2/2 replicas of airquality:2" in swarm.deploy("airquality:2")
        assert swarm.update_state() == "completed"
        assert "web: 2/2 replicas of airquality:1" in swarm.rollback()
        assert swarm.update_state() == "rollback_completed"
        load.until_answered(load.outcomes.total() + 500)
    assert set(load.outcomes.counts) == {200}, load.outcomes.counts


@pytest.mark.timeout(300)
def test_scaling_is_balanced_within_two_seconds(swarm):
    swarm.deploy("airquality:1")
    eventually(lambda: client.ask(swarm.address, "/").status == 200, "an answer through the edge", 60)
    with Load(swarm.address, requests=None, connections=8) as load:
        swarm.docker.run("service", "scale", "--detach", f"{STACK}_web=6")
        eventually(lambda: swarm.replicas() == "6/6", "six replicas", 60)
        ready = time.time()
        time.sleep(2)  # what is promised
        balanced = time.time()
        load.until_answered(load.outcomes.total() + 600)
    records = [r for r in swarm.records(balanced) if r["path"] == "/"]
    counts = {}
    for record in records:
        counts[record["origin"]] = counts.get(record["origin"], 0) + 1
    assert len(counts) == 6, f"{counts}; ready at {ready}"
    assert max(counts.values()) < 1.5 * min(counts.values()), counts
    assert set(load.outcomes.counts) == {200}, load.outcomes.counts
