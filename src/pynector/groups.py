"""Exceptions in groups, where whoever is to meet them knows of no task group."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


def single(error: BaseException) -> BaseException:
    """Return the exception that matters most in a group: one that ends the program, else the first failure."""
    leaves = list(_leaves(error))
    for kind in (KeyboardInterrupt, SystemExit, Exception, GeneratorExit):
        for leaf in leaves:
            if isinstance(leaf, kind):
                return leaf
    return error


@contextmanager
def ungrouped() -> Iterator[None]:
    """Raise, in the place of the group that comes out of a task group inside, what matters most in it."""
    try:
        yield
    except BaseException as error:
        if single(error) is error:
            raise
        raise single(error) from None


def _leaves(error: BaseException) -> Iterator[BaseException]:
    inside = getattr(error, "exceptions", None)
    if inside is None:
        yield error
        return
    for inner in inside:
        yield from _leaves(inner)
