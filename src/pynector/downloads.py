"""Answers into files, from where an earlier try has come to."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from pathlib import Path
from typing import IO, Any

import anyio
import anyio.to_thread

from .config import flag
from .errors import ConfigurationError, HTTPStatusError, ProtocolError, TimeoutError, TransportError

# How much is written at once (bytes), and then told of.
BLOCK = 1 << 20

# How often it is asked again where nothing has come since the last time, and after how long at first (seconds).
FRUITLESS = 3
WAIT = 0.5

# How old a file must be for its date to tell its versions apart (seconds).
LEAST_AGE = 60.0

_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", re.IGNORECASE)

Stream = Callable[..., AbstractAsyncContextManager[Any]]


class Download:
    """One file on its way; see `Pynector.download`.

    Args:
        stream: The client's.
        data, options: What it is called with.
        path: Where to put the file.
        timeout: Seconds to wait for a head, and for each piece.
        resume: Whether to go on with what is there.
        progress: Told how many bytes there are, and of how many.
    """

    def __init__(
        self,
        stream: Stream,
        data: Any,
        options: dict[str, Any],
        path: str | os.PathLike[str],
        timeout: float,
        resume: bool,
        progress: Callable[[int, int | None], object] | None,
    ) -> None:
        from .transport.http.request import BODIES

        try:
            self._path = Path(path)
        except TypeError:
            raise ConfigurationError(f"path must be str or a path, not {type(path).__name__}") from None
        if progress is not None and not callable(progress):
            raise ConfigurationError(f"progress must be a function, not {type(progress).__name__}")
        self._stream = stream
        self._data = data
        self._options = options
        self._timeout = timeout
        self._resumes = flag(resume, "resume")
        self._progress = progress
        self._part = self._path.with_name(self._path.name + ".part")
        self._note = self._path.with_name(self._path.name + ".part.json")
        # What it is, so that the beginning of something else is not gone on with.
        said = [
            data if isinstance(data, (str, dict)) else None,
            *(options.get(name) for name in ("path", "url", "params")),
        ]
        self._identity = hashlib.sha256(json.dumps(said, default=repr).encode()).hexdigest()
        # Until the answer says what was sent.
        self._may_repeat = data is None and options.keys().isdisjoint({"method", *BODIES})
        self._validator = ""
        self._size = 0
        self._total: int | None = None

    async def run(self) -> Path:
        """Do it, and return the path of the file."""
        fruitless, is_whole = 0, False
        while not is_whole:
            before = self._size
            try:
                is_whole = await self._attempt()
            except (TransportError, TimeoutError) as error:
                fruitless = 0 if self._size > before else fruitless + 1
                if fruitless > FRUITLESS or not self._may_go_on(error):
                    raise
                await anyio.sleep(WAIT * 2**fruitless)
        await anyio.to_thread.run_sync(self._finish)
        return self._path

    def _may_go_on(self, error: TransportError | TimeoutError) -> bool:
        may_pass = isinstance(error, TimeoutError) or error.transient
        return self._resumes and may_pass and (self._may_repeat or error.sent == "none")

    async def _attempt(self) -> bool:
        """Ask for what is not there yet, take it, and say whether all is there."""
        if self._resumes:
            await anyio.to_thread.run_sync(self._look)
        manager = self._stream(self._data, math.inf, **self._options_now())
        with self._in_time() as scope:
            try:
                response = await manager.__aenter__()
            except HTTPStatusError as error:
                if error.status_code != 416 or not self._validator:
                    raise
                return self._is_all(error.response.headers)
        if scope.cancelled_caught:
            raise TimeoutError(phase="headers", seconds=self._timeout)
        async with AsyncExitStack() as stack:
            stack.push_async_exit(manager)
            self._may_repeat = response.is_repeatable
            if response.status_code == 206 and self._is_of_another(response.headers):
                self._begin_anew()
                return False
            is_rest, before = self._is_rest(response), self._size
            with await anyio.to_thread.run_sync(self._opened, response.headers, is_rest) as file:
                await self._take(aiter(response.iter_bytes()), file)
        if self._total is not None and self._size > self._total:
            raise ProtocolError("the server sent more than there is", phase="body", sent="full")
        if is_rest and self._total is not None and self._size == before < self._total:
            # It would be asked for ever.
            raise ProtocolError("the server sent nothing of what is left", phase="body", sent="full")
        return self._total is None or self._size == self._total

    def _is_rest(self, response: Any) -> bool:
        """Say whether an answer is what is not there yet, or the whole."""
        headers = response.headers
        if response.status_code == 206:
            found = _RANGE.match(headers.get("content-range", ""))
            if found is None or found[1] is None or int(found[1]) != self._size:
                raise ProtocolError("the server sent another range than was asked for", phase="body", sent="full")
            self._total = None if found[2] == "*" else int(found[2])
            return True
        length = headers.get("content-length", "")
        self._size = 0
        self._total = int(length) if length.isdigit() and "content-encoding" not in headers else None
        return False

    def _is_all(self, headers: Mapping[str, str]) -> bool:
        """Say whether a server that has nothing beyond what is there says so; else all is asked for anew."""
        found = _RANGE.match(headers.get("content-range", ""))
        if found is not None and found[2] == str(self._size):
            return True
        self._begin_anew()
        return False

    def _is_of_another(self, headers: Mapping[str, str]) -> bool:
        """Say whether a part is of another version than what is there (RFC 9110 section 15.3.7.3).

        A server that does not know If-Range sends one.
        """
        name = "etag" if self._validator.startswith('"') else "last-modified"
        return bool(self._validator) and headers.get(name, self._validator) != self._validator

    def _begin_anew(self) -> None:
        self._resumes, self._validator, self._size = False, "", 0

    async def _take(self, pieces: AsyncIterator[bytes], file: IO[bytes]) -> None:
        gathered: list[bytes] = []
        size = 0
        try:
            while piece := await self._next(pieces):
                gathered.append(piece)
                size += len(piece)
                if size >= BLOCK:
                    block, gathered, size = gathered, [], 0
                    await self._write(file, block)
        finally:
            # Whatever has ended it: it need not come again.
            with anyio.CancelScope(shield=True):
                await self._write(file, gathered)

    async def _next(self, pieces: AsyncIterator[bytes]) -> bytes:
        piece = b""
        with self._in_time() as scope:
            piece = await anext(pieces, b"")
        if scope.cancelled_caught:
            raise TimeoutError(phase="body", sent="full", seconds=self._timeout)
        return piece

    def _in_time(self) -> anyio.CancelScope:
        return anyio.move_on_after(self._timeout)

    async def _write(self, file: IO[bytes], pieces: list[bytes]) -> None:
        if pieces:
            await anyio.to_thread.run_sync(file.writelines, pieces)
            self._size += sum(map(len, pieces))
        if self._progress is not None:
            self._progress(self._size, self._total)

    def _options_now(self) -> dict[str, Any]:
        from .transport.http.headers import header_pairs, merged_headers

        # Of a body with a coding, a part would be that of another file.
        usual = [("Accept-Encoding", "identity")]
        rest = [("Range", f"bytes={self._size}-"), ("If-Range", self._validator)] if self._validator else []
        own = header_pairs(self._options.get("headers"), "headers")
        return {**self._options, "headers": merged_headers(usual, own, rest)}

    # In another thread

    def _look(self) -> None:
        """Find out what is there."""
        self._size, self._validator = 0, ""
        with suppress(OSError, ValueError, TypeError, KeyError):
            note = json.loads(self._note.read_bytes())
            if note["request"] == self._identity and (size := self._part.stat().st_size) > 0:
                self._size, self._validator = size, str(note["validator"])

    def _opened(self, headers: Mapping[str, str], is_rest: bool) -> IO[bytes]:
        """Open the file for what comes; one that begins anew has a note of what it is."""
        if is_rest:
            return self._part.open("ab")
        self._note.unlink(missing_ok=True)
        file = self._part.open("wb")
        validator = _validator(headers)
        if validator and self._resumes:
            try:
                self._note.write_text(json.dumps({"request": self._identity, "validator": validator}))
            except BaseException:
                file.close()
                raise
        return file

    def _finish(self) -> None:
        os.replace(self._part, self._path)
        self._note.unlink(missing_ok=True)


def _validator(headers: Mapping[str, str]) -> str:
    """Return what a file's next version would have another one of (RFC 9110 section 8.8), or ""."""
    etag = headers.get("etag", "")
    if etag:
        return "" if etag.startswith("W/") else etag
    modified = headers.get("last-modified", "")
    # Only where there is no ETag: its import would be a tenth of this package's.
    from email.utils import parsedate_to_datetime

    with suppress(ValueError, TypeError, OverflowError):
        # Section 8.8.2.2: what was changed just now may be so again within the same second.
        age = parsedate_to_datetime(headers.get("date", "")) - parsedate_to_datetime(modified)
        return modified if age.total_seconds() >= LEAST_AGE else ""
    return ""
