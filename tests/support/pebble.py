"""Pebble, the ACME server that authorities test with, on a machine of a test's network, with a DNS that names it alone."""

import json
import pathlib

from support.process import Program, run

HTTP_PORT, TLS_PORT = 5002, 5001  # where it looks for proofs
DIRECTORY = "https://localhost:14000/dir"


class Pebble:
    """As a context manager. `.ca` is the file of whom to trust when talking to it."""

    def __init__(self, folder, network):
        self.folder, self.network = pathlib.Path(folder), network
        self.ca = self.folder / "pebble.pem"

    def __enter__(self):
        key = self.folder / "pebble.key"
        made = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                   "-out", self.ca, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
        assert made.returncode == 0, made.stderr
        config = self.folder / "pebble.json"
        config.write_text(json.dumps({"pebble": {
            "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000", "certificate": str(self.ca),
            "privateKey": str(key), "httpPort": HTTP_PORT, "tlsPort": TLS_PORT}}))
        here = self.network.prefix(self.network.server)
        self.dns = Program([*here, "pebble-challtestsrv", "-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", "",
                            "-dns01", "127.0.0.1:8053", "-management", "127.0.0.1:8055"], self.folder, name="dns")
        self.server = Program([*here, "pebble", "-config", config, "-dnsserver", "127.0.0.1:8053"], self.folder, name="pebble",
                              env={"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "20"})
        self.server.until(lambda: "14000" in self.network.run(self.network.server, "ss", "-ltn").stdout, "Pebble to listen")
        return self

    def __exit__(self, *_):
        self.server.stop()
        self.dns.stop()
