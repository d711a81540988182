"""Load generators; each returns how many requests were answered as they should be, and how fast."""

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import tempfile

from harness import machine

REPORT = pathlib.Path(__file__).with_name("load.lua")


@dataclasses.dataclass
class Figures:
    requests: int
    seconds: float
    p50_us: float
    p99_us: float
    errors: int


def wrk(url, seconds, connections, headers=()):
    """HTTP/1.1, keep-alive, as many requests as there are answers."""
    fields = [word for header in headers for word in ("-H", header)]
    out = on_load_core("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", REPORT, *fields, url)
    return Figures(**json.loads(re.search(r"^RESULT (.*)", out, re.MULTILINE)[1]))


def ab(url, seconds, connections):
    """A new connection, and so a full TLS handshake, for every request."""
    out = on_load_core("ab", "-q", "-t", seconds, "-n", 10_000_000, "-c", connections, url)

    def number(pattern):
        found = re.search(pattern, out, re.MULTILINE)
        return float(found[1]) if found else 0

    milliseconds = 1000
    return Figures(
        requests=int(number(r"^Complete requests: +(\d+)")),
        seconds=number(r"^Time taken for tests: +([\d.]+)"),
        p50_us=number(r"^ +50% +(\d+)") * milliseconds,
        p99_us=number(r"^ +99% +(\d+)") * milliseconds,
        errors=int(number(r"^Failed requests: +(\d+)") + number(r"^Non-2xx responses: +(\d+)")),
    )


def h2load(url, seconds, connections, streams):
    """HTTP/2, each connection with so many requests under way."""
    with tempfile.NamedTemporaryFile(mode="r", prefix="h2load-") as log:
        out = on_load_core("h2load", "-t1", "-c", connections, "-m", streams, "-D", seconds, "--log-file", log.name, url)
        microseconds = sorted(int(line.split("\t")[2]) for line in log)
    done, succeeded = (int(re.search(rf"^requests: .* (\d+) {word}", out, re.MULTILINE)[1]) for word in ("done", "succeeded"))
    return Figures(requests=succeeded, seconds=seconds, p50_us=microseconds[len(microseconds) // 2],
                   p99_us=microseconds[len(microseconds) * 99 // 100], errors=done - succeeded)


def on_load_core(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, {machine.LOAD_CORE}))
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}")
    return done.stdout
