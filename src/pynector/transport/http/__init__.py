"""HTTP: requests in, bytes out."""

import importlib
import typing

if typing.TYPE_CHECKING:
    from .events import ServerSentEvent
    from .request import HTTPRequest
    from .response import Response
    from .streaming import StreamedResponse
    from .transport import HTTPTransport, HTTPTransportFactory

# Each name's module, loaded when it is first asked for: who takes a single module of here need not load all.
_MODULES = {
    "HTTPRequest": "request",
    "HTTPTransport": "transport",
    "HTTPTransportFactory": "transport",
    "Response": "response",
    "ServerSentEvent": "events",
    "StreamedResponse": "streaming",
}

__all__ = ["HTTPRequest", "HTTPTransport", "HTTPTransportFactory", "Response", "ServerSentEvent", "StreamedResponse"]


def __getattr__(name: str) -> typing.Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
