"""HAProxy and nginx, as rendered, give every request to the process that our own edge gives it to."""

import pytest

from support import http
from support.edge import Edge, pool
from support.origin import Origin, response
from support.rendered import Rendered

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


@pytest.fixture
def origins():
    started = {name: Origin(lambda request, name=name: response(200, name)) for name in ("web", "own", "wild")}
    yield started
    for origin in started.values():
        origin.close()


def answers(address, table):
    seen = []
    for host, path, _ in table:
        answer = http.ask(address, path, host=host)
        seen.append((host, path, answer.text if answer.status == 200 else {404: None}[answer.status]))
    return seen


@pytest.mark.parametrize("proxy", ["haproxy", "nginx"])
def test_rendered(folder, origins, proxy):
    ports = {20001: origins["web"].address, 20501: origins["own"].address, 21001: origins["wild"].address}
    with Rendered(folder, proxy, "layers", ports) as program:
        assert answers(program.address, TABLE + WILD) == TABLE + WILD


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
