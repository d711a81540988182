"""WebSockets pass, over HTTP/1.1 and over HTTP/2 (RFC 8441), in the clear and over TLS."""

import contextlib
import json
import threading

import pytest

from support import net
from support.edge import HEALTH_PATH, Edge
from support.h2 import TlsEdge, run
from support.npm import install
from support.origin import Origin, response
from support.process import Program
from support.waiting import eventually


@contextlib.contextmanager
def echo_server(folder):
    with Program(["node", install("websocket") / "echo_server.js"], folder, name="echo") as server:
        server.until(lambda: server.stdout().strip(), "the echo server to listen")
        yield f"127.0.0.1:{server.stdout().strip()}"


def talk(version, url, size=10, count=3):
    done = run(["node", install("websocket") / "client.js", version, url, size, count])
    return json.loads(done.stdout)


@pytest.mark.parametrize("version", ["h1", "h2"])
def test_messages_pass_both_ways(folder, version):
    with echo_server(folder) as origin, TlsEdge(folder, [origin]) as edge:
        for scheme, address in (("http", edge.address), ("https", edge.tls_address)):
            url = f"{scheme if version == 'h2' else scheme.replace('http', 'ws')}://{address}/chat"
            for size, count in ((10, 3), (100_000, 20), (0, 1)):
                seen = talk(version, url, size, count)
                assert (seen["echoed"], seen["wrong"], seen["closed"]) == (count, 0, 1000), seen
                assert seen["protocol"] == "chat"
        records = eventually(lambda: len(edge.records()) == 6 and edge.records(), "a record for each tunnel")
        assert {r["status"] for r in records} == {101}


@pytest.mark.parametrize("version", ["h1", "h2"])
def test_the_server_s_own_close_and_refusal_reach_the_client(folder, version):
    with echo_server(folder) as origin, Edge(folder, [origin]) as edge:
        url = f"{'ws' if version == 'h1' else 'http'}://{edge.address}"
        assert talk(version, url + "/bye", count=0)["closed"] == 4001
        assert talk(version, url + "/refused")["status"] == 403


def test_a_tunnel_in_which_nothing_moves_ends(folder):
    over = threading.Event()

    def upgrade(request):
        if request.path == HEALTH_PATH:
            yield response(200)
            return
        yield b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\nwelcome"
        over.wait(20)

    with Origin(upgrade) as origin, Edge(folder, [origin.address], {"timeouts": {"tunnel_ms": 300}}) as edge:
        answer = net.exchange(edge.address, b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n")
        over.set()
        assert answer.endswith(b"\r\n\r\nwelcome")
        assert 'fairlead_edge_limit_hits_total{limit="tunnel_time"} 1' in edge.metrics()


def test_an_answer_to_another_key_is_not_believed(folder):
    def upgrade(request):
        if request.path == HEALTH_PATH:
            return response(200)
        return (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")

    with Origin(upgrade) as origin, Edge(folder, [origin.address]) as edge:
        seen = talk("h2", f"http://{edge.address}/")
        assert "INTERNAL_ERROR" in seen.get("error", ""), seen
