"""`fairlead install` writes a unit that systemd accepts; `uninstall` stops what control runs and takes it away."""

from support import small_app
from support.process import FAIRLEAD, run
from support.serve import Serve


def test_the_unit_comes_and_goes(folder):
    unit = folder / "etc" / "systemd" / "system" / "fairlead.service"
    done = run(FAIRLEAD, "install", "--root", folder, "--state", folder / "state")
    assert done.returncode == 0, done.stderr
    assert f"ExecStart={FAIRLEAD} serve --state {folder}/state" in unit.read_text()
    verified = run("systemd-analyze", "verify", unit)
    assert verified.returncode == 0, verified.stderr
    assert run(FAIRLEAD, "install", "--print", "--state", folder / "state").stdout == unit.read_text()
    serve = Serve(folder)
    serve.do("deploy", small_app.write(folder))
    done = run(FAIRLEAD, "uninstall", "--root", folder, "--state", folder / "state")
    assert done.returncode == 0 and "are stopped" in done.stdout, done.stderr
    assert serve.wait(60) == 0
    assert not unit.exists() and serve.state.exists()
    assert run(FAIRLEAD, "uninstall", "--root", folder).returncode == 1
