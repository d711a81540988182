"""Deployments, rollbacks and scalings in a row under load: no request is lost, and the receipts count what was sent.

FAIRLEAD_ENDURANCE=50 does 50 deployments, 20 rollbacks and 20 scalings; without it there are a few of each.
"""

import base64
import os
import socket
import threading
import time

import pytest

from support import small_app
from support.edge import access_records
from support.load import Load
from support.serve import Serve

DEPLOYMENTS = int(os.environ.get("FAIRLEAD_ENDURANCE", "5"))
OTHERS = DEPLOYMENTS * 2 // 5
ROUTE = "[[routes]]\nhost = 'small.example'\nprocess = 'web'\n"
HOST = {"host": "small.example"}

MORE = '''
import base64, hashlib

def exact(file, count):
    data = file.read(count)
    return data if len(data) == count else b""

class Whole(Handler):
    def do_PUT(self):
        left = int(self.headers["Content-Length"])
        while left > 0:
            left -= len(self.rfile.read(min(left, 1024)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        if self.headers.get("Upgrade", "").lower() != "websocket":
            return Handler.do_GET(self)
        key = self.headers["Sec-WebSocket-Key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while head := exact(self.rfile, 6):  # a masked frame of less than 126 bytes
            text = bytes(b ^ head[2 + i % 4] for i, b in enumerate(exact(self.rfile, head[1] & 127)))
            self.wfile.write(bytes([head[0], len(text)]) + text)
            if head[0] & 15 == 8:
                return

    def log_message(self, *_):
        pass
'''


class Repeated(threading.Thread):
    """Does `once(address)` again and again; counts how often it was done, and keeps what went wrong."""

    def __init__(self, once, address):
        super().__init__(daemon=True)
        self.once, self.address, self.stopping, self.done, self.wrong = once, address, threading.Event(), 0, []

    def run(self):
        while not self.stopping.is_set():
            try:
                self.once(self.address)
            except (OSError, AssertionError) as e:
                self.wrong.append(repr(e))
            self.done += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.join(60)


def connect(address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=30)


def read_until(connection, end):
    data = b""
    while not data.endswith(end):
        piece = connection.recv(1)
        assert piece, f"closed after {data}"
        data += piece
    return data


def web_socket(address):
    """Opened, twenty messages over two seconds, closed by us; the pause is the client's, not a wait for something."""
    with connect(address) as connection:
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(f"GET /socket HTTP/1.1\r\nHost: small.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        assert b" 101 " in read_until(connection, b"\r\n\r\n")
        for number in range(20):
            text = f"message {number}".encode()
            connection.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
            assert read_until(connection, text) == bytes([0x81, len(text)]) + text
            time.sleep(0.1)
        connection.sendall(bytes([0x88, 0x80, 0, 0, 0, 0]))
        assert read_until(connection, b"\x88\x00")


def slow_upload(address):
    with connect(address) as connection:
        connection.sendall(b"PUT /upload HTTP/1.1\r\nHost: small.example\r\nContent-Length: 40960\r\nConnection: close\r\n\r\n")
        for _ in range(20):
            connection.sendall(b"x" * 2048)
            time.sleep(0.1)
        assert b" 200 " in read_until(connection, b"\r\n\r\n")


@pytest.mark.timeout(max(600, DEPLOYMENTS * 120))
def test_no_request_is_lost_and_the_receipts_are_right(folder):
    app = small_app.write(folder, replicas=2, rest=ROUTE)
    text = (app / "server.py").read_text()
    # A server with the standard library's queue of five lets the kernel drop handshakes under this load.
    text = text.replace("daemon_threads = True", "daemon_threads = True\n    request_queue_size = 1024")
    (app / "server.py").write_text(text.replace("class Server(", MORE + "\nclass Server(").replace(", Handler).serve", ", Whole).serve"))
    with Serve(folder) as serve:
        assert serve.deployment("deploy", app)["state"] == "succeeded"
        address = serve.address
        with Load(address, requests=None, connections=64, path="/x", **HOST) as kept, \
                Load(address, requests=None, connections=16, path="/x", headers={"Connection": "close"}, **HOST) as fresh, \
                Repeated(web_socket, address) as sockets, Repeated(slow_upload, address) as uploads:
            kept.until_answered(200)
            orders = [("deploy", app)] * DEPLOYMENTS + [("rollback",)] * OTHERS
            orders += [("scale", f"web={1 + number % 3}") for number in range(OTHERS)]
            receipts = []
            for number in range(len(orders)):
                order = orders[number * 37 % len(orders)]  # one after the other, of all kinds
                deployment = serve.deployment(*order)
                assert deployment["state"] == "succeeded", f"{order}: {deployment['message']}"
                if deployment["receipt"]:
                    receipts.append(deployment["receipt"])
        assert len(receipts) == DEPLOYMENTS + OTHERS
        failed = [r for r in access_records(serve.state / "access.log") if r["status"] >= 500 or r["status"] == 0]
        assert not sockets.wrong and not uploads.wrong, f"{sockets.wrong} {uploads.wrong} {failed}"
        slow = [r for r in access_records(serve.state / "access.log") if r["duration_us"] > 20_000_000]
        assert set(kept.outcomes.counts) == set(fresh.outcomes.counts) == {200}, \
            f"{kept.outcomes.counts} {fresh.outcomes.counts} {slow}"
        assert sum(r["during"]["failed"] for r in receipts) == 0
        sent = kept.outcomes.total() + fresh.outcomes.total() + sockets.done + uploads.done
        counted = serve.deployment("deploy", app)["receipt"]["before"]
        assert (counted["requests"], counted["failed"]) == (sent, 0)
        assert serve.verb("doctor").returncode == 0
        print(f"{len(orders)} orders, {sent} requests: {kept.outcomes.total()} kept, {fresh.outcomes.total()} fresh, "
              f"{sockets.done} WebSockets, {uploads.done} uploads")
