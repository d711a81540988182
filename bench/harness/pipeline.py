"""100,000 lines a second from 20 replicas through a Fairlead that runs: stdout → FIFO → spool → store → search."""

import json
import os
import subprocess
import time

from harness import stores
from harness.stores import BUILD

SIZE = 1  # minutes
REPLICAS, EACH = 20, 5_000  # lines a second

WRITER = """
import os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
folder, seconds, each = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
while not (folder / "go").exists():
    time.sleep(0.02)
n, batch, began = 0, each // 50, time.monotonic()
while n < each * seconds:
    lines = "".join('{"level":"info","message":"order %d of this writer was taken","customer":"c%d","amount":%d}\\n' % (n + i, (n + i) % 9973, i) for i in range(batch))
    data = memoryview(lines.encode())
    while data:
        data = data[os.write(1, data):]
    n += batch
    time.sleep(max(0, began + n / each - time.monotonic()))
(folder / f"done.{os.getpid()}").write_text(f"{n} {time.monotonic() - began}")
os.write(1, b"lastword of %d\\n" % os.getpid())
signal.pause()
"""


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(size, say):
    seconds = int(size * 60)
    with stores.folder() as folder:
        (folder / "writer.py").write_text(WRITER)
        (folder / "fairlead.toml").write_text(f"""
name = "writers"
[processes.writer]
command = "python3 writer.py {folder} {seconds} {EACH}"
replicas = {REPLICAS}
""")
        env = {**os.environ, "FAIRLEAD_HTTP_PORT": "0", "FAIRLEAD_HTTPS_PORT": "0", "FAIRLEAD_DASHBOARD_PORT": "0"}
        up = subprocess.Popen([BUILD / "fairlead", "up", folder, "--state", folder / "state"], env=env,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            yield from measure(folder, up, seconds, say)
        finally:
            up.terminate()
            up.wait()


def asked(folder, *words):
    return subprocess.run([BUILD / "fairlead", *words, "--state", folder / "state"], capture_output=True, text=True).stdout


def measure(folder, up, seconds, say):
    while "ready" not in asked(folder, "status"):
        time.sleep(0.1)
    while any(p["state"] != "ready" for e in json.loads(asked(folder, "status", "--json"))["environments"] for p in e["processes"]):
        time.sleep(0.1)
    say(f"{REPLICAS * EACH:,} lines/s for {seconds} s")
    before = cpu_seconds(up.pid)
    (folder / "go").touch()
    while len(list(folder.glob("done.*"))) < REPLICAS:
        time.sleep(0.02)
    ended = time.monotonic()
    while len(asked(folder, "logs", "--grep", "lastword", "-n", "100").splitlines()) < REPLICAS:
        time.sleep(0.05)
    searchable = time.monotonic() - ended
    used = cpu_seconds(up.pid) - before
    wrote = [f.read_text().split() for f in folder.glob("done.*")]
    lines, longest = sum(int(n) for n, _ in wrote), max(float(s) for _, s in wrote)
    say("counting them")
    socket = next(line.split()[-1] for line in open("/proc/net/unix") if line.rstrip().endswith("control.sock") and is_of(up.pid, line))
    count = subprocess.run(f"curl -sS --unix-socket {socket} 'http://control/v1/logs?source=app&grep=customer' | wc -l", shell=True,
                           capture_output=True, text=True)
    yield "lines written, in the store", "fairlead", f"{lines:,}, {int(count.stdout):,}"
    yield "written in", "fairlead", f"{longest:.1f} s (asked {seconds})"
    yield "control's CPU, cores", "fairlead", f"{used / longest:.2f}"
    yield "control's CPU per line", "fairlead", f"{used / lines * 1e6:.2f} µs"
    yield "last line searchable after", "fairlead", f"{searchable:.2f} s"


def is_of(pid, line):
    """Whether the process has that socket of /proc/net/unix open."""
    inode = f"socket:[{line.split()[6]}]"
    return any(os.readlink(f.path) == inode for f in os.scandir(f"/proc/{pid}/fd"))
