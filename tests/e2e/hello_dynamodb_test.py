"""hello on DynamoDB: signed requests, retries where they help, clear answers where they do not.

dynalite plays DynamoDB; where signatures are checked or failures are wanted, a server of the test does."""

import json

import pytest

from support.aws import DynamoDB
from support.dynalite import Dynalite
from support.process import ROOT, run
from support.service import Service, command


@pytest.fixture
def dynalite(folder):
    server = Dynalite(folder)
    yield server
    server.stop()


@pytest.fixture
def dynamodb():
    with DynamoDB() as played:
        yield played


def start(folder, store):
    return Service(folder, "hello", {**store.env, "DATABASE_URL": store.url})


@pytest.fixture
def service(folder, dynamodb):
    with start(folder, dynamodb) as started:
        started.until(lambda: started.ask("/readyz").status == 200, "the table")
        yield started


def put(service, name="Ada", date="1815-12-10"):
    return service.ask(f"/hello/{name}", "PUT", json.dumps({"dateOfBirth": date}))


def test_items_are_as_they_always_were(folder, dynalite):
    with start(folder, dynalite) as service:
        assert service.ask("/readyz").status == 200
        assert service.ask("/hello/Ada").status == 404
        assert put(service, date="1815-12-09").status == put(service).status == 204
        assert dynalite.items() == {"Ada": {"Username": {"S": "Ada"}, "Birthday": {"S": "1815-12-10"}}}
        assert service.ask("/hello/Ada").json()["message"].startswith("Hello Ada! ")


def test_the_contract_holds(folder, dynalite):
    with start(folder, dynalite) as service:
        done = run(ROOT / "tests" / "contract", "--service", "hello", "--url", service.address)
        assert done.returncode == 0, done.stdout


def test_a_missing_table_is_told(folder, dynalite):
    dynalite.url = dynalite.url.replace("birthdays", "other")
    with start(folder, dynalite) as service:
        assert "ResourceNotFoundException" in service.ask("/readyz").json()["reason"]
        assert put(service).status == service.ask("/hello/Ada").status == 503


def test_what_was_put_outlives_an_absence_of_dynamodb(folder, dynalite):
    with start(folder, dynalite) as service:
        assert put(service).status == 204
        dynalite.stop()
        for answer in [service.ask("/hello/Ada"), put(service, "Eve"), service.ask("/readyz")]:
            assert answer.status == 503 and answer.headers["Retry-After"] == "1"
        assert service.ask("/healthz").status == 200
        dynalite.start()
        service.until(lambda: service.ask("/readyz").status == 200, "the table's return", seconds=2)
        assert service.ask("/hello/Ada").status == 200


def test_requests_are_signed(service, dynamodb):
    assert put(service).status == 204 and service.ask("/hello/Ada").status == 200
    assert dynamodb.items == {"Ada": {"Username": {"S": "Ada"}, "Birthday": {"S": "1815-12-10"}}}


def test_throttling_and_failures_are_tried_again(service, dynamodb):
    dynamodb.failures = [(400, "ProvisionedThroughputExceededException"), (500, "InternalServerError")]
    assert put(service).status == 204
    assert service.ask("/hello/Ada").status == 200


@pytest.mark.parametrize("failure, asked", [((400, "ThrottlingException"), 3), ((400, "AccessDeniedException"), 1),
                                           ((400, "ResourceNotFoundException"), 1), ((503, ""), 3)])
def test_what_lasts_is_told(service, dynamodb, failure, asked):
    before = len(dynamodb.requests)
    dynamodb.failures = [failure] * asked
    failed = put(service)
    assert failed.status == 503 and failed.headers["Retry-After"] == "1"
    assert len(dynamodb.requests) == before + asked
    assert put(service).status == 204


def test_wrong_credentials_are_not_ready(folder, dynamodb):
    env = {**dynamodb.env, "AWS_SECRET_ACCESS_KEY": "wrong", "DATABASE_URL": dynamodb.url}
    with Service(folder, "hello", env) as service:
        ready = service.ask("/readyz")
        assert ready.status == 503 and "InvalidSignatureException" in ready.json()["reason"]
        assert "wrong" not in service.stdout()


def test_wrong_configuration_is_told_at_start():
    for url in ["dynamodb://", "dynamodb://t?region=", "dynamodb://t?region=r&endpoint=ftp://x"]:
        refused = command("hello", "serve", env={"DATABASE_URL": url})
        assert refused.returncode == 2, refused.stderr
