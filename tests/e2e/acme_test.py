"""Certificates come from an ACME server by themselves, are renewed without anybody noticing, and stay when that fails."""

import datetime
import json
import socket
import subprocess

import pytest

from support import http, small_app
from support.network import Network
from support.pebble import DIRECTORY, HTTP_PORT, TLS_PORT, Pebble
from support.process import FAIRLEAD, run
from support.up import Up
from support.waiting import eventually

HOST = "small.example.com"


@pytest.fixture
def network():
    with Network() as made:
        yield made


@pytest.fixture
def pebble(folder, network):
    with Pebble(folder, network) as made:
        yield made


def app(folder, pebble, challenge="http-01"):
    return small_app.write(folder, rest=f"""
[[routes]]
host = "{HOST}"
process = "web"
[tls]
acme = "{DIRECTORY}"
acme_ca = "{pebble.ca}"
email = "ada@example.com"
challenge = "{challenge}"
""")


def up(folder, network, what):
    return Up(folder, what, inside=network.prefix(network.server),
              env={"FAIRLEAD_HTTP_PORT": str(HTTP_PORT), "FAIRLEAD_HTTPS_PORT": str(TLS_PORT)})


def cert(started, *words):
    return run(FAIRLEAD, "cert", *words, "--state", started.state, seconds=120)


def listed(started):
    return {c["host"]: c for c in json.loads(cert(started, "list", "--json").stdout)["certificates"]}


def connect(network, name=HOST):
    """A TLS connection to the edge; close it."""
    with network.on(network.server):
        sock = socket.create_connection(("127.0.0.1", TLS_PORT), 10)
        return http.trusting_context().wrap_socket(sock, server_hostname=name)


def shown(network, name=HOST):
    """(serial, issuer's common name) of the certificate that the edge shows for this name."""
    with connect(network, name) as tls:
        der = tls.getpeercert(binary_form=True)
    said = subprocess.run(["openssl", "x509", "-noout", "-serial", "-issuer", "-inform", "DER"], input=der,
                          capture_output=True, check=True).stdout.decode()
    serial, issuer = said.splitlines()
    return serial.removeprefix("serial="), issuer


@pytest.mark.parametrize("challenge", ["http-01", "tls-alpn-01"])
def test_a_host_gets_a_certificate_by_itself(folder, network, pebble, challenge):
    with up(folder, network, app(folder, pebble, challenge)) as started:
        eventually(lambda: "Pebble" in shown(network)[1], "the certificate", seconds=60)
        status = listed(started)[HOST]
        assert status["source"] == "acme" and "Pebble" in status["issuer"] and not status["error"]
        # The proof is gone, and another name still gets the self-signed one.
        assert "Pebble" not in shown(network, "localhost")[1]
        with network.on(network.server):
            assert http.ask(f"127.0.0.1:{HTTP_PORT}", "/.well-known/acme-challenge/x", host=HOST).status == 200  # the app's
        done = cert(started, "check", HOST)
        assert done.returncode == 0, done.stdout + done.stderr


def test_renewal_loses_nothing_and_failure_keeps_the_old_one(folder, network, pebble):
    with up(folder, network, app(folder, pebble)) as started:
        eventually(lambda: "Pebble" in shown(network)[1], "the certificate", seconds=60)
        first = shown(network)
        kept = connect(network)
        done = cert(started, "renew", HOST)
        assert done.returncode == 0, done.stderr
        second = shown(network)
        assert second[0] != first[0] and "Pebble" in second[1]
        kept.sendall(f"GET /kept HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        assert kept.recv(100).startswith(b"HTTP/1.1 200")
        kept.close()
        pebble.server.stop()
        failed = cert(started, "renew", HOST)
        assert failed.returncode == 1 and "ACME server" in failed.stderr
        assert shown(network) == second
        assert "ACME server" in listed(started)[HOST]["error"]
        assert cert(started, "check", HOST).returncode == 1
        assert cert(started, "renew", "another.example.com").returncode == 1


@pytest.mark.parametrize("gone, left, renewed", [(70, 20, True), (20, 70, False)])
def test_a_third_of_the_life_left_is_when_it_is_renewed(folder, network, pebble, gone, left, renewed):
    what = app(folder, pebble)
    place = folder / "state" / "certificates" / HOST / "1"
    place.mkdir(parents=True)
    (place.parent / "current").symlink_to("1")
    now = datetime.datetime.now(datetime.timezone.utc)
    times = [(now + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ") for days in (-gone, left)]
    request, config = folder / "before.csr", folder / "before.conf"
    config.write_text(f"[ca]\ndefault_ca=a\n[a]\ndatabase={folder}/index\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n"
                      f"new_certs_dir={folder}\nunique_subject=no\n[p]\ncommonName=optional\n[n]\nsubjectAltName=DNS:{HOST}\n")
    (folder / "index").touch()
    for words in (["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", place / "key.pem",
                   "-out", request, "-subj", "/CN=before"],
                  ["ca", "-batch", "-selfsign", "-config", config, "-extensions", "n", "-keyfile", place / "key.pem", "-in",
                   request, "-out", place / "certificate.pem", "-startdate", times[0], "-enddate", times[1]]):
        made = run("openssl", *words)
        assert made.returncode == 0, made.stderr
    with up(folder, network, what) as started:
        if renewed:
            eventually(lambda: "Pebble" in shown(network)[1], "the renewal", seconds=60)
        else:
            assert "before" in shown(network)[1]
            due = datetime.datetime.fromisoformat(listed(started)[HOST]["renewal"].replace("Z", "+00:00")[:19] + "+00:00")
            assert abs((due - now).days - 40) <= 1
