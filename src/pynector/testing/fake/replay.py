"""Answers from a file, and records what is not in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import ConfigurationError
from .answers import Answer, NoAnswer
from .asked import Asked
from .seat import Real, Seat, everywhere
from .tape import SECRET_HEADERS, SECRET_PARAMS, Entry, Scrub, Secrets, answer_in, read, write

RECORD = ("none", "new")

_BODIES = ("json", "text", "base64")


class Replay:
    """Answers of servers, kept in a file.

    A request is answered by the first entry that has its method, URL and body and was not used before: the same request
    sent twice has two entries. Redirects are entries of their own. Failures are not recorded.

    Args:
        path: The file: JSON, with "exchanges" of a "request" and an "answer" each. Bodies stand in it decoded, as
            "json" or "text", or as "base64" where they are neither.
        record: "none": what is not in the file is an error. "new": it is asked of its server, and recorded.
        secret_headers: Header fields that are left out of the file, beside Authorization, Cookie, Proxy-Authorization,
            Set-Cookie, Api-Key, X-Api-Key and X-Auth-Token.
        secret_params: Query parameters whose values are hidden in it, beside access_token, api_key, apikey, key,
            password, secret, sig, signature and token. The user and the password of a URL are never in it.
        scrub: A function that changes an entry, a dict, before it is written or, without its answer, looked for: for
            secrets in bodies, and for what is another each time.

    Attributes:
        requests: What was asked, in order.

    Raises:
        ConfigurationError: If an argument is not valid, or the file is no recording.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        record: str = "none",
        secret_headers: Iterable[str] = (),
        secret_params: Iterable[str] = (),
        scrub: Scrub | None = None,
    ) -> None:
        if record not in RECORD:
            raise ConfigurationError(f"record must be one of {', '.join(RECORD)}, not {record!r}")
        self._path = Path(path)
        self._records = record == "new"
        self._secrets = Secrets(SECRET_HEADERS.union(secret_headers), SECRET_PARAMS.union(secret_params), scrub)
        self._entries = read(self._path)
        self._left = list(self._entries)
        self._unknown: list[NoAnswer] = []
        self._seat = Seat(self._reply)
        self._has_more = False
        self.requests: list[Asked] = []

    @contextmanager
    def everywhere(self) -> Iterator[Replay]:
        """Answer the HTTP requests of all clients that connect meanwhile, in whatever thread.

        At its end what is new is written.

        Raises:
            AssertionError: At its end, if something was asked that is not in the file.
        """
        try:
            with everywhere(self._seat):
                yield self
        finally:
            if self._has_more:
                write(self._path, self._entries)
                self._has_more = False
        if self._unknown:
            raise AssertionError(str(self._unknown[0]))

    def assert_all_used(self) -> None:
        """Raise AssertionError if nobody has asked for something in the file."""
        if self._left:
            left = ", ".join(f"{entry['request'].get('method')} {entry['request'].get('url')}" for entry in self._left)
            raise AssertionError(f"nobody has asked for {left}, which is in {self._path}")

    async def _reply(self, real: Real, asked: Asked) -> Answer:
        self.requests.append(asked)
        wanted = _key(self._secrets.entry(asked))
        entry = next((entry for entry in self._left if _key(entry) == wanted), None)
        if entry is not None:
            self._left.remove(entry)
            return answer_in(entry, str(self._path))
        if not self._records:
            unknown = NoAnswer(f"{asked.method} {wanted[1]} is not in {self._path}, or not so often; record='new' adds")
            self._unknown.append(unknown)
            raise unknown
        entry = self._secrets.entry(asked, await real.ask(asked))
        self._entries.append(entry)
        self._has_more = True
        return answer_in(entry, str(self._path))


def _key(entry: Entry) -> tuple[Any, ...]:
    request = entry["request"]
    return (request.get("method"), request.get("url"), *(request.get(name) for name in _BODIES))
