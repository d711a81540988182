"""Whatever the way to an origin does to its answers (one byte at a time, late, cut, reset), clients get them whole or see that they did not."""

import pytest

from support.edge import HEALTH_PATH
from support.gate import Gate
from support.h2 import TlsEdge
from support.origin import Origin, response
from support.waiting import eventually

BODY = bytes(range(256)) * 8
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(
    b"%x\r\n%b\r\n" % (len(BODY[at : at + 100]), BODY[at : at + 100]) for at in range(0, len(BODY), 100)) + b"0\r\n\r\n"


def answers(request):
    if request.path == HEALTH_PATH:
        return response(200)
    return CHUNKED if request.path == "/chunked" else response(200, BODY)


@pytest.fixture
def spoilt(folder):
    """An edge, and the gate between it and its only origin; health checks do not interfere."""
    with Origin(answers) as origin, Gate("127.0.0.1:0", origin.address) as gate:
        pools = {"pools": [{"name": "web", "origins": [{"id": "web.1", "address": gate.address}],
                            "health": {"path": HEALTH_PATH, "interval_ms": 100}}]}
        with TlsEdge(folder, [], pools) as edge:
            eventually(lambda: edge.ask("/").status == 200, "the origin to be found well")
            yield edge, gate


@pytest.mark.parametrize("path", ["/", "/chunked"])
def test_bytes_that_come_one_by_one_make_the_same_answer(spoilt, path):
    edge, gate = spoilt
    gate.spoil(pieces=1)
    for _ in range(3):
        assert edge.ask(path).body == BODY
        assert edge.curl(path).stdout == BODY


def test_pieces_that_come_late_hold_nobody_else_up(spoilt):
    edge, gate = spoilt
    gate.spoil(pieces=400, delay=0.02)
    assert edge.ask("/").body == BODY
    assert edge.curl("/chunked").stdout == BODY


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("path", ["/", "/chunked"])
def test_an_answer_that_breaks_off_is_never_taken_for_a_whole_one(spoilt, reset, path):
    edge, gate = spoilt
    whole = 2048 + 60
    for end in (1, 10, 40, 200, 1000, whole):
        gate.spoil(end_after=end, reset=reset)
        for version in ("--http1.1", "--http2"):
            answer = edge.curl(path, version, "-w", "%{http_code}")
            if answer.returncode == 0:
                assert answer.stdout[-3:] in (b"502", b"503"), answer.stdout
    gate.spoil()
    eventually(lambda: edge.ask(path).status == 200, "the origin to be asked again")
    assert edge.ask(path).body == BODY
