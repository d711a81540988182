"""airdata's CSV of millions of rows: loaded beside psql's \\copy into the same table, killed in the middle, streamed out."""

import contextlib
import csv
import datetime
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

from harness import stores
from harness.programs import RELEASE
from harness.services import DATA
from support import http
from support.databases import POSTGRESQL, PostgreSQL
from support.service import Service

SIZE = 5  # million rows
ROUNDS = 2
START = datetime.datetime(2010, 1, 1)
QUARTER = datetime.timedelta(minutes=15)
SPANS = {"a week": 7, "ten weeks": 70, "a hundred weeks": 700}  # days
MIB = 1024


def run(size, say):
    rows = int(size * 1_000_000)
    with stores.folder() as folder, postgresql() as (server, database, env):
        say(f"{rows:,} rows as CSV, for psql with times as the table has them")
        ours, theirs = folder / "rows.csv", folder / "table.csv"
        generate(ours, theirs, rows)
        subprocess.run([RELEASE / "airdata", "migrate"], env=env, check=True, stdout=subprocess.DEVNULL)
        yield from load(server, database, env, ours, theirs, rows, say)
        yield from kill(server, database, env, ours, rows, say)
        yield from serve(folder, env, rows, say)


@contextlib.contextmanager
def postgresql():
    """As Debian sets it up. A context manager of (server, database, environment)."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fl-bench-", dir="/tmp"))
    folder.chmod(0o755)
    server = PostgreSQL(folder / "pg")
    try:
        database, url = server.new_database()
        yield server, database, {**os.environ, "DATABASE_URL": url}
    finally:
        server.stop()
        shutil.rmtree(folder)


def generate(ours, theirs, rows):
    """The measurements that airdata ships with, over and over, at ten stations and later times."""
    with open(DATA, newline="") as file:
        tails = [",".join(row[2:]) for row in list(csv.reader(file))[1:]]
    with open(ours, "w") as a, open(theirs, "w") as b:
        a.write("TimeInstant,id_entity,so2,no2,co,o3,pm10,pm2_5\n")
        b.write("time_us,id_entity,so2,no2,co,o3,pm10,pm2_5\n")
        for i in range(rows // 10):
            moment = START + i * QUARTER
            text, micros = moment.isoformat(" ", "milliseconds"), (moment - datetime.datetime(1970, 1, 1)).total_seconds() * 1e6
            for station in range(10):
                rest = f"station{station},{tails[(i * 10 + station) % len(tails)]}\n"
                a.write(f"{text},{rest}")
                b.write(f"{micros:.0f},{rest}")


def load(server, database, env, ours, theirs, rows, say):
    seconds, peak = {"fairlead": [], "psql": []}, 0
    for number in range(1, ROUNDS + 1):
        server.query("TRUNCATE air_quality", database)
        took, high = watched([RELEASE / "airdata", "load", ours], env)
        seconds["fairlead"].append(took)
        peak = max(peak, high)
        counted(server, database, rows)
        server.query("TRUNCATE air_quality", database)
        took, _ = watched([POSTGRESQL / "psql", "-h", server.folder, "-U", server.user, "-d", database, "-qX", "-c",
                           f"\\copy air_quality FROM '{theirs}' CSV HEADER"], env)
        seconds["psql"].append(took)
        counted(server, database, rows)
        say(f"round {number}: airdata load {seconds['fairlead'][-1]:.1f} s, psql \\copy {took:.1f} s")
    for program, found in seconds.items():
        yield f"{rows / 1e6:g} million rows into the same table, rows/s", program, f"{rows / statistics.median(found):,.0f}"
    ratios = [b / a for a, b in zip(seconds["fairlead"], seconds["psql"])]
    yield "rate beside psql's", "fairlead", f"{statistics.median(ratios):.2f} ×"
    yield "peak memory of the load", "fairlead", f"{peak / MIB:.1f} MiB"


def counted(server, database, rows):
    found = int(server.query("SELECT count(*) FROM air_quality", database))
    if found != rows:
        raise SystemExit(f"{found} rows are in the table where {rows} were loaded")


def watched(command, env):
    """(seconds, most KiB resident) of a program run to its end."""
    begin, high = time.monotonic(), 0
    with subprocess.Popen([str(word) for word in command], env=env, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            high = max(high, high_water(process.pid))
            time.sleep(0.05)
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} ended with status {process.returncode}")
    return time.monotonic() - begin, high


def high_water(pid):
    with contextlib.suppress(OSError, StopIteration):
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    return 0


def kill(server, database, env, ours, rows, say):
    """A load into a table that holds one row, killed when half of the file was read; then it is loaded whole."""
    say("kill -9 in the middle of a load")
    server.query("TRUNCATE air_quality", database)
    server.query("INSERT INTO air_quality VALUES (0, 'before')", database)
    half = os.path.getsize(ours) // 2
    with subprocess.Popen([RELEASE / "airdata", "load", ours], env=env) as process:
        while position(process.pid, ours) < half:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    left = server.query("SELECT string_agg(id_entity, ',') FROM air_quality", database)
    yield "rows left by a load killed in the middle", "fairlead", "those before it" if left == "before" else f"others: {left}"
    server.query("TRUNCATE air_quality", database)
    subprocess.run([RELEASE / "airdata", "load", ours], env=env, check=True, stdout=subprocess.DEVNULL)
    counted(server, database, rows)


def position(pid, file):
    """How far a process has read a file."""
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if os.readlink(link) == str(file):
                return int(pathlib.Path(f"/proc/{pid}/fdinfo/{link.name}").read_text().split()[1])
    return 0


def serve(folder, env, rows, say):
    say("streaming them")
    with Service(folder, "airdata", {"DATABASE_URL": env["DATABASE_URL"]}) as service:
        begin, size = time.monotonic(), streamed(service, "/air_quality")
        took = time.monotonic() - begin
        yield "GET /air_quality of all of them", "fairlead", f"{took:.1f} s, {size / took / 1e6:.0f} MB/s"
        yield "peak memory of streaming them", "fairlead", f"{high_water(service.pid) / MIB:.1f} MiB"
        for words, days in SPANS.items():
            end = (START + datetime.timedelta(days=days)).date()
            begin = time.monotonic()
            streamed(service, f"/air_quality?every=1h&from={START.date()}&to={end}")
            took = time.monotonic() - begin
            within = min(rows, days * 96 * 10)
            yield f"?every=1h of {words}", "fairlead", f"{took * 1000:,.0f} ms, {took / within * 1e6:.2f} µs/row in range"


def streamed(service, path):
    """Bytes of the body, read and thrown away."""
    connection = http.Connection(service.address, seconds=600)
    connection.request("GET", path)
    answer, size = connection.getresponse(), 0
    while piece := answer.read(1 << 20):
        size += len(piece)
    connection.close()
    return size
