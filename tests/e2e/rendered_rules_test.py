"""What a rendering's report calls carried over, HAProxy and nginx do: limits, caches, bodies, retries, headers."""

import re

import pytest

from support import net
from support.origin import Origin, response
from support.rendered import Rendered
from support.waiting import eventually

HOST = "visitors.localhost"


@pytest.fixture(params=["haproxy", "nginx"])
def visitors(request, folder):
    """visitors.toml: two replicas, /static/* cached for 5 s, 50 requests/s with a burst of 100."""
    with Origin(lambda r: response(200, "one")) as one, Origin(lambda r: response(200, "two")) as two:
        with Rendered(folder, request.param, "visitors", {20001: one.address, 20002: two.address}) as program:
            program.origins = [one, two]
            yield program


def test_both_replicas_answer(visitors):
    assert {visitors.ask(host=HOST).text for _ in range(4)} == {"one", "two"}


def test_too_many_requests_get_429_and_others_are_let_through(visitors):
    request = f"GET /n HTTP/1.1\r\nHost: {HOST}\r\n"
    answer = net.exchange(visitors.address, (f"{request}\r\n" * 399 + f"{request}Connection: close\r\n\r\n").encode())
    seen = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answer)]
    assert set(seen) == {200, 429}
    assert seen[:50] == [200] * 50


def test_what_says_nothing_is_cached_where_the_route_says_so(visitors):
    for path, reached in (("/static/a.css", 1), ("/page", 3)):
        for _ in range(3):
            assert visitors.ask(path, host=HOST).status == 200
        assert sum(len(o.requests_to(path)) for o in visitors.origins) == reached, path


def test_a_dead_replica_costs_no_request(visitors):
    visitors.origins[0].close()
    assert [visitors.ask(f"/{i}", host=HOST).status for i in range(20)] == [200] * 20


def test_a_client_cannot_say_whom_it_speaks_for(visitors):
    claims = {"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6", "X-Forwarded-Proto": "https"}
    visitors.ask("/claims", host=HOST, headers=claims)
    [request] = sum((o.requests_to("/claims") for o in visitors.origins), [])
    assert request.get("X-Forwarded-For") == ["127.0.0.1"]
    assert request.get("X-Forwarded-Proto") == ["http"]
    assert request.get("Forwarded") in ([], [""])
    assert request.get("Host") == request.get("X-Forwarded-Host") == [HOST]
    assert len(request.get("X-Request-ID")) == 1


@pytest.mark.parametrize("proxy", ["haproxy", "nginx"])
def test_a_body_past_its_limit_is_413(folder, proxy):
    with Origin() as origin:
        ports = {20001: origin.address, 20002: origin.address, 20003: origin.address, 20501: origin.address}
        with Rendered(folder, proxy, "shop", ports) as program:
            eventually(lambda: program.ask("/api", host="rope.example").status == 200, "its checks to pass")
            head = "POST /api/x HTTP/1.1\r\nHost: rope.example\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            refused = net.exchange(program.address, (head % (10 * 1024 * 1024 + 1)).encode() + b"x" * 1000)
            assert refused.split(b" ")[1] == b"413"
            accepted = net.exchange(program.address, (head % 1000).encode() + b"x" * 1000)
            assert accepted.split(b" ")[1] == b"200"
