"""An origin that a test scripts, byte by byte if need be, and asks afterwards what it was sent."""

import socket
import threading


class Origin:
    """Listens on a port of its own choosing, or on a Unix socket below `folder`. Each request is answered by
    `handler(request)`, which returns the bytes to send, or an iterable of them; None closes the connection.

        with Origin(lambda request: response(200, request.path)) as origin: ... origin.address, origin.requests
    """

    def __init__(self, handler=None, folder=None, name="origin"):
        self._handler = handler or (lambda request: response(200, name))
        if folder:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(f"{folder}/{name}.sock")
            self.address = f"unix:{folder}/{name}.sock"
        else:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._listener.listen(1024)
        self.requests = []
        self.connections = 0
        self._open = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Stops listening and cuts every connection."""
        for sock in [self._listener, *self._open]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()

    def requests_to(self, path):
        return [r for r in self.requests if r.path == path]

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        reader = sock.makefile("rb")
        try:
            while request := Request.read(reader):
                self.requests.append(request)
                answer = self._handler(request)
                if answer is None:
                    break
                for piece in [answer] if isinstance(answer, bytes) else answer:
                    sock.sendall(piece)
        except (OSError, ValueError):
            pass  # the edge hung up, or close() did
        finally:
            self._open.discard(sock)
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()


class Request:
    """A request as it arrived."""

    def __init__(self, head, body):
        self.head, self.body = head, body
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, self.version = lines[0].split(" ")
        self.fields = [tuple(line.split(": ", 1)) for line in lines[1:] if line]

    def get(self, name):
        """All values of a field, in order."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    @staticmethod
    def read(reader):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = reader.readline()
            if not line:
                return None
            head += line
        request = Request(head[:-4], b"")
        if request.get("transfer-encoding"):
            while size := int(reader.readline().split(b";")[0], 16):
                request.body += reader.read(size)
                reader.readline()
            while reader.readline() not in (b"\r\n", b""):
                pass
        elif request.get("content-length"):
            request.body = reader.read(int(request.get("content-length")[0]))
        return request


def response(status=200, body="", headers=None, reason="Whatever"):
    body = body.encode() if isinstance(body, str) else body
    fields = {"Content-Length": len(body), "Content-Type": "text/plain", **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} {reason}\r\n{lines}\r\n".encode() + body


