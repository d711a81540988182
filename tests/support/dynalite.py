"""DynamoDB as dynalite plays it, from npm. It takes any signature: what checks those is support.aws.DynamoDB."""

import json
import shutil
import subprocess

from support import http
from support.aws import KEY, REGION, SECRET
from support.edge import free_address
from support.process import ROOT, Program

PACKAGE = ROOT / "tests" / "dynalite"
INSTALLED = ROOT / "build" / "dynalite"


def install():
    """Once for each checkout, as the lock file says."""
    lock = (PACKAGE / "package-lock.json").read_bytes()
    known = INSTALLED / "package-lock.json"
    if (INSTALLED / "node_modules" / "dynalite").exists() and known.read_bytes() == lock:
        return
    shutil.rmtree(INSTALLED, ignore_errors=True)
    INSTALLED.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PACKAGE / name, INSTALLED)
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=INSTALLED, check=True,
                   stdin=subprocess.DEVNULL, capture_output=True, timeout=300)


class Dynalite:
    """A server with one table, "birthdays", as the old program made it. stop() and start() keep the items."""

    env = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}

    def __init__(self, folder):
        install()
        self.folder = folder
        self.address = free_address()
        self.url = f"dynamodb://birthdays?region={REGION}&endpoint=http://{self.address}"
        self.start()
        self.call("CreateTable", {"TableName": "birthdays", "BillingMode": "PAY_PER_REQUEST",
                                  "KeySchema": [{"AttributeName": "Username", "KeyType": "HASH"}],
                                  "AttributeDefinitions": [{"AttributeName": "Username", "AttributeType": "S"}]})

    def start(self):
        host, port = self.address.split(":")
        self.program = Program(["node", INSTALLED / "node_modules" / "dynalite" / "cli.js", "--host", host, "--port", port,
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
