"""HAProxy and nginx, as rendered, give every request to the process that our own edge gives it to."""

import pathlib
import re

import pytest

from support import http
from support.edge import Edge, free_address, pool
from support.net import accepts
from support.origin import Origin, response
from support.process import Program

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden" / "target"

# Host, path, and the process type that answers; None: nobody does, which is 404. From layers.toml.
TABLE = [
    ("a.layers.example", "/own", "own"),
    ("a.layers.example", "/own/", "own"),
    ("a.layers.example", "/own/x?y=/every", "own"),
    ("A.Layers.Example:8080", "/own", "own"),
    ("a.layers.example.", "/own", "own"),
    ("a.layers.example", "/ownx", None),
    ("a.layers.example", "/", None),
    ("a.layers.example", "/both", "own"),
    ("a.layers.example", "/both/deep", "own"),
    ("a.layers.example", "/both/deeper", "web"),
    ("a.layers.example", "/both/deeper/still", "web"),
    ("a.layers.example", "/both/deepers", "own"),
    ("a.layers.example", "/every", "web"),
    ("other.example", "/every/x", "web"),
    ("other.example", "/own", None),
    ("layers.example", "/own", None),
    ("127.0.0.1", "/every", "web"),
]
# The edge has no wildcards yet; both others do.
WILD = [
    ("b.layers.example", "/both", "wild"),
    ("b.layers.example", "/wild/x", "wild"),
    ("a.layers.example", "/wild", "wild"),
    ("b.layers.example", "/own", None),
    ("b.layers.example", "/every", "web"),
    ("b.c.layers.example", "/wild", None),
    ("layers.example", "/wild", None),
]
PORTS = {20001: "web", 20501: "own", 21001: "wild"}


@pytest.fixture
def origins():
    started = {name: Origin(lambda request, name=name: response(200, name)) for name in ("web", "own", "wild")}
    yield started
    for origin in started.values():
        origin.close()


def configuration(target, name, origins, address):
    """The rendered file, with the ports of this test."""
    text = (GOLDEN / "layers" / target / name).read_text()
    for port, process in PORTS.items():
        assert f"127.0.0.1:{port}" in text
        text = text.replace(f"127.0.0.1:{port}", origins[process].address)
    text = text.replace("bind *:8080", f"bind {address}")
    return re.sub(r"listen 8080( default_server)?;", rf"listen {address}\1;", text)


def start(target, name, command, folder, origins):
    address = free_address()
    (folder / name).write_text(configuration(target, name, origins, address))
    program = Program(command, folder, cwd=folder)
    program.until(lambda: accepts(address), f"{target} to listen")
    return program, address


def answers(address, table):
    seen = []
    for host, path, _ in table:
        answer = http.ask(address, path, host=host)
        seen.append((host, path, answer.text if answer.status == 200 else {404: None}[answer.status]))
    return seen


def test_haproxy(folder, origins):
    program, address = start("haproxy", "haproxy.cfg", ["haproxy", "-f", "haproxy.cfg"], folder, origins)
    with program:
        program.until(lambda: http.ask(address, "/every").status == 200, "its checks to pass")
        assert answers(address, TABLE + WILD) == TABLE + WILD


def test_nginx(folder, origins):
    command = ["nginx", "-p", folder, "-c", "nginx.conf", "-g", "daemon off;"]
    program, address = start("nginx", "nginx.conf", command, folder, origins)
    with program:
        assert answers(address, TABLE + WILD) == TABLE + WILD


def test_our_edge(folder, origins):
    routes = [
        {"host": "", "path_prefix": "/every", "pool": "web"},
        {"host": "a.layers.example", "path_prefix": "/own", "pool": "own"},
        {"host": "a.layers.example", "path_prefix": "/both", "pool": "own"},
        {"host": "a.layers.example", "path_prefix": "/both/deeper", "pool": "web"},
    ]
    pools = [pool(name, [origin.address]) for name, origin in origins.items()]
    with Edge(folder, [], {"pools": pools, "routes": routes}) as edge:
        assert answers(edge.address, TABLE) == TABLE
