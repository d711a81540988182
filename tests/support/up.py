"""`fairlead up`, as a user starts it, on ports of the kernel's choosing and with a state folder of its own."""

import json
import pathlib
import re
import signal

from support import http
from support.edge import access_records
from support.process import BUILD, FAIRLEAD, ROOT, Program, run


SANITIZED = BUILD.name in ("asan", "tsan")


def built(folder, name="visitors"):
    """A copy of an app that ships with Fairlead whose programs are those of the build folder under test. The sanitizers
    need more memory than the app is given."""
    text = (ROOT / "apps" / name / "fairlead.toml").read_text()
    text = re.sub(r"^\[build\]\n(?:(?!\[).*\n)*", "", text, flags=re.MULTILINE)
    text = text.replace(f'"{name} ', f'"{BUILD}/{name} ')
    if SANITIZED:
        text = re.sub(r"^memory\b.*\n", "", text, flags=re.MULTILINE)
    app = pathlib.Path(folder) / name
    app.mkdir(exist_ok=True)
    (app / "fairlead.toml").write_text(text)
    return app


class Up(Program):
    """`fairlead up APP`, running and ready; without `app` it is visitors. `env` is the environment it is started in,
    `inside` is put before the command (see network.py)."""

    def __init__(self, folder, app=None, arguments=(), env=None, until_ready=True, inside=()):
        self.folder = pathlib.Path(folder)
        self.state = self.folder / "state"
        super().__init__([*inside, FAIRLEAD, "up", app or built(folder), "--state", self.state, *arguments], folder, name="up", cwd=ROOT,
                         env={"FAIRLEAD_HTTP_PORT": "0", "FAIRLEAD_HTTPS_PORT": "0", **(env or {})})
        if until_ready:
            self.until(self.is_ready, "every process to be ready", seconds=120)

    def is_ready(self):
        status = self.status()
        return status and self.replicas() and all(r["state"] == "ready" for r in self.replicas()) and \
            status["edge"]["state"] == "ready"

    def status(self):
        """What `fairlead status --json` says; None while control does not answer."""
        done = run(FAIRLEAD, "status", "--json", "--state", self.state, cwd=ROOT)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def replicas(self):
        return [p for e in (self.status() or {"environments": []})["environments"] for p in e["processes"]]

    def replica(self, name):
        return next(r for r in self.replicas() if r["name"] == name)

    @property
    def address(self):
        """Of the plain HTTP listener."""
        return self._listener("http://")

    @property
    def tls_address(self):
        return self._listener("https://")

    def _listener(self, scheme):
        return next(a[len(scheme):] for a in self.status()["listeners"] if a.startswith(scheme))

    def ask(self, path="/", **options):
        return http.ask(self.address, path, **options)

    def records(self):
        """The edge's access records so far."""
        return access_records(self.state / "access.log")

    def visits(self):
        """The total of visits that the visitors page shows; asking counts as one more."""
        return int(re.search(r"visited this page (\d+) times", self.ask().text)[1])

    def interrupt(self):
        """Ctrl-C; returns the exit status."""
        return self.stop(signal.SIGINT)

    def stop(self, number=signal.SIGTERM, seconds=60):
        status = super().stop(number, seconds)
        if SANITIZED:
            said = run(FAIRLEAD, "logs", "-n", "0", "--state", self.state, cwd=ROOT).stdout
            assert "Sanitizer:" not in said and "runtime error:" not in said, said[-4000:]
        return status
