"""What is rendered for a target, the target's own program accepts."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
import yaml

from support.edge import free_address
from support.net import accepts as accepts_connections
from support.process import FAIRLEAD, Program

GOLDEN = pathlib.Path(__file__).parent / "target"
SECRETS = {name: "x" for name in ("POSTGRES_PASSWORD", "AIRVISUAL_KEY", "API_TOKEN", "SMTP_PASSWORD")}


def folders(*targets):
    """What was rendered for them, but for what they refuse."""
    found = sorted(f for t in targets for f in GOLDEN.glob(f"*/{t}") if not (f / "REFUSED").exists())
    assert found
    return [pytest.param(f, id=f"{f.parent.name}-{f.name}") for f in found]


def accepts(folder, *command):
    done = subprocess.run(command, cwd=folder, env={**os.environ, **SECRETS}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("source", folders("haproxy"))
def test_haproxy(source):
    accepts(source, "haproxy", "-c", "-f", "haproxy.cfg")


@pytest.mark.parametrize("source", folders("nginx"))
def test_nginx(source, folder):
    shutil.copy(source / "nginx.conf", folder)  # nginx makes its cache folders while it checks
    accepts(folder, "nginx", "-t", "-p", str(folder), "-c", "nginx.conf")


@pytest.mark.parametrize("source", folders("systemd"))
def test_systemd(source):
    units = [f"./{f.name}" for f in sorted(source.iterdir()) if f.suffix in (".service", ".target")]
    accepts(source, "systemd-analyze", "verify", *units)


@pytest.mark.parametrize("source", folders("compose"))
def test_compose(source):
    """The same variables, commands and dependencies come out of Compose as out of the app."""
    seen = yaml.safe_load(accepts(source, "docker-compose", "config"))["services"]
    written = yaml.safe_load((source / "docker-compose.yml").read_text())["services"]
    assert seen.keys() == written.keys()
    for name, service in written.items():
        for key, value in (service.get("environment") or {}).items():
            expected = value.replace("$$", "\0").replace("${", "$_{")
            expected = substituted(expected).replace("\0", "$")
            assert seen[name]["environment"][key].replace("$$", "$") == expected


def substituted(text):
    for name, value in SECRETS.items():
        text = text.replace("$_{%s:?set %s in .env}" % (name, name), value)
    return text


@pytest.mark.parametrize("source", folders("swarm"))
def test_stack(source):
    stack = yaml.safe_load((source / "stack.yml").read_text())
    assert stack["version"] == "3.8"
    for service in stack["services"].values():
        for secret in service.get("secrets", []):
            assert stack["secrets"][secret["source"]]["external"] is True
        assert set(service["networks"]) <= set(stack["networks"])


def overlays():
    found = sorted(GOLDEN.glob("*/kubernetes/overlays/*"))
    assert found
    return [pytest.param(f, id=f"{f.parents[2].name}-{f.name}") for f in found]


def objects_of(overlay):
    """What kustomize puts together, by kind and name."""
    found = {}
    kustomization = yaml.safe_load((overlay / "kustomization.yaml").read_text())
    files = [overlay / name for name in kustomization["resources"]]
    for base in kustomization.get("bases", []):
        resources = yaml.safe_load((overlay / base / "kustomization.yaml").read_text())["resources"]
        files += [overlay / base / name for name in resources]
    for file in files:
        for o in yaml.safe_load_all(file.read_text()):
            assert found.setdefault(o["kind"], {}).setdefault(o["metadata"]["name"], o) is o, "two of one name"
    return found


@pytest.mark.parametrize("overlay", overlays())
def test_kubernetes_names_lead_somewhere(overlay):
    objects = objects_of(overlay)
    for name, deployment in objects["Deployment"].items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
        pod = deployment["spec"]["template"]["spec"]
        for source in pod["containers"][0].get("envFrom", []):
            assert source["configMapRef"]["name"] in objects["ConfigMap"]
        for volume in pod.get("volumes", []):
            assert volume["configMap"]["name"] in objects["ConfigMap"]
    for ingress in objects["Ingress"].values():
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                service = objects["Service"][path["backend"]["service"]["name"]]
                assert [p["name"] for p in service["spec"]["ports"]] == [path["backend"]["service"]["port"]["name"]]
    for scaler in objects.get("HorizontalPodAutoscaler", {}).values():
        target = objects["Deployment"][scaler["spec"]["scaleTargetRef"]["name"]]
        assert "replicas" not in target["spec"]  # else every apply would undo what it did
    edge = next(c for n, c in objects["ConfigMap"].items() if n.startswith("edge-"))
    for name in json.loads(edge["data"]["edge.json"])["names"].values():
        assert objects["Service"][name.split(":")[0]]["spec"]["clusterIP"] == "None"


@pytest.mark.parametrize("overlay", overlays())
def test_kustomize(overlay):
    built = [o["kind"] for o in yaml.safe_load_all(accepts(overlay, "kubectl", "kustomize", "."))]
    assert sorted(built) == sorted(kind for kind, named in objects_of(overlay).items() for _ in named)


@pytest.mark.parametrize("source", folders("compose", "swarm"))
def test_our_edge_reads_what_is_for_it(source, folder):
    """Names that are not there yet are no reason to end: their replicas come later."""
    plan = json.loads((source / "edge.json").read_text())
    address = free_address()
    plan["snapshot"]["listeners"] = [{"address": address}]
    plan["names"] = {pool: "localhost:1" for pool in plan["names"]}
    (folder / "edge.json").write_text(json.dumps(plan))
    command = [FAIRLEAD, "edge", "--state", folder / "state", "--follow", folder / "edge.json"]
    with Program(command, folder) as edge:
        edge.until(lambda: accepts_connections(address), "the edge to listen")
