"""A Docker of the tests' own, on a Unix socket: no registry outside is asked for anything."""

import json
import os
import pathlib
import shutil
import subprocess
import tarfile

from support import process
from support.process import BUILD, FAIRLEAD, ROOT, Program, run
from support.waiting import eventually

DOCKER = "/usr/bin/docker"
# Images that take minutes to make are kept between runs, as a build folder is.
KEPT = pathlib.Path(os.environ.get("FAIRLEAD_ENGINES", "/var/tmp/fairlead-engines"))
DEBIAN = "debian:bookworm-slim"


def missing(*programs):
    """Why an engine cannot be used here, or None."""
    absent = [p for p in programs if not (shutil.which(p) or pathlib.Path(p).exists())]
    if absent:
        return f"not installed: {', '.join(absent)}"
    return None if os.geteuid() == 0 else "needs root"


class Docker:
    """dockerd; its socket in `folder`, its images in KEPT."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        KEPT.mkdir(parents=True, exist_ok=True)
        self.socket = self.folder / "docker.sock"
        self.env = {**os.environ, "DOCKER_HOST": f"unix://{self.socket}", "DOCKER_CONFIG": str(self.folder / "config")}
        # In a namespace of its own for mounts: what it mounts goes when it does.
        self.program = Program(["dockerd", "--storage-driver=overlay2", "--data-root", KEPT / "docker", "--exec-root",
                                self.folder / "exec", "--pidfile", self.folder / "dockerd.pid", "-H",
                                f"unix://{self.socket}"], self.folder, name="dockerd")
        process.lasting.add(self.program.pid)
        self.program.until(lambda: self.run("info", check=False).returncode == 0, "dockerd to answer")
        self.remove_leftovers()

    def run(self, *words, check=True, seconds=180, **options):
        done = run(DOCKER, *words, env=self.env, seconds=seconds, **options)
        assert not check or done.returncode == 0, f"docker {' '.join(map(str, words))}\n{done.stdout}{done.stderr}"
        return done

    def out(self, *words, **options):
        return self.run(*words, **options).stdout.strip()

    def has(self, image):
        return self.run("image", "inspect", image, check=False).returncode == 0

    def remove_leftovers(self):
        self.run("swarm", "leave", "--force", check=False)
        containers = self.out("ps", "-aq").split()
        if containers:
            self.run("rm", "-f", *containers)
        self.run("network", "prune", "-f")
        self.run("volume", "prune", "-f")

    def stop(self):
        self.remove_leftovers()
        self.program.stop(seconds=30)

    def debian(self):
        """The base image that rendered Dockerfiles name, made here: nothing is pulled."""
        if not self.has(DEBIAN):
            tree = KEPT / "debian"
            shutil.rmtree(tree, ignore_errors=True)
            packages = "ca-certificates"
            run("debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", tree, seconds=400).check_returncode()
            for waste in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"):
                shutil.rmtree(tree / waste, ignore_errors=True)
            (tree / "var/cache/apt/archives/partial").mkdir(parents=True)
            with subprocess.Popen(["tar", "-C", tree, "-c", "."], stdout=subprocess.PIPE) as tar:
                subprocess.run([DOCKER, "import", "-", DEBIAN], stdin=tar.stdout, env=self.env, check=True,
                               stdout=subprocess.DEVNULL)
            shutil.rmtree(tree)
        return DEBIAN

    def backing_images(self):
        """PostgreSQL and Redis under the names, and with the variables, of the official images."""
        for name, packages, dockerfile in (("postgres:15", "postgresql-15", POSTGRES), ("redis:7", "redis-server", REDIS)):
            if not self.has(name):
                self.debian()
                context = self.folder / name.split(":")[0]
                context.mkdir()
                (context / "entrypoint").write_text(ENTRYPOINT)
                (context / "Dockerfile").write_text(dockerfile.format(debian=DEBIAN, packages=packages))
                self.run("build", "-q", "-t", name, context, seconds=400)

    def load(self, archive):
        self.run("load", "-q", "-i", archive)


INSTALL = """FROM {debian}
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends {packages} \\
 && rm -rf /var/lib/apt/lists/* && rm -rf /var/lib/postgresql/15
"""
POSTGRES = INSTALL + """ENV PGDATA=/var/lib/postgresql/data PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin
RUN mkdir -p $PGDATA /var/run/postgresql && chown -R postgres $PGDATA /var/run/postgresql
COPY --chmod=755 entrypoint /entrypoint
USER postgres
ENTRYPOINT ["/entrypoint"]
CMD ["postgres", "-c", "listen_addresses=*"]
"""
REDIS = INSTALL + """RUN mkdir -p /data && chown redis /data
WORKDIR /data
USER redis
ENTRYPOINT []
CMD ["redis-server", "--protected-mode", "no"]
"""
ENTRYPOINT = """#!/bin/sh
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  password=${POSTGRES_PASSWORD:-$(cat "$POSTGRES_PASSWORD_FILE")}
  echo "$password" > /tmp/password
  initdb -U "$POSTGRES_USER" --pwfile=/tmp/password -A scram-sha-256 >/dev/null
  rm /tmp/password
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
  pg_ctl -w start -o "-c listen_addresses=" >/dev/null
  PGPASSWORD=$password createdb -U "$POSTGRES_USER" "$POSTGRES_DB" 2>/dev/null || true
  pg_ctl -w stop >/dev/null
fi
exec "$@"
"""


def fairlead(*words, env=None, check=True, seconds=120, **options):
    done = run(FAIRLEAD, *words, env={**os.environ, **(env or {})}, seconds=seconds, **options)
    assert not check or done.returncode == 0, f"fairlead {' '.join(map(str, words))}\n{done.stdout}{done.stderr}"
    return done


def built_image(folder, app):
    """The image of an app whose programs are built, or of the edge (app None), in a store in `folder`: its digest."""
    words = ["--edge"] if app is None else ["--app", app, "--no-build"]
    done = fairlead("image", "build", *words, "--state", folder, "--json")
    return json.loads(done.stdout)["digest"]


def exported(folder, app, tag):
    """That image as an archive, tagged."""
    digest = built_image(folder, app)
    archive = pathlib.Path(folder) / f"{tag.replace(':', '-').replace('/', '-')}.tar"
    words = ["--edge"] if app is None else ["--app", app]
    fairlead("image", "export", tag, archive, *words, "--image", digest, "--state", folder)
    return archive


def app_folder(folder, text):
    """A folder with this fairlead.toml; {build} in it is where the programs are."""
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    (folder / "fairlead.toml").write_text(text.replace("{build}", str(BUILD)).replace("{root}", str(ROOT)))
    return folder
