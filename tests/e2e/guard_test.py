"""Who misbehaves is kept out: by the kernel where it may be changed, within a second, until the ban ends, across restarts."""

import pathlib
import shutil
import socket

import pytest

from support.edge import Edge
from support.network import Network
from support.origin import Origin, response
from support.process import FAIRLEAD, Program, run
from support.waiting import eventually

PORT = 8080
LOGIN = {"name": "login", "paths": ["/login*"], "statuses": [401], "count": 3, "within_ms": 60_000, "ban_ms": 600_000}


def answer(request):
    return response(401 if request.path.startswith("/login") else 200, "x")


@pytest.fixture
def network():
    with Network() as made:
        yield made


@pytest.fixture
def origin(folder):
    with Origin(answer, folder=folder) as made:
        yield made


def guarded(folder, origin, network, inside=(), **guard):
    """An edge on the server, with the rule above."""
    return Edge(folder, [origin.address], {
        "listeners": [{"address": f"{network.SERVER}:{PORT}"}],
        "routes": [{"pool": "web", "bans": [LOGIN]}],
        "guard": {"ban_file": f"{folder}/bans.json", "log": f"{folder}/guard.log", **guard}},
        inside=[*network.prefix(network.server), *inside])


def misbehave(network, source="10.78.0.2"):
    for _ in range(LOGIN["count"]):
        assert network.get(PORT, "/login", source) == 401


def bans(edge):
    return {ban["client"]: ban for ban in edge.control("/bans").json()["bans"]}


def in_kernel(network):
    return network.run(network.server, "nft", "list", "ruleset").stdout


def test_a_banned_address_is_dropped_by_the_kernel_and_costs_the_edge_nothing(folder, origin, network):
    network.add_address("10.78.0.3")
    with guarded(folder, origin, network) as edge:
        misbehave(network)
        eventually(lambda: "10.78.0.2" in in_kernel(network), "the kernel to know", seconds=1)
        before = accepted(edge), cpu(edge)
        with network.on(network.client):
            flood = [socket.socket() for _ in range(200)]
            for sock in flood:
                sock.setblocking(False)
                sock.connect_ex((network.SERVER, PORT))
        assert network.get(PORT, seconds=1) is None
        assert accepted(edge) == before[0]
        assert cpu(edge) - before[1] <= 2  # hundredths of a second: the counters asked for here
        for sock in flood:
            sock.close()
        assert network.get(PORT, source="10.78.0.3") == 200
        assert edge.control("/bans").json()["in_kernel"]


def accepted(edge):
    line = next(l for l in edge.metrics().splitlines() if l.startswith("fairlead_edge_connections_accepted_total"))
    return float(line.split()[-1])


def cpu(edge):
    fields = pathlib.Path(f"/proc/{edge.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_bans_end_are_lifted_and_outlive_the_edge(folder, origin, network):
    edge = guarded(folder, origin, network)
    with edge:
        misbehave(network)
        eventually(lambda: network.get(PORT, seconds=1) is None, "the ban to hold")
    assert "fairlead_bans" not in in_kernel(network)
    shutil.move(edge.state, folder / "before")
    with guarded(folder, origin, network) as edge:
        assert list(bans(edge)) == ["10.78.0.2"]
        eventually(lambda: network.get(PORT, seconds=1) is None, "the ban to hold again")
        assert edge.control("/bans?client=10.78.0.2", method="DELETE").status == 200
        eventually(lambda: network.get(PORT, seconds=1) == 200, "the client to be let in")
        assert edge.control("/bans?client=10.78.0.2&seconds=1", method="POST").status == 200
        eventually(lambda: network.get(PORT, seconds=1) is None, "the ban to hold")
        eventually(lambda: network.get(PORT, seconds=1) == 200, "the ban to end")


def test_without_rights_the_edge_turns_the_banned_away_itself(folder, origin, network):
    powerless = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]
    with guarded(folder, origin, network, inside=powerless) as edge:
        misbehave(network)
        eventually(lambda: network.get(PORT) == 0, "connections to be closed without an answer")
        assert list(bans(edge)) == ["10.78.0.2"]
        assert not edge.control("/bans").json()["in_kernel"]
    assert "fairlead_bans" not in in_kernel(network)


def test_broken_http_and_tls_are_offences(folder, origin, network):
    network.add_address("10.78.0.3")
    rule = {"name": "broken", "count": 3, "within_ms": 60_000, "ban_ms": 600_000}
    with guarded(folder, origin, network, broken=rule) as edge:
        for _ in range(3):
            assert b" 400 " in network.ask(PORT, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        eventually(lambda: bans(edge).get("10.78.0.2", {}).get("reason") == "broken", "the ban")
        assert network.get(PORT, source="10.78.0.3") == 200


def test_a_client_may_have_so_many_connections_open(folder, origin, network):
    network.add_address("10.78.0.3")
    with guarded(folder, origin, network, client_connections=3) as edge:
        with network.on(network.client):
            kept = [socket.create_connection((network.SERVER, PORT), 5, ("10.78.0.2", 0)) for _ in range(3)]
        for sock in kept:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert sock.recv(100).startswith(b"HTTP/1.1 200")
        assert network.get(PORT) == 0
        assert network.get(PORT, source="10.78.0.3") == 200
        kept.pop().close()
        eventually(lambda: network.get(PORT) == 200, "a place to be free")
        for sock in kept:
            sock.close()


def test_stock_fail2ban_bans_by_the_rendered_jail(folder, origin, network):
    app = folder / "app"
    app.mkdir()
    (app / "fairlead.toml").write_text("""name = "small"
[processes.web]
command = "true"
[guard.bans.login]
paths = ["/login*"]
statuses = [401]
after = 3
""")
    conf = folder / "fail2ban"
    shutil.copytree("/etc/fail2ban", conf)
    shutil.rmtree(conf / "jail.d")
    assert run(FAIRLEAD, "render", "fail2ban", app, "-o", conf).returncode == 0
    jail = conf / "jail.d" / "fairlead.conf"
    text = jail.read_text().replace("/var/lib/fairlead", str(folder)).replace("http,https", str(PORT))
    jail.write_text(text.replace("backend = auto", "backend = polling"))
    client = ["fail2ban-client", "-c", conf, "-s", folder / "f.sock"]
    with guarded(folder, origin, network) as edge:
        eventually((folder / "guard.log").exists, "the guard's log")
        with Program([*network.prefix(network.server), "fail2ban-server", "-f", "-c", conf, "-s", folder / "f.sock", "-p",
                      folder / "f.pid", "--logtarget", folder / "f.log", "--syslogsocket", "none", "-x", "start"], folder) as f2b:
            f2b.until(lambda: run(*client, "status", "fairlead-login").returncode == 0, "fail2ban")
            misbehave(network)
            f2b.until(lambda: "10.78.0.2" in run(*client, "status", "fairlead-login").stdout, "fail2ban to ban", seconds=20)
            f2b.until(lambda: "f2b" in in_kernel(network), "fail2ban's own rules")
            # Even without our own ban nobody is let in.
            edge.control("/bans?client=10.78.0.2", method="DELETE")
            assert network.get(PORT, seconds=1) in (None, 0)
