"""The metric store beside Prometheus."""

import contextlib
import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from harness import stores
from harness.stores import BUILD

SIZE = 30  # days
SERIES = 10_000
# What Prometheus is given too: its importer takes minutes for what it is not made for.
PEER_SERIES, PEER_DAYS = 1_000, 1
START = 3600 * 96 * 5000  # as in bench/metrics.cc
PORT = 9090  # in a network namespace of our own


def run(size, say):
    days = max(1, int(size))
    with stores.folder() as folder:
        say(f"{SERIES} series at 10 s for {days} days")
        filled = stores.asked("bench_metrics", "fill", folder / "ours", SERIES, days)
        yield f"{SERIES:,} series, {days} days: on disk, per raw sample", "fairlead", f"{filled['bytes_per_sample']:.2f} bytes"
        yield "… roll-ups to 1 min and 1 h", "fairlead", f"{(filled['minute_bytes'] + filled['hour_bytes']) / 2**20:,.0f} MiB"
        yield "… writing, CPU per sample", "fairlead", f"{filled['ns_per_sample']} ns"
        yield "… memory", "fairlead", f"{filled['rss_kib'] / 1024:.0f} MiB"
        charts = [stores.asked("bench_metrics", "ask", folder / "ours", days, 1000) for _ in range(3)]
        for key, title in (("one_counter_ms", "a counter's rate"), ("one_gauge_ms", "a gauge's greatest"),
                           ("sum_ms", "the sum of 1,000 counters' rates")):
            yield f"chart of {days} days: {title}", "fairlead", f"{min(chart[key] for chart in charts):.1f} ms"
        yield from beside_prometheus(folder, say)


def beside_prometheus(folder, say):
    samples = PEER_SERIES * PEER_DAYS * 8640
    say(f"{samples:,} samples for both")
    ours = stores.asked("bench_metrics", "fill", folder / "same", PEER_SERIES, PEER_DAYS)
    title = f"{PEER_SERIES:,} series, {PEER_DAYS} day: on disk, per raw sample"
    yield title, "fairlead", f"{ours['bytes_per_sample']:.2f} bytes"
    text, theirs = folder / "text", folder / "prometheus"
    with open(text, "wb") as out:
        stores.timed(BUILD / "bench_metrics", "openmetrics", PEER_SERIES, PEER_DAYS, stdout=out)
    stores.timed("promtool", "tsdb", "create-blocks-from", "openmetrics", text, theirs, stdout=subprocess.DEVNULL)
    yield title, "prometheus", f"{stores.size_of(theirs) / samples:.2f} bytes"
    title = f"chart of {PEER_DAYS} day: the sum of {PEER_SERIES // 10} counters' rates"
    charts = [stores.asked("bench_metrics", "ask", folder / "same", PEER_DAYS, PEER_SERIES // 10) for _ in range(3)]
    yield title, "fairlead", f"{min(chart['sum_ms'] for chart in charts):.1f} ms"
    with prometheus(theirs, folder / "prometheus.yml"):
        yield title, "prometheus", f"{min(ask_prometheus() for _ in range(3)):.1f} ms"


@contextlib.contextmanager
def prometheus(data, config):
    config.write_text("")
    process = subprocess.Popen(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={data}",
                                "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{PORT}"],
                               stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with contextlib.suppress(urllib.error.URLError):
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/-/ready")
                break
            time.sleep(0.1)
        else:
            raise SystemExit("prometheus does not get ready")
        yield
    finally:
        process.terminate()
        process.wait()


def ask_prometheus():
    query = urllib.parse.urlencode({"query": "sum(rate(m0_total[1h]))", "start": START, "end": START + PEER_DAYS * 86400,
                                    "step": 3600})
    started = time.monotonic()
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/api/v1/query_range?{query}") as response:
        found = json.load(response)
    if not found["data"]["result"]:
        raise SystemExit("prometheus has no samples")
    return (time.monotonic() - started) * 1000
