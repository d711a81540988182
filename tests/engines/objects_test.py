"""Every Kubernetes file keeps to the API's schema."""

import pathlib
import shutil

import pytest

from support.npm import install
from support.process import run

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden" / "target"


@pytest.mark.timeout(500)
def test_schema(folder):
    if not shutil.which("npm"):
        pytest.skip("not installed: npm")
    linters = install("engines")
    files = [f for f in sorted(GOLDEN.glob("*/kubernetes/**/*.yaml")) if f.name != "kustomization.yaml"]
    assert len(files) > 50
    done = run("node", linters / "validate_objects.js", *files, cwd=linters)
    assert done.returncode == 0, done.stdout + done.stderr
    broken = folder / "broken.yaml"
    broken.write_text((GOLDEN / "minimal/kubernetes/overlays/production/process-web.yaml").read_text()
                      .replace("replicas: 1", 'replicas: "one"'))
    done = run("node", linters / "validate_objects.js", broken, cwd=linters)
    assert done.returncode == 1 and "replicas" in done.stdout
