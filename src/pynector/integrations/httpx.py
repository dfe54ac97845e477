"""Transports for httpx: `httpx.AsyncClient(transport=PynectorTransport())`, and one for `httpx.Client`."""

from __future__ import annotations

try:
    import httpx
except ImportError as error:
    raise ImportError("pynector.integrations.httpx needs httpx: pip install 'pynector[httpx]'") from error

from .blocking import SyncRelayTransport, SyncResponseBody
from .bodies import ResponseBody
from .heads import quick_headers
from .responses import QuickResponse, QuickSyncResponse, bound_class, quick_or_plain
from .transport import RelayTransport


class _Body(ResponseBody, httpx.AsyncByteStream):
    """See ResponseBody."""


class _SyncBody(SyncResponseBody, httpx.SyncByteStream):
    """See SyncResponseBody."""


class _Response(QuickResponse, httpx.Response):
    """See QuickResponse."""

    package_class = httpx.Response
    body_class = _Body
    bound_class = bound_class(httpx, "BoundAsyncStream")
    request_error = httpx.RequestError


class _SyncResponse(QuickSyncResponse, httpx.Response):
    """See QuickSyncResponse."""

    package_class = httpx.Response
    body_class = _SyncBody
    bound_class = bound_class(httpx, "BoundSyncStream")
    request_error = httpx.RequestError


_Headers = quick_headers(httpx)


class PynectorTransport(RelayTransport, httpx.AsyncBaseTransport):
    """Sends what a client asks for over Pynector's engine: `httpx.AsyncClient(transport=PynectorTransport())`.

    Its arguments are those of httpx.AsyncHTTPTransport, and some of Pynector's own; see RelayTransport.
    """

    package = httpx
    body_class = _Body
    response_class = quick_or_plain(_Response)
    headers_class = _Headers
    binds = True


class _Relay(RelayTransport):
    """See RelayTransport."""

    package = httpx
    body_class = _SyncBody
    response_class = quick_or_plain(_SyncResponse)
    headers_class = _Headers
    binds = True


class PynectorSyncTransport(SyncRelayTransport, httpx.BaseTransport):
    """The same for `httpx.Client`, in a thread with an event loop; see SyncRelayTransport."""

    relay_class = _Relay
