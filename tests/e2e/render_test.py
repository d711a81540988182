"""`fairlead render` writes an app for another engine and says what does not come along."""

import json
import subprocess

import pytest

from support.process import FAIRLEAD, ROOT

APP = ROOT / "tests" / "golden" / "target" / "visitors.toml"
EXPECTED = ROOT / "tests" / "golden" / "target" / "visitors"


def render(*arguments):
    return subprocess.run([FAIRLEAD, "render", *arguments], capture_output=True, text=True)


def test_one_file_goes_to_stdout_and_the_losses_to_stderr():
    done = render("haproxy", APP)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (EXPECTED / "haproxy" / "haproxy.cfg").read_text()
    assert "missing https: " in done.stderr


def test_files_go_to_a_folder(folder):
    done = render("kubernetes", APP, "--out", folder / "k8s")
    assert done.returncode == 0, done.stderr
    written = sorted(f for f in (folder / "k8s").rglob("*") if f.is_file())
    assert sorted(done.stdout.split()) == [str(f) for f in written]
    for file in written:
        assert file.read_text() == (EXPECTED / "kubernetes" / file.relative_to(folder / "k8s")).read_text()


def test_json_holds_files_and_report():
    answer = json.loads(render("swarm", APP, "--json").stdout)
    assert [f["path"] for f in answer["files"]] == ["stack.yml", "edge.json", "FIDELITY.md"]
    assert {n["fidelity"] for n in answer["fidelity"]} == {"carried", "differs", "missing"}


@pytest.mark.parametrize("target", ["haproxy", "nginx", "compose"])
def test_check_asks_the_engine(target):
    done = render(target, APP, "--check")
    assert done.returncode == 0, done.stderr
    assert "checked: " in done.stderr


def test_an_environment_has_its_own(folder):
    done = render("haproxy", APP, "--env", "staging")
    assert "environment staging" in done.stdout
    assert done.stdout.count("server web-") == 1
    assert render("haproxy", APP, "--env", "nowhere").returncode == 1


def test_an_unknown_target_is_a_usage_error():
    done = render("kubernets", APP)
    assert done.returncode == 2
    assert "kubernetes" in done.stderr
