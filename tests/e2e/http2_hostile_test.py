"""Hostile HTTP/2 sessions, byte by byte (tests/golden/h2_sessions.txt), get the right error and disturb nobody else."""

import re

import pytest

from support import net
from support.edge import HEALTH_PATH, Edge
from support.origin import Origin, response
from support.process import ROOT

GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
ERRORS = ["none", "protocol", "internal", "flow-control", "settings-timeout", "closed", "frame-size", "refused", "cancel",
          "compression", "connect", "calm"]
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION, UNKNOWN = 0, 1, 2, 3, 4, 6, 7, 9, 0x77
END_STREAM, END_HEADERS = 1, 4
POST = bytes.fromhex("838684410161")  # http://a/


def sessions():
    for line in (ROOT / "tests" / "golden" / "h2_sessions.txt").read_text().splitlines():
        if line.startswith("#"):
            section = line.removeprefix("# ")
        elif line:
            answer, what, frames = (part.strip() for part in line.split("|"))
            frames = re.sub(r"\{(\d+)\*(\w+)\}", lambda repeat: int(repeat[1]) * repeat[2], frames)
            yield section, answer, what, bytes.fromhex(frames)


def frames_of(received):
    while len(received) >= 9:
        size = int.from_bytes(received[:3])
        yield received[3], int.from_bytes(received[5:9]) & 0x7FFFFFFF, received[9 : 9 + size]
        received = received[9 + size :]


def answer_of(received):
    """As the table says it: of the last frame that is an answer."""
    answer = "nothing"
    for kind, stream, payload in frames_of(received):
        if kind == GOAWAY and int.from_bytes(payload[4:8]) != 0:
            return "goaway " + ERRORS[int.from_bytes(payload[4:8])]
        if kind == RST_STREAM and int.from_bytes(payload) != 0:
            answer = "reset " + ERRORS[int.from_bytes(payload)]
        if kind == HEADERS and payload[0] & 0x80 and answer == "nothing":
            answer = {0x88: "200", 0x8B: "304", 0x8C: "400", 0x8D: "404"}.get(payload[0], "other")
        elif kind == HEADERS and answer == "nothing" and payload[:1] in (b"\x48", b"\x08"):
            answer = status_in(payload)
    return answer


def status_in(block):
    """A :status that is not in the static table: a literal of three digits, plain or in Huffman's code of digits."""
    size, text = block[1] & 0x7F, block[2 : 2 + (block[1] & 0x7F)]
    if not block[1] & 0x80:
        return text[:size].decode()
    bits = "".join(f"{byte:08b}" for byte in text)
    digits = ""
    while len(digits) < 3:
        short = int(bits[:5], 2)
        digits += str(short) if short < 3 else str(int(bits[:6], 2) - 0x19 + 3)
        bits = bits[5:] if short < 3 else bits[6:]
    return digits


@pytest.fixture
def running(folder):
    with Origin(lambda request: response(200, "fine")) as origin, \
            Edge(folder, [origin.address], {"timeouts": {"idle_ms": 300, "head_ms": 300, "body_ms": 300}}) as edge:
        yield origin, edge


def test_each_session_is_answered_as_it_must_be(running):
    origin, edge = running
    wrong = []
    for section, answer, what, frames in sessions():
        reached = len(origin.requests)
        given = answer_of(net.exchange(edge.address, GREETING + frames))
        if given != answer:
            wrong.append(f"{what}: {given}, not {answer}")
        if section.startswith("What a header list may not hold") and any(r.path != HEALTH_PATH for r in origin.requests[reached:]):
            wrong.append(f"{what}: was passed on")
    assert not wrong, "\n".join(wrong)
    assert edge.ask("/well").status == 200


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def begun(stream):
    return frame(HEADERS, END_HEADERS, stream, POST)


CANCEL = (8).to_bytes(4)
FLOODS = {  # frames, the label of the limit
    "of streams reset at once": (b"".join(begun(i) + frame(RST_STREAM, 0, i, CANCEL) for i in range(1, 441, 2)), "h2_resets"),
    "of malformed requests": (b"".join(frame(HEADERS, END_HEADERS, i, POST[1:]) for i in range(1, 441, 2)), "h2_resets"),
    "of streams that we must reset": (
        b"".join(begun(i) + frame(8, 0, i, b"\x7f\xff\xff\xff") for i in range(1, 441, 2)), "h2_resets"),
    "of PING": (frame(PING, 0, 0, b"12345678") * 1010, "h2_frames"),
    "of SETTINGS": (frame(SETTINGS, 0, 0) * 1010, "h2_frames"),
    "of PRIORITY": (frame(PRIORITY, 0, 3, bytes(5)) * 1010, "h2_frames"),
    "of empty DATA": (begun(1) + frame(DATA, 0, 1) * 1010, "h2_frames"),
    "of unknown frames": (frame(UNKNOWN, 0, 0) * 1010, "h2_frames"),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_ends_its_own_connection_and_is_counted(running, flood):
    origin, edge = running
    frames, limit = FLOODS[flood]

    def hits():
        return int(re.search(rf'limit_hits_total{{limit="{limit}"}} (\d+)', edge.metrics())[1])

    before = hits()
    with net.connect(edge.address) as other:
        other.sendall(GREETING + begun(1))
        assert answer_of(net.exchange(edge.address, GREETING + frames)) == "goaway calm"
        assert hits() == before + 1
        other.sendall(frame(DATA, END_STREAM, 1, b"done"))
        assert answer_of(net.receive_all(other)) == "200"


def test_more_streams_than_allowed_are_refused_and_the_others_served(running):
    origin, edge = running
    frames = b"".join(begun(i) for i in range(1, 203, 2))  # a hundred and one
    received = net.exchange(edge.address, GREETING + frames + frame(DATA, END_STREAM, 1, b"done"))
    resets = [(stream, int.from_bytes(payload)) for kind, stream, payload in frames_of(received) if kind == RST_STREAM]
    assert (201, ERRORS.index("refused")) in resets
    assert any(kind == HEADERS and stream == 1 and payload[0] == 0x88 for kind, stream, payload in frames_of(received))


def test_a_head_in_endless_pieces_ends_the_connection(running):
    origin, edge = running
    piece = frame(CONTINUATION, 0, 1, b"\0\1a\1b")
    assert answer_of(net.exchange(edge.address, GREETING + frame(HEADERS, 0, 1, POST) + piece * 100)).startswith("goaway")
    # And one that never goes on, in time.
    assert answer_of(net.exchange(edge.address, GREETING + frame(HEADERS, 0, 1, POST))) == "goaway calm"
