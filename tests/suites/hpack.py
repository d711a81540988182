"""Header blocks of http2jp/hpack-test-case, decoded by the library that Fairlead links."""

import ctypes
import json

LIBRARY = "libnghttp2.so.14"
EMIT, FINAL = 2, 1


class Pair(ctypes.Structure):
    _fields_ = [("name", ctypes.POINTER(ctypes.c_char)), ("value", ctypes.POINTER(ctypes.c_char)),
                ("name_size", ctypes.c_size_t), ("value_size", ctypes.c_size_t), ("flags", ctypes.c_uint8)]


class Decoder:
    def __init__(self):
        self._library = ctypes.CDLL(LIBRARY)
        self._library.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
        self._decoder = ctypes.c_void_p()
        assert self._library.nghttp2_hd_inflate_new(ctypes.byref(self._decoder)) == 0

    def close(self):
        self._library.nghttp2_hd_inflate_del(self._decoder)

    def set_table_size(self, size):
        assert self._library.nghttp2_hd_inflate_change_table_size(self._decoder, ctypes.c_size_t(size)) == 0

    def decode(self, block):
        fields = []
        while True:
            pair, flags = Pair(), ctypes.c_int()
            taken = self._library.nghttp2_hd_inflate_hd2(self._decoder, ctypes.byref(pair), ctypes.byref(flags), block,
                                                         ctypes.c_size_t(len(block)), 1)
            if taken < 0:
                raise ValueError(f"not HPACK: {taken}")
            block = block[taken:]
            if flags.value & EMIT:
                fields.append((pair.name[:pair.name_size].decode(), pair.value[:pair.value_size].decode()))
            if flags.value & FINAL:
                self._library.nghttp2_hd_inflate_end_headers(self._decoder)
                return fields


def run(checkout):
    decoded = failed = 0
    for story in sorted(checkout.glob("*/story_*.json")):
        if story.parent.name == "raw-data":
            continue
        decoder = Decoder()
        for case in sorted(json.loads(story.read_text())["cases"], key=lambda case: case["seqno"]):
            if case.get("header_table_size"):
                decoder.set_table_size(case["header_table_size"])
            fields = decoder.decode(bytes.fromhex(case["wire"]))
            decoded += 1
            if fields != [pair for field in case["headers"] for pair in field.items()]:
                failed += 1
                print(f"{story.parent.name}/{story.name} {case['seqno']}: {fields}")
        decoder.close()
    print(f"{decoded} header blocks, {failed} failed")
    return 1 if failed or not decoded else 0
