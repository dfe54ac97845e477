"""What is around the rules of a call: the clock, the transport, and whoever is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..errors import PynectorError
from ..transport.contract import RequestTraits, Snapshot


class Surroundings(NamedTuple):
    """What the rules of a call have to know.

    Attributes:
        clock: The event loop's clock.
        options: The options for all requests.
        traits: The transport's, or None.
        snapshot: Its `snapshot`, or None.
        tell: Told of an error, the attempt it ended, the seconds before the next one, and what names the request.
    """

    clock: Callable[[], float]
    options: dict[str, Any]
    traits: RequestTraits | None
    snapshot: Callable[[Any, Mapping[str, Any]], Snapshot] | None
    tell: Callable[[PynectorError, int, float, Mapping[str, Any]], None]
