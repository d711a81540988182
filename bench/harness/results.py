"""Rounds into medians, a table and a JSON file."""

import dataclasses
import json
import pathlib
import statistics

RESULTS = pathlib.Path(__file__).resolve().parents[1] / "results"
FIGURES = ("cpu_us", "rps", "p50_us", "p99_us", "rss_mib", "store_us")
OURS = "fairlead"


@dataclasses.dataclass
class Round:
    case: str
    program: str
    number: int
    cpu_us: float  # microseconds of CPU per request
    rps: float  # requests per second
    p50_us: float
    p99_us: float
    rss_mib: float
    store_us: float = 0  # microseconds of CPU per request in the store behind the program
    disturbed: bool = False  # other processes took their share of the core at every attempt


def of(rounds, case, program):
    return [r for r in rounds if r.case == case and r.program == program]


def ratio(rounds, case, peer, figure="cpu_us"):
    """Ours to a peer's: the median over pairs of rounds, because the machine's speed drifts between them."""
    theirs = {r.number: getattr(r, figure) for r in of(rounds, case, peer)}
    pairs = [getattr(r, figure) / theirs[r.number] for r in of(rounds, case, OURS) if theirs.get(r.number)]
    return statistics.median(pairs) if pairs else None


def medians(rounds, case, program):
    return {f: statistics.median(getattr(r, f) for r in of(rounds, case, program)) for f in FIGURES}


def table(rounds, titles, programs):
    """Markdown. The last column: Fairlead's CPU time over this program's."""
    lines = ["| case | program | CPU µs/request | requests/s | p50 ms | p99 ms | memory MiB | Fairlead's CPU |",
             "|---|---|--:|--:|--:|--:|--:|--:|"]
    for case, title in titles.items():
        for program in programs:
            if not of(rounds, case, program):
                continue
            m = medians(rounds, case, program)
            r = ratio(rounds, case, program) if program != OURS else None
            disturbed = " *" if any(x.disturbed for x in of(rounds, case, program)) else ""
            lines.append(f"| {title} | {program}{disturbed} | {m['cpu_us']:.1f} | {m['rps']:,.0f} | {m['p50_us'] / 1000:.2f} "
                         f"| {m['p99_us'] / 1000:.2f} | {m['rss_mib']:.1f} | {f'{r:.2f} ×' if r else ''} |")
    if any(r.disturbed for r in rounds):
        lines.append("\n\\* other processes took more than 8 % of the core in at least one of the rounds")
    return "\n".join(lines)


def write(name, rounds, titles, programs):
    """bench/results/NAME.json; returns its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    found = [{"case": case, "program": program, **{k: round(v, 3) for k, v in medians(rounds, case, program).items()}}
             for case in titles for program in programs if of(rounds, case, program)]
    path.write_text(json.dumps(found, indent=1) + "\n")
    return path
