"""What became of the requests of a record batch, as columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ...dispatch.item import Item as BatchItem
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

    def columns(self, items: Sequence[BatchItem], parses: bool) -> list[Column]:
        """Return the columns for the answers of a batch.

        Args:
            items: What became of each of its requests.
            parses: Whether JSON is wanted as values, else as text that was found to be JSON.
        """
        errors: list[Any] = [item.error for item in items]
        responses = [item.result for item in items]
        # Column by column: most rows have no error, and nothing is asked of them then.
        phase: list[Any] = [None] * len(items)
        sent: list[Any] = ["full"] * len(items)
        for row in [row for row, error in enumerate(errors) if error is not None]:
            responses[row] = getattr(errors[row], "response", None)
            phase[row] = getattr(errors[row], "phase", None)
            sent[row] = getattr(errors[row], "sent", None)
        bodies = _READERS[self._answer, parses](responses, errors)
        said: dict[str, list[Any]] = {
            "status": [None if response is None else response.status_code for response in responses],
            "error": [None if error is None else type(error).__name__ for error in errors],
            "message": [None if error is None else str(error) for error in errors],
            "phase": phase,
            "sent": sent,
            "attempts": [item.attempts for item in items],
            "elapsed": [item.elapsed for item in items],
        }
        columns = [Column(self._prefix + name, OTHERS[name], values) for name, values in said.items()]
        if self._body is not None:
            columns.append(Column(self._body, ANSWERS[self._answer], bodies))
        return columns


# Makes the bodies of responses; one that is None has none. It adds to the errors what it finds wrong.
_Reader = Callable[[list[Any], list[Any]], list[Any]]


def _bytes(responses: list[Any], errors: list[Any]) -> list[Any]:
    return [None if response is None else response.content for response in responses]


def _text(responses: list[Any], errors: list[Any]) -> list[Any]:
    return [None if response is None else response.text for response in responses]


def _none(responses: list[Any], errors: list[Any]) -> list[Any]:
    return []


def _json(responses: list[Any], errors: list[Any], as_text: bool = False) -> list[Any]:
    bodies: list[Any] = [None] * len(responses)
    for row, response in enumerate(responses):
        if response is not None:
            try:
                value = response.json()
            except JSONError as problem:
                # The error that stands there says more.
                errors[row] = errors[row] or problem
            else:
                bodies[row] = response.text if as_text else value
    return bodies


_READERS: dict[tuple[str, bool], _Reader] = {
    (answer, parses): read
    for answer, read in {"bytes": _bytes, "text": _text, "json": _json, "none": _none}.items()
    for parses in (True, False)
}
_READERS["json", False] = partial(_json, as_text=True)
