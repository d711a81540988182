"""The tests' own tools: a tool that counts wrongly would let wrong programs pass."""

import os
import signal
import sys
import threading

import pytest

from support import net, process
from support.http import Connection, ask, status_of
from support.load import Load
from support.origin import Origin, response
from support.process import Program


def iter_then_close(piece):
    yield piece
    raise OSError("as if it had died here")


def test_load_counts_every_answer_by_its_status():
    seen = iter(range(10**9))
    lock = threading.Lock()

    def every_tenth_fails(_):
        with lock:
            return response(503 if next(seen) % 10 == 9 else 200, "x")

    with Origin(every_tenth_fails) as origin:
        with Load(origin.address, requests=1000, connections=8) as load:
            pass
        assert load.outcomes.counts == {200: 900, 503: 100}
        assert len(origin.requests) == 1000


def test_load_counts_a_cut_connection_and_goes_on_with_a_new_one():
    seen = iter(range(10**9))
    with Origin(lambda _: None if next(seen) == 5 else response(200, "x")) as origin:
        with Load(origin.address, requests=20, connections=1) as load:
            pass
        assert load.outcomes.counts == {200: 19, "closed without an answer": 1}
        assert origin.connections == 2


def test_load_tells_half_an_answer_from_none():
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"
    with Origin(lambda _: iter_then_close(half)) as origin:
        with Load(origin.address, requests=3, connections=1) as load:
            pass
        assert load.outcomes.counts == {"broken answer (IncompleteReadError)": 3}


def test_load_counts_refused_connections(folder):
    gone = Origin(folder=folder)
    gone.close()
    with Load(gone.address, requests=10, connections=2) as load:
        pass
    assert load.outcomes.counts == {"refused": 10}


def test_load_reads_chunked_answers_and_a_field():
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Who: a\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    with Origin(lambda _: chunked) as origin:
        with Load(origin.address, requests=50, connections=2, watch="X-Who") as load:
            pass
        assert load.outcomes.counts == {200: 50}
        assert load.outcomes.values == {"a": 50}


def test_endless_load_ends_with_its_block():
    with Origin() as origin:
        with Load(origin.address, requests=None, connections=4) as load:
            load.until_answered(100)
        assert load.outcomes.counts.keys() == {200}


def test_an_origin_sees_requests_as_they_were_sent(folder):
    with Origin(folder=folder) as origin:
        kept = Connection(origin.address)
        kept.ask("/a", method="POST", body="hello", headers={"X-One": "1"})
        kept.ask("/b", method="PUT", body=iter([b"he", b"llo"]))
        kept.close()
        assert [(r.method, r.path, r.body) for r in origin.requests] == [("POST", "/a", b"hello"), ("PUT", "/b", b"hello")]
        assert origin.requests[0].get("x-one") == ["1"]
        assert origin.connections == 1


def test_raw_bytes_go_out_as_they_are_in_pieces_of_any_size():
    with Origin(lambda r: response(200, r.path)) as origin:
        answer = net.exchange(origin.address, b"GET /p HTTP/1.1\r\nHost: a\r\n\r\nrubbish\r\n\r\n", pieces=1)
    assert status_of(answer) == 200
    assert answer.endswith(b"/p")


def test_a_program_that_ends_early_is_shown_with_its_output(folder):
    program = Program([sys.executable, "-c", "import sys; sys.exit('no such file')"], folder)
    with pytest.raises(RuntimeError, match="no such file"):
        program.until(lambda: False, "never")


def test_orphans_are_seen(folder):
    script = "import subprocess, sys; print(subprocess.Popen(['sleep', '600']).pid)"
    program = Program([sys.executable, "-c", script], folder)
    program.wait()
    orphan = int(program.stdout())
    assert process.descendants(os.getpid())[orphan] == "sleep"
    os.kill(orphan, signal.SIGKILL)


def test_postgresql_databases_are_empty_and_apart(postgresql_server, postgresql):
    name, url = postgresql
    postgresql_server.query("create table t(a int)", name)
    other, _ = postgresql_server.new_database()
    assert url.startswith(f"postgresql:///{name}?")
    assert postgresql_server.query("select count(*) from pg_tables where schemaname = 'public'", other) == "0"


def test_redis_keeps_what_it_was_given_over_a_restart(redis):
    redis.command("SET", "a", "1")
    redis.stop()
    redis.start()
    assert redis.command("GET", "a") == "1"


def test_ask_gives_status_fields_and_body():
    with Origin(lambda r: response(404, "gone", {"X-Two": "2"})) as origin:
        answer = ask(origin.address, "/x")
        assert (answer.status, answer.headers["x-two"], answer.text) == (404, "2", "gone")
