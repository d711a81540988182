"""`fairlead plan` says what a deployment would change and changes nothing; its exit status is 0, 1 or 2."""

from support import small_app
from support.serve import Serve


def test_every_change_is_told(folder):
    app = small_app.write(folder, rest="[deploy]\nrelease_command = 'true'\n")
    with Serve(folder) as serve:
        first = serve.verb("plan", app)
        assert first.returncode == 2 and "for the first time" in first.stdout
        serve.do("deploy", app)
        same = serve.verb("plan", app)
        assert (same.returncode, same.stdout) == (0, "nothing would change\n")
        file = app / "fairlead.toml"
        file.write_text(file.read_text().replace("replicas = 1", "replicas = 3"))
        (app / "server.py").write_text((app / "server.py").read_text() + "\n")
        changed = serve.verb("plan", app)
        assert changed.returncode == 2
        assert "processes.web.replicas: 1 → 3" in changed.stdout and "source:" in changed.stdout
        assert "the release command runs: true" in changed.stdout
        assert [r["name"] for r in serve.replicas()] == ["web.1.v1"]
        file.write_text("nonsense")
        assert serve.verb("plan", app).returncode == 1
