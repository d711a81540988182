"""HTTP/2 clients are served over TLS and, by prior knowledge, in the clear; many streams share one connection."""

import re

from support.edge import Edge
from support.h2 import TlsEdge, run
from support.origin import Origin, response
from support.waiting import eventually


def hello(request):
    return response(200, f"{request.method} {request.path}")


def test_curl_is_answered_over_tls_and_in_the_clear(folder):
    with Origin(hello) as origin, TlsEdge(folder, [origin.address]) as edge:
        for tls in (True, False):
            answer = edge.curl("/x?y", "-w", " HTTP/%{http_version}", tls=tls)
            assert answer.stdout == b"GET /x?y HTTP/2"
        records = eventually(lambda: len(edge.records()) == 2 and edge.records(), "two access records")
        assert [(r["protocol"], r["status"], r["path"]) for r in records] == [("HTTP/2", 200, "/x")] * 2
        for request in origin.requests_to("/x?y"):
            assert request.get("via") == ["2 fairlead"]
            assert request.get("host")[0] in (edge.tls_address, edge.address)
        assert 'fairlead_edge_h2_streams_total 2' in edge.metrics()


def test_who_knows_no_http2_gets_http1(folder):
    with Origin(hello) as origin, TlsEdge(folder, [origin.address]) as edge:
        answer = edge.curl("/x", "--http1.1", "-w", " HTTP/%{http_version}")
        assert answer.stdout == b"GET /x HTTP/1.1"


def test_many_streams_share_one_connection(folder):
    with Origin(hello) as origin, TlsEdge(folder, [origin.address]) as edge:
        report = run(["h2load", "-n", "2000", "-c", "2", "-m", "32", f"https://{edge.tls_address}/x"]).stdout.decode()
        assert "2000 succeeded, 0 failed" in report
        assert re.search(r"fairlead_edge_connections_accepted_total 2\b", edge.metrics())
        assert origin.connections < 100  # health checks make some, too


def test_bodies_pass_whole_both_ways(folder):
    data = bytes(range(256)) * 12_000
    (folder / "data").write_bytes(data)
    with Origin(lambda request: response(200, request.body)) as origin, TlsEdge(folder, [origin.address]) as edge:
        for framing in ([], ["-H", "Transfer-Encoding: chunked"]):
            answer = edge.curl("/", "--data-binary", f"@{folder}/data", *framing)
            assert answer.stdout == data


def test_interim_answers_and_trailers_pass(folder):
    def answers(request):
        yield b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
        yield (b"HTTP/1.1 200 OK\r\nTrailer: Checksum\r\nTransfer-Encoding: chunked\r\n\r\n"
               b"5\r\nhello\r\n0\r\nChecksum: abc\r\n\r\n")

    with Origin(answers) as origin, Edge(folder, [origin.address]) as edge:
        seen = run(["nghttp", "-nv", "--no-dep", f"http://{edge.address}/"]).stdout.decode()
        assert re.search(r":status: 103\n.*link: </a.css>; rel=preload", seen)
        assert re.search(r":status: 200", seen)
        assert "checksum: abc" in seen
        assert seen.index(":status: 103") < seen.index(":status: 200") < seen.index("checksum: abc")


def test_an_origin_that_breaks_off_resets_its_stream_alone(folder):
    def answers(request):
        if request.path == "/broken":
            yield b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
            raise OSError("broken off")
        yield response(200, "whole")

    with Origin(answers) as origin, Edge(folder, [origin.address]) as edge:
        seen = run(["nghttp", "-v", "--no-dep", f"http://{edge.address}/broken", f"http://{edge.address}/well"],
                   check=False).stdout.decode()
        assert "INTERNAL_ERROR" in seen
        assert "whole" in seen
