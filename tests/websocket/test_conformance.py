"""The cases of the Autobahn test suite that a client can see, by hand: what a server may send, and what it may not.

The server writes the bytes of each case. A valid message is the answer; whatever breaks RFC 6455 ends the connection.
"""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from loops import BACKENDS
from pynector import ProtocolError, WebSocketClosed
from wsservers import Url, client

pytestmark = pytest.mark.anyio


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


def frame(opcode: int, payload: bytes = b"", fin: bool = True, bits: int = 0, long: int = 0) -> bytes:
    """Give an unmasked frame; `long` writes its length in 2 or 8 bytes though it may fit into fewer."""
    size = len(payload)
    head = bytes([(0x80 if fin else 0) | bits | opcode])
    if long == 8 or size > 0xFFFF:
        return head + b"\x7f" + size.to_bytes(8, "big") + payload
    if long == 2 or size > 125:
        return head + b"\x7e" + size.to_bytes(2, "big") + payload
    return head + bytes([size]) + payload


TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
GREEK = "\u03ba\u1f79\u03c3\u03bc\u03b5".encode()

VALID: dict[str, tuple[bytes, bytes]] = {
    **{f"1.1 text of {n}": (frame(TEXT, b"*" * n), b"*" * n) for n in (0, 1, 125, 126, 127, 128, 65535, 65536)},
    **{f"1.2 binary of {n}": (frame(BINARY, b"\xfe" * n), b"\xfe" * n) for n in (0, 125, 126, 127, 128, 65535, 65536)},
    "2.1 ping": (frame(PING) + frame(TEXT, b"a"), b"a"),
    "2.4 ping of 125": (frame(PING, b"\xfe" * 125) + frame(TEXT, b"a"), b"a"),
    "2.7 unasked pong": (frame(PONG, b"x") + frame(TEXT, b"a"), b"a"),
    "2.10 ten pings": (frame(PING, b"p") * 10 + frame(TEXT, b"a"), b"a"),
    "5.3 fragments": (frame(TEXT, b"a", False) + frame(0, b"b"), b"ab"),
    "5.6 ping between": (frame(TEXT, b"a", False) + frame(PING, b"p") + frame(0, b"b"), b"ab"),
    "5.8 many pings between": (
        frame(TEXT, b"a", False) + (frame(PING) + frame(0, b"b", False)) * 9 + frame(0),
        b"a" + b"b" * 9,
    ),
    "6.1 empty fragments": (frame(TEXT, b"", False) + frame(0, b"", False) + frame(0), b""),
    "6.2 utf-8": (frame(TEXT, GREEK), GREEK),
    "6.2 utf-8 cut in a character": (frame(TEXT, GREEK[:1], False) + frame(0, GREEK[1:]), GREEK),
    "6.5 last of plane 0": (frame(TEXT, "\uffff\U0010ffff".encode()), "\uffff\U0010ffff".encode()),
}

INVALID: dict[str, bytes] = {
    "2.5 ping of 126": frame(PING, b"\xfe" * 126),
    **{f"3 reserved bits {bits:#x}": frame(TEXT, b"a", bits=bits) for bits in range(0x10, 0x80, 0x10)},
    "3 reserved bits of a ping": frame(PING, b"a", bits=0x40),
    "3 reserved bits of a close": frame(CLOSE, b"\x03\xe8", bits=0x20),
    **{f"4 opcode {opcode}": frame(opcode, b"a") for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "5.1 ping in fragments": frame(PING, b"a", False) + frame(0, b"b"),
    "5.2 pong in fragments": frame(PONG, b"a", False) + frame(0, b"b"),
    "5.9 continuation of nothing": frame(0, b"a"),
    "5.10 continuation of nothing that goes on": frame(0, b"a", False) + frame(TEXT, b"b"),
    "5.15 continuation after the end": frame(BINARY, b"a", False, bits=0x10) + frame(0, b"b"),
    "5.18 text within text": frame(TEXT, b"a", False) + frame(TEXT, b"b"),
    "6.3 no utf-8": frame(TEXT, GREEK + b"\xed\xa0\x80edited"),
    "6.4 no utf-8 in fragments": frame(TEXT, GREEK, False) + frame(0, b"\xf4\x90\x80\x80"),
    **{f"6.6 {name}": frame(TEXT, data) for name, data in {
        "lone continuation": b"\x80", "overlong slash": b"\xc0\xaf", "overlong nul": b"\xe0\x80\x80", "cut": b"\xce",
        "surrogate": b"\xed\xa0\x80", "beyond": b"\xf4\x90\x80\x80", "five bytes": b"\xf8\x88\x80\x80\x80",
        "0xfe": b"\xfe", "0xff": b"\xff"}.items()},
    "7.3 close of one byte": frame(CLOSE, b"\x03"),
    "7.3 close of 126": frame(CLOSE, b"\x03\xe8" + b"*" * 124),
    "7.5 reason no utf-8": frame(CLOSE, b"\x03\xe8\xce\xba\xe1\xbd\xb9\xed\xa0\x80"),
    **{f"7.9 close code {code}": frame(CLOSE, code.to_bytes(2, "big"))
       for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535)},
    "a masked frame": b"\x81\x82\x00\x00\x00\x00hi",
    "12 compressed without asking": frame(TEXT, zlib.compress(b"a" * 10)[2:-4], bits=0x40),
}  # fmt: skip

CLOSES = {
    **{f"7.7 close code {code}": (frame(CLOSE, code.to_bytes(2, "big")), code)
       for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)},
    "7.1 close without a code": (frame(CLOSE), 1005),
}  # fmt: skip


@pytest.mark.parametrize("case", VALID)
async def test_what_a_server_may_send_is_the_answer(case: str, url: Url) -> None:
    data, payload = VALID[case]
    async with client(url("/raw")) as it:
        assert await it.request(data.hex(), 10) == payload


@pytest.mark.parametrize("case", INVALID)
async def test_what_a_server_may_not_send_ends_the_connection(case: str, url: Url) -> None:
    async with client(url("/raw")) as it:
        with pytest.raises(ProtocolError):
            await it.request(INVALID[case].hex(), 10)
        assert it.stats().connections["active"] == 0


@pytest.mark.parametrize("case", CLOSES)
async def test_a_close_code_is_told(case: str, url: Url) -> None:
    data, code = CLOSES[case]
    async with client(url("/raw")) as it:
        with pytest.raises(WebSocketClosed) as told:
            await it.request(data.hex(), 10)
        assert told.value.code == code
