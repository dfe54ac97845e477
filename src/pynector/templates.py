"""What makes requests of records: texts, JSON and whole requests, with {field} in them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any, TypeAlias
from urllib.parse import quote
from uuid import UUID

_PART = re.compile(r"\{\{|\}\}|\{([^{}\s][^{}]*)\}")

# The whole record.
WHOLE = "."


class BadField(ValueError):
    """A record has not what a template asks for."""


class Template:
    """A text with {field} in it; {{ and }} are braces.

    Args:
        text: The text.
        is_url: Whether what is put in is percent-encoded, but at the beginning, where it is a URL or a path.
    """

    def __init__(self, text: str, is_url: bool = False) -> None:
        # Texts, and between them names of fields.
        self._parts: list[tuple[str, str | None]] = []
        self._is_url = is_url
        place, before = 0, ""
        for found in _PART.finditer(text):
            before += text[place : found.start()]
            place = found.end()
            if found[1] is None:
                before += found[0][0]
            else:
                self._parts.append((before, found[1]))
                before = ""
        if before + text[place:] or not self._parts:
            self._parts.append((before + text[place:], None))
        self._constant = self._parts[0][0] if self.is_constant else None

    @property
    def field(self) -> str | None:
        """The field that it is, and nothing else; else None."""
        return self._parts[0][1] if len(self._parts) == 1 and not self._parts[0][0] else None

    @property
    def is_constant(self) -> bool:
        """Whether it is the same for all records."""
        return all(name is None for _, name in self._parts)

    @property
    def fields(self) -> set[str]:
        """The names of the fields that it asks for."""
        return {name for _, name in self._parts if name is not None}

    def filled(self, fields: dict[str, Any]) -> str:
        """Return the text for a record.

        Raises:
            BadField: If it has not what is asked for.
        """
        if self._constant is not None:
            return self._constant
        text = ""
        for before, name in self._parts:
            text += before
            if name is not None:
                value = as_text(name, value_of(fields, name))
                # Numbers and names need none of quote's work, which takes longer than all the rest.
                is_plain = not self._is_url or not text or (value.isalnum() and value.isascii())
                text += value if is_plain else _quoted(name, value)
        return text


class JSONTemplate:
    """JSON whose texts are templates; one that is just {field} is that field's value, of its own type.

    Args:
        value: The JSON as a value.
    """

    def __init__(self, value: Any) -> None:
        # A function for each part: to look what it is takes longer than to make it.
        self._make, self._fields = _compiled(value)

    @classmethod
    def parsed(cls, text: str) -> JSONTemplate:
        """Return the template of a text: JSON, or just {field}.

        Raises:
            ValueError: If it is neither.
        """
        try:
            return cls(json.loads(text))
        except ValueError:
            if Template(text.strip()).field is None:
                raise
            return cls(text.strip())

    @property
    def fields(self) -> set[str]:
        """The names of the fields that it asks for."""
        return self._fields

    def filled(self, fields: dict[str, Any]) -> Any:
        """Return the value for a record.

        Raises:
            BadField: If it has not what is asked for.
        """
        return self._make(fields)


class RequestTemplate:
    """A request in which parts are templates; what is None is as the record describes it.

    Args:
        url, path, method, json: The parts of a request of these names.
        headers: Names and values of header fields. They go before those that the record describes.

    Attributes:
        says_where: Whether it says where a request goes, so that the record describes none.
        is_empty: Whether it says nothing.
        fields: The names of the fields that it asks for.
    """

    def __init__(
        self,
        url: Template | None = None,
        path: Template | None = None,
        method: str | None = None,
        json: JSONTemplate | None = None,
        headers: Sequence[tuple[str, Template]] = (),
    ) -> None:
        given = {"url": url, "path": path, "json": json}
        parts = {name: part for name, part in given.items() if part is not None}
        self._makes = [(name, part.filled) for name, part in parts.items()]
        self._method = method
        self._headers = [(name, value.filled) for name, value in headers]
        self.says_where = url is not None or path is not None
        self.is_empty = not parts and method is None and not headers
        self.fields: set[str] = set().union(*(part.fields for part in (*parts.values(), *(of for _, of in headers))))

    def filled(self, fields: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
        """Return the request of a record.

        Args:
            fields: The record.
            described: The request that it describes, which becomes the one that is returned.

        Raises:
            BadField: If it has not what is asked for.
        """
        request = described
        for name, make in self._makes:
            request[name] = make(fields)
        if self._method is not None:
            request["method"] = self._method
        if self._headers:
            own = request.get("headers") or {}
            if not isinstance(own, (dict, list, tuple)):
                raise BadField(f"its field 'headers' is of {type(own).__name__}, which is no dict and no list of pairs")
            pairs = list(own.items()) if isinstance(own, dict) else list(own)
            request["headers"] = [*[(name, make(fields)) for name, make in self._headers], *pairs]
        return request


def described(fields: dict[str, Any], known: Collection[str], null_is_json: bool = False) -> dict[str, Any]:
    """Return the request that a record describes: those of its fields that are `known` and say something.

    Args:
        fields: The record.
        known: The names of those that are of a request.
        null_is_json: Whether a `json` of None says that null is sent, or, as in a table, nothing.
    """
    return {
        name: value
        for name, value in fields.items()
        if name in known and ((value is not None and value != "") or (null_is_json and name == "json"))
    }


def value_of(fields: dict[str, Any], name: str) -> Any:
    """Return a field, by its name or by those that lead to it, as in user.name."""
    if name in fields:
        return fields[name]
    if name == WHOLE:
        return fields
    value: Any = fields
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            raise BadField(f"it has no field {name!r}")
        value = value[part]
    return value


def as_text(name: str, value: Any) -> str:
    """Return a value as it stands in a text: dates as in ISO 8601, and as JSON what is no text otherwise.

    Raises:
        BadField: If it is neither.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if value is None:
        raise BadField(f"its field {name!r} is null, which is no text")
    try:
        return str(value) if type(value) is int else json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        raise BadField(f"its field {name!r} is of {type(value).__name__}, which is no text") from None


def _quoted(name: str, value: str) -> str:
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise BadField(f"its field {name!r} has half a character, which no URL can have") from None


_Make: TypeAlias = Callable[[dict[str, Any]], Any]


def _compiled(value: Any) -> tuple[_Make, set[str]]:
    """Return what makes the value for a record, and the names of the fields that it asks for."""
    if isinstance(value, str):
        return _compiled_text(Template(value))
    if isinstance(value, list):
        makes, names = _compiled_parts(value)
        return lambda fields: [make(fields) for make in makes], names
    if isinstance(value, dict):
        makes, names = _compiled_parts(value.values())
        pairs = list(zip(value, makes, strict=True))
        return lambda fields: {name: make(fields) for name, make in pairs}, names
    return lambda fields: value, set()


def _compiled_text(template: Template) -> tuple[_Make, set[str]]:
    name = template.field
    if name is not None:
        return lambda fields: value_of(fields, name), {name}
    return template.filled, template.fields


def _compiled_parts(values: Iterable[Any]) -> tuple[list[_Make], set[str]]:
    parts = [_compiled(value) for value in values]
    return [make for make, _ in parts], set().union(*(names for _, names in parts))
