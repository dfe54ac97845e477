"""Plain frames mean what the protocol's own implementation says, and nothing else is taken for one."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from pynector.transport.websocket.frames import BINARY, OTHER, PART, TEXT, WHOLE, FrameScanner, masked_frame

quick = settings(max_examples=200)

SIZES = [0, 1, 3, 125, 126, 127, 65535, 65536]


def parsed(data: bytes, side: Side) -> list[Frame]:
    """What websockets makes of bytes that come to a side."""
    protocol = Protocol(side=side, state=State.OPEN, max_size=None)
    protocol.receive_data(data)
    if protocol.parser_exc is not None:
        raise protocol.parser_exc
    return [event for event in protocol.events_received() if isinstance(event, Frame)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_frame_to_the_server_is_read_by_another_implementation(size: int, opcode: int) -> None:
    payload = bytes(index % 128 for index in range(size))
    (frame,) = parsed(masked_frame(opcode, payload, b"__\x01\xfe\x7f\x80__", 2), Side.SERVER)
    assert (frame.opcode, bytes(frame.data), frame.fin) == (opcode, payload, True)


@quick
@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4), st.integers(0, 9))
def test_a_payload_is_masked_byte_by_byte(payload: bytes, key: bytes, start: int) -> None:
    frame = masked_frame(BINARY, payload, bytes(start) + key, start)
    begin = len(frame) - len(payload)
    assert frame[begin - 4 : begin] == key
    assert frame[begin:] == bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))


@pytest.mark.parametrize("size", SIZES)
def test_a_frame_of_another_implementation_is_found(size: int) -> None:
    payload = b"x" * size
    data = b"before" + Frame(Opcode.BINARY, payload).serialize(mask=False) + b"after"
    scanner = FrameScanner()
    assert scanner.look(data, 6, -1) == WHOLE
    assert (scanner.opcode, scanner.plain) == (BINARY, True)
    assert data[scanner.begin : scanner.end] == payload
    for cut in (6, 7, 8, len(data) - 6) if size else (6, 7):
        assert scanner.look(data[:cut], 6, -1) == PART
    assert scanner.look(data, 6, size) == WHOLE
    if size:
        assert scanner.look(data, 6, size - 1) == OTHER


def test_where_a_part_will_end_is_known_once_its_length_is() -> None:
    scanner = FrameScanner()
    data = Frame(Opcode.TEXT, b"x" * 70_000).serialize(mask=False)
    assert (scanner.look(data[:9], 0, -1), scanner.end) == (PART, 0)
    assert (scanner.look(data[:10], 0, -1), scanner.end) == (PART, len(data))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x81\x80\x00\x00\x00\x00", id="masked"),
        pytest.param(b"\x82\x7f" + b"\xff" * 8, id="longer than any"),
        pytest.param(b"\x82\x7f\x80" + b"\x00" * 7, id="of a negative length"),
        pytest.param(b"\x83\x01x", id="of an unknown kind"),
        pytest.param(b"\x8b\x01x", id="of an unknown kind of control frames"),
        pytest.param(b"\x89\x7e\x00\x7e", id="a control frame that is too long"),
    ],
)
def test_what_no_server_may_send_is_left_to_the_protocol(data: bytes) -> None:
    assert FrameScanner().look(data, 0, -1) == OTHER


def test_control_frames_may_be_longer_than_messages() -> None:
    scanner = FrameScanner()
    assert scanner.look(b"\x89\x02xy", 0, 1) == WHOLE
    assert scanner.look(b"\x81\x02xy", 0, 1) == OTHER


@pytest.mark.parametrize("first", [0x01, 0x80, 0x88, 0x89, 0x8A, 0xC1, 0x91])
def test_other_frames_are_not_plain(first: int) -> None:
    scanner = FrameScanner()
    assert scanner.look(bytes((first, 1)) + b"x", 0, -1) == WHOLE
    assert not scanner.plain


@quick
@given(st.binary(max_size=40))
def test_what_is_plain_is_so_to_the_other_implementation(data: bytes) -> None:
    scanner = FrameScanner()
    found = scanner.look(data, 0, -1)
    if found == WHOLE and scanner.plain:
        (frame,) = parsed(data[: scanner.end], Side.CLIENT)
        assert (frame.opcode, bytes(frame.data)) == (scanner.opcode, data[scanner.begin : scanner.end])
    elif found == OTHER:
        # Its payload may not have come yet; then the protocol waits for it, or has refused its length.
        with contextlib.suppress(WebSocketException):
            assert not parsed(data, Side.CLIENT)
