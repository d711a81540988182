"""countme as it was before, in outline: Flask and redis-py."""

import os

import redis
from flask import Flask

app = Flask(__name__)
store = redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"))


@app.get("/")
def greet():
    return f"Hello World! I have been seen {store.incr('hits')} times.\n"
