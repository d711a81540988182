"""Ctrl-C finishes what is in flight and leaves no process; what was counted is there the next time."""

import signal

import pytest

from support import process
from support.load import Load
from support.net import accepts
from support.up import Up


def test_ctrl_c_ends_everything(folder):
    up = Up(folder)
    address = up.address
    assert len(process.descendants(up.pid)) >= 3  # the edge and two replicas
    assert up.interrupt() == 0
    assert process.leftovers() == {}
    assert not accepts(address)


def test_requests_in_flight_are_finished(folder):
    up = Up(folder)
    with Load(up.address, requests=None, connections=16) as load:
        load.until_answered(500)
        up.interrupt()
    # A request may meet a connection that is just being closed, or a listener that is gone. What was answered was whole.
    counts = dict(load.outcomes.counts)
    assert counts.pop(200) >= 500
    assert counts.keys() <= {"refused", "closed without an answer", "reset"}


def test_sigterm_does_the_same(folder):
    up = Up(folder)
    assert up.stop(signal.SIGTERM) == 0
    assert process.leftovers() == {}


def test_the_count_goes_on_after_a_restart(folder):
    with Up(folder) as up:
        assert up.visits() == 1
    with Up(folder) as up:
        assert up.visits() == 2


@pytest.mark.timeout(180)
def test_killed_control_leaves_nothing_that_a_new_one_minds(folder):
    up = Up(folder)
    assert up.visits() == 1
    process.kill(up.pid)
    up.process.wait()
    with Up(folder) as again:
        assert again.visits() == 2
