"""What became of the requests of a record batch, as columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...dispatch.item import BatchItem
from ...errors import ConfigurationError, JSONError
from .columns import Column, Kind

# What a column of answers may have.
ANSWERS: dict[str, Kind] = {"bytes": "bytes", "text": "text", "json": "any", "none": "any"}

OTHERS: dict[str, Kind] = {
    "status": "int",
    "error": "text",
    "message": "text",
    "phase": "text",
    "sent": "text",
    "attempts": "int",
    "elapsed": "float",
}


class Form:
    """Which columns there are for answers.

    Args:
        answer: What is wanted of each: "bytes", "text", "json" or "none".
        prefix: What stands before the names of the columns.

    Raises:
        ConfigurationError: If one is not valid.
    """

    def __init__(self, answer: str, prefix: str) -> None:
        if answer not in ANSWERS:
            raise ConfigurationError(f'answer must be "bytes", "text", "json" or "none", not {answer!r}')
        if not isinstance(prefix, str):
            raise ConfigurationError(f"prefix must be a str, not {prefix!r}")
        self._answer = answer
        self._body = None if answer == "none" else prefix + ("json" if answer == "json" else "body")
        self._prefix = prefix
        self.kinds = {prefix + name: kind for name, kind in OTHERS.items()}
        if self._body is not None:
            self.kinds[self._body] = ANSWERS[answer]

    def check(self, names: Sequence[str]) -> None:
        """Refuse a batch that has a column of these names."""
        for name in names:
            if name in self.kinds:
                raise ConfigurationError(f"prefix: a record batch has a column {name!r} already")

    def answers(self, count: int, parses: bool) -> Answers:
        """Return where the answers of a batch go.

        Args:
            count: How many records it has.
            parses: Whether JSON is wanted as values, else as text that was found to be JSON.
        """
        return Answers(self._prefix, self._body, ANSWERS[self._answer], _READERS[self._answer, parses], count)


class Answers:
    """What became of the requests of a batch, column by column: of what has ended nothing else is kept.

    Args:
        prefix: What stands before the names of the columns.
        body: The name of the column of bodies, or None for none.
        kind: Of what these are.
        read: Makes one of a response, or raises JSONError.
        count: How many records the batch has.

    Attributes:
        count: See above.
    """

    __slots__ = (
        "_attempts",
        "_bodies",
        "_body",
        "_elapsed",
        "_error",
        "_kind",
        "_message",
        "_phase",
        "_prefix",
        "_read",
        "_sent",
        "_status",
        "count",
    )

    def __init__(self, prefix: str, body: str | None, kind: Kind, read: _Reader, count: int) -> None:
        self._prefix = prefix
        self._body = body
        self._kind = kind
        self._read = read
        self.count = count
        # Most have no error, and nothing is done for these columns then.
        self._status: list[Any] = [None] * count
        self._bodies: list[Any] = [None] * count
        self._error: list[Any] = [None] * count
        self._message: list[Any] = [None] * count
        self._phase: list[Any] = [None] * count
        self._sent: list[Any] = ["full"] * count
        self._attempts: list[Any] = [1] * count
        self._elapsed: list[Any] = [0.0] * count

    def put(self, row: int, item: BatchItem) -> None:
        """Take note of what became of a record's request."""
        error: Any = item.error
        response: Any = item.result
        if error is not None:
            response = getattr(error, "response", None)
            self._say(row, error)
            self._phase[row] = getattr(error, "phase", None)
            self._sent[row] = getattr(error, "sent", None)
        if response is not None:
            self._status[row] = response.status_code
            try:
                self._bodies[row] = self._read(response)
            except JSONError as problem:
                # The error that stands there says more.
                if error is None:
                    self._say(row, problem)
        self._attempts[row] = item.attempts
        self._elapsed[row] = item.elapsed

    def _say(self, row: int, error: Exception) -> None:
        self._error[row] = type(error).__name__
        self._message[row] = str(error)

    def columns(self) -> list[Column]:
        """Return the columns."""
        said: dict[str, list[Any]] = {
            "status": self._status,
            "error": self._error,
            "message": self._message,
            "phase": self._phase,
            "sent": self._sent,
            "attempts": self._attempts,
            "elapsed": self._elapsed,
        }
        columns = [Column(self._prefix + name, OTHERS[name], values) for name, values in said.items()]
        if self._body is not None:
            columns.append(Column(self._body, self._kind, self._bodies))
        return columns


# Makes the body of a response.
_Reader = Callable[[Any], Any]


def _bytes(response: Any) -> Any:
    return response.content


def _text(response: Any) -> Any:
    return response.text


def _none(response: Any) -> Any:
    return None


def _json(response: Any) -> Any:
    return response.json()


def _json_as_text(response: Any) -> Any:
    response.json()
    return response.text


_READERS: dict[tuple[str, bool], _Reader] = {
    (answer, parses): read
    for answer, read in {"bytes": _bytes, "text": _text, "json": _json, "none": _none}.items()
    for parses in (True, False)
}
_READERS["json", False] = _json_as_text
