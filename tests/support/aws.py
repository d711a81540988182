"""A DynamoDB that checks every signature and fails on demand, and the Lambda runtime API, both played by an Origin.

Where DynamoDB is to behave, support.dynalite does."""

import hashlib
import hmac
import json
import queue
import threading

from support.origin import Origin, response

KEY, SECRET, REGION = "AKIDTEST", "s3cr3t/key", "eu-test-1"


def signature(request, secret=SECRET):
    """What Signature Version 4 must be for this request: by AWS's description, independently of ours."""
    authorization = request.get("authorization")[0]
    scope = authorization.split("Credential=")[1].split(",")[0].split("/", 1)[1]
    names = authorization.split("SignedHeaders=")[1].split(",")[0]
    fields = "".join(f"{name}:{','.join(value.strip() for value in request.get(name))}\n" for name in names.split(";"))
    path, _, query = request.path.partition("?")
    canonical = "\n".join([request.method, path, query, fields, names, hashlib.sha256(request.body).hexdigest()])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", request.get("x-amz-date")[0], scope,
                         hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


class DynamoDB(Origin):
    """One table, "birthdays", of items by Username. `failures`: statuses and types to answer first."""

    def __init__(self):
        self.items, self.failures = {}, []
        super().__init__(self.answer)

    @property
    def url(self):
        return f"dynamodb://birthdays?region={REGION}&endpoint=http://{self.address}"

    env = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}

    def error(self, status, kind):
        return response(status, json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{kind}", "message": "no"}))

    def answer(self, request):
        if self.failures:
            return self.error(*self.failures.pop(0))
        if not request.get("authorization")[0].endswith("Signature=" + signature(request)):
            return self.error(400, "InvalidSignatureException")
        operation = request.get("x-amz-target")[0].removeprefix("DynamoDB_20120810.")
        asked = json.loads(request.body)
        if asked["TableName"] != "birthdays":
            return self.error(400, "ResourceNotFoundException")
        if operation == "PutItem":
            self.items[asked["Item"]["Username"]["S"]] = asked["Item"]
            return response(200, "{}")
        if operation == "GetItem":
            item = self.items.get(asked["Key"]["Username"]["S"])
            return response(200, json.dumps({"Item": item} if item else {}))
        assert operation == "DescribeTable"
        return response(200, json.dumps({"Table": {"TableStatus": "ACTIVE"}}))


class LambdaRuntime(Origin):
    """Hands out events, one by one, and collects the answers."""

    def __init__(self):
        self.events, self.answers = queue.Queue(), queue.Queue()
        self.number = 0
        self.generation = 0  # of the function that may ask for events
        self.asked = threading.Semaphore(0)  # how often one asked
        super().__init__(self.answer)

    def answer(self, request):
        path = request.path.removeprefix("/2018-06-01/runtime/")
        if path == "invocation/next":
            event = self.next_event()
            if event is None:
                return None
            self.number += 1
            return response(200, event if isinstance(event, str) else json.dumps(event),
                            {"Lambda-Runtime-Aws-Request-Id": f"id-{self.number}"})
        self.answers.put((path, json.loads(request.body)))
        return response(202, '{"status":"OK"}')

    def next_event(self):
        generation = self.generation
        self.asked.release()
        while generation == self.generation:
            try:
                event = self.events.get(timeout=0.02)
            except queue.Empty:
                continue
            if generation == self.generation:
                return event
            self.events.put(event)
        return None  # the one that asked was killed: what comes now is for its successor

    def forget_function(self):
        self.generation += 1

    def invoke(self, event):
        """(path below runtime/, the JSON posted)."""
        self.events.put(event)
        return self.answers.get(timeout=20)
