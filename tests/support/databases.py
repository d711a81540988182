"""Real PostgreSQL and Redis servers of a test's own, on Unix sockets."""

import os
import pathlib
import shutil
import signal
import uuid

from support.process import Program, run

POSTGRESQL = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), default=None)


class PostgreSQL:
    """A cluster in `folder`, started. PostgreSQL refuses root, so there it runs as the user postgres."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._as_user = []
        if os.geteuid() == 0:
            self._as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
            shutil.chown(self.folder, "postgres", "postgres")
        self.user = "postgres"
        made = run(*self._as_user, POSTGRESQL / "initdb", "-D", self.folder / "data", "-U", self.user, "-A", "trust",
                   "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", cwd=self.folder)
        assert made.returncode == 0, made.stderr
        self.start()

    def start(self):
        self.program = Program([*self._as_user, POSTGRESQL / "postgres", "-D", self.folder / "data", "-k", self.folder,
                                "-c", "listen_addresses=", "-c", "max_connections=100"],
                               folder=self.folder.parent, name=f"{self.folder.name}.postgresql", cwd=self.folder)
        self.program.until(lambda: self.psql("select 1").returncode == 0, "PostgreSQL to answer")

    def stop(self):
        self.program.stop(signal.SIGINT)  # "fast": ends open connections

    def psql(self, sql, database="postgres"):
        return run(POSTGRESQL / "psql", "-h", self.folder, "-U", self.user, "-d", database, "-AtX",
                   "-v", "ON_ERROR_STOP=1", "-c", sql)

    def query(self, sql, database="postgres"):
        """Rows as lines, columns separated by |."""
        done = self.psql(sql, database)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def new_database(self):
        """(name, URL) of an empty database."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.query(f"create database {name}")
        return name, f"postgresql:///{name}?host={self.folder}&user={self.user}"


class Redis:
    """An empty server on a Unix socket in `folder`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket = self.folder / "redis.sock"
        self.start()

    def start(self):
        self.program = Program(["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.folder,
                                "--save", "", "--appendonly", "yes"], folder=self.folder, name="redis")
        self.program.until(lambda: self.command("PING") == "PONG", "Redis to answer")

    def stop(self):
        self.program.stop()

    def command(self, *words):
        return run("redis-cli", "-s", self.socket, *words).stdout.strip()
