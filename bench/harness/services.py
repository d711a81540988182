"""`bench/run services`: the five services beside the programs that they replace, on the same stores with the same data."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.request

from harness import load, machine
from harness.programs import RELEASE, ROOT, first_line
from harness.results import OURS, Round, medians, of, ratio
from references import references
from support.databases import PostgreSQL, Redis
from support.origin import Origin, response

PROGRAMS = [OURS, "flask", "go"]
DATA = ROOT / "apps" / "airdata" / "data" / "environment_airq_measurand.csv"
READING = ROOT / "tests" / "data" / "airvisual-nearest-city.json"
CONNECTIONS = 64


@dataclasses.dataclass
class Case:
    title: str
    service: str
    path: str
    store: str  # an attribute of Stores
    peers: tuple


CASES = {
    "visitors": Case("visitors: a page, a visit counted (PostgreSQL)", "visitors", "/", "postgresql", ("flask",)),
    "countme": Case("countme: a number (Redis)", "countme", "/", "redis", ("flask", "go")),
    "hello": Case("hello: a greeting (PostgreSQL)", "hello", "/hello/Ada", "postgresql", ("flask",)),
    "airquality": Case("airquality: a known reading, the query kept (PostgreSQL)", "airquality", "/air-quality?lat=50&lon=1",
                       "postgresql", ("go",)),
    "airquality-disk": Case("the same, on the machine's disk", "airquality", "/air-quality?lat=50&lon=1", "on_disk", ("go",)),
    "airdata": Case("airdata: 960 rows (PostgreSQL)", "airdata", "/air_quality", "postgresql", ("flask",)),
}


class Stores:
    """PostgreSQL and Redis as Debian sets them up, and an AirVisual. Their files are in memory: what is measured is
    programs, not the disk, which would be most of a write's time and belongs to others as well."""

    def __enter__(self):
        self.folder, self.disk = (pathlib.Path(tempfile.mkdtemp(prefix="fl-bench-", dir=d)) for d in ("/dev/shm", "/tmp"))
        for folder in (self.folder, self.disk):
            folder.chmod(0o755)
        self.postgresql, self.redis = PostgreSQL(self.folder / "pg"), Redis(self.folder / "redis")
        self.on_disk = PostgreSQL(self.disk / "pg")
        self.airvisual = Origin(lambda request: response(200, READING.read_text()))
        for store in (self.postgresql, self.on_disk, self.redis):
            machine.prefer(store.program.pid)
        return self

    def __exit__(self, *_):
        self.airvisual.close()
        for store in (self.postgresql, self.on_disk, self.redis):
            store.stop()
        for folder in (self.folder, self.disk):
            shutil.rmtree(folder)


class Program:
    """One of the programs of a case, running. A context manager."""

    def __init__(self, name, case, stores):
        self.name, self.case, self.stores = name, case, stores
        self.port = 8100 + PROGRAMS.index(name)
        self.output = stores.folder / f"{case.service}-{name}.log"
        self.env = {"PORT": str(self.port), "LISTEN": self.address, "AIRVISUAL_KEY": "key", "CACHE": "yes",
                    "AIRVISUAL_URL": f"http://{stores.airvisual.address}", "REDIS_SOCKET": str(stores.redis.socket),
                    "REDIS_URL": f"unix://{stores.redis.socket}"}

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def __enter__(self):
        self.store = getattr(self.stores, self.case.store)
        if isinstance(self.store, PostgreSQL):
            self.database, self.env["DATABASE_URL"] = self.store.new_database()
        command = self.prepare()
        self.process = machine.start(command, None, self.output, {**os.environ, **self.env})
        machine.prefer(self.process.pid)
        try:
            self.until_answering()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    def prepare(self):
        """Makes the tables and the data; gives the command."""
        service = self.case.service
        if self.name == OURS:
            if isinstance(self.store, PostgreSQL):
                self.run("migrate")
            if service == "airdata":
                self.run("load", DATA)
            if service == "hello":
                self.sql("INSERT INTO birthday VALUES ('Ada', '1815-12-10')")
            return [RELEASE / service, "serve"]
        if service in references.SCHEMA:
            self.sql(references.SCHEMA[service])
        if service == "airquality":  # two queries in the same microsecond were an error
            self.sql("ALTER TABLE UserQueries DROP CONSTRAINT userqueries_pkey")
        if service == "airdata":
            self.sql(f"\\copy measurand FROM '{DATA}' CSV HEADER")
        if service == "hello":
            self.sql("INSERT INTO birthday VALUES ('Ada', '2815-12-10')")
        return references.flask(service, self.address) if self.name == "flask" else [references.go(service)]

    def run(self, *words):
        subprocess.run([RELEASE / self.case.service, *words], env={**os.environ, **self.env}, check=True, capture_output=True)

    def sql(self, statement):
        self.store.query(statement, self.database)

    def url(self):
        return f"http://{self.address}{self.case.path}"

    def until_answering(self, seconds=20):
        deadline = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(self.url(), timeout=5) as answer:
                    return answer.read()
            except OSError as e:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} does not answer on {self.url()}: {e}\n"
                                       f"{self.output.read_text()[-2000:]}") from None
            time.sleep(0.05)


def run(names, programs, rounds, seconds, say):
    """Yields a Round for each case, program and round, rounds interleaved: A B C A B C."""
    machine.bring_loopback_up()
    with Stores() as stores:
        for name in names:
            case = CASES[name]
            with contextlib.ExitStack() as stack:
                wanted = [p for p in (OURS, *case.peers) if p in programs]
                started = [stack.enter_context(Program(p, case, stores)) for p in wanted]
                for number in range(1, rounds + 1):
                    for program in started:
                        yield measure(name, program, number, seconds, say)


def measure(case, program, number, seconds, say):
    load.wrk(program.url(), 1, CONNECTIONS)  # warms up
    pids = (program.process.pid, program.store.program.pid)
    before = [machine.cpu_seconds(pid) for pid in pids]
    figures = load.wrk(program.url(), seconds, CONNECTIONS)
    cpu, store = (machine.cpu_seconds(pid) - then for pid, then in zip(pids, before))
    if figures.errors:
        raise RuntimeError(f"{program.name}, {case}: {figures.errors} of {figures.requests} requests failed")
    found = Round(case=case, program=program.name, number=number, cpu_us=cpu / figures.requests * 1e6,
                  rps=figures.requests / figures.seconds, p50_us=figures.p50_us, p99_us=figures.p99_us,
                  rss_mib=machine.resident_mib(program.process.pid), store_us=store / figures.requests * 1e6)
    say(f"{case:15} round {number}  {program.name:9} {found.cpu_us:7.1f} + {found.store_us:6.1f} µs {found.rps:9,.0f}/s  "
        f"p99 {found.p99_us / 1000:.1f} ms  {found.rss_mib:.1f} MiB")
    return found


def table(rounds, names, programs):
    """Markdown; the last columns are ours over theirs, requests/s and memory."""
    lines = ["| service | program | requests/s | CPU µs/request | in the store | p50 ms | p99 ms | memory MiB | our requests/s "
             "| our memory |", "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for name, title in names.items():
        for program in (p for p in programs if of(rounds, name, p)):
            m = medians(rounds, name, program)
            ours = "| |" if program == OURS else (f"| {ratio(rounds, name, program, 'rps'):.1f} × "
                                                  f"| {ratio(rounds, name, program, 'rss_mib'):.3f} × |")
            lines.append(f"| {title} | {program} | {m['rps']:,.0f} | {m['cpu_us']:.1f} | {m['store_us']:.1f} | {m['p50_us'] / 1000:.1f} "
                         f"| {m['p99_us'] / 1000:.1f} | {m['rss_mib']:.1f} {ours}")
    return "\n".join(lines)


def titles():
    return {name: case.title for name, case in CASES.items()}


def versions(programs):
    known = {OURS: lambda: first_line(RELEASE / "countme", "version"),
             "flask": lambda: "Flask under " + first_line("/usr/bin/gunicorn", "--version").replace(" (version ", " ").rstrip(")"),
             "go": lambda: first_line("go", "version")}
    return {p: known[p]() for p in programs}
