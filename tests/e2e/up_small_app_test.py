"""`fairlead up` serves any app that listens on PORT, in HTTP and HTTPS, with the variables it was promised."""

from support import http, small_app
from support.up import Up


def test_it_serves_on_both_ports_and_hands_over_the_variables(folder):
    app = small_app.write(folder, replicas=2, rest='[env]\nCOLOUR = "red"\nSHAPE = "round"')
    with Up(folder, app, env={"SHAPE": "square"}) as up:
        assert up.ask("/a/path").text == "/a/path"
        assert http.ask(up.tls_address, "/b", tls=True).text == "/b"
        assert up.ask("/c", host="any.other.host").text == "/c"
        assert up.ask("/env/APP_VERSION").text == "2.3.4"
        assert up.ask("/env/HOST").text == "127.0.0.1"
        assert up.ask("/env/COLOUR").text == "red"
        assert up.ask("/env/SHAPE").text == "square"  # the shell's variables win
        assert up.ask("/env/DATABASE_URL").text == f"sqlite://{up.state}/data/small.db"
        screen = up.until(up.stdout, "the screen")
    assert "small 2.3.4 is up" in screen
    assert "web.1" in screen and "web.2" in screen and "Ctrl-C" in screen
    assert "\x1b" not in screen  # no colours where there is no terminal
    assert "stopping" in up.stderr()


def test_a_database_that_the_shell_names_is_passed_through_and_its_password_is_not_shown(folder):
    app = small_app.write(folder)
    url = "postgresql://ada:secret@db.example/x"
    with Up(folder, app, env={"DATABASE_URL": url}) as up:
        assert up.ask("/env/DATABASE_URL").text == url
        assert up.status()["environments"][0]["store"] == "postgresql://ada:***@db.example/x"


def test_routes_by_path_hold_for_localhost_too(folder):
    app = small_app.write(folder, rest="""
[[routes]]
host = "small.example"
process = "web"
[[routes]]
host = "small.example"
path = "/api"
process = "api"
[processes.api]
command = "env STATUS=202 python3 server.py"
""")
    with Up(folder, app) as up:
        assert up.ask("/x", host="small.example").status == 200
        assert up.ask("/api/x", host="small.example").status == 202
        assert up.ask("/api/x").status == 202
        assert up.ask("/apix").status == 200
