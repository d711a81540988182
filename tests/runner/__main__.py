"""./test: see `./test --help`. Parts run one after the other, cheapest first."""

import sys

from runner import programs
from runner.report import Report

HELP = """\
./test [PART...] [FILTER]     without a part: all

Parts, in the order of a whole run
  format   clang-format has nothing to change
  arrows   every #include keeps to the arrows of CMakeLists.txt
  harness  the tools of the tests themselves
  docs     names, links and commands in the documentation exist
  unit     the GoogleTest programs of src/ and apps/
  golden   inputs and the exact outputs they must give
  e2e      the built programs, end to end, one behaviour a file
  fault    the same, while something is broken on purpose
  engines  what is rendered, on real engines: docker, Swarm, podman, Terraform, linters
  fuzz     each fuzz target, for a bounded number of inputs
  asan     unit, golden, e2e and fault under address and undefined-behaviour sanitizers
  tsan     the same under the thread sanitizer
  asan-unit, tsan-unit   of these only the unit tests; not part of a whole run, which has them already
  quick    format, arrows, harness, docs, unit, golden
  all      everything

FILTER keeps tests whose name contains it: ./test unit h1_parser"""


def format_check(report, pattern):
    programs.pytest(report, "release", "tests/format_test.py", pattern)


def arrows(report, pattern):
    programs.pytest(report, "release", "tests/arrows_test.py", pattern)


def harness(report, pattern):
    programs.pytest(report, "release", "tests/harness_test.py", pattern)


def docs(report, pattern):
    if programs.build(report, "release", "programs"):
        programs.pytest(report, "release", "tests/docs_test.py", pattern)


def unit(report, pattern, preset="release"):
    if programs.build(report, preset, "programs", "unit_tests"):
        programs.unit(report, preset, pattern)


def folder(name):
    def part(report, pattern, preset="release"):
        if programs.build(report, preset, "programs"):
            programs.pytest(report, preset, f"tests/{name}", pattern)

    return part


def engines(report, pattern):
    programs.install("engines")
    if programs.build(report, "release", "programs"):
        programs.pytest(report, "release", "tests/engines", pattern)


def sanitized(preset):
    def part(report, pattern):
        # The release programs too: `fairlead up apps/visitors` builds those.
        if programs.build(report, "release", "programs") and programs.build(report, preset, "programs", "unit_tests"):
            programs.unit(report, preset, pattern)
            for name in ("golden", "e2e", "fault"):
                programs.pytest(report, preset, f"tests/{name}", pattern)

    return part


def fuzz(report, pattern):
    if programs.build(report, "fuzz", "fuzz_targets"):
        programs.fuzz(report, pattern)


PARTS = {
    "format": format_check,
    "arrows": arrows,
    "harness": harness,
    "docs": docs,
    "unit": unit,
    "golden": folder("golden"),
    "e2e": folder("e2e"),
    "fault": folder("fault"),
    "engines": engines,
    "fuzz": fuzz,
    "asan": sanitized("asan"),
    "tsan": sanitized("tsan"),
}
GROUPS = {"quick": ["format", "arrows", "harness", "docs", "unit", "golden"], "all": list(PARTS)}
for _preset in ("asan", "tsan"):
    PARTS[f"{_preset}-unit"] = lambda report, pattern, preset=_preset: unit(report, pattern, preset)


def main(arguments):
    if any(a in ("-h", "--help", "help") for a in arguments):
        print(HELP)
        return 0
    chosen = []
    while arguments and (arguments[0] in PARTS or arguments[0] in GROUPS):
        chosen += GROUPS.get(arguments[0], [arguments[0]])
        arguments = arguments[1:]
    if len(arguments) > 1 or (arguments and not chosen):
        print(f"./test: no part named '{arguments[0]}'\n\n{HELP}", file=sys.stderr)
        return 2
    report = Report()
    for name in chosen or GROUPS["all"]:
        PARTS[name](report, arguments[0] if arguments else "")
    return report.finish()


sys.exit(main(sys.argv[1:]))
