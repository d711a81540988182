"""A small HTTP/1.1 client on Python's own, over TCP, Unix sockets and TLS."""

import http.client
import json
import ssl

from support import net


class Response:
    def __init__(self, raw):
        self.status = raw.status
        self.headers = raw.headers  # looks fields up in any letter case; get_all(name) for a list
        self.body = raw.read()

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {dict(self.headers)} {self.body[:200]!r}>"


class Connection(http.client.HTTPConnection):
    """One kept connection. `tls` is an ssl.SSLContext, or True to trust whatever certificate there is."""

    def __init__(self, address, tls=None, server_name="localhost", seconds=20):
        super().__init__("localhost", timeout=seconds)
        self._address, self._server_name = address, server_name
        self._tls = trusting_context() if tls is True else tls

    def connect(self):
        self.sock = net.connect(self._address, self.timeout)
        if self._tls:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._server_name)

    def ask(self, path="/", method="GET", body=None, headers=None, host="localhost"):
        self.request(method, path, body=body, headers={"Host": host, **(headers or {})})
        return Response(self.getresponse())


def ask(address, path="/", method="GET", body=None, headers=None, host="localhost", tls=None):
    """One request on a connection of its own."""
    connection = Connection(address, tls=tls, server_name=host)
    try:
        return connection.ask(path, method, body, headers, host)
    finally:
        connection.close()


def trusting_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def status_of(answer):
    """The status code of raw response bytes; 0 where there is none."""
    words = answer[:64].split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/1.") else 0
