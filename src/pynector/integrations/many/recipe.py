"""What the requests of records are made of: templates, else the columns that describe them, and keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from ...dispatch.entries import Request
from ...errors import ConfigurationError
from ...templates import BadField, RequestTemplate, described, value_of
from ...transport.http.request import FIELDS

_DESCRIBED = frozenset(FIELDS) - {"files"}

# The options of requests that have none of their own.
_NONE: dict[str, Any] = {}


class Recipe:
    """What the requests of records are made of.

    Args:
        template: Makes them; where it does not say where they go, the columns describe them.
        key: The column that says which record it is, or None.
        job: The name of the job, for keys.

    Attributes:
        wanted: The names of the columns that it asks for; None: all.
    """

    def __init__(self, template: RequestTemplate, key: str | None, job: str) -> None:
        self._template = template
        self._is_described = not template.says_where
        self._key = key
        self._job = job
        fields = template.fields | ({key} if key is not None else set())
        wanted = {part for name in fields for part in (name, name.partition(".")[0])}
        self.wanted = None if "." in wanted else wanted | (_DESCRIBED if self._is_described else set())

    def entries(
        self, records: Iterable[dict[str, Any]], has_keys: bool, part: str, number: int
    ) -> Iterator[Request | ConfigurationError]:
        """Make the request of each record, or the error of a record of which none can be made, when it is asked for.

        Args:
            records: The records.
            has_keys: Whether requests have keys.
            part: The part of the job that the records are, for keys where there is no column for them.
            number: The number of the first record in it.
        """
        for place, fields in enumerate(records, number):
            entry: Any
            try:
                own = {"idempotency_key": self._key_of(fields, part, place)} if has_keys else _NONE
                entry = self._request(fields), own
            except Exception as problem:
                # Most are a BadField, but what a value of the user's own raises must not end the others, either.
                entry = ConfigurationError(f"there is no request to make of a record: {problem}")
            yield entry

    def _request(self, fields: dict[str, Any]) -> dict[str, Any]:
        if not self._is_described:
            return self._template.filled(fields, {})
        request = self._template.filled(fields, described(fields, _DESCRIBED))
        if "url" not in request and "path" not in request:
            raise BadField("it has neither url nor path, and there is no template for one")
        return request

    def _key_of(self, fields: dict[str, Any], part: str, number: int) -> str:
        if self._key is None:
            named: tuple[Any, ...] = (self._job, part, number)
        else:
            named = (self._job, "key", value_of(fields, self._key))
            if named[-1] is None:
                raise BadField(f"its field {self._key!r} is null, which is no key")
        return hashlib.blake2b(repr(named).encode(), digest_size=16).hexdigest()
