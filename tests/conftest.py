"""Fixtures for every test; tests/README.md describes them."""

import os
import pathlib
import shutil
import signal
import tempfile

import pytest

from support import process
from support.databases import PostgreSQL, Redis
from support.waiting import eventually

LOGS = os.environ.get("FAIRLEAD_TEST_LOGS")


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    item.failed = getattr(item, "failed", False) or outcome.get_result().failed


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """Every process a test started, directly or not, has ended when the test has."""
    yield
    try:
        eventually(lambda: not process.leftovers(), seconds=5)
    except AssertionError:
        found = process.leftovers()
        for pid in found:
            process.kill(pid)
        pytest.fail(f"left running: {found}")


@pytest.fixture
def folder(request, nothing_left_behind):
    """An empty folder with a short path (a Unix socket's is at most 107 bytes); kept when the test fails."""
    path = new_folder()
    yield path
    if LOGS and getattr(request.node, "failed", False):
        shutil.move(path, pathlib.Path(LOGS) / request.node.name.replace("/", "_")[:100])
    else:
        shutil.rmtree(path, ignore_errors=True)


def new_folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="fl-", dir="/tmp"))
    path.chmod(0o755)  # PostgreSQL runs as another user, and looks inside
    return path


@pytest.fixture(scope="session")
def postgresql_server():
    """One PostgreSQL for the session."""
    path = new_folder()
    server = PostgreSQL(path / "pg")
    process.lasting.add(server.program.pid)
    yield server
    server.program.stop(signal.SIGQUIT)  # at once: what it holds is thrown away
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def postgresql(postgresql_server):
    """(name, URL) of an empty database of the session's server."""
    return postgresql_server.new_database()


@pytest.fixture
def redis(folder):
    """A Redis of the test's own."""
    server = Redis(folder / "redis")
    yield server
    server.stop()
