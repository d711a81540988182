"""A network of two machines: network namespaces, joined by one cable. Ports and firewalls in them are the test's own."""

import contextlib
import ctypes
import os
import socket

from support.process import run

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


class Network:
    """`server` (10.78.0.1) and `client` (10.78.0.2 and more addresses of 10.78.0.0/16), as a context manager."""

    SERVER = "10.78.0.1"

    def __init__(self):
        self.server, self.client = (f"fl-{os.getpid()}-{side}" for side in "sc")

    def __enter__(self):
        for name in (self.server, self.client):
            self.must("ip", "netns", "add", name)
        self.must("ip", "link", "add", "v0", "netns", self.server, "type", "veth", "peer", "name", "v0", "netns", self.client)
        self.add_address(self.SERVER, self.server)
        self.add_address("10.78.0.2", self.client)
        for name in (self.server, self.client):
            for link in ("lo", "v0"):
                self.must("ip", "-n", name, "link", "set", link, "up")
        return self

    def __exit__(self, *_):
        for name in (self.server, self.client):
            run("ip", "netns", "del", name)

    def add_address(self, address, name=None):
        self.must("ip", "-n", name or self.client, "addr", "add", f"{address}/16", "dev", "v0")

    @staticmethod
    def must(*words):
        done = run(*words)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    @staticmethod
    def prefix(name):
        """Put before a command, it runs on that machine."""
        return ["nsenter", f"--net=/run/netns/{name}"]

    def run(self, name, *words, **options):
        return run(*self.prefix(name), *words, **options)

    @contextlib.contextmanager
    def on(self, name):
        """Sockets made in the block, by this thread, are on that machine."""
        with open("/proc/thread-self/ns/net", "rb") as home, open(f"/run/netns/{name}", "rb") as there:
            assert LIBC.setns(there.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                LIBC.setns(home.fileno(), CLONE_NEWNET)

    def ask(self, port, message, source="10.78.0.2", seconds=3):
        """Sends bytes from one of the client's addresses; the answer, or None where nobody answers in time."""
        with self.on(self.client):
            try:
                with socket.create_connection((self.SERVER, port), seconds, (source, 0)) as sock:
                    sock.sendall(message)
                    received = bytearray()
                    while data := sock.recv(65536):
                        received += data
                    return bytes(received)
            except TimeoutError:
                return None
            except ConnectionError:
                return b""

    def get(self, port, path="/", source="10.78.0.2", seconds=3):
        """The status of a GET on a connection of its own; None where nobody answers, 0 where the connection is cut."""
        answer = self.ask(port, f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode(), source, seconds)
        return None if answer is None else int(answer.split()[1]) if answer.startswith(b"HTTP/") else 0
