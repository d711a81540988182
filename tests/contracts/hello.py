"""hello: greets on birthdays."""

import datetime
import json
import uuid

from contracts.contract import Contract, add_common, expect, is_problem

contract = Contract()
LEAP = 1904  # has every day of the calendar


def name():
    """One that nobody has put: letters only."""
    return "Contract" + "".join(chr(ord("a") + int(digit, 16)) for digit in uuid.uuid4().hex)


def put(client, username, date):
    body = date if isinstance(date, str) else json.dumps({"dateOfBirth": date.isoformat()})
    return client.ask(f"/hello/{username}", "PUT", body, {"Content-Type": "application/json"})


def message(client, *dates):
    """What is answered for the first of these dates of birth that is accepted."""
    username = name()
    answers = [put(client, username, date) for date in dates]
    expect(any(a.status == 204 for a in answers), answers)
    answer = client.ask(f"/hello/{username}")
    expect(answer.status == 200 and list(answer.json()) == ["message"], answer)
    return answer.json()["message"].replace(username, "NAME")


def today():
    return datetime.date.today()


@contract.baseline("GET / is 200 and empty")
def root(client):
    answer = client.ask("/")
    expect(answer.status == 200 and answer.body == b"", answer)


@contract.baseline("PUT /hello/{username} is 204 without a body")
def stores(client):
    answer = put(client, name(), today())
    expect(answer.status == 204 and answer.body == b"", answer)


@contract.baseline("PUT is 400 for a body that is not JSON, lacks the key, or holds no real calendar date")
def refuses(client):
    for body in ["", "x", "[]", "{}", '{"date":"1999-01-01"}', '{"dateOfBirth":5}', '{"dateOfBirth":"1999-02-29"}',
                 '{"dateOfBirth":"yesterday"}']:
        answer = put(client, name(), body)
        expect(answer.status == 400, (body, answer))


@contract.baseline("usernames are made of letters only")
def letters(client):
    answer = put(client, "Contract1", today())
    expect(answer.status in (400, 404), answer)


@contract.baseline("GET /hello/{username} greets on the day")
def greets(client):
    assert message(client, today()) == "Hello NAME! Happy birthday!"


@contract.baseline("GET /hello/{username} counts the days otherwise")
def counts(client):
    tomorrow = today() + datetime.timedelta(days=1)
    assert message(client, tomorrow.replace(year=LEAP), tomorrow) == "Hello NAME! Your birthday is in 1 day(s)"


@contract.baseline("GET /hello/{username} is 404 for a name never put")
def unknown(client):
    answer = client.ask(f"/hello/{name()}")
    expect(answer.status == 404, answer)


@contract.better("a date of birth lies before today: the answer counts to the next anniversary")
def anniversary(client):
    for days in (1, 100, 300):
        coming = today() + datetime.timedelta(days=days)
        if (coming.month, coming.day) != (2, 29):
            assert message(client, coming.replace(year=LEAP)) == f"Hello NAME! Your birthday is in {days} day(s)"


@contract.better("29 February is a birthday every year")
def leap_day(client):
    assert message(client, datetime.date(LEAP, 2, 29)).startswith("Hello NAME! ")


@contract.better("a date of birth in the future is a 400 problem document")
def future(client):
    is_problem(put(client, name(), today() + datetime.timedelta(days=1)), 400)


@contract.better("errors are problem documents")
def problems(client):
    is_problem(put(client, name(), "x"), 400)
    is_problem(client.ask(f"/hello/{name()}"), 404)


@contract.better("a body over 1 MiB is 413")
def too_large(client):
    is_problem(put(client, name(), "x" * ((1 << 20) + 1)), 413)


add_common(contract, "/hello/{username}")
