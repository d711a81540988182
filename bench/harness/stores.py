"""What the benches of the stores share: running a program to its end, and telling what it took."""

import contextlib
import json
import pathlib
import resource
import shutil
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/release"


@contextlib.contextmanager
def folder():
    """On the disk of the source tree: /tmp may be memory, and gigabytes are coming."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "build"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def timed(*command, stdin=None, stdout=None, accept=(0,)):
    """(wall seconds, CPU seconds) of a program run to its end."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    status = subprocess.run([str(word) for word in command], stdin=stdin, stdout=stdout).returncode
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if status not in accept:
        raise SystemExit(f"{command[0]} ended with status {status}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def asked(program, *arguments):
    """The JSON object that one of our own bench programs prints."""
    command = [str(word) for word in (BUILD / program, *arguments)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def size_of(path):
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def table(rows):
    return "\n".join(["| what | program | figure |", "|---|---|--:|"] + [f"| {' | '.join(row)} |" for row in rows])
