"""`bench/run deploy`: what an operator waits for. Deployments and rollbacks of visitors under load, the memory that ten apps
cost before any request, and a hundred apps: how long `status` takes, and control until it has taken all of them over."""

import json
import pathlib
import re
import shutil
import statistics
import tempfile
import time

from harness import machine
from support.load import Load
from support.process import BUILD
from support.serve import Serve
from support.waiting import eventually

SIZE = 100  # apps
ROUNDS = 7
CONNECTIONS = 32
APP = """name = "{name}"
version = "1.0.0"
[build]
include = ["visitors"]
[deploy]
release_command = "visitors migrate"
[processes.web]
command = "visitors serve"
replicas = {replicas}
health = "/readyz"
[[routes]]
host = "{name}.example"
process = "web"
"""


def run(size, say):
    machine.bring_loopback_up()
    with tempfile.TemporaryDirectory(prefix="fl-") as name:  # outside the checkout, which ignores what is built
        yield from deployments(pathlib.Path(name), say)
        yield from many(pathlib.Path(name), int(size), say)


def app(folder, name, replicas=1):
    path = folder / name
    path.mkdir()
    shutil.copy(BUILD / "visitors", path)
    (path / "fairlead.toml").write_text(APP.format(name=name, replicas=replicas))
    return path


def ready_seconds(deployment):
    """What of a deployment was the app's own: its release command and its replicas' start."""
    return sum(s["duration_ns"] for s in deployment["steps"] if s["name"] in ("start", "release command")) / 1e9


def deployments(folder, say):
    state = folder / "one"
    state.mkdir()
    visitors = app(folder, "visitors", replicas=2)
    with Serve(state) as serve:
        serve.do("deploy", visitors)
        artifact = json.loads(serve.do("artifacts", "--json"))[0]["digest"]
        figures = {"deploy": [], "rollback": []}
        with Load(serve.address, requests=None, connections=CONNECTIONS, host="visitors.example") as load:
            for number in range(ROUNDS):
                for kind, order in (("deploy", ("deploy", visitors, "--artifact", artifact, "--blue-green")), ("rollback", ("rollback",))):
                    before, began = load.outcomes.total(), time.monotonic()
                    deployment = serve.deployment(*order)
                    figures[kind].append((time.monotonic() - began, ready_seconds(deployment)))
                    say(f"{kind} {number + 1}: {figures[kind][-1][0]:.2f} s, {load.outcomes.total() - before} requests meanwhile")
        counts = load.outcomes.counts
    for kind, values in figures.items():
        whole, own = (statistics.median(v) for v in zip(*values))
        yield (f"{kind} of 2 replicas under {CONNECTIONS} connections", "fairlead",
               f"{whole:.2f} s, {own:.2f} of them the app's start (slowest of {ROUNDS}: {max(v for v, _ in values):.2f} s)")
    yield ("requests meanwhile", "fairlead", f"{counts.total():,}, {counts.total() - counts[200]} failed")


def many(folder, size, say):
    state = folder / "many"
    state.mkdir()
    with Serve(state) as serve:
        for number in range(size):
            path = app(folder, f"app{number}")
            serve.do("deploy", path)
            if number == 9:
                yield memory(serve)
            artifact = json.loads(serve.do("builds", "--json", "--app", f"app{number}"))[0]["artifact"]
            for _ in range(2):
                serve.do("deploy", path, "--artifact", artifact)
            if number % 10 == 9:
                say(f"{number + 1} apps")
        status = []
        for _ in range(15):
            began = time.monotonic()
            assert serve.verb("status", "--json").returncode == 0
            status.append(time.monotonic() - began)
        yield (f"status of {size} apps with 3 releases each", "fairlead",
               f"{statistics.median(status) * 1000:.0f} ms (slowest of 15: {max(status) * 1000:.0f} ms)")
        took = []
        for number in range(3):
            serve.kill()
            began = time.monotonic()
            serve.start()
            eventually(lambda: adopted(serve, size), "all to be taken over", seconds=60)
            took.append(time.monotonic() - began)
            say(f"taken over in {took[-1]:.2f} s")
        yield (f"control is started, {size} apps taken over", "fairlead",
               f"{statistics.median(took):.2f} s (slowest of 3: {max(took):.2f} s)")


def memory(serve):
    time.sleep(5)  # idle: what deploying needed for a moment is given back
    status = serve.status()
    control, edge = own_mib(serve.pid), own_mib(status["edge"]["pid"])
    return ("memory with ten apps, idle", "fairlead", f"{control + edge:.1f} MiB: control {control:.1f}, edge {edge:.1f}")


def own_mib(pid):
    """Of this process alone: what it has started is the apps'."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return round(int(re.search(r"^Pss: +(\d+)", text, re.MULTILINE)[1]) / 1024, 1)


def adopted(serve, size):
    status = serve.status()
    return status and len(status["environments"]) == size and \
        all(p["state"] == "ready" for e in status["environments"] for p in e["processes"]) and \
        all(e["processes"] for e in status["environments"])
