"""JSON of plain values, written without an object for each piece; what is rarer is left to an encoder."""

from typing import Any

from .writer import Writer

# How deep lists and dicts may be in one another.
DEPTH = 64


def put_json(writer: Writer, value: Any, depth: int = DEPTH) -> bool:
    """Put a value as `to_json` says it, and say whether that was possible: what was put is of no use otherwise.

    Args:
        writer: Where to.
        value: Dicts by str, lists, tuples, str of ASCII, numbers, bool and None, each of exactly this type.
        depth: How deep lists and dicts may still be in one another.
    """
    if type(value) is str:
        return writer.put_quoted(value)
    if type(value) is dict:
        return depth > 0 and _put_members(writer, value, depth - 1)
    if type(value) is int:
        return writer.put_number(value)
    if value is None:
        writer.put("null")
    elif type(value) is bool:
        writer.put("true" if value else "false")
    elif type(value) is float:
        # Neither infinite nor no number.
        if value - value != 0:
            return False
        writer.put(repr(value))
    elif type(value) is list or type(value) is tuple:
        return depth > 0 and _put_items(writer, value, depth - 1)
    else:
        return False
    return True


def _put_members(writer: Writer, members: dict[Any, Any], depth: int) -> bool:
    joint = "{"
    for name, value in members.items():
        writer.put(joint)
        if type(name) is not str or not writer.put_quoted(name):
            return False
        writer.put(":")
        if not put_json(writer, value, depth):
            return False
        joint = ","
    writer.put("}" if members else "{}")
    return True


def _put_items(writer: Writer, items: Any, depth: int) -> bool:
    joint = "["
    for value in items:
        writer.put(joint)
        if not put_json(writer, value, depth):
            return False
        joint = ","
    writer.put("]" if items else "[]")
    return True
