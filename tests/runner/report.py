"""What passed, failed and was skipped, and how long it took."""

import dataclasses
import sys
import time


@dataclasses.dataclass
class Outcome:
    name: str
    result: str  # "passed", "failed" or "skipped"
    detail: str = ""  # the message of a failure, the reason of a skip


class Report:
    """Collects outcomes and tells them as they come, each line with the time since the start."""

    def __init__(self):
        self._start = time.monotonic()
        self.outcomes = []

    def say(self, line):
        minutes, seconds = divmod(int(time.monotonic() - self._start), 60)
        print(f"{minutes:3}:{seconds:02} {line}", flush=True)

    def add(self, group, outcomes, seconds, log=None):
        """One line for a group (a program, a folder of tests), and one more for each of its failures."""
        outcomes = list(outcomes)
        self.outcomes += [dataclasses.replace(o, name=f"{group}: {o.name}") for o in outcomes]
        counts = count(outcomes)
        what = ", ".join(f"{n} {word}" for word, n in counts.items() if n) or "nothing matched"
        self.say(f"{group:24} {what} ({seconds:.1f} s)")
        for outcome in outcomes:
            if outcome.result == "failed":
                self.say(f"    FAILED {outcome.name}")
                for line in outcome.detail.strip().splitlines()[-40:]:
                    print(f"           {line}")
        if counts["failed"] and log:
            self.say(f"    its output: {log}")
        sys.stdout.flush()

    def finish(self):
        """Prints what failed once more, then the counts; returns the exit code."""
        for result in ("skipped", "failed"):
            for outcome in self.outcomes:
                if outcome.result == result:
                    print(f"{result}: {outcome.name}")
        counts = count(self.outcomes)
        self.say("done")
        print(", ".join(f"{n} {word}" for word, n in counts.items()), flush=True)
        return 1 if counts["failed"] or not counts["passed"] else 0


def count(outcomes):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for outcome in outcomes:
        counts[outcome.result] += 1
    return counts
