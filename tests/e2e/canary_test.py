"""A canary takes its share of the requests, step by step, and goes back by itself when it is worse."""

from support import small_app
from support.load import Load
from support.serve import Serve

ROUTE = "[[routes]]\nhost = 'small.example'\nprocess = 'web'\n"
HOST = {"host": "small.example"}


def test_its_share_grows(folder):
    app = small_app.write(folder, replicas=2, rest=ROUTE)
    with Serve(folder) as serve:
        serve.do("deploy", app)
        with Load(serve.address, requests=None, connections=4, path="/x", **HOST) as load:
            load.until_answered(50)
            deployment = serve.deployment("deploy", app, "--canary", "10,50", "--watch", "1s")
        assert deployment["state"] == "succeeded"
        assert [s["detail"] for s in deployment["steps"] if s["name"] == "canary"] == ["10 % of the requests", "50 % of the requests"]
        assert set(load.outcomes.counts) == {200}
        assert {p["release"] for p in serve.replicas()} == {"v2"}


def test_a_worse_one_costs_its_share_alone(folder):
    app = small_app.write(folder, rest=ROUTE)
    with Serve(folder) as serve:
        serve.do("deploy", app)
        server = app / "server.py"
        server.write_text(server.read_text().replace('int(os.environ.get("STATUS", "200"))',
                                                     '200 if self.path == "/health" else 500'))
        with Load(serve.address, requests=None, connections=4, path="/x", **HOST) as load:
            load.until_answered(500)
            deployment = serve.deployment("deploy", app, "--canary", "10,50", "--watch", "20s")
            load.until_answered(load.outcomes.total() + 50)
        assert (deployment["state"], deployment["cause"]) == ("rolled back", "worse")
        assert [s["detail"] for s in deployment["steps"] if s["name"] == "canary"] == ["10 % of the requests"]
        counts = load.outcomes.counts
        assert set(counts) == {200, 500} and counts[500] < 0.3 * counts.total()
        assert serve.ask("/env/FAIRLEAD_RELEASE", **HOST).text == "v1"
