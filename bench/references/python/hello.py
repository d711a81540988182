"""hello as it was before, in outline: Flask, with SQLAlchemy in DynamoDB's place. Wants a birthday that is yet to come."""

import datetime
import os

from flask import Flask, request
from sqlalchemy import create_engine, text

app = Flask(__name__)
engine = create_engine(os.environ["DATABASE_URL"])
PUT = text("INSERT INTO birthday VALUES (:name, :birthday) ON CONFLICT (username) DO UPDATE SET birthday = :birthday")
GET = text("SELECT birthday FROM birthday WHERE username = :name")


@app.get("/")
def root():
    return ""


@app.put("/hello/<name>")
def put(name):
    body = request.get_json(force=True, silent=True)
    try:
        birthday = datetime.date.fromisoformat(body["dateOfBirth"])
    except (KeyError, TypeError, ValueError):
        return "", 400
    if not name.isalpha() or birthday < datetime.date.today():
        return "", 400
    with engine.begin() as connection:
        connection.execute(PUT, {"name": name, "birthday": birthday.isoformat()})
    return "", 204


@app.get("/hello/<name>")
def greet(name):
    with engine.connect() as connection:
        found = connection.execute(GET, {"name": name}).scalar()
    if found is None:
        return "", 404
    days = (datetime.date.fromisoformat(found) - datetime.date.today()).days
    if days == 0:
        return {"message": f"Hello {name}! Happy birthday!"}
    return {"message": f"Hello {name}! Your birthday is in {days} day(s)"}
