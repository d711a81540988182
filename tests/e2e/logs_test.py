"""`fairlead logs` shows what replicas wrote, while they run and afterwards."""

import json

from support import small_app
from support.process import FAIRLEAD, Program, run
from support.up import Up
from support.waiting import eventually


def logs(up, *arguments):
    done = run(FAIRLEAD, "logs", "--state", up.state, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_lines_are_stamped_tagged_and_kept(folder):
    app = small_app.write(folder, replicas=2)
    with Up(folder, app) as up:
        up.ask("/hello")
        lines = eventually(lambda: [line for line in logs(up) if line.endswith("request /hello")])
        assert len(lines) == 1
        time, name, _ = lines[0].split(" ", 2)
        assert time.endswith("Z") and name in ("web.1", "web.2")
        other = "web.1" if name == "web.2" else "web.2"
        assert not any("/hello" in line for line in logs(up, other))
        assert all(json.loads(line)["replica"] == name for line in logs(up, "--replica", name, "--json"))
        assert len(logs(up, "-n", "1")) == 1
    assert any("/hello" in line for line in logs(up, name))  # it has ended; its log has not
    assert logs(up, "--since", "1d")
    assert run(FAIRLEAD, "logs", "--state", up.state, "--since", "yesterday").returncode == 1


def test_following_shows_what_comes(folder):
    app = small_app.write(folder)
    with Up(folder, app) as up, Program([FAIRLEAD, "logs", "-f", "--state", up.state], folder, name="follow") as follow:
        follow.until(lambda: "serving" in follow.stdout(), "what was written before")
        up.ask("/later")
        follow.until(lambda: "request /later" in follow.stdout(), "what is written now")
        up.interrupt()
        assert follow.wait() in (0, 1)  # control has gone, and it with control
