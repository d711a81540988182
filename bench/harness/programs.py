"""The proxies: each listens on 127.0.0.1, plain and TLS, over the same two origins, set up as one would in production,
with its access log and its counters on, and tuned where that makes it faster."""

import json
import pathlib
import shutil
import subprocess
import time
import urllib.request

from harness import machine

ROOT = pathlib.Path(__file__).resolve().parents[2]
RELEASE = ROOT / "build" / "release"
ORIGINS = ("127.0.0.1:9001", "127.0.0.1:9002")


class Proxy:
    """A running proxy below `folder`, where the certificate is. `case` says how many idle origin connections it may keep
    and whether to tune it for large bodies. A context manager, which starts and stops it."""

    name = plain_port = tls_port = None

    def __init__(self, folder, case):
        self.folder = pathlib.Path(folder) / self.name
        self.certificate = pathlib.Path(folder)
        self.access_log = self.folder / "access.log"
        self.case = case

    def __enter__(self):
        self.folder.mkdir()
        self.process = machine.start(self.configure(), machine.PROXY_CORE, self.output())
        try:
            wait_until_answering(self.url("/"), self)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.folder)

    def output(self):
        return self.folder / "output.log"

    def url(self, path, tls=False):
        return f"https://127.0.0.1:{self.tls_port}{path}" if tls else f"http://127.0.0.1:{self.plain_port}{path}"

    def cpu_seconds(self):
        return machine.cpu_seconds(self.process.pid)

    def resident_mib(self):
        return machine.resident_mib(self.process.pid)

    def forget_log(self):
        """Keeps the disk from filling; all of them append, so they go on at the new end."""
        with open(self.access_log, "ab") as log:
            log.truncate(0)


class Fairlead(Proxy):
    name, plain_port, tls_port = "fairlead", 8000, 8400

    @staticmethod
    def version():
        return first_line(RELEASE / "fairlead", "version")

    def configure(self):
        snapshot = {
            "version": 1,
            "loops": 1,
            "listeners": [{"address": f"127.0.0.1:{self.plain_port}"},
                          {"address": f"127.0.0.1:{self.tls_port}", "tls": True}],
            "certificates": [{"certificate": f"{self.certificate}/cert.pem", "key": f"{self.certificate}/key.pem"}],
            "pools": [{"name": "origins", "origins": [{"id": o, "address": o} for o in ORIGINS]}],
            "routes": [{"pool": "origins"}],
            "limits": {"max_idle_origin_connections": self.case.idle_origin_connections},
            "access_log": str(self.access_log),
        }
        (self.folder / "snapshot.json").write_text(json.dumps(snapshot))
        return [RELEASE / "fairlead", "edge", "--state", self.folder]


class Nginx(Proxy):
    name, plain_port, tls_port = "nginx", 8001, 8401

    @staticmethod
    def version():
        return first_line("nginx", "-v")

    def configure(self):
        buffers = "proxy_buffer_size 64k; proxy_buffers 16 64k; proxy_busy_buffers_size 128k;" if self.case.large_bodies else ""
        (self.folder / "nginx.conf").write_text(f"""
daemon off;
user root;
worker_processes 1;
worker_rlimit_nofile {machine.OPEN_FILES};
pid {self.folder}/nginx.pid;
error_log {self.output()} warn;
events {{ worker_connections 8192; }}
http {{
  access_log {self.access_log} combined buffer=64k flush=1s;
  server_tokens off;
  tcp_nodelay on;
  keepalive_timeout 75;
  keepalive_requests 1000000000;
  client_body_temp_path {self.folder}/body;
  proxy_temp_path {self.folder}/proxy;
  upstream origins {{
    {" ".join(f"server {o};" for o in ORIGINS)}
    keepalive {self.case.idle_origin_connections};
    keepalive_requests 1000000000;
  }}
  ssl_certificate {self.certificate}/cert.pem;
  ssl_certificate_key {self.certificate}/key.pem;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache off;
  ssl_session_tickets off;
  {buffers}
  server {{
    listen 127.0.0.1:{self.plain_port} backlog=4096;
    listen 127.0.0.1:{self.tls_port} ssl http2 backlog=4096;
    location = /metrics {{ stub_status; }}
    location / {{
      proxy_pass http://origins;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
}}
""")
        return ["nginx", "-e", self.output(), "-c", self.folder / "nginx.conf"]


class Haproxy(Proxy):
    name, plain_port, tls_port = "haproxy", 8002, 8402

    @staticmethod
    def version():
        return first_line("haproxy", "-v").split(" - ")[0]

    def output(self):
        return self.access_log  # it logs to its standard output

    def configure(self):
        splice = "option splice-response" if self.case.large_bodies else ""
        pipes = "maxpipes 1024" if self.case.large_bodies else ""  # its default does not fit under our limit of open files
        servers = "\n".join(f"  server s{i} {o} pool-max-conn {self.case.idle_origin_connections}" for i, o in enumerate(ORIGINS))
        (self.folder / "haproxy.cfg").write_text(f"""
global
  nbthread 1
  maxconn 8192
  log stdout format raw local0 info
  stats socket {self.folder}/stats.sock mode 600
  {pipes}
  tune.ssl.cachesize 0
  ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
defaults
  mode http
  log global
  option httplog
  option forwardfor
  {splice}
  http-reuse always
  timeout client 75s
  timeout server 60s
  timeout connect 2s
  timeout http-keep-alive 75s
frontend clients
  bind 127.0.0.1:{self.plain_port} backlog 4096
  bind 127.0.0.1:{self.tls_port} ssl crt {self.certificate}/both.pem alpn h2,http/1.1 backlog 4096
  default_backend origins
backend origins
  balance roundrobin
{servers}
""")
        return ["haproxy", "-db", "-f", self.folder / "haproxy.cfg"]


PROXIES = {proxy.name: proxy for proxy in (Fairlead, Nginx, Haproxy)}


class Origins:
    """The two origin processes."""

    def __init__(self, folder):
        self._processes = [machine.start([RELEASE / "bench_origin", address], machine.LOAD_CORE, f"{folder}/origins.log")
                           for address in ORIGINS]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self._processes:
            process.kill()
            process.wait()


def make_certificate(folder):
    """A P-256 certificate for localhost, in the forms that all of them read."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"], check=True, capture_output=True)
    both = pathlib.Path(folder, "cert.pem").read_text() + pathlib.Path(folder, "key.pem").read_text()
    pathlib.Path(folder, "both.pem").write_text(both)


def wait_until_answering(url, proxy, seconds=10):
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if len(answer.read()) == 1024:
                    return
        except OSError:
            pass
        if proxy.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{proxy.name} does not answer on {url}:\n{proxy.output().read_text()[-2000:]}")
        time.sleep(0.02)


def first_line(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().split("\n")[0].removeprefix("nginx version: ")
