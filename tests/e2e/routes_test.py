"""What routes ask of the edge, from fairlead.toml to the answer."""

import base64
import gzip
import subprocess

from support import small_app
from support.up import Up

MORE = """
[[routes]]
path = "/assets"
files = { folder = "public", max_age = "1h" }

[[routes]]
path = "/old"
redirect = { to = "/new{path}{query}", status = 301 }

[[routes]]
path = "/api"
process = "web"
strip_prefix = true
cors = { origins = ["https://app.example"] }
response_headers = { X-Served-By = "fairlead" }
security_headers = true

[[routes]]
path = "/staff"
process = "web"
auth = { users = ["ada:%s"] }

[[routes]]
path = "/"
process = "web"
"""


def test_what_routes_ask_of_the_edge(folder):
    password = subprocess.run(["openssl", "passwd", "-5", "secret"], capture_output=True, text=True, check=True)
    app = small_app.write(folder, process=MORE % password.stdout.strip())
    (app / "public").mkdir()
    (app / "public" / "site.css").write_text("body { margin: 0 } " * 200)
    with Up(folder, app) as up:
        css = up.ask("/assets/site.css", headers={"Accept-Encoding": "gzip"})
        assert css.headers["Content-Type"].startswith("text/css")
        assert css.headers["Cache-Control"] == "max-age=3600"
        assert css.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(css.body).startswith(b"body { margin")
        assert up.ask("/assets/missing.css").status == 404

        moved = up.ask("/old/page?x=1")
        assert (moved.status, moved.headers["Location"]) == (301, "/new/old/page?x=1")

        api = up.ask("/api/users", headers={"Origin": "https://app.example"})
        assert api.text == "/users"
        assert api.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert api.headers["X-Served-By"] == "fairlead"
        assert api.headers["X-Content-Type-Options"] == "nosniff"

        assert up.ask("/staff").status == 401
        known = base64.b64encode(b"ada:secret").decode()
        assert up.ask("/staff", headers={"Authorization": f"Basic {known}"}).text == "/staff"
