"""What HTTP/2 tests share: an edge that speaks TLS, curl and nghttp on it."""

import subprocess

from support.edge import Edge, free_address


class TlsEdge(Edge):
    """An Edge that listens for TLS too, with a certificate for localhost; `.tls_address`."""

    def __init__(self, folder, origins, snapshot=None, **options):
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        self.certificate = certificate
        self.tls_address = free_address()
        listeners = [{"address": free_address()}, {"address": self.tls_address, "tls": True}]
        super().__init__(folder, origins, {"listeners": listeners, **(snapshot or {}),
                                           "certificates": [{"certificate": str(certificate), "key": str(key)}]},
                         **options)
        self.address = listeners[0]["address"]

    def curl(self, path, *options, tls=True):
        """What `curl --http2` prints, and its exit code in `.returncode`."""
        base = f"https://{self.tls_address}" if tls else f"http://{self.address}"
        version = "--http2" if tls else "--http2-prior-knowledge"
        return run(["curl", "-s", version, "--cacert", self.certificate, "--max-time", "20", *options, base + path],
                   check=False)


def run(command, check=True, seconds=30):
    return subprocess.run([str(word) for word in command], check=check, capture_output=True, timeout=seconds)
