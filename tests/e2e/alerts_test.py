"""Alerts reach people: a rule that fires is told of once by webhook, Slack-compatible hook and e-mail. (That its end is
told too takes minutes, which src/observe/alerts_test.cc lets pass faster.)"""

import email
import http.server
import json
import socketserver
import threading

from support import small_app
from support.process import FAIRLEAD, run
from support.up import Up
from support.waiting import eventually


class Hooks:
    """Takes POSTs."""

    def __enter__(self):
        self.got = []
        got = self.got

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever).start()
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Mail:
    """An SMTP server that keeps what it gets (RFC 5321, as far as libcurl asks)."""

    def __enter__(self):
        self.got = []
        got = self.got

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.wfile.write(b"220 here\r\n")
                while line := self.rfile.readline():
                    word = line[:4].upper()
                    if word == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        lines = []
                        while (text := self.rfile.readline()) != b".\r\n":
                            lines.append(text)
                        got.append(email.message_from_bytes(b"".join(lines)))
                    if word == b"QUIT":
                        self.wfile.write(b"221 bye\r\n")
                        return
                    self.wfile.write(b"250 ok\r\n")

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever).start()
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_a_notice_reaches_everybody_once(folder):
    with Hooks() as hooks, Mail() as mail:
        app = small_app.write(folder, rest=f"""
[alerts]
mute = ["error-rate", "latency-burn", "latency-burn-slow", "crash-loop", "backup-age"]
webhook = "$HOOK"
slack = "http://{hooks.address}/slack"
[alerts.email]
server = "smtp://{mail.address}"
from = "fairlead@example.com"
to = ["ops@example.com"]
tls = "optional"
[alerts.rules.asked]
metric = "fairlead_edge_requests"
value = "increase"
labels = {{ class = "2xx" }}
above = 4
over = "20s"
severity = "critical"
""")
        with Up(folder, app, env={"HOOK": f"http://{hooks.address}/hook"}) as up:
            def of(path):
                return [body for where, body in hooks.got if where == path]
            # The first sample of a counter says only where it begins.
            eventually(lambda: "fairlead_edge_requests" in run(FAIRLEAD, "metrics", "--state", up.state).stdout, "a first round", 40)
            eventually(lambda: up.ask("/x") and of("/hook"), "the alert to fire", 60)
            eventually(lambda: len(of("/slack")) == 1 and len(mail.got) == 1, "the others to hear of it")
            assert of("/hook")[0]["kind"] == "firing" and of("/hook")[0]["rule"] == "asked"
            assert of("/hook")[0]["labels"] == {"app": "small", "environment": "dev"}
            assert "asked" in of("/slack")[0]["text"]
            assert mail.got[0]["To"] == "ops@example.com" and "[firing] asked" in mail.got[0]["Subject"]
            assert "asked" in run(FAIRLEAD, "alerts", "--state", up.state).stdout
            eventually(lambda: "alert asked fires" in run(FAIRLEAD, "explain", "--state", up.state).stdout)
            assert run(FAIRLEAD, "alerts", "test", "--state", up.state).returncode == 0
            eventually(lambda: of("/hook")[-1]["kind"] == "test", "the test notice")
            assert len(of("/hook")) == 2  # each once
            assert run(FAIRLEAD, "alerts", "silence", "asked", "--for", "10m", "--comment", "at work", "--state", up.state).returncode == 0
            assert "at work" in run(FAIRLEAD, "alerts", "--state", up.state).stdout
            assert run(FAIRLEAD, "alerts", "unsilence", "1", "--state", up.state).returncode == 0
            assert "at work" not in run(FAIRLEAD, "alerts", "--state", up.state).stdout


def test_top_draws_what_runs(folder):
    with Up(folder, small_app.write(folder)) as up:
        picture = run(FAIRLEAD, "top", "--once", "--state", up.state).stdout
        assert "small/dev" in picture and "web.1" in picture and "memory" in picture
