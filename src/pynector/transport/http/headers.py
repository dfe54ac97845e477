"""Header fields: checked on the way out, looked up without regard to case on the way in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...errors import ConfigurationError
from .lookup import field_in

Pair = tuple[str, str]

# RFC 9110 section 5.6.2 (token) and 5.5 (field-value: visible characters, space, tab and obs-text).
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class Headers(Mapping[str, str]):
    """The header fields of a response, by name without regard to case.

    Args:
        pairs: Names and values in the order of the wire.
    """

    # Most answers' fields are never asked for, so they are read when they are.
    __slots__ = ("_by_name", "_head", "_pairs")

    _head: bytes
    _pairs: list[Pair] | None
    _by_name: dict[str, list[str]] | None

    def __init__(self, pairs: Iterable[Pair] = ()) -> None:
        self._head = b""
        self._pairs = list(pairs)
        self._by_name = None

    @classmethod
    def of_head(cls, head: bytes) -> Headers:
        """Give those of a response's head, which a parser has found valid."""
        headers = cls.__new__(cls)
        headers._head, headers._pairs, headers._by_name = head, None, None
        return headers

    @property
    def read_from(self) -> bytes:
        """The head that they are read from, or b"" where they were given as pairs."""
        return self._head

    def _all(self) -> list[Pair]:
        if self._pairs is None:
            self._pairs = header_pairs_of(self._head)
        return self._pairs

    def _named(self) -> dict[str, list[str]]:
        if self._by_name is None:
            by_name: dict[str, list[str]] = {}
            for name, value in self._all():
                by_name.setdefault(name.lower(), []).append(value)
            self._by_name = by_name
        return self._by_name

    def __getitem__(self, name: str) -> str:
        """Give the value of a field; several of one name are joined with a comma (RFC 9110 section 5.2)."""
        return ", ".join(self._named()[name.lower()])

    def __iter__(self) -> Iterator[str]:
        return iter(self._named())

    def __len__(self) -> int:
        return len(self._named())

    def __repr__(self) -> str:
        # Values may be secret (Set-Cookie), and reprs end in logs.
        return f"<Headers {', '.join(self._named())}>"

    def get_list(self, name: str) -> list[str]:
        """Give every value of a field, as Set-Cookie needs it."""
        return list(self._named().get(name.lower(), ()))

    def first_look(self, name: str) -> str | None:
        """Give the value of a field as `get` does, without reading all of them where that is not needed.

        Args:
            name: Its name in lower case.
        """
        if self._pairs is not None:
            return self.get(name)
        value: str | None = field_in(self._head, name.encode("ascii"))
        return value

    def pairs(self) -> list[Pair]:
        """Give names and values in the order of the wire."""
        return list(self._all())


def header_pairs_of(head: bytes) -> list[Pair]:
    """Give the header fields of a response's head, which a parser has found valid, without the status line."""
    pairs = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return [(name.strip(), value.strip(" \t")) for name, _, value in pairs]


def is_token(text: str) -> bool:
    """Say whether text is a token of RFC 9110, as methods and field names must be."""
    return _TOKEN.fullmatch(text) is not None


def header_pairs(headers: Any, where: str) -> list[tuple[str, str | None]]:
    """Give the pairs of a mapping or of an iterable of pairs; a value of None takes a default header away.

    Raises:
        ConfigurationError: If a name or value may not stand in a header. The message shows no value.
    """
    if headers is None:
        return []
    items = headers.items() if isinstance(headers, Mapping) else headers
    pairs: list[tuple[str, str | None]] = []
    try:
        for name, value in items:
            pairs.append((_text(name, where), None if value is None else _text(value, where, name)))
    except (TypeError, ValueError) as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(
            f"{where} must be a dict of str, or a list of (name, value) pairs, not {type(headers).__name__}"
        ) from None
    for name, value in pairs:
        if not is_token(name):
            raise ConfigurationError(f"{where}: {name!r} is not a header name (RFC 9110 section 5.1)")
        if value is not None and _VALUE.fullmatch(value) is None:
            raise ConfigurationError(
                f"{where}: the value of {name!r} has a character that may not stand in a header, "
                "such as CR, LF, NUL or one beyond Latin-1"
            )
    return [(name, value if value is None else value.strip(" \t")) for name, value in pairs]


def merged_headers(*sources: Iterable[tuple[str, str | None]]) -> list[Pair]:
    """Merge sources; a name in a later one replaces all of that name in the earlier ones."""
    merged: dict[str, list[Pair]] = {}
    for source in sources:
        fresh: dict[str, list[Pair]] = {}
        for name, value in source:
            kept = fresh.setdefault(name.lower(), [])
            if value is not None:
                kept.append((name, value))
        merged.update(fresh)
    return [pair for pairs in merged.values() for pair in pairs]


def _text(value: Any, where: str, name: Any = None) -> str:
    """Return a name, or the value of the field with a name, as str."""
    if isinstance(value, str):
        # Whatever a subclass says that it is: an Enum, its name.
        return str.__str__(value)
    if isinstance(value, bytes):
        return value.decode("latin-1")
    what = "a name" if name is None else f"the value of {name!r}"
    raise ConfigurationError(f"{where}: {what} must be str, not {type(value).__name__}")
