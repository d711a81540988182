"""A gate between two programs (a service and its store, the edge and an origin) that a test closes, holds, or has spoil what passes."""

import os
import socket
import struct
import threading
import time

from support import net


class Gate:
    """Passes bytes between whoever connects to `listen` and `target` ("unix:/path" or "host:port"). Use as a context manager.

    .close()    nobody is there: connections are cut and refused
    .hold()     connections stay, nothing passes any more: a store that stands still
    .rubbish()  whoever speaks is answered with bytes that mean nothing
    .open()     passes again; what was held goes on its way
    .spoil()    what comes back from the target passes in pieces, late, or not to its end
    """

    RUBBISH = b"\x00\xffHTTP/1.1 418 What?\r\n\r\n<html>$-1\r\n" * 4

    def __init__(self, listen, target):
        self.address, self._target = listen, target
        self._mode, self._changed = "open", threading.Condition()
        self._sockets, self._listener = set(), None
        self.spoil()
        self.open()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def hold(self):
        self._set("hold")

    def rubbish(self):
        self._set("rubbish")
        self._listen()

    def open(self):
        self._set("open")
        self._listen()

    def spoil(self, pieces=None, delay=0, end_after=None, reset=False):
        """From now on: so many bytes at a time, each piece late by so many seconds; after so many bytes of a connection it ends, in
        order or with a reset. Without arguments nothing is spoilt any more."""
        self._spoilt = (pieces, delay, end_after, reset)

    def close(self):
        self._set("closed")
        listener, self._listener = self._listener, None
        for sock in [listener, *self._sockets] if listener else []:
            hang_up(sock)
        if listener and self.address.startswith("unix:"):
            os.unlink(self.address[5:])

    def _set(self, mode):
        with self._changed:
            self._mode = mode
            self._changed.notify_all()

    def _listen(self):
        if self._listener:
            return
        if self.address.startswith("unix:"):
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(self.address[5:])
            self._listener.listen(128)
        else:
            host, port = self.address.split(":")
            self._listener = socket.create_server((host, int(port)))
            self.address = f"{host}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._sockets.add(client)
            try:
                server = net.connect(self._target)
                server.settimeout(None)
            except OSError:
                server = None
            if server:
                self._sockets.add(server)
                threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()

    def _pump(self, source, sink, from_client):
        passed = 0
        try:
            while data := source.recv(65536):
                with self._changed:
                    self._changed.wait_for(lambda: self._mode != "hold")
                    mode = self._mode
                if mode == "rubbish":
                    if from_client:
                        source.sendall(self.RUBBISH)
                elif mode == "open" and sink and from_client:
                    sink.sendall(data)
                elif mode == "open" and sink and self._give_back(sink, data, passed):
                    passed += len(data)
                else:
                    break
        except OSError:
            pass
        for sock in (source, sink):
            if sock:
                self._sockets.discard(sock)
                hang_up(sock)


    def _give_back(self, client, data, passed):
        """False at the connection's end."""
        pieces, delay, end_after, reset = self._spoilt
        room = len(data) if end_after is None else min(len(data), max(0, end_after - passed))
        step = pieces or len(data)
        for at in range(0, room, step):
            time.sleep(delay)
            client.sendall(data[at : min(room, at + step)])
        if room < len(data) and reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.shutdown(socket.SHUT_RD)  # who still waits for its bytes would keep it open
            client.close()
        return room == len(data)


def hang_up(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    sock.close()
