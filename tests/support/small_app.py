"""Apps of a few lines, for tests that are about Fairlead and not about the app."""

import pathlib

SERVER = '''
import http.server, os, signal, socketserver, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = os.environ.get(self.path[5:], "") if self.path.startswith("/env/") else self.path
        self.send_response(int(os.environ.get("STATUS", "200")))
        for name in ["Location"]:
            if name.upper() in os.environ:
                self.send_header(name, os.environ[name.upper()])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, text, *arguments):
        print("request", self.path, flush=True)

class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("serving", flush=True)
Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
'''


def write(folder, command="python3 server.py", replicas=1, process="", rest=""):
    """An app in `folder`/app that says its path to every GET; /env/NAME says a variable. Gives its folder."""
    app = pathlib.Path(folder) / "app"
    app.mkdir()
    (app / "server.py").write_text(SERVER)
    (app / "fairlead.toml").write_text(f"""
name = "small"
version = "2.3.4"
{rest}
[processes.web]
command = '''{command}'''
replicas = {replicas}
health = "/health"
{process}
""")
    return app
