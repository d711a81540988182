"""Lines and metrics reach the programs that others run: rsyslog over TLS, and what takes Loki, Elasticsearch and OTLP."""

import http.server
import json
import subprocess
import threading

from support import small_app
from support.edge import free_address
from support.process import Program
from support.up import Up
from support.waiting import eventually


class Receiver:
    """Keeps every POST; refuses the first of each path, to be asked again."""

    def __enter__(self):
        self.got = {}
        got, refused = self.got, set()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                first = self.path not in refused
                refused.add(self.path)
                if not first:
                    got.setdefault(self.path, []).append(body)
                self.send_response(503 if first else 200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], cwd=folder, check=True, capture_output=True)


def rsyslog(folder, port):
    certificate(folder)
    (folder / "rsyslog.conf").write_text(f"""
global(workDirectory="{folder}" defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{folder}/cert.pem"
       defaultNetstreamDriverCertFile="{folder}/cert.pem" defaultNetstreamDriverKeyFile="{folder}/key.pem")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
input(type="imtcp" port="{port}" address="127.0.0.1")
template(name="parts" type="string" string="%syslogseverity-text%|%app-name%|%procid%|%structured-data%|%msg%\\n")
action(type="omfile" file="{folder}/received" template="parts")
""")
    return Program(["rsyslogd", "-n", "-f", folder / "rsyslog.conf", "-i", folder / "rsyslog.pid"], folder, name="rsyslog")


def test_every_line_arrives_everywhere(folder):
    port = free_address().split(":")[1]
    with Receiver() as loki, Receiver() as search, Receiver() as collector, rsyslog(folder, port):
        app = small_app.write(folder, rest=f"""
[forward]
syslog = "tls://localhost:{port}"
ca = "{folder}/cert.pem"
loki = "{loki.url}"
elasticsearch = "$SEARCH"
otlp = "{collector.url}"
""")
        with Up(folder, app, env={"SEARCH": search.url}) as up:
            for i in range(20):
                up.ask(f"/number/{i}")
            wanted = {f"/number/{i}" for i in range(20)}
            received = folder / "received"

            def seen_by_rsyslog():
                text = received.read_text()
                return all(f"request {w}" in text for w in wanted)
            eventually(seen_by_rsyslog, "rsyslog to have every line", 60)
            line = next(x for x in received.read_text().splitlines() if "request /number/7" in x)
            assert line.startswith("info|small|web.1|") and 'environment="dev"' in line

            def from_loki():
                return [v[1] for body in loki.got.get("/loki/api/v1/push", []) for s in json.loads(body)["streams"] for v in s["values"]]
            eventually(lambda: wanted <= {t.removeprefix("request ") for t in from_loki()}, "Loki to have every line", 60)

            def documents():
                lines = [json.loads(x) for body in search.got.get("/_bulk", []) for x in body.splitlines()]
                return {head["index"]["_id"]: document for head, document in zip(lines[::2], lines[1::2])}
            eventually(lambda: wanted <= {d["message"].removeprefix("request ") for d in documents().values()}, "Elasticsearch to have them", 60)
            assert any(d.get("status") == 200 and d["source"] == "edge" for d in documents().values())

            def spans():
                return [s for body in collector.got.get("/v1/traces", []) for s in json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"]]
            eventually(lambda: len(spans()) >= 20, "a trace of every request", 60)
            assert all(len(s["traceId"]) == 32 and int(s["endTimeUnixNano"]) >= int(s["startTimeUnixNano"]) for s in spans())
            eventually(lambda: collector.got.get("/v1/metrics"), "metrics", 90)
            names = {m["name"] for body in collector.got["/v1/metrics"] for m in json.loads(body)["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]}
            assert "fairlead_process_memory_bytes" in names
