"""Messages: as their receivers see them, and what may be sent as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import ConfigurationError
from ..json_text import Dumps, from_json, json_with, to_json


@dataclass(frozen=True)
class Message:
    """A message from the peer.

    Attributes:
        content: Its payload; of a text message in UTF-8.
        is_text: Whether it was a text message, else a binary one.
    """

    content: bytes
    is_text: bool

    @property
    def text(self) -> str:
        """The payload as text.

        Raises:
            UnicodeDecodeError: If it is binary and no UTF-8.
        """
        return self.content.decode()

    def json(self) -> Any:
        """Give what the payload says as JSON.

        Raises:
            JSONError: If it is not JSON, which is a ValueError, too.
        """
        return from_json(self.content, lambda: "the message")


@dataclass(frozen=True)
class Gap:
    """What a subscription gets where messages may be, or are, missing.

    Attributes:
        reason: "reconnect" where any number may be missing, else "overflow".
        dropped: How many are known to be missing.
    """

    reason: str
    dropped: int


def payload_of(data: Any, dumps: Dumps | None = None) -> tuple[bytes, bool]:
    """Give the payload of a request, and whether it is text.

    Args:
        data: What is to be sent.
        dumps: The user's own encoder of JSON, or None.

    Raises:
        ConfigurationError: If it is neither text, bytes, nor something that JSON can say.
    """
    if isinstance(data, str):
        try:
            # Whatever a subclass makes of it.
            return str.encode(data), True
        except UnicodeEncodeError as error:
            raise ConfigurationError(f"the message has characters that UTF-8 cannot say: {error.reason}") from error
    if type(data) is bytes:
        return data, False
    if isinstance(data, (bytes, bytearray, memoryview)):
        return _bytes_of(data), False
    if isinstance(data, (Mapping, list, tuple)):
        return json_payload(data, dumps), True
    raise ConfigurationError(f"a message must be str, bytes, a dict or a list, not {type(data).__name__}")


def json_payload(data: Any, dumps: Dumps | None = None) -> bytes:
    """Give data as JSON, perhaps by an encoder of the user's own.

    Raises:
        ConfigurationError: If JSON cannot say it.
    """
    try:
        return to_json(data).encode() if dumps is None else json_with(dumps, data)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"the message cannot be said in JSON: {error}") from error
    except Exception as error:
        # Out of an object of the user's own, or of a dict that another thread changes meanwhile.
        raise ConfigurationError(f"the message cannot be said in JSON: {type(error).__name__}") from error


def _bytes_of(data: bytes | bytearray | memoryview) -> bytes:
    try:
        return memoryview(data).tobytes()
    except ValueError as error:
        raise ConfigurationError(f"the message cannot be read: {error}") from error
