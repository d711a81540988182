"""Documentation names files, functions, links and commands that exist."""

import re
import subprocess

import pytest

from support.process import FAIRLEAD, ROOT

IGNORED = {"build", "node_modules", ".git"}
PAGES = sorted(p for p in ROOT.rglob("*.md") if not IGNORED & set(p.relative_to(ROOT).parts))
LIVES = [p for p in PAGES if p.name.startswith("life-of-a-")]


def name(path):
    return str(path.relative_to(ROOT))


def outside_code(text):
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(page):
    """The anchors that headings get, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", outside_code(page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue  # outside: not ours to keep
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{name(page)}: {target} does not exist"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{name(page)}: {target}: no such heading"


def source_files(text):
    """The files that backquoted paths name, from the top or from src/."""
    for path in re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.\w+)(?::\d+)?`", text):
        found = [p for p in (ROOT / path, ROOT / "src" / path) if p.exists()]
        yield path, (found[0] if found else None)


def test_files_and_functions_of_a_life_exist():
    """A `name()` must stand in one of the files that its section names; a `path/file.h` must exist."""
    assert ROOT / "docs" / "life-of-a-request.md" in LIVES
    for page in LIVES:
        functions_checked = 0
        for section in re.split(r"^#+ ", page.read_text(), flags=re.MULTILINE):
            files = list(source_files(section))
            for path, file in files:
                assert file, f"{name(page)}: `{path}` does not exist"
            sources = "\n".join(f.read_text() for _, f in files)
            for function in re.findall(r"`(?:[\w:]+(?:::|\.))?(\w+)\(\)`", section):
                functions_checked += 1
                assert re.search(rf"\b{function}\(", sources), \
                    f"{name(page)}: `{function}()` is in none of its section's files"
        assert functions_checked >= 5, f"{name(page)} names hardly any function"


def commands(page):
    """The lines of shell blocks, without comments."""
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
        for line in block.splitlines():
            line = re.sub(r"\s+#.*", "", line).removeprefix("$ ").strip()
            if line and not line.startswith("#"):
                yield line


def help_of(*command):
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=ROOT)
    assert done.returncode == 0, f"{' '.join(map(str, command))} --help: {done.stderr}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_exist_with_their_options(page):
    for line in commands(page):
        words = line.split()
        if words[0] in ("fairlead", "build/release/fairlead"):
            verb = [w for w in words[1:2] if not w.startswith("-")]
            text = help_of(FAIRLEAD, *verb)
            for option in re.findall(r"(?<=\s)--[\w-]+", line):
                assert option in text, f"{name(page)}: {line}: no such option"
        elif words[0] == "./test" and len(words) > 1:
            assert re.search(rf"^  {re.escape(words[1])} ", help_of(ROOT / "test"), re.MULTILINE), f"{name(page)}: {line}"
        elif "/" in words[0] and not words[0].startswith("build/"):
            assert (ROOT / words[0]).exists(), f"{name(page)}: {line}"


GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_files_in_guides_are_right(page, tmp_path):
    """A toml block that begins with a name is a whole fairlead.toml."""
    for block in re.findall(r"```toml\n(name .*?)```", page.read_text(), re.DOTALL):
        (tmp_path / "fairlead.toml").write_text(block)
        done = subprocess.run([FAIRLEAD, "check", tmp_path], capture_output=True, text=True)
        assert done.returncode == 0, f"{name(page)}: {done.stderr}{done.stdout}"
