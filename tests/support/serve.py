"""`fairlead serve`, on ports of the kernel's choosing and with a state folder of its own, and the verbs that use it."""

import json
import pathlib

from support import http
from support.process import FAIRLEAD, Program, kill, run


class Serve(Program):
    """Control, ready to be asked. Leaving the block stops everything; kill() and start() are those of control alone."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.state = self.folder / "state"
        self.start()

    def start(self, env=None):
        super().__init__([FAIRLEAD, "serve", "--state", self.state], self.folder, name="serve",
                         env={"FAIRLEAD_LISTEN": "127.0.0.1", "FAIRLEAD_HTTP_PORT": "0", "FAIRLEAD_HTTPS_PORT": "0",
                              **(env or {})})
        self.until(self.status, "control to answer")

    def kill(self):
        kill(self.pid)
        self.process.wait()

    def __exit__(self, *_):
        if not self.running():
            self.start()
        run("curl", "-sS", "--unix-socket", self.socket(), "-X", "POST", "http://control/v1/stop")
        self.wait(60)

    def socket(self):
        """Of control: beside the edge's folder, which the status names."""
        edge = self.status()["edge"]["address"].removeprefix("unix:")
        return pathlib.Path(edge).parent.parent / "control.sock"

    def verb(self, *words, seconds=120):
        return run(FAIRLEAD, *words, "--state", self.state, seconds=seconds)

    def do(self, *words):
        """A verb that must succeed; what it printed."""
        done = self.verb(*words)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}\n{self.output()}"
        return done.stdout

    def deployment(self, *words):
        """Carries out an order; its deployment."""
        done = self.verb(*words, "--json")
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert events, f"{words}: {done.returncode}\n{done.stderr}\n{self.output()}"
        assert events[-1]["event"] == "deployment", f"{words}: {events[-1]}"
        return events[-1]["deployment"]

    def status(self):
        done = self.verb("status", "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def finding(self, check):
        """What the doctor says of this; None while a deployment runs or a replica starts."""
        found = next(f for f in json.loads(self.verb("doctor", "--json").stdout) if f["check"] == check)
        return found if found["verdict"] != "doubtful" else None

    def replicas(self):
        return [p for e in self.status()["environments"] for p in e["processes"]]

    @property
    def address(self):
        return next(a for a in self.status()["listeners"] if a.startswith("http://")).removeprefix("http://")

    def ask(self, path="/", **options):
        return http.ask(self.address, path, **options)
