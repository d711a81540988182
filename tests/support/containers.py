"""A Docker of the tests' own, on a Unix socket: no registry outside is asked for anything."""

import json
import os
import pathlib
import re
import shutil
import subprocess

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
        self.unmount_leftovers()
        self.program = Program(["dockerd", "--storage-driver=overlay2", "--data-root", KEPT / "docker", "--exec-root",
                                KEPT / "exec", "--pidfile", self.folder / "dockerd.pid", "-H",
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
        self.unmount_leftovers()

    @staticmethod
    def unmount_leftovers():
        """Network namespaces that a killed dockerd has left would keep the names of their devices in use."""
        for line in pathlib.Path("/proc/mounts").read_text().splitlines():
            place = line.split()[1]
            if place.startswith(str(KEPT / "exec")):
                run("umount", "-l", place)

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
        """PostgreSQL and Redis under the names, and with the variables, of the official images, made from what is
        installed on this machine."""
        self.pack("postgres:15", [*(PG / n for n in ("postgres", "initdb", "pg_ctl", "createdb", "psql", "pg_isready"))],
                  ["/usr/share/postgresql/15", "/usr/lib/postgresql/15/lib", "/usr/share/zoneinfo/Etc"],
                  {"entrypoint": POSTGRES_ENTRYPOINT}, "70:70", "var/lib/postgresql/data",
                  ["ENV PGDATA=/var/lib/postgresql/data", f"ENV PATH={PG}:/usr/bin:/bin", 'ENTRYPOINT ["/entrypoint"]',
                   'CMD ["postgres", "-c", "listen_addresses=*"]'])
        self.pack("redis:7", ["/usr/bin/redis-server", "/usr/bin/redis-cli"], [], {"entrypoint": REDIS_ENTRYPOINT}, "71:71",
                  "data", ["WORKDIR /data", 'ENTRYPOINT ["/entrypoint"]', 'CMD ["redis-server"]'])

    def pack(self, name, programs, folders, files, user, data, settings):
        """An image of programs of this machine, with their libraries, a shell, and a folder of their own."""
        if self.has(name):
            return
        programs = [*map(str, programs), *(f"/usr/bin/{n}" for n in ("cat", "rm", "sleep")), "/bin/sh"]
        libraries = [str(library) for folder in folders for library in pathlib.Path(folder).glob("*.so")]
        needs = set(re.findall(r"(/\S+) \(0x", run("ldd", *programs, *libraries).stdout))
        tree = self.folder / name.split(":")[0]
        for file in {*programs, *needs}:
            place = tree / file.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.realpath(file), place)
        for folder in folders:
            shutil.copytree(folder, tree / folder.lstrip("/"), dirs_exist_ok=True)
        for file, text in files.items():
            (tree / file).write_text(text)
            (tree / file).chmod(0o755)
        number = int(user.split(":")[0])
        for folder in (data, "run/postgresql", "tmp"):
            (tree / folder).mkdir(parents=True, exist_ok=True)
            os.chown(tree / folder, number, number)
        (tree / "tmp").chmod(0o1777)
        (tree / "var").mkdir(exist_ok=True)
        (tree / "var/run").symlink_to("/run")
        (tree / "etc").mkdir(exist_ok=True)
        (tree / "etc/passwd").write_text(f"root:x:0:0::/:/bin/sh\nserver:x:{user}::/tmp:/bin/sh\n")
        changes = [word for setting in [*settings, f"USER {user}"] for word in ("-c", setting)]
        with subprocess.Popen(["tar", "-C", tree, "-c", "."], stdout=subprocess.PIPE) as tar:
            subprocess.run([DOCKER, "import", *changes, "-", name], stdin=tar.stdout, env=self.env, check=True,
                           stdout=subprocess.DEVNULL)
        shutil.rmtree(tree)

    def load(self, archive):
        self.run("load", "-q", "-i", archive)


PG = pathlib.Path("/usr/lib/postgresql/15/bin")
POSTGRES_ENTRYPOINT = """#!/bin/sh
set -e
if [ ! -f "$PGDATA/PG_VERSION" ]; then
  password=${POSTGRES_PASSWORD:-$(cat "$POSTGRES_PASSWORD_FILE")}
  echo "$password" > /tmp/password
  initdb -D "$PGDATA" -U "$POSTGRES_USER" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 -N >/dev/null
  rm /tmp/password
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
  pg_ctl -w start -o "-c listen_addresses=" >/dev/null
  [ "$POSTGRES_DB" = "postgres" ] || createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl -w stop >/dev/null
fi
exec "$@"
"""
REDIS_ENTRYPOINT = """#!/bin/sh
exec "$@" --protected-mode no
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


def app_folder(folder, text, *programs):
    """A folder with this fairlead.toml and these programs of ours in bin/."""
    folder = pathlib.Path(folder)
    (folder / "bin").mkdir(parents=True)
    for program in programs:
        shutil.copy(BUILD / program, folder / "bin" / program)
    (folder / "fairlead.toml").write_text(text)
    return folder
