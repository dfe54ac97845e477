"""The heads of responses as httpx and its like have them, and the header fields that know what they are as text."""

from typing import Any

from ..transport.http.native.readable import is_readable
from ..transport.http.native.relayed import Relayed
from .messages import remember

_VERSIONS = {"1.1": b"HTTP/1.1", "2": b"HTTP/2"}

# How long what is remembered may be (bytes).
LONGEST = 256

# How the packages may decode header fields: all of these do the same with ASCII.
_USUAL = frozenset({None, "ascii", "utf-8", "iso-8859-1"})

# Most heads of a server are alike, and more of their lines are: what they come to is remembered.
_fields: dict[bytes, Any] = {}
_texts: dict[Any, Any] = {}
_names: dict[str, bytes] = {}


def head_of(relayed: Relayed) -> Any:
    """Return the header fields and the extensions of a response.

    Returns:
        Of each field the name as it came, the name in lower case, and the value; and the package's extensions.
    """
    lines = relayed.start.split(b"\r\n")
    version = relayed.version
    extensions = {
        "http_version": _VERSIONS.get(version) or b"HTTP/" + version.encode("ascii"),
        "network_stream": NetworkStream(relayed.transport),
    }
    if version != "2":
        # Behind the version and three digits.
        extensions["reason_phrase"] = lines[0][13:]
    del lines[0]
    return [field_of(line) for line in lines], extensions


def field_of(line: bytes) -> Any:
    """Return a header field: its name as it came, the name in lower case, and its value."""
    field = _fields.get(line)
    if field is None:
        name, _, value = line.partition(b":")
        name = name.strip()
        field = (name, name.lower(), value.strip(b" \t"))
        if len(line) <= LONGEST:
            remember(_fields, line, field)
    return field


def texts_of(fields: Any) -> Any:
    """Return the names, in lower case, and the values of fields as text; None where one is not ASCII."""
    found = []
    for field in fields:
        text = _texts.get(field)
        if text is None:
            name, value = field[1], field[2]
            if not (name.isascii() and value.isascii()):
                return None
            text = (name.decode("ascii"), value.decode("ascii"))
            if len(name) + len(value) <= LONGEST:
                remember(_texts, field, text)
        found.append(text)
    return found


def has_field(fields: Any, name: str) -> bool:
    """Say whether one of the fields has a name, which is ASCII."""
    lower = _names.get(name)
    if lower is None:
        lower = name.lower().encode("ascii")
        if len(lower) <= LONGEST:
            remember(_names, name, lower)
    return lower in [field[1] for field in fields]


def quick_headers(package: Any) -> Any:
    """Return a class of header fields for a package, which remember what they are as text.

    To others they are the package's, and their copies are. None for a package that keeps them in another way than this.
    """
    plain: Any = package.Headers
    if vars(plain([(b"A", b"b")])) != {"_list": [(b"A", b"a", b"b")], "_encoding": None}:
        return None

    class Headers(plain):  # type: ignore[misc]
        __slots__ = ()

        def __contains__(self, key: Any) -> bool:
            if type(key) is str and key.isascii() and self._encoding in _USUAL:
                return has_field(self._list, key)
            found: bool = plain.__contains__(self, key)
            return found

        def __reduce__(self) -> Any:
            return plain, (self.raw, self._encoding)

        def multi_items(self) -> Any:
            """Return pairs of name and value."""
            texts = texts_of(self._list) if self._encoding in _USUAL else None
            return plain.multi_items(self) if texts is None else texts

    return Headers


class NetworkStream:
    """Tells of the connection that a response comes on; it is not read or written past the engine.

    Args:
        transport: The event loop's.
    """

    __slots__ = ("_transport",)

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def get_extra_info(self, info: str) -> Any:
        """Return what is known: "ssl_object", "client_addr", "server_addr", "socket" or "is_readable"; else None."""
        if self._transport is None:
            return None
        if info == "is_readable":
            sock = self.get_extra_info("socket")
            return sock is None or sock.fileno() < 0 or is_readable(sock.fileno())
        names = {"client_addr": "sockname", "server_addr": "peername"}
        return self._transport.get_extra_info(names.get(info, info))
