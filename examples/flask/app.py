import os

from flask import Flask

app = Flask(__name__)


@app.get("/")
def hello():
    return f"Hello from Flask, {os.environ['APP_VERSION']}\n"


@app.get("/healthz")
def health():
    return "ok\n"
