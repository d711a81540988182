"""`bench/run cache`: hits of Fairlead's cache, nginx's proxy_cache, HAProxy's cache and Varnish, all from memory."""

import contextlib
import json
import subprocess
import tempfile

from harness import edge, machine
from harness.edge import Case, keep_alive
from harness.programs import ORIGINS, RELEASE, Fairlead, Haproxy, Nginx, Origins, first_line, make_certificate, Proxy


class CachingFairlead(Fairlead):
    def configure(self):
        command = super().configure()
        file = self.folder / "snapshot.json"
        snapshot = json.loads(file.read_text())
        snapshot["routes"] = [{"pool": "origins", "cache": {"enabled": True}}]
        file.write_text(json.dumps(snapshot))
        return command


class CachingNginx(Nginx):
    """Its cache on a file system in memory, its files kept open: as fast as it gets."""

    def configure(self):
        command = super().configure()
        file = self.folder / "nginx.conf"
        zone = tempfile.mkdtemp(prefix="fairlead-bench-", dir="/dev/shm")
        self.zone = zone
        file.write_text(file.read_text().replace(
            "upstream origins {", f"""proxy_cache_path {zone} levels=1:2 keys_zone=c:16m inactive=10m use_temp_path=off;
  open_file_cache max=1024 inactive=60s;
  sendfile on;
  upstream origins {{""", 1).replace(
            "proxy_pass http://origins;", "proxy_pass http://origins; proxy_cache c;", 1))
        return command

    def __exit__(self, *details):
        super().__exit__(*details)
        subprocess.run(["rm", "-rf", self.zone], check=True)


class CachingHaproxy(Haproxy):
    def configure(self):
        command = super().configure()
        file = self.folder / "haproxy.cfg"
        file.write_text(file.read_text().replace(
            "backend origins\n", "backend origins\n  http-request cache-use c\n  http-response cache-store c\n", 1) + """
cache c
  total-max-size 64
  max-object-size 200000
  max-age 600
""")
        return command


class Varnish(Proxy):
    """Without an access log, which would be another process."""

    name, plain_port, tls_port = "varnish", 8006, None

    @staticmethod
    def version():
        return first_line("varnishd", "-V").split("(")[1].split(" revision")[0]

    def configure(self):
        self.access_log.touch()
        host, port = ORIGINS[0].split(":")
        (self.folder / "default.vcl").write_text(f"""vcl 4.1;
backend origin {{ .host = "{host}"; .port = "{port}"; }}
""")
        return ["varnishd", "-F", "-j", "none", "-a", f"127.0.0.1:{self.plain_port}", "-f", self.folder / "default.vcl",
                "-n", self.folder / "work", "-s", "malloc,64m", "-p", "thread_pools=1"]


CACHES = {cache.name: cache for cache in (CachingFairlead, CachingNginx, CachingHaproxy, Varnish)}
PROGRAMS = list(CACHES)
CASES = {
    "hit-1k": Case("cache hit, 1 KiB, 64 connections", keep_alive(64), path="/cached/1k"),
    "hit-64k": Case("cache hit, 64 KiB, 64 connections", keep_alive(64), path="/cached/64k", large_bodies=True),
}


def run(names, programs, rounds, seconds, say):
    """Yields a Round for each case, program and round, rounds interleaved; then says what the store alone does."""
    machine.bring_loopback_up()
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as folder, Origins(folder):
        make_certificate(folder)
        for name in names:
            with contextlib.ExitStack() as stack:
                caches = [stack.enter_context(CACHES[p](folder, CASES[name])) for p in programs]
                for number in range(1, rounds + 1):
                    for cache in caches:
                        yield edge.measure_undisturbed(name, CASES[name], cache, number, seconds, say)
    if (RELEASE / "bench_cache").exists():
        say(subprocess.run([RELEASE / "bench_cache"], check=True, capture_output=True, text=True).stdout)


def titles():
    return {name: case.title for name, case in CASES.items()}


def versions(programs):
    return {p: CACHES[p].version() for p in programs}
