"""The packages that the httpx engine can drive: httpx, and httpx2, which is its maintained fork with the same API."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Any, NamedTuple

CORES = {"httpx": "httpcore", "httpx2": "httpcore2"}


class Answered(Exception):
    """The answer was there before the request was written whole."""


class Package(NamedTuple):
    """One of them.

    Attributes:
        name: "httpx" or "httpx2".
        core: httpcore or httpcore2, which is below it.
        answered: The kind of Answered which that takes for a write that failed.
        expected: What its networks raise: its own, and where it has no word for it, the operating system's.
    """

    name: str
    core: Any
    answered: type[Exception]
    expected: tuple[type[Exception], ...]


@lru_cache(maxsize=2)
def package(name: str) -> Package:
    """Return the package with a name."""
    core = import_module(CORES[name])
    answered = type("Answered", (Answered, core.WriteError), {})
    return Package(name, core, answered, (core.NetworkError, core.TimeoutException, OSError))
