"""visitors as it was before, in outline: Flask and SQLAlchemy. Counts by reading and writing back, and believes every
forwarding header; that is part of what it shows."""

import os

from flask import Flask, request
from sqlalchemy import Column, Integer, String, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, declarative_base

app = Flask(__name__)
Base = declarative_base()
VERSION = os.environ.get("APP_VERSION", "1.0.1")
engine = create_engine(os.environ["DATABASE_URL"]) if os.environ.get("DATABASE_URL") else None

PAGE = """<!doctype html>
<html><head><title>{app_name}</title><link rel="stylesheet" href="https://cdn.example.com/style.css"></head>
<body><!-- IP: {ip} --><header>{app_name} v{version}</header>
<h1>Hello!</h1><p>{line}</p><p>Database: {database}</p>
<footer>by <a href="{user_url}">{user_name}</a></footer></body></html>
"""


class Visitor(Base):
    __tablename__ = "visitor"
    id = Column(Integer, primary_key=True)
    ip = Column(String(40), unique=True, index=True)
    visits = Column(Integer)


def count(ip):
    with Session(engine) as session:
        visitor = session.query(Visitor).filter_by(ip=ip).first()
        if visitor is None:
            visitor = Visitor(ip=ip, visits=0)
            session.add(visitor)
        visitor.visits += 1
        session.commit()
        line = f"You have visited this page {visitor.visits} times. Total visitors: {session.query(Visitor).count()}"
        return line, session.execute(text("SELECT version()")).scalar()


@app.get("/")
def page():
    ip = request.headers.get("X-Forwarded-For") or request.remote_addr or "unix"
    line, database = "Database is not configured", "none"
    if engine:
        try:
            line, database = count(ip)
        except SQLAlchemyError:
            line = "Query to DB failed"
    return PAGE.format(ip=ip, line=line, database=database, version=VERSION,
                       app_name=os.environ.get("APP_NAME", f"devops-test-v{VERSION}"),
                       user_name=os.environ.get("USER_NAME", "n/a"), user_url=os.environ.get("USER_URL", "#"))


@app.get("/version")
def version():
    return {"version": VERSION}
