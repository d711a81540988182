"""A port that is taken is an error that names its owner and the way out, and nothing is started."""

import os
import socket

import pytest

from support.up import Up


@pytest.mark.parametrize("variable", ["FAIRLEAD_HTTP_PORT", "FAIRLEAD_HTTPS_PORT"])
def test_a_busy_port_names_its_owner(folder, variable):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        up = Up(folder, env={variable: port}, until_ready=False)
        assert up.wait() == 1
    error = up.stderr()
    assert port in error
    assert str(os.getpid()) in error  # of this test, which has the port
    assert variable in error
