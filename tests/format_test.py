"""clang-format has nothing to change in any C++ file."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = ("src", "apps", "bench", "fuzz", "tests", "cmake")


def test_every_cpp_file_is_formatted():
    files = [str(p) for f in FOLDERS for p in (ROOT / f).rglob("*") if p.suffix in (".h", ".cc")]
    assert files
    done = subprocess.run(["clang-format-19", "--dry-run", "--Werror", *files], capture_output=True, text=True)
    assert done.returncode == 0, f"run clang-format-19 -i on them:\n{done.stderr[:4000]}"
