"""bench/run NAME: see --help. Started by bench/run, inside a network namespace of its own."""

import argparse
import json
import os
import signal
import sys
import time

from harness import cache, csv_load, deploy, edge, flood, logs, machine, metrics, pipeline, results, services, stores

BENCHES = {"edge": edge, "cache": cache, "services": services}
STORES = {"logs": logs, "metrics": metrics, "load": csv_load, "deploy": deploy, "flood": flood, "pipeline": pipeline}


def main():
    parser = argparse.ArgumentParser(prog="bench/run", description="Measures Fairlead beside other programs.")
    parser.add_argument("name", choices=[*BENCHES, *STORES])
    parser.add_argument("--cases", default="", help="only these, separated by commas")
    parser.add_argument("--programs", default="", help="only these, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8, help="length of a round")
    parser.add_argument("--size", type=float, help="logs: million lines (50); metrics: days (30); load: million rows (5); "
                        "deploy: apps (100); flood: million addresses (1); pipeline: minutes (1)")
    options = parser.parse_args()
    if options.name in STORES:
        return measure_store(options)
    bench = BENCHES[options.name]
    cases = chosen(parser, options.cases, list(bench.CASES))
    programs = chosen(parser, options.programs, bench.PROGRAMS)
    if os.cpu_count() < 2:
        parser.error("needs two cores: one for what is measured, one for what loads it")

    say = teller()
    with machine.before_all_others():
        rounds = list(bench.run(cases, programs, options.rounds, options.seconds, say))
    titles = {name: bench.titles()[name] for name in cases}
    print(machine.description())
    print(", ".join(bench.versions(programs).values()))
    print(f"Medians of {options.rounds} rounds of {options.seconds} s\n")
    print(getattr(bench, "table", results.table)(rounds, titles, programs))
    print(f"\nwritten: {results.write(options.name, rounds, titles, programs)}")


def measure_store(options):
    bench = STORES[options.name]
    rows = list(bench.run(options.size or bench.SIZE, teller()))
    print(machine.description())
    print(f"\n{stores.table(rows)}")
    results.RESULTS.mkdir(exist_ok=True)
    path = results.RESULTS / f"{options.name}.json"
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    print(f"\nwritten: {path}")


def teller():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that proxies are stopped and the priority is given back
    started = time.monotonic()

    def say(line):
        seconds = int(time.monotonic() - started)
        print(f"{seconds // 60:3}:{seconds % 60:02} {line}", file=sys.stderr, flush=True)

    return say


def chosen(parser, text, known):
    names = [n for n in text.split(",") if n] or known
    for name in names:
        if name not in known:
            parser.error(f"no '{name}': choose from {', '.join(known)}")
    return names


main()
