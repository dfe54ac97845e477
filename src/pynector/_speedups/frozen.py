"""Copies of what a request is made of, so that it is the same each time that it is sent."""

from typing import Any

# What is nested deeper is copied by somebody who can count on more than C's stack.
DEEPEST = 100


class NotPlain(Exception):
    """What is to be copied has something in it that is more than data."""


def frozen(value: Any) -> Any:
    """Return a value that nobody else can change: a copy of each dict and list in it.

    Raises:
        NotPlain: If there is anything in it but dicts, lists, tuples, text, bytes, numbers and None, or if it is nested
            more than 100 deep.
    """
    return _frozen(value, DEEPEST)


def _frozen(value: Any, left: int) -> Any:
    kind = type(value)
    if kind is str or kind is bytes or kind is int or kind is float or kind is bool or value is None:
        return value
    if left == 0:
        raise NotPlain
    if kind is dict:
        copy = {}
        for name, part in value.items():
            copy[name] = _frozen(part, left - 1)
        return copy
    if kind is list:
        return [_frozen(part, left - 1) for part in value]
    if kind is tuple:
        return tuple([_frozen(part, left - 1) for part in value])
    if kind is bytearray or kind is memoryview:
        return bytes(value)
    raise NotPlain
