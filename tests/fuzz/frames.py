"""Frames of WebSocket: found and written as websockets does it."""

from __future__ import annotations

import contextlib
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from .builds import BUILDS
from .source import Source

TOKENS = [
    b"\x81\x03abc",
    b"\x82\x00",
    b"\x81\x7e\x00\x80" + b"x" * 128,
    b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00",
    b"\x82\x7f\x80",
    b"\x82\x7f" + b"\xff" * 8,
    b"\x01\x01a",
    b"\x80\x01b",
    b"\x88\x02\x03\xe8",
    b"\x88\x00",
    b"\x88\x01x",
    b"\x89\x01p",
    b"\x8a\x00",
    b"\x8a\x7e\x00\x7e",
    b"\x83\x00",
    b"\xc1\x01a",
    b"\x81\x81keyka",
    b"\x81\x02\xc3\xa9",
    b"\x81\x01\xc3",
]

LIMITS = (-1, 0, 3, 125, 70_000)


def check(source: Source) -> None:
    """Raise if bytes are not taken apart as websockets does, or a payload is not framed so that it reads it."""
    data = source.wire(TOKENS)
    for most in LIMITS:
        walks = {name: walk(build, data, most) for name, build in BUILDS.items()}
        first = walks["pure"]
        assert all(its == first for its in walks.values()), f"{data!r}, {most=}: {walks}"
        if most < 0:
            check_walk(data, first)
    check_masked(data)


def walk(build: Any, data: bytes, most: int) -> list[tuple[int, int, int, int, bool]]:
    """Give what a scanner says of each frame, up to the first that is not whole."""
    scanner = build.frames.FrameScanner()
    seen = []
    start = 0
    while True:
        found = scanner.look(data, start, most)
        if found != build.frames.WHOLE:
            seen.append((found, 0, start, scanner.end if found == build.frames.PART else 0, False))
            return seen
        seen.append((found, scanner.opcode, scanner.begin, scanner.end, scanner.plain))
        assert start < scanner.begin <= scanner.end <= len(data)
        start = scanner.end


def check_walk(data: bytes, seen: list[tuple[int, int, int, int, bool]]) -> None:
    """Raise unless websockets sees the same frames, as far as they are plain, and none where there is none."""
    start = 0
    for found, opcode, begin, end, plain in seen:
        # Frames that depend on others, or on extensions, are looked at one by one: only their place counts here.
        if plain:
            (frame,) = of_websockets(data[start:end], Side.CLIENT)
            assert (frame.opcode, bytes(frame.data)) == (opcode, data[begin:end])
        elif found == 1:
            with contextlib.suppress(WebSocketException, UnicodeDecodeError):
                assert len(of_websockets(data[start:end], Side.CLIENT)) == 1
        else:
            wrong = refused(data[start:])
            assert (found < 0) is (wrong is not None and wrong[0] == 0)
        start = end


def check_masked(payload: bytes) -> None:
    """Raise unless a server reads a payload as it is, and the builds write the same."""
    keys = b"12" + payload[:4].ljust(4, b"\xa5") + b"3"
    for opcode in (Opcode.TEXT, Opcode.BINARY):
        written = {name: build.frames.masked_frame(opcode, payload, keys, 2) for name, build in BUILDS.items()}
        assert len(set(written.values())) == 1, written
        (frame,) = of_websockets(written["pure"], Side.SERVER)
        assert (frame.opcode, bytes(frame.data), frame.fin) == (opcode, payload, True)


def refused(data: bytes) -> tuple[int, int] | None:
    """Give where the first frame begins that is wrong by its head alone (RFC 6455 section 5.2), and the code for it."""
    start = 0
    while len(data) - start >= 2:
        opcode, second = data[start] & 0x0F, data[start + 1]
        if second & 0x80 or 2 < opcode < 8 or opcode > 10 or (opcode > 7 and second > 125):
            return start, 1002
        extended = {126: 2, 127: 8}.get(second, 0)
        begin = start + 2 + extended
        if begin > len(data):
            return None
        length = int.from_bytes(data[start + 2 : begin], "big") if extended else second
        if length >= 1 << 61:
            # Nobody has so much memory.
            return start, 1002 if length >> 63 else 1009
        start = begin + length
    return None


def of_websockets(data: bytes, side: Side) -> list[Frame]:
    """Give what websockets makes of bytes that come to a side."""
    protocol = Protocol(side=side, state=State.OPEN, max_size=None)
    protocol.receive_data(data)
    if protocol.parser_exc is not None:
        raise protocol.parser_exc
    return [event for event in protocol.events_received() if isinstance(event, Frame)]
