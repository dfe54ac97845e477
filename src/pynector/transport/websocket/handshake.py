"""The answer to a handshake: where its head ends, and what is wrong with it."""

from __future__ import annotations

import re

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHeader

from ...errors import ConnectError, passes, text_of
from ..http.headers import Headers
from ..http.response import Response
from ..net.tls import is_refusal

END_OF_HEAD = b"\r\n\r\n"

# The most bytes of a head.
MOST_HEAD = 1 << 16

# RFC 9112 section 4.
_STATUS = re.compile(rb"HTTP/(1\.[01]) ([1-5]\d\d)")


class AnswerHead:
    """The head of the answer to a handshake, which comes in pieces; frames may follow in the last one.

    Attributes:
        is_whole: Whether all of it has come.
    """

    def __init__(self) -> None:
        self._seen = bytearray()
        self.is_whole = False

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """Take a piece; give what of it belongs to the head, and what follows.

        Raises:
            ConnectError: If it does not end.
        """
        before = len(self._seen)
        self._seen += data
        end = self._seen.find(END_OF_HEAD, max(0, before - len(END_OF_HEAD) + 1))
        if end < 0:
            if len(self._seen) > MOST_HEAD:
                raise _refused("the head of the server's answer does not end")
            return data, b""
        self.is_whole = True
        end += len(END_OF_HEAD)
        del self._seen[end:]
        return data[: end - before], data[end - before :]

    def refusal(self, url: str) -> ConnectError | None:
        """Give the error of a handshake that was answered with another status than 101, else None.

        Args:
            url: Whose answer it is.
        """
        found = _STATUS.match(self._seen)
        if found is None or found[2] == b"101":
            return None
        status = int(found[2])
        error = _refused(f"the server answered the handshake with status {status}")
        error.transient = passes(status)
        fields = Headers.of_head(bytes(self._seen[: -len(END_OF_HEAD)]))
        error.response = Response(status, fields, b"", url, f"HTTP/{found[1].decode()}")
        return error


def no_handshake(protocol: ClientProtocol, error: BaseException | None) -> ConnectError:
    """Give the error of a handshake that went wrong, or of a connection that ended before it."""
    problem = protocol.handshake_exc
    if problem is not None and isinstance(problem.__cause__ or problem, EOFError):
        # There was no response that could be wrong.
        problem = None
    if isinstance(problem, InvalidHeader):
        # Its own text quotes the field.
        return _refused(f"the server's answer has no fitting {problem.name}")
    cause = problem or error
    refusal = _refused("the peer closed the connection" if cause is None else text_of(cause))
    refusal.transient = not is_refusal(cause)
    return refusal


def _refused(said: str) -> ConnectError:
    return ConnectError(f"no WebSocket connection: {said}", phase="connect", sent="none")
