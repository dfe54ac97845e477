"""Transports for httpx2: `httpx2.AsyncClient(transport=PynectorTransport())`, and one for `httpx2.Client`."""

from __future__ import annotations

try:
    import httpx2
except ImportError as error:
    raise ImportError("pynector.integrations.httpx2 needs httpx2: pip install 'pynector[httpx2]'") from error

from .blocking import SyncRelayTransport, SyncResponseBody
from .bodies import ResponseBody
from .heads import quick_headers
from .responses import QuickResponse, QuickSyncResponse, bound_class, quick_or_plain
from .transport import RelayTransport


class _Body(ResponseBody, httpx2.AsyncByteStream):
    """See ResponseBody."""


class _SyncBody(SyncResponseBody, httpx2.SyncByteStream):
    """See SyncResponseBody."""


class _Response(QuickResponse, httpx2.Response):
    """See QuickResponse."""

    package_class = httpx2.Response
    body_class = _Body
    bound_class = bound_class(httpx2, "BoundAsyncStream")
    request_error = httpx2.RequestError


class _SyncResponse(QuickSyncResponse, httpx2.Response):
    """See QuickSyncResponse."""

    package_class = httpx2.Response
    body_class = _SyncBody
    bound_class = bound_class(httpx2, "BoundSyncStream")
    request_error = httpx2.RequestError


_Headers = quick_headers(httpx2)


class PynectorTransport(RelayTransport, httpx2.AsyncBaseTransport):
    """Sends what a client asks for over Pynector's engine: `httpx2.AsyncClient(transport=PynectorTransport())`.

    Its arguments are those of httpx2.AsyncHTTPTransport, and some of Pynector's own; see RelayTransport.
    """

    package = httpx2
    body_class = _Body
    response_class = quick_or_plain(_Response)
    headers_class = _Headers


class _Relay(RelayTransport):
    """See RelayTransport."""

    package = httpx2
    body_class = _SyncBody
    response_class = quick_or_plain(_SyncResponse)
    headers_class = _Headers


class PynectorSyncTransport(SyncRelayTransport, httpx2.BaseTransport):
    """The same for `httpx2.Client`, in a thread with an event loop; see SyncRelayTransport."""

    relay_class = _Relay
