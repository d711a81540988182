"""What is rendered for a target, the target's own program accepts."""

import os
import pathlib
import shutil
import subprocess

import pytest
import yaml

GOLDEN = pathlib.Path(__file__).parent / "target"
SECRETS = {name: "x" for name in ("POSTGRES_PASSWORD", "AIRVISUAL_KEY", "API_TOKEN", "SMTP_PASSWORD")}


def folders(*targets):
    found = sorted(f for t in targets for f in GOLDEN.glob(f"*/{t}"))
    assert found
    return [pytest.param(f, id=f"{f.parent.name}-{f.name}") for f in found]


def accepts(folder, *command):
    done = subprocess.run(command, cwd=folder, env={**os.environ, **SECRETS}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("source", folders("haproxy", "compose", "swarm"))
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


def objects_of(source):
    """What kustomize puts together, by kind and name."""
    found = {}
    for file in yaml.safe_load((source / "kustomization.yaml").read_text())["resources"]:
        for o in yaml.safe_load_all((source / file).read_text()):
            assert found.setdefault(o["kind"], {}).setdefault(o["metadata"]["name"], o) is o, "two of one name"
    return found


@pytest.mark.parametrize("source", folders("kubernetes"))
def test_kubernetes_names_lead_somewhere(source):
    objects = objects_of(source)
    for deployment in objects["Deployment"].values():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        assert container["envFrom"][0]["configMapRef"]["name"] in objects["ConfigMap"]
    for ingress in objects.get("Ingress", {}).values():
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                service = objects["Service"][path["backend"]["service"]["name"]]
                assert [p["name"] for p in service["spec"]["ports"]] == [path["backend"]["service"]["port"]["name"]]


@pytest.mark.parametrize("source", folders("kubernetes"))
def test_kustomize(source):
    built = [o["kind"] for o in yaml.safe_load_all(accepts(source, "kubectl", "kustomize", "."))]
    assert sorted(built) == sorted(kind for kind, named in objects_of(source).items() for _ in named)
