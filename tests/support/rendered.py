"""HAProxy and nginx, running what `fairlead render` wrote for them, over origins of the test."""

import pathlib
import re

from support import http
from support.edge import free_address
from support.net import accepts
from support.process import Program

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden" / "target"
FILES = {"haproxy": "haproxy.cfg", "nginx": "nginx.conf"}


class Rendered(Program):
    """`proxy` with the golden file of `app`, running and its checks passed; `origins` are addresses by the port that
    the file names for them."""

    def __init__(self, folder, proxy, app, origins):
        self.address = free_address()
        text = (GOLDEN / app / proxy / FILES[proxy]).read_text()
        for port, origin in origins.items():
            assert f"127.0.0.1:{port}" in text
            text = text.replace(f"127.0.0.1:{port}", origin)
        text = text.replace("bind *:8080", f"bind {self.address}")
        text = re.sub(r"listen 8080( default_server)?;", rf"listen {self.address}\1;", text)
        (folder / FILES[proxy]).write_text(text)
        command = {
            "haproxy": ["haproxy", "-f", "haproxy.cfg"],
            "nginx": ["nginx", "-p", folder, "-c", "nginx.conf", "-g", "daemon off;"],
        }
        super().__init__(command[proxy], folder, cwd=folder)
        self.until(lambda: accepts(self.address), f"{proxy} to listen")

    def ask(self, path="/", **options):
        return http.ask(self.address, path, **options)
