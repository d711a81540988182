"""Addresses as Fairlead writes them ("127.0.0.1:8080", "[::1]:8080", "unix:/run/x.sock") and raw bytes over them."""

import socket


def connect(address, seconds=20):
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(seconds)
        sock.connect(address[len("unix:") :])
        return sock
    host, port = address.rsplit(":", 1)
    sock = socket.create_connection((host.strip("[]"), int(port)), timeout=seconds)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def receive_all(sock):
    """Everything until the peer closes; a reset ends it too."""
    received = bytearray()
    try:
        while data := sock.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return bytes(received)


def exchange(address, message, pieces=None):
    """Sends these bytes as they are (in pieces of so many bytes), and returns all that comes until the peer closes."""
    with connect(address) as sock:
        step = pieces or len(message) or 1
        try:
            for start in range(0, len(message), step):
                sock.sendall(message[start : start + step])
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused early: the answer, if any, can still be read
        return receive_all(sock)


def accepts(address):
    """True when something listens there."""
    try:
        connect(address, seconds=5).close()
        return True
    except OSError:
        return False
