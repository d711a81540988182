"""The command line: exit statuses, suggestions, JSON, help, completions and the man page from one set of definitions."""

import json
import subprocess

import pytest

from support.process import FAIRLEAD, ROOT, run

VERBS = ["up", "check", "status", "ps", "logs", "metrics", "alerts", "explain", "top", "stop", "maintenance", "pause", "resume",
         "artifacts", "exec", "doctor", "install", "uninstall", "plan",
         "serve", "deploy", "rollback", "scale", "restart", "releases", "deployments", "builds",
         "audit", "secrets", "cache", "render", "edge", "version", "help", "completion", "man"]


def test_version_is_semver_in_both_forms():
    assert run(FAIRLEAD, "version").stdout.startswith("fairlead ")
    version = json.loads(run(FAIRLEAD, "version", "--json").stdout)["version"]
    assert len(version.split(".")) == 3
    assert run(FAIRLEAD, "--version").stdout == f"fairlead {version}\n"


@pytest.mark.parametrize("words, suggestion", [(["stauts"], "fairlead status"), (["status", "--jsno"], "--json"),
                                               (["logs", "--folow"], "--follow"), (["help", "chek"], "fairlead check")])
def test_what_is_not_known_is_told_with_the_nearest(words, suggestion):
    done = run(FAIRLEAD, *words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "unknown" in done.stderr and suggestion in done.stderr


def test_usage_errors_are_2_and_failures_are_1(folder):
    assert run(FAIRLEAD, "completion").returncode == 2
    assert run(FAIRLEAD, "completion", "tcsh").returncode == 2
    assert run(FAIRLEAD, "logs", "-n", "many").returncode == 2
    done = run(FAIRLEAD, "status", "--json", "--state", folder)
    assert done.returncode == 1
    assert done.stdout == "" and "fairlead up" in done.stderr


def test_help_knows_every_verb():
    text = run(FAIRLEAD, "help").stdout
    assert text == run(FAIRLEAD).stdout == run(FAIRLEAD, "--help").stdout
    for verb in VERBS:
        assert f"\n  {verb} " in text
        assert run(FAIRLEAD, "help", verb).stdout == run(FAIRLEAD, verb, "--help").stdout != ""


def test_bash_completes_verbs_options_and_choices(folder):
    script = run(FAIRLEAD, "completion", "bash").stdout
    (folder / "completion").write_text(script)
    assert subprocess.run(["bash", "-n", folder / "completion"]).returncode == 0

    def complete(*words):
        asked = f"""
source {folder}/completion
COMP_WORDS=({' '.join(repr(w) for w in words)})
COMP_CWORD={len(words) - 1}
_fairlead
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
        return subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True).stdout.split()

    assert set(VERBS) <= set(complete("fairlead", ""))
    assert complete("fairlead", "stat") == ["status"]
    assert "--follow" in complete("fairlead", "logs", "--f")
    assert set(complete("fairlead", "completion", "")) >= {"bash", "zsh", "fish"}


def test_the_other_completions_name_every_verb_and_option():
    for shell in ("zsh", "fish"):
        script = run(FAIRLEAD, "completion", shell).stdout
        for word in [*VERBS, "follow", "since"]:
            assert word in script


def test_the_man_page_is_right_roff():
    page = run(FAIRLEAD, "man").stdout
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=page, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for verb in VERBS:
        assert f".SS fairlead {verb}" in page


def test_docs_cli_md_is_what_the_definitions_say():
    assert (ROOT / "docs" / "cli.md").read_text() == run(FAIRLEAD, "man", "--markdown").stdout
