"""Rolling back over a migration is refused unless it is declared compatible, or can be undone and is asked for."""

import json

from support import small_app
from support.serve import Serve

ROUTE = "[[routes]]\nhost = 'small.example'\nprocess = 'web'\n"
HOST = {"host": "small.example"}


def app_at(folder, schema, rest=""):
    """Its schema is a file with a number beside the database: a migration writes it."""
    app = folder / "app"
    if not app.exists():
        small_app.write(folder)
    (app / "fairlead.toml").write_text(f"""name = "small"
version = "1.0.{schema}"
{ROUTE}
[deploy]
release_command = "echo {schema} > $HOME/schema"
schema_command = "cat $HOME/schema"
{rest}
[processes.web]
command = "python3 server.py"
health = "/health"
""")
    return app


def test_it_is_refused_or_undone(folder):
    down = "down_command = 'echo $FAIRLEAD_SCHEMA > $HOME/schema'"
    with Serve(folder) as serve:
        schema = serve.state / "data" / "small" / "schema"
        serve.do("deploy", app_at(folder, 1))
        serve.do("deploy", app_at(folder, 2))
        assert [r["schema"] for r in json.loads(serve.do("releases", "--json"))] == ["2", "1"]
        refused = serve.verb("rollback")
        assert refused.returncode == 8 and "schema 2 to 1" in refused.stderr and "no down_command" in refused.stderr
        assert serve.verb("rollback", "--down").returncode == 8
        assert serve.ask("/env/FAIRLEAD_RELEASE", **HOST).text == "v2"

        serve.do("deploy", app_at(folder, 3, rest="compatible = true"))
        assert serve.deployment("rollback")["to"] == 2  # v2 runs on schema 3
        serve.do("rollback", "v3")
        serve.do("deploy", app_at(folder, 4, rest=down))
        refused = serve.verb("rollback")
        assert refused.returncode == 8 and "--down" in refused.stderr
        undone = serve.deployment("rollback", "--down")
        assert (undone["state"], undone["to"], schema.read_text()) == ("succeeded", 3, "3\n")
        assert "migrate down" in [s["name"] for s in undone["steps"]]
        serve.do("rollback", "v4")  # forward again: its migrations run again
        assert schema.read_text() == "4\n"


def test_a_down_migration_that_does_not_get_there_changes_nothing(folder):
    with Serve(folder) as serve:
        serve.do("deploy", app_at(folder, 1))
        serve.do("deploy", app_at(folder, 2, rest="down_command = 'true'"))
        done = serve.verb("rollback", "--down")
        assert done.returncode == 4 and "left schema 2, not 1" in done.stderr
        assert serve.ask("/env/FAIRLEAD_RELEASE", **HOST).text == "v2"
