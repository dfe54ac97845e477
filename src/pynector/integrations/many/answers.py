"""What became of the requests of a record batch, as columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        said: dict[str, list[Any]] = {name: [] for name in OTHERS}
        bodies: list[Any] = []
        read = _READERS[self._answer, parses]
        for item in items:
            error, response = item.error, item.result
            body = None
            if error is not None:
                response = getattr(error, "response", None)
            if response is not None:
                try:
                    body = read(response)
                except JSONError as problem:
                    # The error that stands there says more.
                    error = error or problem
            bodies.append(body)
            said["status"].append(None if response is None else response.status_code)
            said["error"].append(None if error is None else type(error).__name__)
            said["message"].append(None if error is None else str(error))
            said["phase"].append(getattr(item.error, "phase", None))
            said["sent"].append("full" if item.error is None else getattr(item.error, "sent", None))
            said["attempts"].append(item.attempts)
            said["elapsed"].append(item.elapsed)
        columns = [Column(self._prefix + name, OTHERS[name], values) for name, values in said.items()]
        if self._body is not None:
            columns.append(Column(self._body, ANSWERS[self._answer], bodies))
        return columns


def _json_text(response: Any) -> str:
    response.json()
    text: str = response.text
    return text


_READERS: dict[tuple[str, bool], Callable[[Any], Any]] = {
    ("bytes", True): lambda response: response.content,
    ("text", True): lambda response: response.text,
    ("json", True): lambda response: response.json(),
    ("none", True): lambda response: None,
}
_READERS |= {(answer, False): read for (answer, _), read in _READERS.items()}
_READERS["json", False] = _json_text
