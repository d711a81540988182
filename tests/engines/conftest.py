"""Engines that whole sessions share. One that is not installed is skipped, with its reason."""

import os
import shutil

import pytest

from conftest import new_folder
from support import containers, process
from support.containers import Docker
from support.edge import free_address
from support.process import Program
from support.net import accepts


def need(*programs):
    if reason := containers.missing(*programs):
        pytest.skip(reason)


@pytest.fixture(scope="session")
def docker():
    need(containers.DOCKER, "dockerd", "debootstrap")
    folder = new_folder()
    engine = Docker(folder)
    yield engine
    engine.stop()
    process.lasting.discard(engine.program.pid)
    shutil.rmtree(folder, ignore_errors=True)


class Registry(Program):
    """docker-registry with a password, over TLS where there is a certificate for it."""

    user, password = "ada", "rope and anchor"

    def __init__(self, folder, name, certificate=None, host="127.0.0.1"):
        folder = folder / name
        folder.mkdir()
        self.address = host + ":" + free_address().rsplit(":", 1)[1]
        users = process.run("htpasswd", "-Bbn", self.user, self.password)
        (folder / "users").write_text(users.stdout)
        tls = f", tls: {{certificate: {certificate[0]}, key: {certificate[1]}}}" if certificate else ""
        (folder / "config.yml").write_text(f"""version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/data}}}}
http: {{addr: "{self.address}", secret: x{tls}}}
auth: {{htpasswd: {{realm: harbour, path: {folder}/users}}}}
""")
        super().__init__(["docker-registry", "serve", folder / "config.yml"], folder)
        self.until(lambda: accepts(self.address), "the registry to listen")

    def login(self):
        return {"FAIRLEAD_REGISTRY_USER": self.user, "FAIRLEAD_REGISTRY_PASSWORD": self.password}


@pytest.fixture
def registry(folder):
    need("docker-registry", "htpasswd")
    with Registry(folder, "registry") as server:
        yield server
