"""gRPC passes: HTTP/2 to the origin where its pool says so, streams both ways, trailers, and status codes."""

import concurrent.futures
import contextlib
import threading

import grpc
import pytest

from support.edge import free_address, pool
from support.h2 import TlsEdge
from support.process import Program
from support.waiting import eventually

MANY = 200


def double(request, context):
    if request == b"fail":
        context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")
    return request + request


def count_down(request, context):
    for number in range(int(request), 0, -1):
        yield str(number).encode()


def add_up(requests, context):
    return str(sum(int(number) for number in requests)).encode()


def echo(requests, context):
    yield from requests


HANDLERS = grpc.method_handlers_generic_handler("test.Echo", {
    "Double": grpc.unary_unary_rpc_method_handler(double),
    "CountDown": grpc.unary_stream_rpc_method_handler(count_down),
    "AddUp": grpc.stream_unary_rpc_method_handler(add_up),
    "Echo": grpc.stream_stream_rpc_method_handler(echo),
})


@contextlib.contextmanager
def grpc_origin():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers((HANDLERS,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None)


def h2_pool(address):
    return {"pools": [pool("web", [address], h2=True, health={"path": ""})]}


@pytest.fixture(params=["clear", "tls"])
def channel(request, folder):
    with grpc_origin() as origin, TlsEdge(folder, [], h2_pool(origin)) as edge:
        if request.param == "tls":
            trust = grpc.ssl_channel_credentials(edge.certificate.read_bytes())
            opened = grpc.secure_channel(edge.tls_address, trust)
        else:
            opened = grpc.insecure_channel(edge.address)
        with opened as channel:
            yield channel


def test_calls_of_every_kind_pass(channel):
    assert channel.unary_unary("/test.Echo/Double")(b"ab") == b"abab"
    assert list(channel.unary_stream("/test.Echo/CountDown")(b"3")) == [b"3", b"2", b"1"]
    assert channel.stream_unary("/test.Echo/AddUp")(iter([b"1", b"2", b"39"])) == b"42"
    large = [bytes([n]) * 300_000 for n in range(8)]
    assert list(channel.stream_stream("/test.Echo/Echo")(iter(large))) == large


def test_a_stream_answers_while_its_request_goes_on(channel):
    said, heard = threading.Semaphore(0), []

    def questions():
        for number in range(5):
            yield str(number).encode()
            said.acquire(timeout=20)  # until the answer to this one was heard

    for answer in channel.stream_stream("/test.Echo/Echo")(questions(), timeout=20):
        heard.append(answer)
        said.release()
    assert heard == [b"0", b"1", b"2", b"3", b"4"]


def test_a_failure_s_status_and_words_arrive(channel):
    with pytest.raises(grpc.RpcError) as failure:
        channel.unary_unary("/test.Echo/Double")(b"fail")
    assert (failure.value.code(), failure.value.details()) == (grpc.StatusCode.NOT_FOUND, "no such thing")
    with pytest.raises(grpc.RpcError) as failure:
        channel.unary_unary("/test.Echo/Nothing")(b"")
    assert failure.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_many_calls_at_once_share_a_connection(folder):
    with grpc_origin() as origin, TlsEdge(folder, [], h2_pool(origin), loops=1) as edge:
        with grpc.insecure_channel(edge.address) as channel:
            calls = [channel.unary_unary("/test.Echo/Double").future(b"%d" % n) for n in range(MANY)]
            assert [call.result(20) for call in calls] == [b"%d%d" % (n, n) for n in range(MANY)]
        connects = int(edge.metrics().split("fairlead_edge_origin_connects_total{")[1].split("} ")[1].split("\n")[0])
        assert connects <= 4  # up to 100 streams each


def test_clients_of_http1_are_served_by_such_an_origin_too(folder):
    address = free_address()
    (folder / "www").mkdir()
    (folder / "www" / "file").write_bytes(b"x" * 200_000)
    server = ["nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", folder / "www", address.split(":")[1]]
    with Program(server, folder, name="nghttpd"), TlsEdge(folder, [], h2_pool(address)) as edge:
        eventually(lambda: edge.ask("/file").status == 200, "the origin to be found well")
        answer = edge.ask("/file")
        assert (answer.status, len(answer.body)) == (200, 200_000)
        assert edge.ask("/none").status == 404
        assert edge.curl("/file", "-o", "/dev/null", "-w", "%{size_download}").stdout == b"200000"


def test_an_origin_that_is_gone_is_a_503_or_502_and_back_it_is_asked_again(folder):
    address = free_address()
    (folder / "www").mkdir()
    (folder / "www" / "file").write_bytes(b"here")
    server = ["nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", folder / "www", address.split(":")[1]]
    with TlsEdge(folder, [], h2_pool(address)) as edge:
        assert edge.ask("/file").status in (502, 503)
        with Program(server, folder, name="nghttpd"):
            eventually(lambda: edge.ask("/file").status == 200, "the origin to be found well")
        assert edge.ask("/file").status in (502, 503)
        with Program(server, folder, name="nghttpd"):
            eventually(lambda: edge.ask("/file").status == 200, "the origin to be found well again")
