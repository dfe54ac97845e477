"""Bodies that are read while they are sent: from files, from iterators, and from several parts one after another."""

from __future__ import annotations

import inspect
import io
import os
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Set,
)
from contextlib import aclosing, suppress
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import anyio.to_thread

from ...errors import ConfigurationError

Result = TypeVar("Result")
Content = bytes | AsyncIterable[bytes]

# What is read of a file at a time (bytes).
PIECE = 1 << 17

# Where these have their end is known only when all of them has been decompressed.
_COMPRESSED = frozenset({"gzip", "bz2", "lzma", "zipfile"})

_END = object()

_locks: WeakKeyDictionary[Any, threading.Lock] = WeakKeyDictionary()
_choosing = threading.Lock()


class Source(AsyncIterable[bytes]):
    """A body that is read while it is sent, from its start each time.

    Attributes:
        length: How many bytes it gives, or None if that is not known.
    """

    length: int | None = None


class FileSource(Source):
    """A file that can seek, whose position stays where it is: several requests may send one file at a time.

    Args:
        file: The caller's, open in binary mode; it is not closed.
        start: Where to begin, in bytes; None for where it is now.

    Raises:
        OSError: If it cannot tell where it is.
    """

    def __init__(self, file: Any, start: int | None = None) -> None:
        self._file = file
        self._lock = _lock_of(file)
        self._seen: tuple[int, int] | None = None
        self._is_compressed = any(kind.__module__ in _COMPRESSED for kind in type(file).__mro__)
        with self._lock:
            here = file.tell()
            self._start: int = here if start is None else start
            if not self._is_compressed:
                with suppress(TypeError, ValueError, OSError):
                    self.length = self._measured()
                file.seek(here)

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        return self._pieces()

    def _measured(self) -> int | None:
        self._file.seek(0, os.SEEK_END)
        length: int = self._file.tell() - self._start
        if length > 0:
            return length
        # What the kernel makes up when it is read, a file of /proc, say, is said to be empty.
        self._file.seek(self._start)
        return None if self._file.read(1) else 0

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        self._check_unchanged()
        place = self._start
        while size := PIECE if self.length is None else min(PIECE, self._start + self.length - place):
            piece = await _in_thread(partial(self._read, place, size))
            if not piece:
                break
            place += len(piece)
            yield piece

    def _read(self, place: int, size: int) -> bytes:
        with self._lock:
            here = self._file.tell()
            if here != place:
                self._file.seek(place)
            piece = _checked(self._file.read(size))
            if not self._is_compressed:
                self._file.seek(here)
        return piece

    def _check_unchanged(self) -> None:
        """Raise a ConfigurationError if it is not, on the disk, what it was when it was read before."""
        raw = getattr(self._file, "raw", self._file)
        if isinstance(raw, io.FileIO):
            found = os.fstat(raw.fileno())
            state = found.st_size, found.st_mtime_ns
            if self._seen not in (None, state):
                raise ConfigurationError("the file has changed since it was sent first")
            self._seen = state


class IterableSource(Source):
    """What makes a new iterator each time.

    Args:
        pieces: The caller's.
    """

    def __init__(self, pieces: Iterable[bytes] | AsyncIterable[bytes]) -> None:
        self._iterable = pieces
        self._last: object = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        if isinstance(self._iterable, AsyncIterable):
            pieces = aiter(self._iterable)
            self._check_new(pieces)
            return pieces
        iterator = iter(self._iterable)
        self._check_new(iterator)
        return _from_iterator(iterator)

    def _check_new(self, iterator: object) -> None:
        if iterator is self._last:
            raise ConfigurationError("content cannot be read again: it gives the same iterator")
        self._last = iterator


class JoinedSource(Source):
    """Several parts, one after another.

    Args:
        parts: Bytes, or what gives bytes; nothing of it can be read only once.
    """

    def __init__(self, parts: list[Content]) -> None:
        self._parts = parts
        sizes = [length_of(part) for part in parts]
        self.length = None if None in sizes else sum(filter(None, sizes))

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        return _from_parts(self._parts)


def length_of(body: Content | None) -> int | None:
    """Return how many bytes a body has, or None if that is not known before it has been read."""
    if body is None or isinstance(body, bytes):
        return len(body or b"")
    return body.length if isinstance(body, Source) else None


def is_one_shot(body: object) -> bool:
    """Say whether a body can be read only once: what gives it is an iterator, and not something that makes one."""
    return hasattr(body, "__anext__")


def joined(parts: list[Content]) -> Content:
    """Return a body made of parts: bytes if all of them are."""
    if all(isinstance(part, bytes) for part in parts):
        return b"".join(parts)  # type: ignore[arg-type]
    return _from_parts(parts) if any(map(is_one_shot, parts)) else JoinedSource(parts)


def is_content(value: object) -> bool:
    """Say whether a value other than a str is one that `content_of` is likely to take."""
    if isinstance(value, (bytes, bytearray, memoryview, AsyncIterable, Iterator)) or hasattr(value, "read"):
        return True
    try:
        memoryview(value)  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def content_of(value: Any, where: str, start: int | None = None) -> Content:
    """Return the bytes that a value is, or what gives them.

    Args:
        value: Bytes-like, a file, or an iterator or an iterable of bytes, async or not.
        where: What a message calls it.
        start: Where to begin in a file that can seek, in bytes; None for where it is now.

    Raises:
        ConfigurationError: If it is none of these, or cannot be read.
    """
    try:
        found = _content_of(value, start)
    except ConfigurationError:
        raise
    except (ValueError, TypeError, OSError, BufferError) as error:
        raise ConfigurationError(f"{where} cannot be read: {error}") from error
    if found is None:
        raise ConfigurationError(
            f"{where} must be str, bytes-like, a file open in binary mode, or an iterator of bytes, async or not, "
            f"not {type(value).__name__}"
        )
    return found


def _content_of(value: Any, start: int | None) -> Content | None:
    if isinstance(value, bytes):
        return bytes(value)
    if type(value) is io.BytesIO:
        # It is in memory, so it may as well be fixed now.
        return value.getvalue()[value.tell() if start is None else start :]
    with suppress(TypeError):
        return memoryview(value).tobytes()
    if isinstance(value, AsyncIterable) and type(value).__module__.partition(".")[0] not in ("anyio", "trio"):
        return value if is_one_shot(value) else IterableSource(value)
    # Their files would give lines, and go on where they were when they are read again.
    inner = getattr(value, "wrapped", None) if isinstance(value, AsyncIterable) else value
    if _is_text(inner):
        return None
    if _is_file(inner):
        return _of_file(inner, start)
    if isinstance(value, AsyncIterable):
        return value
    if isinstance(value, (list, tuple)):
        return b"".join(map(_checked, value))
    if isinstance(value, Iterator):
        return _from_iterator(value)
    if isinstance(value, Iterable) and not isinstance(value, (str, Mapping, Set)):
        return IterableSource(value)
    return None


def _is_file(value: Any) -> bool:
    read = getattr(value, "read", None)
    return callable(read) and not inspect.iscoroutinefunction(read)


def _is_text(value: Any) -> bool:
    # A temporary file is a wrapper.
    return isinstance(value, io.TextIOBase) or isinstance(getattr(value, "file", None), io.TextIOBase)


def _of_file(file: Any, start: int | None) -> Content:
    seekable = getattr(file, "seekable", None)
    if seekable() if callable(seekable) else hasattr(file, "seek") and hasattr(file, "tell"):
        return FileSource(file, start)
    # What there is of a pipe or a socket, rather than to wait for more.
    read = getattr(file, "read1", file.read)
    return _from_iterator(iter(lambda: _checked(read(PIECE)), b""))


def _checked(piece: Any) -> bytes:
    if not isinstance(piece, (bytes, bytearray, memoryview)):
        raise ConfigurationError(f"content must give bytes, not {type(piece).__name__}")
    return bytes(piece)


async def checked_pieces(body: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """Give what a body that is read while it is sent is made of, without empty pieces.

    Raises:
        ConfigurationError: If it gives anything but bytes.
    """
    pieces = aiter(body)
    try:
        async for piece in pieces:
            if data := _checked(piece):
                yield data
    finally:
        # A generator that stopped in the middle would wait for the garbage collector otherwise. What is not made here
        # and goes on in its own right, a file, say, is the caller's to close.
        if hasattr(pieces, "aclose") and (pieces is not body or hasattr(pieces, "athrow")):
            await pieces.aclose()


async def _from_iterator(iterator: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Give what an iterator gives, which may block."""
    reading = _Reading(iterator)
    try:
        while (piece := await _in_thread(reading.next)) is not _END:
            yield piece
    finally:
        reading.end()


class _Reading:
    """Reads an iterator in other threads, and closes it at the end if it is a generator.

    Args:
        iterator: The caller's.
    """

    def __init__(self, iterator: Iterator[bytes]) -> None:
        self._iterator = iterator
        self._running = threading.Lock()
        self._is_over = False

    def next(self) -> Any:
        """Return its next piece, or _END."""
        try:
            with self._running:
                return next(self._iterator, _END)
        finally:
            if self._is_over:
                # Whoever waited for this piece has given up.
                self.end()

    def end(self) -> None:
        """Read no more. A thread that is in the generator now closes it when it has come back."""
        self._is_over = True
        if isinstance(self._iterator, Generator) and self._running.acquire(blocking=False):
            # After an answer nobody cares what it says to that.
            with suppress(Exception):
                self._iterator.close()
            self._running.release()


async def _from_parts(parts: list[Content]) -> AsyncGenerator[bytes, None]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
            continue
        async with aclosing(checked_pieces(part)) as pieces:
            async for piece in pieces:
                yield piece


async def _in_thread(work: Callable[[], Result]) -> Result:
    # Whoever waits for a pipe that says nothing must be able to give up.
    return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)


def _lock_of(file: Any) -> threading.Lock:
    """Return what keeps two readers of one file from moving its position under each other."""
    with _choosing:
        try:
            return _locks.setdefault(file, threading.Lock())
        except TypeError:
            # It cannot be referred to weakly, or has no hash.
            return threading.Lock()
