"""tests/suites/run SUITE PATH"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

from suites import h1spec, hpack, messages
from support.h2 import TlsEdge
from support.origin import Origin, response

QUICK = {"timeouts": {"head_ms": 400, "body_ms": 400, "idle_ms": 400}}


def echo(request):
    """Whatever body came; never an empty one, which HTTP/2 would put into no frame."""
    return response(200, request.body or b"nothing")


def h2spec(program, edge, origin):
    host, port = edge.tls_address.split(":")
    done = subprocess.run([program, "--strict", "-t", "-k", "-h", host, "-p", port, "-o", "3"], capture_output=True, text=True)
    print(done.stdout[done.stdout.rfind("Failures:"):] if done.returncode else done.stdout.splitlines()[-1])
    return done.returncode


def main():
    suites = {
        "h1spec": (h1spec.run, {}),
        "h2spec": (h2spec, {}),
        "llhttp": (messages.llhttp, QUICK),
        "gunicorn": (messages.gunicorn, QUICK),
        "hpack": (lambda checkout, edge, origin: hpack.run(checkout), {}),
    }
    if len(sys.argv) != 3 or sys.argv[1] not in suites:
        sys.exit(f"usage: tests/suites/run {{{','.join(suites)}}} PATH")
    run, snapshot = suites[sys.argv[1]]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fl-", dir="/tmp"))
    try:
        with Origin(echo) as origin, TlsEdge(folder, [origin.address], snapshot) as edge:
            sys.exit(run(pathlib.Path(sys.argv[2]).resolve(), edge, origin))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
