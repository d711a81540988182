"""Checks, and holding a service against them."""

import dataclasses
import http.client
import ssl
import urllib.parse

from support import http as asking


class Client:
    """Asks one service."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self._tls, self._host = None, "localhost"
        if parts.scheme == "unix":
            self._address, self._prefix = f"unix:{parts.path}", ""
            return
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SystemExit(f"tests/contract: '{url}' is no URL of a service: write http://host:port, https://… or unix:/path")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._address = f"{parts.hostname}:{parts.port or (443 if self._tls else 80)}"
        self._host, self._prefix = parts.netloc, parts.path.rstrip("/")

    def ask(self, path="/", method="GET", body=None, headers=None):
        return asking.ask(self._address, self._prefix + path, method, body, headers, host=self._host, tls=self._tls)


@dataclasses.dataclass
class Outcome:
    kind: str  # "baseline" or "better"
    words: str
    holds: bool
    why: str = ""


class Contract:
    """The promises of a service, in order. A check is a function of a Client that asserts:

        @contract.baseline("GET / is empty")
        def root(client): ...
    """

    def __init__(self):
        self._checks = []

    def baseline(self, words):
        return self._adder("baseline", words)

    def better(self, words):
        return self._adder("better", words)

    def _adder(self, kind, words):
        def add(check):
            self._checks.append((kind, words, check))
            return check

        return add

    def hold_against(self, client):
        for kind, words, check in self._checks:
            try:
                check(client)
                yield Outcome(kind, words, True)
            except (AssertionError, OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError) as e:
                yield Outcome(kind, words, False, f"{type(e).__name__}: {e}"[:500])


def expect(condition, answer):
    """Asserts, with the answer as the reason. (Plain `assert` tells nothing outside pytest.)"""
    if not condition:
        raise AssertionError(f"answered {answer}")
    return answer


def is_problem(answer, status):
    """RFC 9457."""
    expect(answer.status == status, answer)
    expect(answer.headers["Content-Type"] == "application/problem+json", answer)
    expect(answer.json()["status"] == status, answer)


def add_common(contract, path):
    """What all five do beyond the programs that they replace. `path` answers GET and no DELETE."""

    @contract.better("GET /healthz is 200")
    def healthz(client):
        expect(client.ask("/healthz").status == 200 and client.ask("/healthz").json(), client.ask("/healthz"))

    @contract.better("GET /readyz is 200")
    def readyz(client):
        expect(client.ask("/readyz").status == 200 and client.ask("/readyz").json(), client.ask("/readyz"))

    @contract.better("GET /metrics is OpenMetrics")
    def metrics(client):
        answer = client.ask("/metrics")
        expect(answer.headers["Content-Type"].startswith("application/openmetrics-text"), answer)
        expect(answer.text.endswith("# EOF\n"), answer)

    @contract.better("GET /openapi.json is an OpenAPI 3.1 document that names every path")
    def openapi(client):
        answer = client.ask("/openapi.json")
        expect(answer.json()["openapi"].startswith("3.1.") and path in answer.json()["paths"], answer)

    @contract.better("an unknown path is a 404 problem document")
    def unknown(client):
        is_problem(client.ask("/no/such/path"), 404)

    @contract.better("a wrong method is a 405 problem document with Allow")
    def wrong_method(client):
        answer = client.ask(path, "DELETE")
        is_problem(answer, 405)
        expect("GET" in answer.headers["Allow"], answer)
