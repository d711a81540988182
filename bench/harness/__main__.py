"""bench/run NAME: see --help. Started by bench/run, inside a network namespace of its own."""

import argparse
import os
import sys
import time

from harness import cache, edge, machine, results

BENCHES = {"edge": edge, "cache": cache}


def main():
    parser = argparse.ArgumentParser(prog="bench/run", description="Measures Fairlead beside other programs.")
    parser.add_argument("name", choices=BENCHES)
    parser.add_argument("--cases", default="", help="only these, separated by commas")
    parser.add_argument("--programs", default="", help="only these, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8, help="length of a round")
    options = parser.parse_args()
    bench = BENCHES[options.name]
    cases = chosen(parser, options.cases, list(bench.CASES))
    programs = chosen(parser, options.programs, bench.PROGRAMS)
    if os.cpu_count() < 2:
        parser.error("needs two cores: one for what is measured, one for what loads it")

    started = time.monotonic()

    def say(line):
        seconds = int(time.monotonic() - started)
        print(f"{seconds // 60:3}:{seconds % 60:02} {line}", file=sys.stderr, flush=True)

    with machine.before_all_others():
        rounds = list(bench.run(cases, programs, options.rounds, options.seconds, say))
    titles = {name: bench.titles()[name] for name in cases}
    print(machine.description())
    print(", ".join(bench.versions(programs).values()))
    print(f"Medians of {options.rounds} rounds of {options.seconds} s\n")
    print(results.table(rounds, titles, programs))
    print(f"\nwritten: {results.write(options.name, rounds, titles, programs)}")


def chosen(parser, text, known):
    names = [n for n in text.split(",") if n] or known
    for name in names:
        if name not in known:
            parser.error(f"no '{name}': choose from {', '.join(known)}")
    return names


main()
