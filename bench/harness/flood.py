"""`bench/run flood`: a crowd of a million addresses against limits and bans, in network namespaces of its own.

The crowd asks once from each address, at a steady rate that leaves the machine time for those who are measured: others, who
ask 200 times a second on one connection and go on doing so."""

import pathlib
import socket
import statistics
import threading
import time

from harness import stores
from support.edge import Edge
from support.network import Network
from support.origin import Origin, response
from support.process import resident_kib

SIZE = 1.0  # million addresses
PER_SECOND = 8_000
PORT = 8080
QUIET = 20  # seconds without a crowd
RULE = {"name": "flood", "paths": ["/banned*"], "statuses": [404], "count": 3, "within_ms": 60_000, "ban_ms": 600_000}


def run(size, say):
    with stores.folder() as folder, Network() as network:
        network.must("ip", "-n", network.client, "route", "add", "local", "10.0.0.0/8", "dev", "lo")
        network.must("ip", "-n", network.server, "route", "add", "10.128.0.0/9", "via", "10.78.0.2")
        network.add_address("10.78.0.3")
        with Origin(lambda r: response(404 if r.path.startswith("/banned") else 200, "x" * 512,
                                       headers={"Cache-Control": "max-age=3600"}), folder=folder) as origin:
            snapshot = {"listeners": [{"address": f"{network.SERVER}:{PORT}"}], "cache_memory": 1 << 24,
                        "guard": {"client_connections": 50, "ban_file": str(folder / "bans.json"),
                                  "broken": {"name": "broken", "count": 20, "within_ms": 60_000, "ban_ms": 600_000}},
                        "routes": [{"pool": "web", "cache": {"enabled": True}, "bans": [RULE]},
                                   {"pool": "web", "path_prefix": "/flood", "cache": {"enabled": True}, "bans": [RULE],
                                    "limit": {"count": 1, "per_ms": 60_000, "burst": 1}}]}
            with Edge(folder, [origin.address], snapshot, inside=network.prefix(network.server)) as edge:
                yield from crowd(size, say, network, edge)
                yield from banned(say, network, edge)


def crowd(size, say, network, edge):
    others = Others(network)
    say(f"others alone, {QUIET} s")
    time.sleep(QUIET)
    before, memory = others.take(), resident_kib(edge.pid)
    say(f"a crowd of {size:g} million addresses, {PER_SECOND:,} a second")
    out = stores.json.loads(network.run(network.client, stores.BUILD / "bench/bench_flood", network.SERVER, PORT,
                                        int(size * 1e6), PER_SECOND, seconds=1200).stdout)
    during, after = others.take(), resident_kib(edge.pid)
    others.stop()
    yield f"{size:g} million addresses, one request each", "answered / limited / refused / silent", \
        " / ".join(f"{out[k]:,}" for k in ("answered", "limited", "refused", "silent"))
    yield "others' p50 and p99, without the crowd", "fairlead", f"{before[0]:.2f} ms, {before[1]:.2f} ms"
    yield "others' p50 and p99, during it", "fairlead", f"{during[0]:.2f} ms, {during[1]:.2f} ms ({during[1] / before[1]:.2f} ×)"
    yield "memory of the whole edge, before and after", "fairlead", f"{memory / 1024:.1f} MiB, {after / 1024:.1f} MiB"


def banned(say, network, edge):
    say("a client that is banned goes on")
    for _ in range(3):
        assert network.get(PORT, "/banned") == 404
    asked = time.monotonic()
    while "10.78.0.2" not in network.run(network.server, "nft", "list", "ruleset").stdout:
        assert time.monotonic() - asked < 5, "never banned by the kernel"
    took = time.monotonic() - asked
    start, accepted = cpu_seconds(edge), connections(edge)
    deadline = time.monotonic() + 5
    tried = 0
    with network.on(network.client):
        while time.monotonic() < deadline:
            sock = socket.socket()
            sock.setblocking(False)
            sock.bind(("10.78.0.2", 0))
            sock.connect_ex((network.SERVER, PORT))
            sock.close()
            tried += 1
    used = cpu_seconds(edge) - start
    yield "from the third offence to the kernel's drop", "fairlead", f"{took * 1000:.0f} ms"
    yield f"{tried:,} connections tried by the banned in 5 s", "fairlead", \
        f"{connections(edge) - accepted:.0f} reached the edge, {used * 1000:.0f} ms of its CPU"


def connections(edge):
    line = next(l for l in edge.metrics().splitlines() if l.startswith("fairlead_edge_connections_accepted_total"))
    return float(line.split()[-1])


def cpu_seconds(edge):
    fields = pathlib.Path(f"/proc/{edge.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


class Others:
    """Somebody who behaves: 200 requests a second on one connection."""

    def __init__(self, network):
        self.network, self.times, self.going = network, [], True
        self.thread = threading.Thread(target=self.ask)
        self.thread.start()

    def ask(self):
        with self.network.on(self.network.client):
            sock = socket.create_connection((self.network.SERVER, PORT), 30, ("10.78.0.3", 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        due = time.monotonic()
        while self.going:
            due += 1 / 200
            time.sleep(max(0, due - time.monotonic()))
            started = time.monotonic()
            sock.sendall(b"GET /others HTTP/1.1\r\nHost: h\r\n\r\n")
            answer = sock.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200"), answer
            self.times.append(time.monotonic() - started)

    def take(self):
        """(p50, p99) in milliseconds since the last look."""
        times, self.times = sorted(self.times), []
        return statistics.median(times) * 1000, times[len(times) * 99 // 100] * 1000

    def stop(self):
        self.going = False
        self.thread.join()
