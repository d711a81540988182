"""The pods of the Kubernetes files run under podman: same image, same variables, same ports."""

import os

import pytest
import yaml

from support import http
from support.containers import app_folder, exported, fairlead, missing
from support.process import run
from support.waiting import eventually

TOML = """name = "hello"
version = "1.0.0"
build.include = ["bin/hello"]
processes.web.command = "hello serve"
processes.web.health = "/readyz"
env.DATABASE_URL = "sqlite:///data/hello.db"
"""
# What this machine allows: no limits above the hard ones, no systemd.
CONTAINERS = """[containers]
default_ulimits = ["nofile=10000:10000", "nproc=4096:4096"]
cgroups = "enabled"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
"""


@pytest.fixture
def podman(folder):
    if reason := missing("podman", "runc"):
        pytest.skip(reason)
    (folder / "containers.conf").write_text(CONTAINERS)
    env = {**os.environ, "CONTAINERS_CONF": str(folder / "containers.conf")}
    base = ["podman", "--root", folder / "root", "--runroot", folder / "run", "--tmpdir", folder / "tmp", "--runtime", "runc",
            "--storage-driver", "vfs", "--network-config-dir", folder / "net", "--volumepath", folder / "volumes"]

    def call(*words, check=True, seconds=120):
        done = run(*base, *words, env=env, seconds=seconds)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    yield call
    call("pod", "rm", "-fa", check=False)
    call("network", "prune", "-f", check=False)


@pytest.mark.timeout(300)
def test_pods_run(podman, folder):
    app = app_folder(folder / "app", TOML, "hello")
    podman("load", "-q", "-i", exported(folder, app, "localhost/hello:1"))
    fairlead("render", "kubernetes", app, "-e", "production", "--image", "localhost/hello:1", "--out", folder / "k8s")
    overlay = folder / "k8s/overlays/production"
    # podman knows no probes over HTTP in this version, and runs one pod of a Deployment.
    objects = [o for f in ("settings", "process-web") for o in yaml.safe_load_all((overlay / f"{f}.yaml").read_text())
               if o["kind"] in ("ConfigMap", "Deployment")]
    (folder / "play.yaml").write_text(yaml.safe_dump_all(objects))
    podman("play", "kube", folder / "play.yaml", seconds=200)
    name = podman("ps", "--format", "{{.Names}}", "--filter", "ancestor=localhost/hello:1").splitlines()[0]
    pod = podman("inspect", "-f", "{{.Pod}}", name)
    address = podman("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
                     podman("pod", "inspect", "-f", "{{.InfraContainerID}}", pod))
    podman("exec", name, "/fairlead/launch", "hello", "migrate")
    eventually(lambda: http.ask(f"{address}:8080", "/readyz").status == 200, "the pod to be ready", 30)
    assert podman("inspect", "-f", "{{.Config.User}}", name).startswith("10001")
