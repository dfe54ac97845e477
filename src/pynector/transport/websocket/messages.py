"""What goes over a connection: a request on its way, and messages as their receivers see them."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import ConfigurationError
from ..json_text import to_json
from ..protocol import Completion

if TYPE_CHECKING:
    from .connection import Connection


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
            ValueError: If it is no JSON.
        """
        return json.loads(self.content)


@dataclass(frozen=True)
class Gap:
    """What a subscription gets where messages may be, or are, missing.

    Attributes:
        reason: "reconnect" or "overflow".
        dropped: How many are known to be missing.
    """

    reason: str
    dropped: int


class Pending:
    """One request on its way; the handle of `submit`.

    Attributes:
        payload: Its message.
        is_text: Whether that is text.
        key: What its answer is found by, or None.
        deadline: When it must have ended, on the event loop's clock in seconds.
        completion: Gets the answer; None once it has ended or was given up.
        token: What to call the completion with.
        as_response: Whether the answer is a Message.
        idempotent: Whether it may be sent again on another connection.
        connection: What it was sent on, or None.
    """

    __slots__ = (
        "as_response",
        "completion",
        "connection",
        "deadline",
        "idempotent",
        "is_text",
        "key",
        "payload",
        "pool",
        "token",
    )

    def __init__(
        self, pool: Any, payload: bytes, is_text: bool, deadline: float, completion: Completion, token: int
    ) -> None:
        self.pool = pool
        self.payload = payload
        self.is_text = is_text
        self.deadline = deadline
        self.completion: Completion | None = completion
        self.token = token
        self.key: Hashable = None
        self.as_response = False
        self.idempotent = False
        self.connection: Connection | None = None

    def cancel(self) -> None:
        """See Handle."""
        if self.completion is not None:
            self.completion = None
            self.pool.given_up(self)

    def fail(self, error: BaseException) -> None:
        """End it with an error, unless it has ended."""
        completion, self.completion = self.completion, None
        if completion is not None:
            completion.fail(self.token, error)

    def succeed(self, answer: Any) -> None:
        """End it with its answer, unless it has ended."""
        completion, self.completion = self.completion, None
        if completion is not None:
            completion.succeed(self.token, answer)


def payload_of(data: Any) -> tuple[bytes, bool]:
    """Give the payload of a request, and whether it is text.

    Raises:
        ConfigurationError: If it is neither text, bytes, nor something that JSON can say.
    """
    if isinstance(data, str):
        try:
            return data.encode(), True
        except UnicodeEncodeError as error:
            raise ConfigurationError(f"the message has characters that UTF-8 cannot say: {error.reason}") from error
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data), False
    if isinstance(data, (Mapping, list, tuple)):
        return json_payload(data), True
    raise ConfigurationError(f"a message must be str, bytes, a dict or a list, not {type(data).__name__}")


def json_payload(data: Any) -> bytes:
    """Give data as JSON.

    Raises:
        ConfigurationError: If JSON cannot say it.
    """
    try:
        return to_json(data).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"the message cannot be said in JSON: {error}") from error
