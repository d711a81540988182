"""One of the five services, started by itself on a Unix socket."""

import os
import pathlib

from support import http
from support.process import BUILD, Program, run


class Service(Program):
    """`NAME serve` with this environment, answering. Use as a context manager."""

    def __init__(self, folder, name, env=None, words=("serve",), until_up=True):
        folder = pathlib.Path(folder)
        number = len(list(folder.glob(f"{name}-*.sock"))) + 1
        self.address = f"unix:{folder}/{name}-{number}.sock"
        super().__init__([BUILD / name, *words], folder, name=name,
                         env={"FAIRLEAD_SOCKET": self.address[5:], **(env or {})})
        if until_up:
            self.until(lambda: self.ask("/healthz").status == 200, f"{name} to answer")

    def ask(self, path="/", method="GET", body=None, headers=None):
        return http.ask(self.address, path, method, body, headers)

    def stop(self, *arguments, **options):
        status = super().stop(*arguments, **options)
        assert "Sanitizer:" not in self.stderr() and "runtime error:" not in self.stderr(), self.stderr()[-4000:]
        return status


def command(name, *words, env=None):
    """Runs `NAME WORDS…` to its end."""
    return run(BUILD / name, *words, env={**os.environ, **(env or {})})
