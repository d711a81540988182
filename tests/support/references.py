"""The programs that our services replace, from bench/references, running."""

import pathlib

from references import references
from support import http
from support.edge import free_address
from support.process import Program

GO = ("airquality",)


class Reference(Program):
    """Answering at `url`. Use as a context manager."""

    def __init__(self, folder, name, env):
        if name in GO:
            address = free_address()
            command, env = [references.go(name)], {**env, "LISTEN": address}
            self.url = f"http://{address}"
        else:
            address = f"unix:{pathlib.Path(folder)}/{name}.sock"
            command = references.flask(name, address)
            self.url = address
        super().__init__(command, folder, name=f"reference-{name}", env=env)
        self.until(lambda: http.ask(address, "/no/such/path").status, f"{name} to answer")
