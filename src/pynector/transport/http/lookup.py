"""One field of a response's head, without reading the others."""

from typing import Any

COMPILED = not __file__.endswith(".py")


def field_in(head: bytes, name: bytes) -> Any:
    """Return the value of a field in a head that a parser has found valid.

    Args:
        head: The status line and header fields.
        name: The field's name in lower case.

    Returns:
        The value as a text, several of one name joined with a comma (RFC 9110 section 5.2); None where there is none.
    """
    found = None
    size, length = len(head), len(name)
    end = line_end(head, 0)
    while end < size:
        start = end + 1
        colon = start + length
        end = line_end(head, start)
        if colon < end and head[colon] == 58 and is_name(head, start, name, length):
            value = stripped(head, colon + 1, end).decode("latin-1")
            found = value if found is None else f"{found}, {value}"
    return found


def is_name(head: bytes, start: int, name: bytes, length: int) -> bool:
    """Say whether a field's name begins at a place; of what may stand in names, only letters differ by this bit."""
    for at in range(length):
        if head[start + at] | 32 != name[at]:
            return False
    return True


def line_end(head: bytes, start: int) -> int:
    """Return where the line feed is that ends a line, or the end of the head."""
    if COMPILED:
        at = byte_at(head, 10, start)  # type: ignore[name-defined] # noqa: F821
        # Alone it is a part of a value.
        while at < len(head) and (at == 0 or head[at - 1] != 13):
            at = byte_at(head, 10, at + 1)  # type: ignore[name-defined] # noqa: F821
        return at  # type: ignore[no-any-return]
    end = head.find(b"\r\n", start)
    return len(head) if end < 0 else end + 1


def stripped(head: bytes, start: int, end: int) -> bytes:
    """Return what is between two places, without the spaces around it, and the carriage return at its end."""
    if end > start and head[end - 1] == 13:
        end -= 1
    while start < end and (head[start] == 32 or head[start] == 9):
        start += 1
    while start < end and (head[end - 1] == 32 or head[end - 1] == 9):
        end -= 1
    return head[start:end]
