"""The log store beside grep over plain files and a journal as systemd writes it."""

import json
import subprocess

from harness import stores
from harness.stores import BUILD

SIZE = 50  # million lines
SEARCHES = {
    "a word in one of ten million lines": "zanzibar",
    "a word that is nowhere": "nosuchword",
    "a request ID": "5692161d100b05e5",
    "a word in one of five thousand lines": "timeout",
}
JOURNAL_LINES = 500_000  # not all of them: it takes several times as long


def run(size, say):
    lines = int(size * 1_000_000)
    with stores.folder() as folder:
        yield from rate(folder, min(lines, 6_000_000), say)
        log, plain, journal = folder / "log", folder / "plain", folder / "journal"
        say(f"{size} million lines into the store")
        filled = stores.asked("bench_logs", "write", log, lines, 0)
        yield "writing, CPU per line", "fairlead", f"{filled['cpu_s'] / lines * 1e6:.2f} µs"
        yield "on disk, per line", "fairlead", f"{filled['bytes'] / lines:.1f} bytes"
        say("the same lines as a plain file")
        with open(plain, "wb") as out:
            stores.timed(BUILD / "bench_logs", "plain", lines, stdout=out)
        yield "on disk, per line", "plain file", f"{stores.size_of(plain) / lines:.1f} bytes"
        say(f"{JOURNAL_LINES} of them as a journal")
        yield from journal_rows(journal, min(lines, JOURNAL_LINES))
        for title, word in SEARCHES.items():
            say(f"searching {title}")
            ours = min((stores.asked("bench_logs", "search", log, word) for _ in range(3)),
                       key=lambda found: found["search_ms"])
            yield f"first page: {title}", "fairlead", f"{ours['search_ms']:,.0f} ms"
            with open("/dev/null", "wb") as out:
                wall, cpu = stores.timed("env", "LC_ALL=C", "grep", "-c", "-w", "-F", word, plain, stdout=out, accept=(0, 1))
            yield f"first page: {title}", "grep", f"{wall * 1000:,.0f} ms ({cpu * 1000:,.0f} ms of CPU)"
            wall, cpu = stores.timed("journalctl", "-q", "--file", journal / "*", "-n", "100", "-g", word,
                                     stdout=subprocess.DEVNULL, accept=(0, 1))
            yield (f"first page: {title}", f"journalctl, {min(1, JOURNAL_LINES / lines):.0%} of the lines",
                   f"{wall * 1000:,.0f} ms ({cpu * 1000:,.0f} ms of CPU)")


def rate(folder, lines, say):
    """100,000 lines/s from 20 replicas for a minute."""
    say("100,000 lines/s")
    told = stores.asked("bench_logs", "write", folder / "rate", lines, 100_000)
    if told["lines"] != lines:
        raise SystemExit(f"lost lines: {json.dumps(told)}")
    yield "100,000 lines/s, none lost: cores", "fairlead", f"{told['cpu_s'] / told['appended_s']:.2f}"
    yield "100,000 lines/s, none lost: lines/s", "fairlead", f"{lines / told['appended_s']:,.0f}"


def journal_rows(journal, lines):
    """systemd-journal-remote writes the files that journald writes, without being the init of a machine."""
    journal.mkdir()
    with subprocess.Popen([BUILD / "bench_logs", "export", str(lines)], stdout=subprocess.PIPE) as source:
        _, cpu = stores.timed("/lib/systemd/systemd-journal-remote", "-o", journal / "all.journal", "-", stdin=source.stdout)
    yield "writing, CPU per line", "journal", f"{cpu / lines * 1e6:.2f} µs"
    yield "on disk, per line", "journal", f"{stores.size_of(journal) / lines:.1f} bytes"
