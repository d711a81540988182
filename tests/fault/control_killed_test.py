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


def test_a_replica_that_ignores_sigterm_is_ended_by_the_next_up(folder):
    app = small_app.write(folder, command="trap '' TERM; python3 -c \"import signal; signal.signal(15, signal.SIG_IGN); "
                                          "exec(open('server.py').read().replace('signal.signal', 'print'))\"")
    up = Up(folder, app)
    process.kill(up.pid)
    up.process.wait()
    stubborn = eventually(lambda: [p for p, name in process.descendants(os.getpid()).items() if name == "python3"])
    with Up(folder, app) as again:
        assert not set(stubborn) & set(process.descendants(os.getpid()))
        assert "left by an earlier run" in again.stderr()
        assert again.ask("/x").text == "/x"
        again.process.kill()  # and so the fixture finds what the next line must end
        again.process.wait()
    for pid in process.descendants(os.getpid()):
        process.kill(pid)
