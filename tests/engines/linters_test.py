"""The pipelines parse: with GitHub's linter, GitLab's own schema, the Groovy parser, and Bitbucket's shape."""

import os
import pathlib
import shutil

import pytest
import yaml

from support.npm import install
from support.process import run

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE.parent / "golden" / "target"


def rendered(target, pattern):
    found = sorted(GOLDEN.glob(f"*/{target}/{pattern}"))
    assert found
    return [pytest.param(f, id=f.relative_to(GOLDEN).parts[0]) for f in found]


@pytest.fixture(scope="session")
def linters():
    if not shutil.which("npm"):
        pytest.skip("not installed: npm")
    return install("engines")


@pytest.mark.timeout(500)
def test_github(linters):
    files = [p.values[0] for p in rendered("github", ".github/workflows/*.yml")]
    done = run("node", "lint_actions.js", *files, cwd=linters)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(500)
def test_gitlab(linters, folder):
    """By GitLab's own schema; and production is for a person to start."""
    files = [p.values[0] for p in rendered("gitlab", ".gitlab-ci.yml")]
    done = run("node", "lint_gitlab.mjs", *files, cwd=linters)
    assert done.returncode == 0, done.stdout + done.stderr
    for file in files:
        pipeline = yaml.safe_load(file.read_text())
        assert all(pipeline[job]["stage"] in pipeline["stages"] for job in pipeline if job not in ("stages", "variables"))
        assert pipeline["deploy-production"]["rules"] == [{"if": '$CI_COMMIT_BRANCH == "master"', "when": "manual"}]
    (folder / "broken.yml").write_text("build:\n  script: [make]\n  when: sometimes\n")
    assert run("node", "lint_gitlab.mjs", folder / "broken.yml", cwd=linters).returncode == 1


@pytest.mark.timeout(500)
def test_jenkins(linters, folder):
    """One run for all: most of its time is Java's."""
    if not shutil.which("java"):
        pytest.skip("not installed: java")
    for number, param in enumerate(rendered("jenkins", "Jenkinsfile")):
        (folder / str(number)).mkdir()
        shutil.copy(param.values[0], folder / str(number) / "Jenkinsfile")
    done = run("node", linters / "node_modules/npm-groovy-lint/lib/index.js", "--noserver", "--parse", "--failon", "error",
               "--path", folder, "--files", "**/Jenkinsfile", seconds=300, env={**os.environ, "HOME": str(folder)})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "NglParseError" not in done.stdout


@pytest.mark.parametrize("file", rendered("bitbucket", "bitbucket-pipelines.yml"))
def test_bitbucket(file):
    """No package checks these; what Atlassian's description requires is held against them here."""
    pipelines = yaml.safe_load(file.read_text())["pipelines"]
    lists = [pipelines["default"], *pipelines["branches"].values()]
    for steps in lists:
        assert 0 < len(steps) <= 100
        deployments = [s["step"]["deployment"] for s in steps if "deployment" in s["step"]]
        assert len(deployments) == len(set(deployments)) and set(deployments) <= {"test", "staging", "production"}
        for entry in steps:
            step = entry["step"]
            assert set(step) <= {"name", "script", "artifacts", "deployment", "trigger"}
            assert step["script"] and all(isinstance(line, str) for line in step["script"])
        assert steps[0]["step"].get("trigger") != "manual"  # the first may not be
    assert pipelines["branches"]["master"][-1]["step"]["trigger"] == "manual"
