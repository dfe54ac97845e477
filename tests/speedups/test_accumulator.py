"""The accumulator: the chunks of one answer."""

from __future__ import annotations

import array
import itertools
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proportion import assert_in_proportion
from pynector._speedups.accumulator import NO_LIMIT, Accumulator

pieces = st.binary(max_size=40)
chunks = st.one_of(
    pieces,
    pieces.map(bytearray),
    pieces.map(memoryview),
    pieces.map(lambda data: memoryview(bytearray(data))),
    # Every other byte of a buffer: not contiguous.
    pieces.map(lambda data: memoryview(data)[::2]),
)


@given(st.lists(chunks))
def test_joins_all_chunks(parts: list[bytes]) -> None:
    accumulator = Accumulator()
    for part in parts:
        assert accumulator.append(part)
    joined = b"".join(bytes(part) for part in parts)
    assert accumulator.size == len(joined)
    answer = accumulator.finish()
    assert (answer, type(answer)) == (joined, bytes)


@given(st.lists(chunks), st.integers(0, 100))
def test_keeps_what_fits_the_limit(parts: list[bytes], limit: int) -> None:
    accumulator = Accumulator(limit)
    kept = b""
    for part in parts:
        fits = len(kept) + len(part) <= limit
        assert accumulator.append(part) is fits
        if fits:
            kept += bytes(part)
        assert accumulator.size == len(kept)
    assert accumulator.finish() == kept


@given(st.lists(st.lists(chunks), min_size=1, max_size=4))
def test_starts_afresh_after_finish(answers: list[list[bytes]]) -> None:
    accumulator = Accumulator()
    for parts in answers:
        for part in parts:
            accumulator.append(part)
        assert accumulator.finish() == b"".join(bytes(part) for part in parts)
        assert accumulator.size == 0


@pytest.mark.parametrize("chunk", [5, 0, True, "text", None, [b"x"], 1.5, object()])
def test_refuses_what_is_not_bytes_like(chunk: object) -> None:
    accumulator = Accumulator()
    accumulator.append(b"before")
    with pytest.raises(TypeError):
        accumulator.append(chunk)
    assert accumulator.finish() == b"before"


def test_copies_a_buffer() -> None:
    buffer = bytearray(b"abc")
    accumulator = Accumulator()
    accumulator.append(buffer)
    accumulator.append(memoryview(buffer))
    buffer[:] = b"xyz"
    assert accumulator.finish() == b"abcabc"


def test_takes_the_bytes_of_wider_items() -> None:
    numbers = array.array("H", [1, 2, 3])
    accumulator = Accumulator(limit=6)
    assert accumulator.append(numbers)
    assert accumulator.size == 6
    assert accumulator.finish() == numbers.tobytes()


def test_gives_a_single_chunk_as_it_is() -> None:
    chunk = bytes(range(256))
    accumulator = Accumulator()
    accumulator.append(b"")
    accumulator.append(chunk)
    assert accumulator.finish() is chunk


def test_gives_a_subclass_of_bytes_as_bytes() -> None:
    class Bytes(bytes):
        pass

    accumulator = Accumulator()
    accumulator.append(Bytes(b"abc"))
    assert type(accumulator.finish()) is bytes


def test_limit_of_nothing_takes_only_empty_chunks() -> None:
    accumulator = Accumulator(0)
    assert accumulator.append(b"") is True
    assert accumulator.append(b"x") is False
    assert accumulator.finish() == b""


def test_no_limit_is_the_default() -> None:
    assert Accumulator(NO_LIMIT).append(bytes(1 << 20)) is Accumulator().append(bytes(1 << 20)) is True


@pytest.mark.parametrize("pattern", [(1,), (2,), (255,), (256,), (1, 300), (2,) * 255 + (300,)], ids=len)
def test_what_tiny_chunks_cost_beside_their_bytes_is_bounded(pattern: tuple[int, ...]) -> None:
    body = bytes(index % 251 for index in range(1 << 18))
    accumulator = Accumulator()
    sizes = itertools.cycle(pattern)
    tracemalloc.start()
    try:
        start = 0
        while start < len(body):
            end = start + next(sizes)
            accumulator.append(body[start:end])
            start = end
        kept, _ = tracemalloc.get_traced_memory()
        assert accumulator.finish() == body
    finally:
        tracemalloc.stop()
    assert kept < 1.5 * len(body)


def test_tiny_chunks_take_time_in_proportion_to_their_number() -> None:
    def prepare(count: int) -> Callable[[], object]:
        accumulator = Accumulator()

        def work() -> None:
            for _ in range(count):
                accumulator.append(b"ab")
            accumulator.finish()

        return work

    assert_in_proportion(prepare, 20_000)
