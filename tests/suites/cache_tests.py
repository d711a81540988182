#!/usr/bin/env python3
"""Runs http-tests/cache-tests against the edge, twice: as the default is, and with heuristic freshness asked for.

    tests/suites/cache_tests.py FOLDER [--failures]

FOLDER is a checkout with its npm dependencies. Required tests must all pass (exit status 1 otherwise)."""

import argparse
import json
import os
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import net  # noqa: E402
from support.edge import Edge, free_address, pool  # noqa: E402
from support.process import Program, run  # noqa: E402
from support.waiting import eventually  # noqa: E402

COUNT = """
import tests from './tests/index.mjs'
import { determineTestResult, resultTypes } from './test-engine/lib/results.mjs'
import fs from 'node:fs'
const results = JSON.parse(fs.readFileSync(process.argv[2]))
const out = []
for (const suite of tests) for (const test of suite.tests) {
  if (results[test.id] === undefined) continue
  const result = determineTestResult(tests, test.id, results)
  const name = Object.keys(resultTypes).find(k => resultTypes[k] === result)
  out.push({ suite: suite.id, id: test.id, kind: test.kind ?? 'required', result: name, why: results[test.id] })
}
console.log(JSON.stringify(out))
"""


def responds(address):
    try:
        net.connect(address, 1).close()
        return True
    except OSError:
        return False


def results(suite, folder, heuristic):
    """What became of each test."""
    folder.mkdir()
    port = free_address().rsplit(":")[-1]
    with Program(["node", "test-engine/server/server.mjs"], folder, name="origin", cwd=suite,
                 env={"npm_config_protocol": "http", "npm_config_port": port, "npm_config_pidfile": str(folder / "pid")}) as origin:
        origin.until(lambda: responds(f"127.0.0.1:{port}"), "the suite's origin")
        route = {"pool": "web", "cache": {"enabled": True, "heuristic": heuristic}}
        # Its origin knows no path for health checks but its own page.
        origins = pool("web", [f"127.0.0.1:{port}"], health={"path": "/", "interval_ms": 60_000, "timeout_ms": 5_000})
        with Edge(folder, [], {"pools": [origins], "routes": [route]}, loops=1) as edge:
            done = run("node", "--no-warnings", "test-engine/cli.mjs", seconds=900, cwd=suite,
                       env={**os.environ, "npm_config_base": f"http://{edge.address}", "npm_package_config_id": ""})
    assert done.returncode == 0, done.stderr[-2000:]
    (folder / "results.json").write_text(done.stdout[done.stdout.index("{"):])
    (suite / ".count.mjs").write_text(COUNT)
    counted = run("node", ".count.mjs", folder / "results.json", cwd=suite)
    assert counted.returncode == 0, counted.stderr[-2000:]
    return json.loads(counted.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--failures", action="store_true", help="name the tests that did not pass")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fl-", dir="/tmp"))
    good = True
    try:
        for label, heuristic in (("default", False), ("heuristic = true", True)):
            every = results(options.folder.resolve(), folder / ("h" if heuristic else "d"), heuristic)
            groups = {"required": [], "optimal": [], "CDN-Cache-Control": []}
            for test in every:
                kind = "CDN-Cache-Control" if test["suite"].startswith("cdn") and test["kind"] != "check" else test["kind"]
                if kind in groups:
                    groups[kind].append(test)
            for kind, tests in groups.items():
                passed = sum(test["result"] == "pass" for test in tests)
                print(f"{label:18} {kind:18} {passed} of {len(tests)}")
                good = good and (kind == "optimal" or passed == len(tests))
                for test in tests:
                    if options.failures and test["result"] != "pass":
                        print(f"    {test['id']}: {test['result']}: {test['why']}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
