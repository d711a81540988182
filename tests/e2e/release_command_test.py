"""The release command runs once, before any replica."""

from support import small_app
from support.up import Up


def test_it_runs_once_and_first(folder):
    app = small_app.write(folder, command="cat released; exec python3 server.py", replicas=3,
                          rest="[deploy]\nrelease_command = 'echo $APP_VERSION >> released'")
    with Up(folder, app):
        assert (app / "released").read_text() == "2.3.4\n"
        for name in ("web.1", "web.2", "web.3"):
            lines = (folder / "state" / "logs" / f"{name}.log").read_text()
            assert f" {name} 2.3.4\n" in lines
