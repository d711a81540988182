"""What TLS clients of the edge meet, with OpenSSL's own client: resumption over loops and reloads, profiles, client
certificates, stapled answers."""

import subprocess

import pytest
from support.edge import Edge, free_address

OPENSSL = ["openssl"]


def run(*words, cwd, stdin="Q\n", check=True):
    return subprocess.run([*OPENSSL, *words], cwd=cwd, input=stdin, text=True, capture_output=True, check=check,
                          timeout=60)


@pytest.fixture
def authority(folder):
    """A certificate authority with a server's and a client's certificate, as files of `folder`."""
    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem", cwd=folder)
    for name in ("server", "client"):
        run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
            "-addext", "subjectAltName=DNS:localhost", "-keyout", f"{name}.key", "-out", f"{name}.csr", cwd=folder)
        run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2",
            "-copy_extensions", "copy", "-out", f"{name}.pem", cwd=folder)
    return folder


@pytest.fixture
def tls_edge(authority):
    """start(**tls): an edge on TLS that answers everything with a redirect."""
    edges = []

    def start(**tls):
        address = free_address()
        certificate = {"certificate": f"{authority}/server.pem", "key": f"{authority}/server.key"}
        edge = Edge(authority, [], {"listeners": [{"address": address, "tls": True}], "certificates": [certificate],
                                    "pools": [], "routes": [{"redirect": {"to": "/elsewhere"}}], "tls": tls})
        edge.tls_address = address
        edges.append(edge)
        return edge

    yield start
    for edge in edges:
        edge.stop()


def client(edge, *words, check=True):
    folder = edge.state.parent
    done = run("s_client", "-connect", edge.tls_address, "-CAfile", "ca.pem", *words, cwd=folder, check=check)
    return done.stdout + done.stderr


def test_sessions_resume_on_any_loop_and_after_a_reload(tls_edge):
    for version in ("-tls1_2", "-tls1_3"):
        edge = tls_edge()
        ask = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        folder = edge.state.parent

        def connect(*words):
            return run("s_client", "-connect", edge.tls_address, "-CAfile", "ca.pem", "-ign_eof", version, *words,
                       cwd=folder, stdin=ask).stdout

        assert "New, TLSv1." in connect("-sess_out", "session")
        assert all("Reused, TLSv1." in connect("-sess_in", "session") for _ in range(8))  # two loops take turns
        pem = folder / "server.pem"
        pem.write_text(pem.read_text() + "\n")  # another time of change: read again
        assert edge.change().status == 200
        assert "Reused, TLSv1." in connect("-sess_in", "session")
        edge.stop()
        for file in edge.state.iterdir():
            file.unlink()
        edge.state.rmdir()


def test_the_modern_profile_is_tls_1_3_alone(tls_edge):
    edge = tls_edge(modern=True)
    assert "TLSv1.3" in client(edge)
    assert "alert protocol version" in client(edge, "-tls1_2", check=False)


def test_only_clients_with_a_certificate_of_the_authority(tls_edge, authority):
    edge = tls_edge(client_ca=f"{authority}/ca.pem")
    ask = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    def answer(*words):
        done = run("s_client", "-connect", edge.tls_address, "-CAfile", "ca.pem", "-ign_eof", "-quiet", *words,
                   cwd=authority, stdin=ask, check=False)
        return done.stdout

    assert "HTTP/1.1 308" in answer("-cert", "client.pem", "-key", "client.key")
    assert "HTTP/1.1" not in answer()


def test_an_answer_of_the_authority_is_stapled(tls_edge, authority):
    (authority / "index.txt").write_text("")
    run("ocsp", "-index", "index.txt", "-CA", "ca.pem", "-rsigner", "ca.pem", "-rkey", "ca.key", "-issuer", "ca.pem",
        "-cert", "server.pem", "-respout", "server.pem.ocsp", "-ndays", "1", cwd=authority)
    edge = tls_edge()
    assert "OCSP Response Status: successful" in client(edge, "-status")
