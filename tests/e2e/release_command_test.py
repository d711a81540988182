"""The release command runs once, before any replica."""

from support import small_app
from support.process import FAIRLEAD, run
from support.up import Up


def test_it_runs_once_and_first(folder):
    app = small_app.write(folder, command="cat released; exec python3 server.py", replicas=3,
                          rest="[deploy]\nrelease_command = 'echo $APP_VERSION >> released'")
    with Up(folder, app) as up:
        assert (app / "released").read_text() == "2.3.4\n"
        for name in ("web.1", "web.2", "web.3"):
            assert f" {name} 2.3.4\n" in run(FAIRLEAD, "logs", name, "--state", up.state).stdout
