"""kill -9 of the edge: it is back within a second, on the same ports, with the same routes."""

import time

from support import process, small_app
from support.net import accepts
from support.up import Up
from support.waiting import eventually


def test_the_edge_is_back_within_a_second(folder):
    app = small_app.write(folder)
    with Up(folder, app) as up:
        address, pid = up.address, up.status()["edge"]["pid"]
        process.kill(pid)
        eventually(lambda: not accepts(address) or up.status()["edge"]["pid"] != pid, "the edge to be gone")
        killed = time.monotonic()
        eventually(lambda: up.ask("/x").text == "/x", "an answer")
        assert time.monotonic() - killed < 1
        edge = eventually(lambda: up.is_ready() and up.status()["edge"])
        assert edge["pid"] != pid and edge["restarts"] == 1
        assert up.address == address
