"""DynamoDB as dynalite plays it, from npm. It takes any signature: what checks those is support.aws.DynamoDB."""

import json

from support import http
from support.aws import KEY, REGION, SECRET
from support.edge import free_address
from support.npm import install
from support.process import Program


class Dynalite:
    """A server with one table, "birthdays", as the old program made it. stop() and start() keep the items."""

    env = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}

    def __init__(self, folder):
        self.program_file = install("dynalite") / "node_modules" / "dynalite" / "cli.js"
        self.folder = folder
        self.address = free_address()
        self.url = f"dynamodb://birthdays?region={REGION}&endpoint=http://{self.address}"
        self.start()
        self.call("CreateTable", {"TableName": "birthdays", "BillingMode": "PAY_PER_REQUEST",
                                  "KeySchema": [{"AttributeName": "Username", "KeyType": "HASH"}],
                                  "AttributeDefinitions": [{"AttributeName": "Username", "AttributeType": "S"}]})

    def start(self):
        host, port = self.address.split(":")
        self.program = Program(["node", self.program_file, "--host", host, "--port", port,
                                "--path", self.folder / "dynalite", "--createTableMs", "0"], self.folder, name="dynalite")
        self.program.until(lambda: http.ask(self.address).status, "dynalite to answer")

    def stop(self):
        self.program.send(15)
        self.program.wait()

    def call(self, operation, question):
        answer = http.ask(self.address, "/", "POST", json.dumps(question), {
            "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"DynamoDB_20120810.{operation}", "X-Amz-Date": "now",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/x, SignedHeaders=host, Signature=any"})
        assert answer.status == 200, answer
        return answer.json()

    def items(self):
        return {item["Username"]["S"]: item for item in self.call("Scan", {"TableName": "birthdays"})["Items"]}
