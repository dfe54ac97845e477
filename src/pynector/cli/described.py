"""The requests that the records of a batch describe, or templates make of them."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

from ..config import is_near, nearest
from ..shorthands import place
from ..templates import BadField, RequestTemplate, Template, described, value_of
from ..transport.http.request import FIELDS
from .arguments import HeaderField
from .records import Record

KNOWN = frozenset(FIELDS) - {"files"}
OF_ROWS = frozenset({"method", "path", "url"})

# The names of header fields that anybody may see, and what is in those of secrets.
HARMLESS = frozenset({"accept", "accept-encoding", "accept-language", "content-length", "content-type", "user-agent"})
_SECRET = re.compile("auth|cookie|key|token|secret|passw|session|signature|credential", re.IGNORECASE)


class Job:
    """What is to be known of an entry of the batch when its result is there.

    Attributes:
        number: That of its record.
        key: Its key, or None.
    """

    __slots__ = ("key", "number")

    def __init__(self, number: int, key: str | int | None) -> None:
        self.number = number
        self.key = key


class Templates:
    """What the command line says of requests.

    Args:
        template: What it says of the request itself.
        key, cost: The names of fields, or None.

    Attributes:
        cost: See above.
    """

    __slots__ = ("_key", "_template", "cost")

    def __init__(self, template: RequestTemplate, key: str | None, cost: str | None) -> None:
        self._template = template
        self._key = key
        self.cost = cost

    def request(self, record: Record) -> dict[str, Any]:
        """Return the request of a record.

        Raises:
            BadField: If it describes none, or has not what is asked for.
        """
        described = {} if self._template.says_where else self._described(record)
        return described if self._template.is_empty else self._template.filled(record.fields or {}, described)

    def job(self, record: Record) -> Job:
        """Return what is to be known of a record.

        Raises:
            BadField: If it has no key.
        """
        fields = record.fields or {}
        if self._key is not None:
            return Job(record.number, _key(self._key, value_of(fields, self._key)))
        if self._template.says_where or fields.get("key") is None:
            return Job(record.number, None)
        return Job(record.number, _key("key", fields["key"]))

    def cost_of(self, record: Record) -> float:
        """Return what a request costs.

        Raises:
            BadField: If the record does not say.
        """
        assert self.cost is not None
        value = value_of(record.fields or {}, self.cost)
        try:
            cost = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            cost = math.nan
        if not 0 <= cost < math.inf:
            raise BadField(f"its field {self.cost!r} is no number, 0 or more")
        return cost

    def _described(self, record: Record) -> dict[str, Any]:
        fields = record.fields or {}
        if "line" in fields and len(fields) == 1:
            return place(fields["line"], {})
        request = described(fields, OF_ROWS if record.is_row else KNOWN, not record.is_row)
        if not record.is_row and len(request) < len(fields):
            for name in fields:
                if name not in KNOWN and name not in (self._key, self.cost) and (meant := _mistaken(name)):
                    raise BadField(f"it has a field {name!r}: {meant}")
        if "url" not in request and "path" not in request:
            raise BadField("it has neither url nor path, and there is no --url or --path to make one")
        return request


@lru_cache(maxsize=1024)
def _mistaken(name: str) -> str | None:
    """Return what is said of a field that is likely meant to be another one."""
    return nearest(name, KNOWN) if name != "key" and is_near(name, KNOWN) else None


def _key(name: str, value: Any) -> str | int:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise BadField(f"its field {name!r} is no text or whole number, so it is no key")
    return value


def is_harmless(name: str, given: list[HeaderField]) -> bool:
    """Say whether the value of a header field may be shown.

    Args:
        name: Its name.
        given: Those of the command line.
    """
    if name.lower() in HARMLESS:
        return not any(field.is_hidden for field in given if field.name.lower() == name.lower())
    constant = {field.name.lower() for field in given if field.is_hidden or Template(field.value).is_constant}
    return name.lower() not in constant and _SECRET.search(name) is None
