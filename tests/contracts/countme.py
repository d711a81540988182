"""countme: how often it has been seen."""

import re

from contracts.contract import Contract, add_common, expect

contract = Contract()


def number(client):
    answer = client.ask("/")
    expect(answer.status == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8", answer)
    return int(re.fullmatch(r"Hello World! I have been seen (\d+) times\.\n", answer.text)[1])


@contract.baseline("GET / says how often it has been seen, and ends in a newline")
def greets(client):
    assert number(client) >= 1


@contract.baseline("every request counts")
def counts(client):
    first, second = number(client), number(client)
    assert second > first, (first, second)


@contract.better("HEAD / does not count")
def head(client):
    def step(between):
        before = number(client)
        between()
        return number(client) - before

    # Others may count meanwhile: once in several tries they do not.
    steps = [step(lambda: client.ask("/", "HEAD")) for _ in range(10)]
    assert 1 in steps, steps


add_common(contract, "/")
