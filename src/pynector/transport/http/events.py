"""Server-sent events, read from the bytes of a stream (https://html.spec.whatwg.org, server-sent events)."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from ...errors import ProtocolError

# The most characters of an event's lines, of one that never ends, say.
MOST_OF_AN_EVENT = 1 << 24


@dataclass(frozen=True)
class ServerSentEvent:
    """What a server has sent.

    Attributes:
        data: Its lines, joined by line feeds.
        event: Its type.
        id: The last id that the server has sent, with this event or before it; "" for none.
        retry: The milliseconds after which the server wants to be asked again, if it said so with this event.
    """

    data: str
    event: str = "message"
    id: str = ""
    retry: int | None = None


class EventParser:
    """Cuts events out of a stream.

    Args:
        last_id: The id that is known before.

    Attributes:
        last_id: The last id that has come with a whole event, to go on from.
        retry: The milliseconds that the server wants to be left alone before it is asked again; None: it has not said.
    """

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self.retry: int | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._begun: list[str] = []
        self._after_return = False
        self._id = last_id
        self._size = 0
        self._data: list[str] = []
        self._event = ""
        self._retry: int | None = None

    def feed(self, piece: bytes) -> list[ServerSentEvent]:
        """Return the events that end in the next piece. One that has begun when the stream ends is none.

        Raises:
            ProtocolError: If an event is longer than 16 Mi characters.
        """
        text = self._decoder.decode(piece)
        if self._after_return and text:
            self._after_return = False
            text = text.removeprefix("\n")
        self._after_return = self._after_return or text.endswith("\r")
        self._size += len(text)
        if self._size > MOST_OF_AN_EVENT:
            raise ProtocolError("a server-sent event is longer than 16 Mi characters", phase="body", sent="full")
        first, *others = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._begun.append(first)
        events: list[ServerSentEvent] = []
        for following in others:
            line = "".join(self._begun)
            self._begun = [following]
            if line:
                self._take(line)
            elif (event := self._ended()) is not None:
                events.append(event)
        return events

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = self._retry = int(value[:18])

    def _ended(self) -> ServerSentEvent | None:
        self._size = sum(map(len, self._begun))
        self.last_id = self._id
        data, event, retry = self._data, self._event, self._retry
        self._data, self._event, self._retry = [], "", None
        if not data:
            return None
        return ServerSentEvent("\n".join(data), event or "message", self._id, retry)
