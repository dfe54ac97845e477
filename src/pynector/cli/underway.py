"""What is under way in a batch: records become entries, and the results of these become lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ..templates import BadField
from .described import Job, Templates
from .lines import Writer, method_of
from .outputs import Done
from .records import Record

if TYPE_CHECKING:
    from ..dispatch.item import Item


class UnderWay:
    """Makes entries of records, and lines of their results.

    Args:
        templates: Makes requests of records.
        writer: Makes lines.
        shard: Which records are this run's: the Ith of each N.
        limit: How many of them are at the most, or None.
        done: Knows what an earlier run has done, or None.
        skipped: Called for each record that it has.
        bad: Called with the number of a line that makes no request, and with what is wrong with it.

    Attributes:
        taken: How many records were this run's.
        begun: How many have become entries.
        size: How long the lines are together that nobody has taken to write them (bytes).
    """

    __slots__ = (
        "_bad",
        "_count",
        "_done",
        "_items",
        "_jobs",
        "_limit",
        "_lines",
        "_rest",
        "_skipped",
        "_templates",
        "_writer",
        "begun",
        "size",
        "taken",
    )

    def __init__(
        self,
        templates: Templates,
        writer: Writer,
        shard: tuple[int, int],
        limit: int | None,
        done: Done | None,
        skipped: Callable[[], object],
        bad: Callable[[int, BadField], object],
    ) -> None:
        self._templates = templates
        self._writer = writer
        self._rest, self._count = shard[0] - 1, shard[1]
        self._done: Any = done
        self._skipped = skipped
        self._bad = bad
        self._limit = -1 if limit is None else limit
        # The entries that have no line yet, by their number in the stream.
        self._jobs: dict[int, Job] = {}
        self._lines: list[bytes] = []
        self._items: list[Item] = []
        self.taken = 0
        self.begun = 0
        self.size = 0

    @property
    def is_full(self) -> bool:
        """Whether there are as many as there may be."""
        return self.taken == self._limit

    def entries(self, records: Iterable[Record]) -> Iterator[Any]:
        """Return the entries of records, until there are as many as there may be.

        Raises:
            BadOutput: If what has been done was another request.
        """
        for record in records:
            try:
                entry = self._entry(record)
            except BadField as error:
                self._bad(record.line, error)
                continue
            if entry is not None:
                yield entry
            if self.taken == self._limit:
                break

    def _entry(self, record: Record) -> Any:
        """Return the entry of a record, or None if it is none of this run's."""
        if record.number % self._count != self._rest:
            return None
        if record.problem is not None:
            raise BadField(record.problem)
        request, job = self._templates.request(record), self._templates.job(record)
        own = {} if self._templates.cost is None else {"key": self._templates.cost_of(record)}
        self.taken += 1
        if self._done is not None:
            url = self._writer.url_of(request)
            if self._done.has(job.number, job.key, method_of(request), url):
                self._skipped()
                return None
        self._jobs[self.begun] = job
        self.begun += 1
        return request, own

    def take(self, item: Item) -> int:
        """Make the line of a result, and return how many there are that nobody has taken to write them."""
        line = self._writer.line(self._jobs.pop(item.index), item)
        self._lines.append(line)
        self._items.append(item)
        self.size += len(line)
        return len(self._lines)

    def to_write(self) -> tuple[list[bytes], list[Item]]:
        """Return the lines that are to be written now, and what they are of."""
        found = self._lines, self._items
        self._lines, self._items, self.size = [], [], 0
        return found

    def forget(self, item: Item) -> None:
        """Let a result have no line."""
        del self._jobs[item.index]
