"""Pynector: an async client for services that send very many requests.

async with Pynector(base_url="https://api.example.com") as client:
    answers = await client.batch_request([({"path": f"/items/{n}"}, {}) for n in range(10_000)])
"""

from ._version import __version__
from .client import Pynector
from .errors import (
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    DecodingError,
    HTTPStatusError,
    ProtocolError,
    PynectorError,
    ResponseTooLarge,
    TimeoutError,
    TooManyRedirects,
    TransportError,
)
from .retry import RetryPolicy
from .telemetry import configure_telemetry, get_telemetry
from .transport import TransportProtocol, get_transport_factory_registry
from .transport.http import HTTPRequest, Response, StreamedResponse

__all__ = [
    "ConfigurationError",
    "ConnectError",
    "ConnectionLost",
    "DecodingError",
    "HTTPRequest",
    "HTTPStatusError",
    "ProtocolError",
    "Pynector",
    "PynectorError",
    "Response",
    "ResponseTooLarge",
    "RetryPolicy",
    "StreamedResponse",
    "TimeoutError",
    "TooManyRedirects",
    "TransportError",
    "TransportProtocol",
    "__version__",
    "configure_telemetry",
    "get_telemetry",
    "get_transport_factory_registry",
]
