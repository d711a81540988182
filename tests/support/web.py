"""The dashboard's sources and tests, with what they need from npm."""

import json
import shutil
import subprocess

from support.process import ROOT

WEB = ROOT / "web"
INSTALLED = ROOT / "build" / "web"


def install():
    """A copy of web/ with its packages, once for each state of the lock file; the sources are copied anew."""
    lock = (WEB / "package-lock.json").read_bytes()
    known = INSTALLED / "package-lock.json"
    if not ((INSTALLED / "node_modules" / "esbuild").exists() and known.read_bytes() == lock):
        shutil.rmtree(INSTALLED, ignore_errors=True)
        INSTALLED.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(WEB / name, INSTALLED)
        _run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
    for name in ("src", "tests"):
        shutil.rmtree(INSTALLED / name, ignore_errors=True)
        shutil.copytree(WEB / name, INSTALLED / name)
    for name in ("build.mjs", "tsconfig.json"):
        shutil.copy(WEB / name, INSTALLED)


def build():
    """The folder of files that the sources give now; type errors fail."""
    install()
    _run("npx", "--no-install", "tsc", "--noEmit")
    _run("node", "build.mjs", "fresh")
    return INSTALLED / "fresh"


def look(url, paths, token="-", shots="-"):
    """What a browser sees on these pages: see web/tests/look.mjs."""
    install()
    return json.loads(_run("node", "tests/look.mjs", url, token, str(shots), *paths))


def _run(*command):
    done = subprocess.run(command, cwd=INSTALLED, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
