"""The header fields that a request has of its own, where they can be written without a closer look."""

import re
from base64 import b64encode
from typing import Any

from .writer import Writer

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

# The most names that are remembered.
MOST = 256


def is_name(name: str) -> bool:
    """Say whether a text can be a header field's name."""
    if COMPILED:
        return len(name) > 0 and is_of(name, TOKEN_TABLE)  # type: ignore[name-defined] # noqa: F821
    return _NAME.fullmatch(name) is not None


def is_value(value: Any) -> bool:
    """Say whether a header field's value may go on the wire as it is."""
    if type(value) is not str:
        return False
    if COMPILED:
        return is_printed(value)  # type: ignore[name-defined,no-any-return] # noqa: F821
    return _VALUE.fullmatch(value) is not None


class Said:
    """What a request says of a header field, however it spells the name.

    Attributes:
        turn: When it did; 0: it was written since.
        start: The name as it was spelled, and what stands between it and the value.
        value: The value, or None: there is to be no such field.
    """

    __slots__ = ("start", "turn", "value")

    def __init__(self) -> None:
        self.turn = 0
        self.start = ""
        self.value: Any = None


class Name:
    """A header field's name.

    Attributes:
        start: The name as requests spell it, and what stands between it and the value.
        said: What they say of it.
    """

    __slots__ = ("said", "start")

    def __init__(self, name: str, said: Said) -> None:
        self.start = f"{name}: "
        self.said = said


class CommonFields:
    """The header fields that a client's requests with one kind of body have in common.

    Args:
        fields: The fields of all its requests.
        lines: The common ones by name in lower case, each as on the wire.
        credentials: The line of credentials, or "".
        cookies: That of cookies, or "".

    Attributes:
        said: What a request says of each.
        texts: Each as on the wire.
        text: These as one.
        repeated: All fields of a request as on the wire, where several requests with the same of their own have been
            one after the other; else "".
    """

    __slots__ = ("_fields", "_last", "_unsigned", "repeated", "said", "text", "texts")

    def __init__(self, fields: Any, lines: dict[str, str], credentials: str, cookies: str) -> None:
        self._fields = fields
        self._unsigned = lines
        signed = dict(lines)
        if credentials:
            signed["authorization"] = credentials
        if cookies:
            signed["cookie"] = cookies
        self.said: list[Said] = [fields.common(lower) for lower in signed]
        self.texts = list(signed.values())
        self.text = "".join(self.texts)
        # The names and values that the last request had of its own.
        self._last: list[Any] = []
        self.repeated = ""

    def repeats(self, headers: dict[Any, Any]) -> bool:
        """Say whether a request has the same of its own as the one before, and remember it."""
        is_same, at = len(self._last) == 2 * len(headers), 0
        if not is_same:
            self._last = [None] * (2 * len(headers))
        last = self._last
        for name, value in headers.items():
            if last[at] is not name or last[at + 1] is not value:
                last[at], last[at + 1] = name, value
                is_same = False
            at += 2
        if not is_same:
            self.repeated = ""
        return is_same

    def signed(self, credentials: str, cookies: str) -> Any:
        """Return the same with other credentials and cookies."""
        return CommonFields(self._fields, self._unsigned, credentials, cookies)


class Fields:
    """The header fields of an encoder's requests: what a request says of its own, and then all that it has.

    What is said of a name takes the place of the common field of this name, and of what was said before.
    """

    __slots__ = ("_before", "_common", "_count", "_names", "_own", "_said", "_turn")

    def __init__(self) -> None:
        # By name in lower case. A request may have these two in common with others, if no other of its client has.
        self._common = {lower: Said() for lower in ("authorization", "cookie")}
        # Those of all names that requests had, likewise.
        self._said: dict[str, Said] = {}
        # By the name as requests spell it.
        self._names: dict[str, Name] = {}
        # What the request has said, in this order; what is behind these is of another.
        self._own: list[Said] = []
        self._count = 0
        self._turn = self._before = 0

    def common(self, lower: str) -> Said:
        """Return what requests say of a field that they have in common, by its name in lower case."""
        said = self._common.get(lower)
        if said is None:
            said = self._common[lower] = Said()
        return said

    def begin(self) -> None:
        """Forget what the request before has said."""
        self._before = self._turn
        self._count = 0
        if len(self._names) > MOST:
            self._names = {}
            self._said = {}

    def say(self, headers: Any) -> bool:
        """Take what a request has of its own, and say whether that needs no closer look.

        Args:
            headers: A dict, or a list of pairs. A value of None takes a common field away.
        """
        self._turn += 1
        if type(headers) is dict:
            for name, value in headers.items():
                if not self._say(name, value):
                    return False
            return True
        if type(headers) is list:
            for pair in headers:
                if type(pair) is not tuple or len(pair) != 2 or not self._say(pair[0], pair[1]):
                    return False
            return True
        return False

    def put(self, writer: Writer, common: CommonFields) -> None:
        """Put all header fields: common ones, with what was said in their place, and what else was said."""
        if self._count == 0:
            writer.put(common.text)
            return
        replaced, texts = common.said, common.texts
        for at in range(len(replaced)):
            said: Said = replaced[at]
            if said.turn > self._before:
                _put(writer, said)
            else:
                writer.put(texts[at])
        for at in range(self._count):
            said = self._own[at]
            if said.turn > self._before:
                _put(writer, said)

    def _say(self, name: Any, value: Any) -> bool:
        """Take a field, and say whether it needs no closer look."""
        if type(name) is not str or not (value is None or is_value(value)):
            return False
        spelled: Any = self._names.get(name)
        if spelled is None:
            spelled = self._name(name)
            if spelled is None:
                return False
        said: Said = spelled.said
        if said.turn < self._turn:
            self._append(said)
            said.turn, said.start, said.value = self._turn, spelled.start, value
        elif said.value is None:
            said.start, said.value = spelled.start, value
        elif value is not None:
            # Those of one name stay together.
            said.value = f"{said.value}\r\n{spelled.start}{value}"
        return True

    def _name(self, name: str) -> Any:
        """Return what is known of a name from now on, or None if it needs a closer look."""
        lower = name.lower()
        if not is_name(name) or lower in _FRAMING:
            return None
        said = self._common.get(lower)
        if said is None:
            said = self._said.get(lower)
        if said is None:
            said = self._said[lower] = Said()
        known = self._names[name] = Name(name, said)
        return known

    def _append(self, said: Said) -> None:
        """Put what is said of a field behind what was said of others."""
        if said.turn > self._before:
            # Once more, by who comes last and goes before.
            self._own[: self._count] = [own for own in self._own[: self._count] if own is not said]
            self._count -= 1
        if self._count == len(self._own):
            self._own.append(said)
        else:
            self._own[self._count] = said
        self._count += 1


def _put(writer: Writer, said: Said) -> None:
    """Put what was said of a field, which is forgotten."""
    if said.value is not None:
        writer.put(said.start)
        writer.put(said.value)
        writer.put("\r\n")
    said.turn = 0
    said.value = None


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
        return f"Authorization: Bearer {auth}\r\n" if auth and is_value(f"Bearer {auth}") else None
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
