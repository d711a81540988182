"""Starting the reference programs on a TCP port; what they are is in README.md."""

import os
import pathlib
import subprocess

FOLDER = pathlib.Path(__file__).parent
BUILD = FOLDER.parents[1] / "build" / "references"

# Tables as the old programs made them.
SCHEMA = {
    "visitors": "CREATE TABLE visitor (id serial PRIMARY KEY, ip varchar(40), visits integer);"
                "CREATE UNIQUE INDEX ix_visitor_ip ON visitor (ip)",
    "hello": "CREATE TABLE birthday (username text PRIMARY KEY, birthday text NOT NULL)",
    "airdata": "CREATE TABLE measurand (timeinstant timestamp NOT NULL, id_entity text NOT NULL, so2 float8, no2 float8,"
               "co float8, o3 float8, pm10 float8, pm2_5 float8, PRIMARY KEY (timeinstant, id_entity))",
    "airquality": "CREATE TABLE UserQueries (Time timestamp PRIMARY KEY, City text)",
}


def flask(name, address):
    """The command of a Flask reference under gunicorn with two workers, as the old programs ran."""
    return ["/usr/bin/gunicorn", "--workers", "2", "--bind", address, "--chdir", FOLDER / "python", f"{name}:app"]


def go(name):
    """The path of a Go reference, built. It listens where LISTEN says."""
    BUILD.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(BUILD / "cache")}
    subprocess.run(["go", "build", "-o", BUILD / name, FOLDER / "go" / f"{name}.go"], env=env, check=True)
    return BUILD / name
