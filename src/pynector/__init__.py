"""Pynector: an async client for services that send very many requests.

async with Pynector(base_url="https://api.example.com") as client:
    answers = await client.batch_request([({"path": f"/items/{n}"}, {}) for n in range(10_000)])
"""

import importlib
import typing

# First, for it says where modules are taken from.
from . import _speedups as _speedups
from ._version import __version__
from .client import Pynector
from .dispatch.breaker import CircuitBreaker
from .dispatch.item import Item as BatchItem
from .dispatch.limits import Rate
from .dispatch.progress import BatchProgress
from .dispatch.retry import RetryPolicy
from .dispatch.stream import BatchStream
from .errors import (
    CheckpointError,
    CircuitOpen,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    DecodingError,
    HTTP2Error,
    HTTPStatusError,
    JSONError,
    ProtocolError,
    PynectorError,
    RemoteError,
    ResponseTooLarge,
    TimeoutError,
    TooManyRedirects,
    TransportError,
    WebSocketClosed,
)
from .eventstream import EventStream
from .stats import Stats
from .telemetry import configure_telemetry, get_telemetry
from .transport import TransportProtocol, get_transport_factory_registry

if typing.TYPE_CHECKING:
    from .transport.http import HTTPRequest, Response, ServerSentEvent, StreamedResponse
    from .transport.websocket import Gap, Message, Subscription

# Programs that never send a request over one of these need not wait for its modules.
_LATE = {
    **dict.fromkeys(("HTTPRequest", "Response", "ServerSentEvent", "StreamedResponse"), "http"),
    **dict.fromkeys(("Gap", "Message", "Subscription"), "websocket"),
}

__all__ = [
    "BatchItem",
    "BatchProgress",
    "BatchStream",
    "CheckpointError",
    "CircuitBreaker",
    "CircuitOpen",
    "ConfigurationError",
    "ConnectError",
    "ConnectionLost",
    "DecodingError",
    "EventStream",
    "Gap",
    "HTTP2Error",
    "HTTPRequest",
    "HTTPStatusError",
    "JSONError",
    "Message",
    "ProtocolError",
    "Pynector",
    "PynectorError",
    "Rate",
    "RemoteError",
    "Response",
    "ResponseTooLarge",
    "RetryPolicy",
    "ServerSentEvent",
    "Stats",
    "StreamedResponse",
    "Subscription",
    "TimeoutError",
    "TooManyRedirects",
    "TransportError",
    "TransportProtocol",
    "WebSocketClosed",
    "__version__",
    "configure_telemetry",
    "get_telemetry",
    "get_transport_factory_registry",
]


def __getattr__(name: str) -> typing.Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.transport.{_LATE[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__]
