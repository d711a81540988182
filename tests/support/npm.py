"""Programs from npm, as the lock file of their folder below tests/ says."""

import shutil
import subprocess

from support.process import ROOT


def install(name):
    """Installs tests/NAME once for each checkout, and returns where: its files are there, with node_modules."""
    package, installed = ROOT / "tests" / name, ROOT / "build" / name
    lock = (package / "package-lock.json").read_bytes()
    known = installed / "package-lock.json"
    if not (installed / "node_modules").exists() or known.read_bytes() != lock:
        shutil.rmtree(installed, ignore_errors=True)
        installed.mkdir(parents=True)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(package / file, installed)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=installed, check=True,
                       stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
    for script in package.glob("*.*js"):
        shutil.copy(script, installed)
    return installed
