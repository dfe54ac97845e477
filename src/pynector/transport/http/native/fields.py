"""The header fields that a request has of its own, where they can be written without a closer look."""

import re
from base64 import b64encode
from typing import Any

COMPILED = not __file__.endswith(".py")

# RFC 9110 section 5.6.2: what a field's name is made of.
TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TOKEN_TABLE = bytes(1 if code in TOKEN else 0 for code in range(128))
_NAME = re.compile("[" + re.escape(TOKEN.decode()) + "]+")
# RFC 9110 section 5.5, but only ASCII, and without the white space around it that would be taken away.
_VALUE = re.compile("(?:[!-~](?:[ -~]*[!-~])?)?")
# RFC 6265 section 4.1.1.
_COOKIE = re.compile(r"[!#-+\--:<-\[\]-~]*")

# What frames a message, where it goes, and whether another follows, is not for headers to say without a closer look;
# and with a Range another coding is asked for.
_FRAMING = frozenset({"connection", "host", "content-length", "range", "transfer-encoding"})


def is_field(name: str, value: Any) -> bool:
    """Say whether a header field may go on the wire as it is."""
    if type(value) is not str:
        return False
    text = value
    if COMPILED:
        for character in name:
            if ord(character) >= 128 or TOKEN_TABLE[ord(character)] == 0:
                return False
        for character in text:
            if ord(character) < 32 or ord(character) > 126:
                return False
        return len(name) > 0 and text[:1] != " " and text[-1:] != " "
    return _NAME.fullmatch(name) is not None and _VALUE.fullmatch(text) is not None


def lines_of(headers: Any) -> Any:
    """Return header fields as they go on the wire, by name in lower case, or None if they need a closer look.

    Args:
        headers: A dict, or a list of pairs. A value of None takes a common field away: its line is empty.
    """
    lines: dict[str, str] = {}
    if type(headers) is dict:
        for name, value in headers.items():
            if not _add(lines, name, value):
                return None
        return lines
    if type(headers) is list:
        for pair in headers:
            if type(pair) is not tuple or len(pair) != 2 or not _add(lines, pair[0], pair[1]):
                return None
        return lines
    return None


def _add(lines: dict[str, str], name: Any, value: Any) -> bool:
    """Add a field, and say whether it could be."""
    if type(name) is not str or not is_field(name, "" if value is None else value):
        return False
    lower = name.lower()
    if lower in _FRAMING:
        return False
    line = "" if value is None else f"{name}: {value}\r\n"
    if lower in lines:
        line = lines[lower] + line
    lines[lower] = line
    return True


def overlaid(common: dict[str, str], text: str, own: dict[str, str]) -> str:
    """Return common lines with a request's own, which take the place of those of their name.

    Args:
        common: The common ones by name in lower case.
        text: These lines as one.
        own: Its own, likewise; they are used up.
    """
    lines = [text]
    for lower in own:
        if lower in common:
            lines = [own.pop(name, line) for name, line in common.items()]
            break
    lines += own.values()
    return "".join(lines)


def cookie_line(common: dict[str, str], cookies: Any) -> Any:
    """Return the Cookie field of common cookies and a request's own, or None if they need a closer look."""
    if type(cookies) is not dict:
        return None
    for name, value in cookies.items():
        if type(name) is not str or type(value) is not str:
            return None
        if _NAME.fullmatch(name) is None or _COOKIE.fullmatch(value) is None:
            return None
    pairs = {**common, **cookies} if common else cookies
    return f"Cookie: {'; '.join([f'{name}={value}' for name, value in pairs.items()])}\r\n" if pairs else ""


def credentials_line(auth: Any) -> Any:
    """Return the Authorization field of user and password, or of a bearer token; None for a closer look."""
    if type(auth) is str:
        return f"Authorization: Bearer {auth}\r\n" if auth and is_field("Authorization", f"Bearer {auth}") else None
    if type(auth) is not tuple or len(auth) != 2:
        return None
    user, password = auth
    if type(user) is not str or type(password) is not str or ":" in user:
        return None
    try:
        pair = f"{user}:{password}".encode()
    except UnicodeEncodeError:
        return None
    return f"Authorization: Basic {b64encode(pair).decode('ascii')}\r\n"
