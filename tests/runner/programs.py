"""Running test programs of each kind (GoogleTest, pytest, libFuzzer) and reading their results."""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import xml.etree.ElementTree as xml

from runner.report import Outcome

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT_TEST_SECONDS = 900  # of one program, under the slowest sanitizer
FUZZ_RUNS = int(os.environ.get("FAIRLEAD_FUZZ_RUNS", 200_000))  # inputs for each target
FUZZ_SECONDS = 60 if FUZZ_RUNS <= 200_000 else 24 * 3600


def build(report, preset, *targets):
    """True when built. What the compiler said stands above."""
    started = time.monotonic()
    command = '. scripts/common.sh; build "$@"'
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", command, "./test", preset, *targets], cwd=ROOT)
    if done.returncode != 0:
        report.add(f"build {preset}", [Outcome("build", "failed")], time.monotonic() - started)
    elif time.monotonic() - started > 2:
        report.say(f"built {preset} ({time.monotonic() - started:.0f} s)")
    return done.returncode == 0


def install(packages):
    """What a part needs beyond the others, from Debian. Where it cannot be had, the tests say so and are skipped."""
    command = '. scripts/common.sh; ensure_packages "$1"'
    subprocess.run(["bash", "-euo", "pipefail", "-c", command, "./test", packages], cwd=ROOT)


def unit(report, preset, pattern):
    """All GoogleTest programs of a build folder, as many at a time as there are cores."""
    folder = ROOT / "build" / preset
    logs = fresh(folder / "test-logs" / "unit")
    names = (folder / "unit_tests.txt").read_text().split()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = {pool.submit(run_gtest, folder / name, logs, pattern): name for name in names}
        for run in concurrent.futures.as_completed(runs):
            outcomes, seconds = run.result()
            if outcomes:
                report.add(label(preset, runs[run]), outcomes, seconds, logs / f"{runs[run]}.log")
    add_sanitizer_reports(report, preset, logs)


def run_gtest(program, logs, pattern):
    results, log = logs / f"{program.name}.xml", logs / f"{program.name}.log"
    command = [program, f"--gtest_output=xml:{results}", f"--gtest_filter={f'*{pattern}*' if pattern else '*'}"]
    started = time.monotonic()
    status = run_logged(command, log, sanitizer_environment(logs, program.name), UNIT_TEST_SECONDS)
    outcomes = [gtest_outcome(case) for case in cases(results)]
    if status != 0 and not any(o.result == "failed" for o in outcomes):
        outcomes.append(Outcome(f"{program.name} ended with {describe(status)}", "failed", tail(log)))
    return outcomes, time.monotonic() - started


def gtest_outcome(case):
    name = f"{case.get('classname')}.{case.get('name')}"
    failures = [failure.get("message", "") for failure in case.iter("failure")]
    if failures:
        return Outcome(name, "failed", "\n".join(failures))
    ran = case.get("status") == "run" and case.find("skipped") is None
    return Outcome(name, "passed" if ran else "skipped")


def pytest(report, preset, path, pattern=""):
    """A file or folder of Python tests, against the programs of a build folder. Their lines appear as they come."""
    name = pathlib.Path(path).name.removesuffix("_test.py")
    logs = fresh(ROOT / "build" / preset / "test-logs" / name)
    results = logs / "results.xml"
    command = ["/usr/bin/python3", "-m", "pytest", "-c", "tests/pytest.ini", path, f"--junit-xml={results}"]
    command += ["-k", pattern] if pattern else []
    environment = sanitizer_environment(logs, name)
    environment["FAIRLEAD_BUILD"] = str(ROOT / "build" / preset)
    environment["FAIRLEAD_TEST_LOGS"] = str(logs)
    started = time.monotonic()
    report.say(label(preset, name))
    status = run_logged(command, logs / "pytest.log", environment, None, echo=True)
    outcomes = [pytest_outcome(case) for case in cases(results)]
    nothing_matched = status == 5
    if status != 0 and not nothing_matched and not any(o.result == "failed" for o in outcomes):
        outcomes.append(Outcome(f"pytest ended with {describe(status)}", "failed", tail(logs / "pytest.log")))
    report.add(label(preset, name), outcomes, time.monotonic() - started, logs / "pytest.log")
    add_sanitizer_reports(report, preset, logs)


def pytest_outcome(case):
    name = f"{case.get('classname')}.{case.get('name')}"
    if case.find("failure") is not None or case.find("error") is not None:
        return Outcome(name, "failed")  # pytest has shown it already
    skipped = case.find("skipped")
    if skipped is not None:
        return Outcome(name, "skipped", skipped.get("message", ""))
    return Outcome(name, "passed")


def fuzz(report, pattern):
    """Every fuzz target for a bounded number of runs, from its committed corpus (fuzz/corpus/NAME, NAME.dict)."""
    folder = ROOT / "build" / "fuzz"
    logs = fresh(folder / "test-logs" / "fuzz")
    for name in (folder / "fuzz_targets.txt").read_text().split():
        if pattern not in name:
            continue
        with tempfile.TemporaryDirectory() as found:
            command = [folder / name, f"-runs={FUZZ_RUNS}", f"-max_total_time={FUZZ_SECONDS}", "-print_final_stats=1",
                       f"-artifact_prefix={logs}/", found]
            corpus, dictionary = (ROOT / "fuzz" / "corpus" / name), (ROOT / "fuzz" / f"{name}.dict")
            command += [corpus] if corpus.is_dir() else []
            command += [f"-dict={dictionary}"] if dictionary.is_file() else []
            started, log = time.monotonic(), logs / f"{name}.log"
            status = run_logged(command, log, dict(os.environ), FUZZ_SECONDS + 300)
        outcome = Outcome(name, "passed") if status == 0 else Outcome(name, "failed", tail(log))
        report.add(f"fuzz {name}", [outcome], time.monotonic() - started, log)


def sanitizer_environment(logs, name):
    """Reports go to files, so that those of programs that a test starts are not missed."""
    common = f"log_path={logs}/sanitizer.{name}:external_symbolizer_path=/usr/bin/llvm-symbolizer-19"
    return dict(
        os.environ,
        ASAN_OPTIONS=f"{common}:detect_stack_use_after_return=1:strict_init_order=1",
        UBSAN_OPTIONS=f"{common}:print_stacktrace=1",
        TSAN_OPTIONS=f"{common}:halt_on_error=1:second_deadlock_stack=1",
    )


def add_sanitizer_reports(report, preset, logs):
    for path in sorted(logs.glob("sanitizer.*")):
        report.add(label(preset, path.name), [Outcome("sanitizer report", "failed", tail(path))], 0, path)


def run_logged(command, log, environment, seconds, echo=False):
    """Runs to the end, or for so many seconds; both outputs into the log. Returns the exit status."""
    with open(log, "wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, bufsize=0,
                                   stdout=subprocess.PIPE if echo else out, stderr=subprocess.STDOUT)
        if echo:
            for line in process.stdout:
                out.write(line)
                if line.strip() and not line.startswith((b"- generated", b"collecting", b"====")):
                    print("       " + line.decode(errors="replace"), end="", flush=True)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            out.write(f"\nended after {seconds} s\n".encode())
            return -9


def cases(results):
    try:
        return list(xml.parse(results).iter("testcase"))
    except (FileNotFoundError, xml.ParseError):  # the program died before it could write them
        return []


def describe(status):
    return f"signal {-status}" if status < 0 else f"exit code {status}"


def tail(path, lines=40):
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def label(preset, name):
    return name if preset == "release" else f"{preset} {name}"


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
