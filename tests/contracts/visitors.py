"""visitors: counts unique visitors."""

import re

from contracts.contract import Contract, add_common, expect

contract = Contract()
LINE = r"You have visited this page (\d+) times\. Total visitors: (\d+)"
SEMVER = r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"


def page(client, headers=None):
    answer = client.ask("/", headers=headers)
    return expect(answer.status == 200 and answer.headers["Content-Type"].startswith("text/html"), answer)


def version(client):
    return client.ask("/version").json()["version"]


@contract.baseline("GET / is a page that says Hello! and has the version in its header")
def greets(client):
    answer = page(client)
    header = re.search(r"<header>(.*?)</header>", answer.text, re.DOTALL)[1]
    expect("Hello!" in answer.text and version(client) in header, answer)


@contract.baseline("every visit is counted, the visitor only once")
def counts(client):
    first = re.search(LINE, page(client).text)
    second = re.search(LINE, page(client).text)
    assert int(second[1]) > int(first[1]) >= 1, (first[0], second[0])
    assert int(second[2]) >= int(first[2]) >= 1, (first[0], second[0])


@contract.baseline("the page names the database, the address in a comment, and the user in the footer, as a link")
def names(client):
    text = page(client).text
    assert re.search(r"PostgreSQL \d|SQLite \d|MySQL|MariaDB", text), text
    assert re.search(r"<!--[^>]*IP[^>]*-->", text), text
    assert re.search(r"<footer>.*<a href=\"[^\"]*\">[^<]+</a>.*</footer>", text, re.DOTALL), text


@contract.baseline("GET /version is SemVer in JSON")
def says_version(client):
    answer = client.ask("/version")
    expect(answer.status == 200 and list(answer.json()) == ["version"], answer)
    expect(re.fullmatch(SEMVER, answer.json()["version"]), answer)


@contract.better("an address has one spelling, and of several forwarded ones the last untrusted counts")
def addresses(client):
    for forwarded in ["2001:DB8:0::1", "192.0.2.1, 192.0.2.2"]:
        text = page(client, {"X-Forwarded-For": forwarded}).text
        assert forwarded not in text, text


@contract.better("what is no address is not shown as one: values are escaped")
def escaped(client):
    assert "<b>" not in page(client, {"X-Forwarded-For": "<b>"}).text


@contract.better("the page needs nothing from outside and fits a phone")
def alone(client):
    text = page(client).text
    assert not re.search(r"<(link|script|img|iframe)[^>]+(href|src)=\"?(https?:)?//", text), text
    assert 'name="viewport"' in text, text


add_common(contract, "/")
