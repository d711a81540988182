"""Images made without a container engine run in docker, and every other tool reads them."""

import json

import pytest

from support import http
from support.containers import BUILD, ROOT, app_folder, built_image, exported, fairlead
from support.process import run
from support.waiting import eventually

APPS = ["visitors", "countme", "hello", "airquality", "airdata"]
TOML = """name = "tiny"
version = "2.1.0"
build.include = ["serve"]
processes.web.command = "./serve"
"""


def container_address(docker, name):
    ip = docker.out("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name)
    return f"{ip}:8080"


@pytest.mark.parametrize("app", APPS)
def test_service_runs_in_docker(docker, folder, app):
    """Healthy by its own probe, not as root, told its version, and gone within a second of SIGTERM."""
    docker.load(exported(folder, ROOT / "apps" / app, f"{app}:test"))
    labels = json.loads(docker.out("inspect", "-f", "{{json .Config.Labels}}", f"{app}:test"))
    assert labels["org.opencontainers.image.version"].endswith("+build.1") and labels["dev.fairlead.build"] == "1"
    docker.run("run", "-d", "--name", app, "-e", "AIRVISUAL_KEY=x", f"{app}:test")
    try:
        docker.run("exec", app, "/fairlead/launch", app, "migrate")
        eventually(lambda: docker.out("inspect", "-f", "{{.State.Health.Status}}", app) == "healthy", f"{app} to be healthy", 40)
        address = container_address(docker, app)
        assert http.ask(address, "/healthz").status == 200
        assert docker.out("inspect", "-f", "{{.Config.User}}", app) == "10001:10001"
        docker.run("stop", "-t", "10", app)
        assert docker.out("inspect", "-f", "{{.State.ExitCode}}", app) == "0"
    finally:
        docker.run("rm", "-f", app)
        docker.run("rmi", f"{app}:test")


def test_the_same_build_is_the_same_image(folder):
    one = built_image(folder / "one", ROOT / "apps" / "hello")
    two = built_image(folder / "two", ROOT / "apps" / "hello")
    assert one == two


def test_push_pull_and_copy(docker, registry, folder):
    """A password, layers that are sent once, an image that docker and skopeo take, and a copy of it elsewhere."""
    name = f"{registry.address}/team/hello:1.0"
    app = ["--app", ROOT / "apps/hello", "--state", folder]
    built_image(folder, ROOT / "apps" / "hello")
    refused = fairlead("image", "push", name, *app, check=False)
    assert refused.returncode == 1 and "answers 401" in refused.stderr and "docker login" in refused.stderr
    first = fairlead("image", "push", name, *app, env=registry.login())
    assert "in 3 blobs" in first.stderr
    again = fairlead("image", "push", name, *app, env=registry.login())
    assert "in 0 blobs" in again.stderr
    copy = f"{registry.address}/other/hello:2.0"
    fairlead("image", "copy", name, copy, *app, env=registry.login())
    who = f"{registry.user}:{registry.password}"
    seen = [json.loads(run("skopeo", "inspect", "--tls-verify=false", f"--creds={who}", f"docker://{n}").stdout)
            for n in (name, copy)]
    assert seen[0]["Digest"] == seen[1]["Digest"] and seen[0]["Architecture"] in ("amd64", "arm64")
    docker.run("login", "-u", registry.user, "-p", registry.password, registry.address)
    docker.run("pull", name)
    docker.run("rmi", name)


def test_tls(folder):
    """A registry that is not on loopback is spoken to by TLS, and its certificate must be right."""
    from engines.conftest import Registry, need

    need("docker-registry", "htpasswd", "openssl")
    host = run("hostname", "-I").stdout.split()[0]
    key, certificate = folder / "tls.key", folder / "tls.pem"
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
        "-subj", "/CN=registry", "-addext", f"subjectAltName=IP:{host}").check_returncode()
    with Registry(folder, "tls", (certificate, key), host=host) as server:
        words = ["image", "push", f"{server.address}/hello:1", "--app", ROOT / "apps/hello", "--state", folder]
        built_image(folder, ROOT / "apps" / "hello")
        refused = fairlead(*words, env=server.login(), check=False)
        assert refused.returncode == 1 and "TLS" in refused.stderr
        fairlead(*words, env={**server.login(), "SSL_CERT_FILE": str(certificate)})


@pytest.mark.parametrize("tool", ["podman", "buildah", "skopeo"])
def test_other_tools_take_it(folder, tool):
    from engines.conftest import need

    need(tool)
    archive = exported(folder, ROOT / "apps" / "hello", "hello:1.0")
    if tool == "skopeo":
        seen = run("skopeo", "copy", f"oci-archive:{archive}", f"dir:{folder}/copy")
        assert seen.returncode == 0, seen.stderr
        return
    where = ["--root", folder / "root", "--runroot", folder / "run", "--storage-driver", "vfs"]
    done = run(tool, *where, "pull", f"oci-archive:{archive}")
    assert done.returncode == 0, done.stderr
    assert "hello" in run(tool, *where, "images").stdout


def test_a_script_brings_its_shell(docker, folder):
    """What a command needs a shell for finds one; what the artifact lacks is named."""
    app = app_folder(folder / "app", TOML + 'deploy.release_command = "echo one && echo two"\n')
    (app / "serve").write_bytes((BUILD / "hello").read_bytes())
    (app / "serve").chmod(0o755)
    docker.load(exported(folder, app, "tiny:test"))
    out = docker.out("run", "--rm", "tiny:test", "/bin/sh", "-c", "echo one && echo two; echo $APP_VERSION")
    assert out.split("\n") == ["one", "two", "2.1.0+build.1"]
    docker.run("rmi", "tiny:test")
