"""The house's arrows: an #include crosses from one folder to another only along those of CMakeLists.txt."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
APP_ARROWS = {"service"}  # what apps/ may use, with all below it


def declared_arrows():
    text = (ROOT / "CMakeLists.txt").read_text()
    found = re.findall(r"^fairlead_folder\((\w+)(?:\s+ARROWS\s+([\w\s]+))?\)", text, re.MULTILINE)
    return {name: set(arrows.split()) for name, arrows in found}


ARROWS = declared_arrows()


def reachable(folders):
    seen, waiting = set(), list(folders)
    while waiting:
        folder = waiting.pop()
        if folder not in seen:
            seen.add(folder)
            waiting += ARROWS[folder]
    return seen


def crossings(sources, allowed):
    """The lines of these files that include from a folder that is not allowed, or does not exist."""
    found = []
    for path in sources:
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            include = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if include and "/" in include[1] and include[1].split("/")[0] not in allowed:
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    return found


def sources_of(folder):
    return [p for p in folder.rglob("*") if p.suffix in (".h", ".cc")]


def test_every_folder_of_src_has_its_line():
    folders = {p.name for p in (ROOT / "src").iterdir() if p.is_dir()}
    assert folders <= set(ARROWS)
    assert set.union(*ARROWS.values()) <= set(ARROWS)


def test_no_circle():
    for folder in ARROWS:
        assert folder not in reachable(ARROWS[folder]), f"{folder} reaches itself"


def test_the_parts_meet_in_control_only():
    parts = {"edge", "supervise", "ship", "observe", "backup"}
    for part in parts:
        assert not parts & reachable(ARROWS[part])


@pytest.mark.parametrize("folder", sorted(ARROWS))
def test_includes_follow_the_arrows(folder):
    allowed = {folder} | reachable(ARROWS[folder])
    assert crossings(sources_of(ROOT / "src" / folder), allowed) == []


def test_apps_use_the_toolkit_and_what_is_below_it():
    for app in (p for p in (ROOT / "apps").iterdir() if p.is_dir()):
        assert crossings(sources_of(app), reachable(APP_ARROWS) | {app.name}) == []


def test_a_crossing_would_be_seen(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    wrong = tmp_path / "wrong.cc"
    wrong.write_text('#include <vector>\n#include "edge/edge.h"\n#include "base/error.h"\n')
    assert crossings([wrong], {"base"}) == ['wrong.cc:2: #include "edge/edge.h"']
