"""Requests to an HTTP proxy that passes them on itself, without a tunnel (RFC 9112 section 3.2.2)."""

SAYS_WHO_ASKS = b"\r\nproxy-authorization:"

ASTERISK = ord("*")


class Forwarding:
    """Makes requests to a proxy of those to an origin, which know nothing of it.

    Args:
        start: What the URLs of the origin begin with, without a path.
        credentials: The value of Proxy-Authorization, or None.
    """

    __slots__ = ("_credentials", "_start")

    def __init__(self, start: str, credentials: str | None) -> None:
        self._start = start.encode("ascii")
        self._credentials = b"" if credentials is None else b"\r\nProxy-Authorization: %b" % credentials.encode("ascii")

    def written(self, payload: bytes) -> bytes:
        """Return a request as it goes to the proxy: with its whole URL, and with who asks."""
        target = payload.find(b" ") + 1
        # What is asked of the server itself (`*`) has no path there (RFC 9112 section 3.2.4).
        path = target + 1 if payload[target] == ASTERISK else target
        line = payload.find(b"\r\n", path)
        said = self._credentials
        if said and self._is_said(payload):
            said = b""
        return b"".join((payload[:target], self._start, payload[path:line], said, payload[line:]))

    def _is_said(self, payload: bytes) -> bool:
        """Say whether the user has put a Proxy-Authorization of his own among the header fields."""
        return SAYS_WHO_ASKS in payload[: payload.find(b"\r\n\r\n")].lower()
