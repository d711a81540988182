"""An app that does not start is a failure with its evidence, and nothing is left running."""

import pytest

from support import small_app
from support.process import FAIRLEAD, run
from support.up import Up


def fails(folder, app, env=None):
    up = Up(folder, app, env=env, until_ready=False)
    assert up.wait(60) == 1, up.output()
    assert up.stdout() == ""
    return up.stderr()


def test_a_crash_loop_shows_exit_status_and_last_lines(folder):
    app = small_app.write(folder, command="echo cannot open the database; exit 7")
    error = fails(folder, app)
    assert "web.1: exit status 7 after" in error
    assert "cannot open the database" in error
    assert "try:" in error


def test_a_program_that_is_not_there_is_named(folder):
    error = fails(folder, small_app.write(folder, command="no-such-program serve"))
    assert "exec no-such-program: No such file or directory" in error
    assert "'command' in [processes.web]" in error


def test_a_redirect_is_explained(folder):
    app = small_app.write(folder, process='start_timeout = "2s"')
    error = fails(folder, app, env={"STATUS": "301", "LOCATION": "https://small.example/"})
    assert "GET /health" in error and "301" in error and "https://small.example/" in error
    assert "a redirect is not followed" in error


def test_the_wrong_port_is_named(folder):
    app = small_app.write(folder, command="PORT=0 exec python3 server.py", process='start_timeout = "2s"')
    error = fails(folder, app)
    assert "it listens on 127.0.0.1:" in error
    assert "PORT" in error


@pytest.mark.parametrize("command", ["echo compiling; echo no such header >&2; exit 3"])
def test_a_build_that_fails_shows_its_end(folder, command):
    error = fails(folder, small_app.write(folder, rest=f"[build]\ncommand = '{command}'"))
    assert "the build failed with exit status 3" in error
    assert "no such header" in error


def test_a_release_command_that_fails_starts_nothing(folder):
    app = small_app.write(folder, rest="[deploy]\nrelease_command = 'echo column missing; exit 4'")
    error = fails(folder, app)
    assert "release command" in error and "exit status 4" in error
    assert "column missing" in error
    assert run(FAIRLEAD, "logs", "web", "--state", folder / "state").stdout == ""
