"""`fairlead edge` alone, over origins of the test."""

import json
import pathlib
import socket

from support import http
from support.process import FAIRLEAD, Program


HEALTH_PATH = "/health"  # what health checks ask; everything else an origin sees came from a client


def free_address():
    """An address on loopback where nothing listens. (The edge's loops all bind it, so the kernel cannot choose.)"""
    with socket.create_server(("127.0.0.1", 0)) as s:
        return "127.0.0.1:%d" % s.getsockname()[1]


class Edge(Program):
    """Running and answering. `origins` are addresses; `snapshot` overrides parts of the snapshot, two levels deep:
    Edge(folder, [origin.address], {"timeouts": {"head_ms": 300}}). `inside` is put before the command (see network.py)."""

    def __init__(self, folder, origins, snapshot=None, loops=2, env=None, inside=()):
        self.state = pathlib.Path(folder) / "edge"
        self.state.mkdir()
        self.address = free_address()
        self.access_log = self.state / "access.log"
        self.version = 1
        self.snapshot = {
            "version": 1,
            "loops": loops,
            "listeners": [{"address": self.address}],
            "pools": [pool("web", origins)],
            "routes": [{"pool": "web"}],
            "access_log": str(self.access_log),
        }
        for key, value in (snapshot or {}).items():
            self.snapshot[key] = {**self.snapshot.get(key, {}), **value} if isinstance(value, dict) else value
        self.address = self.snapshot["listeners"][0]["address"]
        (self.state / "snapshot.json").write_text(json.dumps(self.snapshot))
        super().__init__([*inside, FAIRLEAD, "edge", "--state", self.state], folder, name="edge", env=env)
        self.until(lambda: self.control("/healthz").status == 200, "the edge to be ready")

    def control(self, path, **options):
        """A request on the edge's edge.socket."""
        return http.ask(f"unix:{self.state}/edge.sock", path, **options)

    def metrics(self):
        return self.control("/metrics").text

    def change(self, **parts):
        """Puts a new snapshot with these parts replaced; returns the answer."""
        self.snapshot = {**self.snapshot, **parts, "version": self.snapshot["version"] + 1}
        return self.control("/snapshot", method="PUT", body=json.dumps(self.snapshot))

    def ask(self, path="/", **options):
        return http.ask(self.address, path, **options)

    def records(self):
        """The access records written so far."""
        return access_records(self.access_log)


def pool(name, origins, **parts):
    """A pool as a snapshot wants it; its health checks are quick."""
    ids = [{"id": f"{name}.{i}", "address": address} for i, address in enumerate(origins, start=1)]
    return {"name": name, "origins": ids, "health": {"path": HEALTH_PATH, "interval_ms": 200, "timeout_ms": 1000}, **parts}


def access_records(path):
    path = pathlib.Path(path)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
