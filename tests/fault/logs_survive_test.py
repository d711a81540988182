"""Every line that a process has written is in the log once, whoever is killed meanwhile."""

import collections
import contextlib
import json
import os
import random
import re
import time

from support import process, small_app
from support.process import FAIRLEAD, run
from support.serve import Serve
from support.waiting import eventually

# A minute and more on demand: FAIRLEAD_CHAOS_SECONDS=300 ./test fault logs_survive
SECONDS = float(os.environ.get("FAIRLEAD_CHAOS_SECONDS", "12"))

# Counts as fast as control takes it, each number flushed, and tells a file which number was the last that was written.
WRITER = """
import mmap, os, signal, struct, sys, threading
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
name = f"{os.environ['RUN_FOLDER']}/{os.getpid()}"
with open(name, "wb") as file:
    file.truncate(8)
file = open(name, "r+b")
last = mmap.mmap(file.fileno(), 8)
n = 0
import time
while True:
    n += 1
    os.write(1, b"number %d %d\\n" % (os.getpid(), n))
    last[:8] = struct.pack("<q", n)
    if n % 50 == 0:
        time.sleep(0.005)
"""


def written(folder):
    """The last number of each writer, by its pid."""
    return {int(f.name): int.from_bytes(f.read_bytes(), "little") for f in folder.iterdir()}


def numbers(serve):
    """How often each number is in the log, by writer."""
    found = collections.defaultdict(collections.Counter)
    for line in serve.do("logs", "-n", "0", "--grep", "number").splitlines():
        if match := re.search(r"number (\d+) (\d+)$", line):
            found[int(match[1])][int(match[2])] += 1
    return found


def kill_one(dice, processes):
    running = [p["pid"] for p in processes if p["pid"]]
    if running:
        process.kill(dice.choice(running))


def check(serve, folder):
    found, last = numbers(serve), written(folder)
    assert last
    for pid, most in last.items():
        twice = [n for n, count in found[pid].items() if count > 1]
        missing = [n for n in range(1, most + 1) if n not in found[pid]]
        assert not twice, f"{pid}: twice: {twice[:5]} …"
        assert not missing, f"{pid}: {len(missing)} of {most} missing: {missing[:5]} …"


def test_no_number_is_missing_or_twice(folder):
    counts = folder / "counts"
    counts.mkdir()
    app = small_app.write(folder, rest=f"[env]\nRUN_FOLDER = '{counts}'\n"
                                       "[processes.writer]\ncommand = 'python3 writer.py'\nreplicas = 2\n")
    (app / "writer.py").write_text(WRITER)
    dice = random.Random(20261120)
    with Serve(folder) as serve:
        serve.do("deploy", app)
        until = time.monotonic() + SECONDS
        killed = collections.Counter()
        while time.monotonic() < until:
            victim = dice.choice(["app", "edge", "control"])
            killed[victim] += 1
            if victim == "control":
                serve.kill()
                serve.start()
            elif victim == "edge":
                kill_one(dice, [serve.status()["edge"]])
            else:
                kill_one(dice, [r for r in serve.replicas() if r["type"] == "writer"])
            with contextlib.suppress(OSError):  # the edge may be on its way back
                serve.ask("/between", host="small.localhost")
            assert serve.status()
        assert len(killed) == 3, killed
        serve.do("scale", "writer=0")
        eventually(lambda: not [r for r in serve.replicas() if r["type"] == "writer"])
        check(serve, counts)


def test_a_request_is_found_by_its_id(folder):
    app = small_app.write(folder)
    with Serve(folder) as serve:
        serve.do("deploy", app)
        request = serve.ask("/one", host="small.localhost").headers["X-Request-ID"]
        serve.ask("/two", host="small.localhost")
        serve.kill()
        serve.start()
        def found():
            return serve.do("logs", "--request", request, "--json").splitlines()
        records = eventually(found, "the edge's record to be there")
        assert len(records) == 1
        record = json.loads(records[0])
        assert record["source"] == "edge" and record["release"] == "v1" and record["replica"] == "web.1"
        assert record["app"] == "small" and json.loads(record["text"])["path"] == "/one"
        assert '"/one"' in serve.do("logs", "--status", "2xx", "--source", "edge", "--app", "small")
        assert serve.do("logs", "--status", "5xx") == ""
        assert "deploy succeeded" in serve.do("logs", "--source", "control")
    # What nobody runs can still be read.
    assert '"/one"' in run(FAIRLEAD, "logs", "--state", serve.state, "--request", request).stdout
