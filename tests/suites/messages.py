"""The HTTP/1.1 messages of llhttp and gunicorn, through the edge; README.md says how they are judged."""

import dataclasses
import json
import re

from support import net
from support.edge import HEALTH_PATH
from support.http import status_of

HOST = b"Host: localhost\r\n"

# What is valid to a parser, and refused by an intermediary (or by us, who repair nothing), with the reason.
STRICTER = [
    (rb"^\S+ \S+\r\n", "HTTP/0.9"),
    (rb"^\S+ \S+ (?!HTTP/)", "a protocol that is not HTTP"),
    (rb"^(CONNECT|TRACE) ", "CONNECT and TRACE are not served"),
    (rb"^PRI \* HTTP/2", "HTTP/2"),
    (rb"^[^\r\n]* HTTP/(?!1\.[01]\r)", "neither HTTP/1.0 nor HTTP/1.1"),
    (rb"^\S+ (?!/|\*|[a-zA-Z]+://)", "no form that a request target has"),
    (rb"^\S+ \S*[^\x21-\x7e\s]", "a byte that no request target has"),
    (rb"^\S+ \S*[\"#<>]", "a byte that no request target has"),
    (rb"^\S+ [a-zA-Z]+://[^/? ]*[^\w./:?@\[\]-]", "an authority that is no host"),
    (rb"^\S+ (?!https?://)[a-zA-Z]+://", "a scheme that is not HTTP's"),
    (rb"^\S+ [a-zA-Z]+://[^/? ]*@", "user information in a target (RFC 9110 4.2.4)"),
    (rb"^(?!OPTIONS)\S+ \* ", "an asterisk without OPTIONS"),
    (rb"(?im)^Host: [^\r]*[^\w.:\[\]\r-]", "a Host that is none"),
    (rb"(?im)^Transfer-Encoding: (?!chunked\r)[^\r]", "a transfer coding that is not known here"),
    (rb"(?im)^Content-Length[ \t]", "a space before a colon"),
    (rb"(?s)^(?=.*\r\nTransfer-Encoding:)(?=.* HTTP/1\.0\r\n)", "Transfer-Encoding in HTTP/1.0 (RFC 9112 6.1)"),
    (rb"(?s)^(?=.*\r\nContent-Length:)(?=.*\r\nTransfer-Encoding:)", "two framings"),
    (rb"\r\n[ \t]", "obs-fold"),
    (rb"^(\r\n){3,}", "more than two empty lines before a request"),
    (rb"(?<!\r)\n", "a bare LF"),
    (rb"(?s)^POST /test-form .*\r\nContent-Length: 17914", "a body shorter than its Content-Length"),
]

# What a suite calls invalid by rules of its own program, not of HTTP.
LAXER = {
    "invalid/003c": "a method of token bytes, if an odd one",
    "invalid/006": "a target of 4,095 bytes: gunicorn's limit",
    "invalid/007": "a field of 8,191 bytes: gunicorn's limit",
    "invalid/008": "a field of 8,191 bytes: gunicorn's limit",
    "invalid/017": "a field of 8,191 bytes: gunicorn's limit",
    "invalid/041": "two Content-Types, which are the origin's affair",
    "invalid: HTTP protocol and ANNOUNCE method": "a method that is unknown, which is the origin's affair",
    "invalid: Invalid method": "a method that is unknown, which is the origin's affair",
}


@dataclasses.dataclass
class Message:
    name: str
    data: bytes
    valid: bool
    whole: bool = True  # otherwise the peer waits for more, and then gives up
    answered: bool = False  # and what follows its first request must not be looked at


def run(messages, edge, origin):
    counts = dict.fromkeys(("as asked", "stricter", "laxer", "failed"), 0)
    for message in messages:
        reached = len(origin.requests)
        statuses = answers(net.exchange(edge.address, message.data))
        passed_on = [r for r in origin.requests[reached:] if r.path != HEALTH_PATH]
        verdict = judge(message, statuses) or next(filter(None, map(ambiguity, passed_on)), None)
        kind = ("as asked" if not verdict else "laxer" if verdict in LAXER.values()
                else "stricter" if verdict in [reason for _, reason in STRICTER] else "failed")
        counts[kind] += 1
        if kind != "as asked":
            print(f"{kind:8} {message.name}: {verdict} {statuses or ''}" + (f"\n         {message.data!r}" if kind == "failed" else ""))
    print(", ".join(f"{number} {kind}" for kind, number in counts.items()))
    return 1 if counts["failed"] or not counts["as asked"] else 0


def answers(received):
    """The statuses of all final answers."""
    found = [int(status) for status in re.findall(rb"(?:^|(?<=\n)|(?<=nothing))HTTP/1\.1 (\d{3}) ", received)]
    return [status for status in found if status >= 200]


def judge(message, statuses):
    """None, or what is wrong."""
    refused = [status for status in statuses if status >= 400]
    if message.answered:
        return None if statuses[:1] == [200] and (message.valid or len(statuses) == 1) else "answered otherwise"
    if not message.valid:
        if message.name in LAXER and not refused:
            return LAXER[message.name]
        return None if refused or not message.whole else "an invalid message was not refused"
    if not refused and (statuses or not message.whole):
        return None
    if refused == [408] and (not message.whole or statuses[0] == 200):
        return None
    return next((reason for pattern, reason in STRICTER if re.search(pattern, message.data)), "a valid message was refused")


def ambiguity(request):
    """What another program might read differently in this head, as the origin got it; None if nothing."""
    lines = request.head.split(b"\r\n")
    if b"\n" in b"".join(lines) or b"\r" in b"".join(lines):
        return "passed on: a bare line end"
    if any(byte < 0x20 and byte != 9 or byte == 0x7f for byte in b"".join(lines)):
        return "passed on: a control byte"
    if not all(re.match(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: ", line) for line in lines[1:]):
        return "passed on: a line that is no field"
    if len(request.get("host")) != 1 or len(request.get("content-length") + request.get("transfer-encoding")) > 1:
        return "passed on: not one Host, or more than one framing"
    return None


def with_host(data):
    """Parsers' tests leave it out."""
    def add(start):
        head = data[start.end():].split(b"\r\n\r\n")[0]
        host = re.search(rb"://([^/? ]+)", start[0])
        host = b"Host: " + host[1] + b"\r\n" if host else HOST
        return start[0] if re.search(rb"(?im)^host[ \t]*:", head) else start[0] + host

    return re.sub(rb"(?:^|(?<=\r\n\r\n))(?:\r\n)*[A-Z-]+ [^\r\n]* HTTP/1\.1\r\n", add, data)


def llhttp(checkout, edge, origin):
    def found():
        for page in sorted((checkout / "test" / "request").glob("*.md")):
            for section in re.split(r"^#+ ", page.read_text(), flags=re.MULTILINE):
                meta = re.search(r"<!-- meta=(\{.*\}) -->", section)
                settings = json.loads(meta[1]) if meta else {}
                if settings.pop("type", "") != "request" or settings.keys() - {"noScan"}:
                    continue  # a lenient parser, or one that pauses
                text, log = re.findall(r"^```\w*\n(.*?)^```", section, re.MULTILINE | re.DOTALL)[:2]
                error = re.search(r"error code=(\d+)", log)
                paused = error and error[1] in ("22", "23")  # an upgrade, at which the parser stops
                closed = error and error[1] == "5"  # bytes behind the last message
                yield Message(f"{page.stem}: {section.splitlines()[0]}", with_host(unescape(text)), valid=not error or bool(paused),
                              whole="message complete" in log or bool(error),
                              answered=closed or paused and "method=5 " not in log and "CONNECT" not in text and "PRI" not in text)

    return run(found(), edge, origin)


def unescape(text):
    """A message as llhttp's pages write it, in the order in which its own tests read it."""
    text = re.sub(r"\\\n", "", text.removesuffix("\n")).replace("\n", "\r\n")
    for escape, byte in (("\\r", "\r"), ("\\n", "\n"), ("\\t", "\t"), ("\\f", "\f")):
        text = text.replace(escape, byte)
    text = re.sub(r"\\x([0-9a-fA-F]+)", lambda digits: chr(int(digits[1], 16)), text)
    text = re.sub(r"\\([0-7]{1,3})", lambda digits: chr(int(digits[1], 8)), text)
    return re.sub(r"\$\{'(.)'\.repeat\((\d+)\)\}", lambda repeat: repeat[1] * int(repeat[2]), text).encode("latin-1", "ignore") if max(map(ord, text)) < 256 else text.encode()


def gunicorn(checkout, edge, origin):
    def found():
        for file in sorted((checkout / "tests" / "requests").glob("*/*.http")):
            asked = file.with_suffix(".py").read_text()
            if "cfg.set" in asked:
                continue  # with settings of gunicorn's own
            data = file.read_bytes().replace(b"\n", b"").replace(b"\\r\\n", b"\r\n")
            data = data.replace(b"\\0", b"\0").replace(b"\\n", b"\n").replace(b"\\t", b"\t")
            data = re.sub(rb"\\x([0-9a-fA-F]{2})", lambda hexes: bytes([int(hexes[1], 16)]), data)
            yield Message(f"{file.parent.name}/{file.stem}", with_host(data), valid=file.parent.name == "valid",
                          whole="NoMoreData" not in asked)

    return run(found(), edge, origin)
