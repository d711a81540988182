"""kill -9 of `fairlead up` leaves no process, whatever the replicas think of signals."""

import os

from support import process, small_app
from support.up import Up
from support.waiting import eventually


def test_replicas_and_edge_end_with_control(folder):
    up = Up(folder, small_app.write(folder, replicas=2))
    process.kill(up.pid)
    up.process.wait()
    eventually(lambda: not process.descendants(os.getpid()), "all to have ended")


STUBBORN = ("trap '' TERM; python3 -c \"import signal; signal.signal(15, signal.SIG_IGN); "
            "exec(open('server.py').read().replace('signal.signal', 'print'))\"")


def test_a_replica_that_ignores_sigterm_ends_too(folder):
    up = Up(folder, small_app.write(folder, command=STUBBORN))
    process.kill(up.pid)
    up.process.wait()
    eventually(lambda: not process.descendants(os.getpid()), "all to have ended")


def test_the_next_up_waits_for_the_sweeper(folder):
    app = small_app.write(folder, command=STUBBORN)
    up = Up(folder, app)
    process.kill(up.pid)
    up.process.wait()
    left = process.descendants(os.getpid())
    assert "fairlead-sweep" in left.values()
    with Up(folder, app) as again:
        assert not set(left) & set(process.descendants(os.getpid()))
        assert again.ask("/x").text == "/x"


def test_what_a_killed_sweeper_leaves_is_ended_by_the_next_up(folder):
    app = small_app.write(folder, command=STUBBORN)
    up = Up(folder, app)
    process.kill(next(p for p, name in process.descendants(os.getpid()).items() if name == "fairlead-sweep"))
    process.kill(up.pid)
    up.process.wait()
    stubborn = eventually(lambda: [p for p, name in process.descendants(os.getpid()).items() if name == "python3"])
    with Up(folder, app) as again:
        assert not set(stubborn) & set(process.descendants(os.getpid()))
        assert "left by an earlier run" in again.stderr()
        assert again.ask("/x").text == "/x"
