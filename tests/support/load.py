"""HTTP load that counts the outcome of every single request."""

import asyncio
import collections
import dataclasses
import threading

from support.waiting import PATIENCE, eventually

REQUEST_SECONDS = 30


@dataclasses.dataclass
class Outcomes:
    """What came of each request: a status code, or in words why there was no answer."""

    counts: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    values: collections.Counter = dataclasses.field(default_factory=collections.Counter)  # of the field watched

    def total(self):
        return sum(self.counts.values())


class Load:
    """`requests` requests over `connections` kept connections, in a thread of its own:

        with Load(address, requests=20_000, connections=64) as load:
            load.until_answered(5_000)
            ... break something ...
        assert load.outcomes.counts == {200: 20_000}

    Leaving the block waits for the end. With requests=None it goes on until the block is left. No request is ever sent
    twice: one whose connection ends is counted by how it ended, and the next has a new connection. With keep=True
    `answers` has a list of (status, body) for each connection that was opened.
    """

    def __init__(self, address, requests, connections, path="/", host="localhost", headers=None, watch=None, keep=False):
        self._address, self._connections = address, connections
        fields = {"Host": host, "User-Agent": "load", **(headers or {})}
        self._message = f"GET {path} HTTP/1.1\r\n{''.join(f'{k}: {v}{chr(13)}{chr(10)}' for k, v in fields.items())}\r\n"
        self._watch = watch.lower().encode() if watch else None
        self._left = requests
        self._stopping = threading.Event()
        self.outcomes = Outcomes()
        self._keep, self.answers = keep, []
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        if self._left is None or kind:
            self._stopping.set()
        self._thread.join(timeout=300)
        assert not self._thread.is_alive(), f"load does not end: {self.outcomes}"

    def until_answered(self, count, seconds=PATIENCE * 3):
        eventually(lambda: self.outcomes.total() >= count, f"{count} answers", seconds)

    async def _run(self):
        await asyncio.gather(*(self._one_connection() for _ in range(self._connections)))

    def _take(self):
        if self._stopping.is_set() or self._left == 0:
            return False
        if self._left is not None:
            self._left -= 1
        return True

    async def _one_connection(self):
        message, reader, writer = self._message.encode(), None, None
        while self._take():
            try:
                if writer is None:
                    reader, writer = await self._open()
                    mine = []
                    if self._keep:
                        self.answers.append(mine)
                writer.write(message)
                status, body, keep = await asyncio.wait_for(self._read_answer(reader), REQUEST_SECONDS)
                self.outcomes.counts[status] += 1
                if self._keep:
                    mine.append((status, body))
            except ConnectionRefusedError:
                keep = self._failed("refused")
            except asyncio.TimeoutError:
                keep = self._failed("no answer in time")
            except Unanswered:
                keep = self._failed("closed without an answer")
            except (ConnectionResetError, BrokenPipeError):
                keep = self._failed("reset")
            except (OSError, asyncio.IncompleteReadError, ValueError) as e:
                keep = self._failed(f"broken answer ({type(e).__name__})")
            if not keep and writer is not None:
                writer.close()
                writer = None
        if writer is not None:
            writer.close()

    def _failed(self, how):
        self.outcomes.counts[how] += 1
        return False

    async def _open(self):
        if self._address.startswith("unix:"):
            return await asyncio.open_unix_connection(self._address[len("unix:") :])
        host, port = self._address.rsplit(":", 1)
        return await asyncio.open_connection(host.strip("[]"), int(port))

    async def _read_answer(self, reader):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
        except asyncio.IncompleteReadError as e:
            raise e if e.partial else Unanswered
        status = int(head.split(b" ", 2)[1])
        if self._watch:
            self.outcomes.values[(field(head, self._watch) or b"").decode()] += 1
        if field(head, b"transfer-encoding") == b"chunked":
            body = b""
            while size := int((await reader.readline()).split(b";")[0], 16):
                body += (await reader.readexactly(size + 2))[:-2]
            while await reader.readline() != b"\r\n":
                pass
        else:
            body = await reader.readexactly(int(field(head, b"content-length") or 0))
        return status, body, field(head, b"connection") != b"close"


class Unanswered(Exception):
    """The connection was closed in an orderly way where an answer should have begun."""


def field(head, name):
    """The value of a field in a head that is all lower case."""
    start = head.find(b"\r\n" + name + b":")
    if start < 0:
        return None
    start += len(name) + 3
    return head[start : head.index(b"\r\n", start)].strip()
