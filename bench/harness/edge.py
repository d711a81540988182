"""`bench/run edge`: Fairlead's edge, nginx and HAProxy as load balancer over the same two origins."""

import contextlib
import dataclasses
import functools
import tempfile
import time

from harness import load, machine
from harness.programs import PROXIES, Origins, make_certificate
from harness.results import Round

PROGRAMS = list(PROXIES)
DISTURBED = 0.08  # share of the proxy's core that others may take before a round is measured again
ATTEMPTS = 4

# What a browser sends along: about 900 bytes.
BROWSER_HEAD = (
    "Host: shop.example.com",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8,fr;q=0.7",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Referer: https://shop.example.com/category/outdoor/tents?page=3&sort=price&filter=weight",
    "Sec-Ch-Ua: \"Chromium\";v=\"126\", \"Not.A/Brand\";v=\"24\", \"Google Chrome\";v=\"126\"",
    "Sec-Ch-Ua-Mobile: ?0",
    "Sec-Ch-Ua-Platform: \"Linux\"",
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: same-origin",
    "Upgrade-Insecure-Requests: 1",
    "Cookie: session=8f14e45fceea167a5a36dedd4bea2543; consent=a1b2; theme=dark; _id=GA1.2.1543210987.1718000000",
)


@dataclasses.dataclass
class Case:
    title: str
    generate: callable  # (url, seconds) → load.Figures
    path: str = "/"
    tls: bool = False
    idle_origin_connections: int = 64
    large_bodies: bool = False


def keep_alive(connections, headers=()):
    return functools.partial(load.wrk, connections=connections, headers=headers)


CASES = {
    "1k-64": Case("1 KiB, 64 connections", keep_alive(64)),
    "1k-64-browser": Case("1 KiB, 64 connections, browser-size heads", keep_alive(64, BROWSER_HEAD)),
    "1k-1000": Case("1 KiB, 1,000 connections", keep_alive(1000), idle_origin_connections=1024),
    "1k-64-tls": Case("1 KiB, 64 connections, TLS", keep_alive(64), tls=True),
    "1k-h2-tls": Case("1 KiB, HTTP/2 over TLS, 16 × 32 streams",
                      functools.partial(load.h2load, connections=16, streams=32), tls=True, idle_origin_connections=512),
    "handshake": Case("TLS handshake + 1 KiB", functools.partial(load.ab, connections=64), tls=True),
    "64k-64": Case("64 KiB, 64 connections", keep_alive(64), path="/64k", large_bodies=True),
}


def run(names, programs, rounds, seconds, say):
    """Yields a Round for each case, program and round, rounds interleaved: A B C A B C."""
    machine.bring_loopback_up()
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as folder, Origins(folder):
        make_certificate(folder)
        for name in names:
            case = CASES[name]
            with contextlib.ExitStack() as stack:
                proxies = [stack.enter_context(PROXIES[p](folder, case)) for p in programs]
                for number in range(1, rounds + 1):
                    for proxy in proxies:
                        yield measure_undisturbed(name, case, proxy, number, seconds, say)


def measure_undisturbed(name, case, proxy, number, seconds, say):
    for attempt in range(1, ATTEMPTS + 1):
        found, others = measure(name, case, proxy, number, seconds)
        figures = f"{found.cpu_us:7.2f} µs  {found.rps:9.0f}/s  p99 {found.p99_us / 1000:.2f} ms"
        last = attempt == ATTEMPTS
        again = "" if others <= DISTURBED else "; kept" if last else "; again"
        say(f"{case.title:42} round {number}  {proxy.name:9} {figures}  others {others:.0%}{again}")
        if others <= DISTURBED or last:
            return dataclasses.replace(found, disturbed=others > DISTURBED)


def measure(name, case, proxy, number, seconds):
    url = proxy.url(case.path, case.tls)
    case.generate(url, 1)  # warms up
    cpu, busy, started = proxy.cpu_seconds(), machine.core_busy_seconds(machine.PROXY_CORE), time.monotonic()
    figures = case.generate(url, seconds)
    cpu, busy = proxy.cpu_seconds() - cpu, machine.core_busy_seconds(machine.PROXY_CORE) - busy
    elapsed = time.monotonic() - started
    if figures.errors:
        raise RuntimeError(f"{proxy.name}, {case.title}: {figures.errors} of {figures.requests} requests failed")
    memory = proxy.resident_mib()
    proxy.forget_log()
    found = Round(case=name, program=proxy.name, number=number, cpu_us=cpu / figures.requests * 1e6,
                  rps=figures.requests / figures.seconds, p50_us=figures.p50_us, p99_us=figures.p99_us, rss_mib=memory)
    return found, max(0.0, busy - cpu) / elapsed


def titles():
    return {name: case.title for name, case in CASES.items()}


def versions(programs):
    return {p: PROXIES[p].version() for p in programs}
