"""Who is told of the requests of a batch, while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from .._speedups.results import Results
from ..errors import PynectorError
from ..transport.contract import Completion, Handle

Submit = Callable[[Any, Mapping[str, Any], float, Completion, int], "Handle | None"]


class Observed(Protocol):
    """Whoever is told of the entries of a batch: of each from its first attempt to its end."""

    def entries(self, source: Iterator[Any]) -> Iterator[Any]:
        """Return what gives the entries, and may take note of when they are read; of None, too, which is none."""

    def submitter(self, submit: Callable[..., Any], observable: bool) -> Submit:
        """Return a `submit` whose requests are told of; `observable` says whether the transport reports attempts."""

    def results(self, results: Results) -> Results:
        """Return what tells of the end of each entry, and gives its result on."""

    def retried(self, index: int, error: PynectorError, attempt: int, wait: float) -> dict[str, Any]:
        """Take note that an attempt of an entry failed and another follows in so many seconds; return what names it."""
