"""A transport for httpx: `httpx.AsyncClient(transport=PynectorTransport())`."""

from __future__ import annotations

try:
    import httpx
except ImportError as error:
    raise ImportError("pynector.integrations.httpx needs httpx: pip install 'pynector[httpx]'") from error

from .bodies import ResponseBody
from .transport import RelayTransport


class _Body(ResponseBody, httpx.AsyncByteStream):
    """See ResponseBody."""


class PynectorTransport(RelayTransport, httpx.AsyncBaseTransport):
    """Sends what a client asks for over Pynector's engine: `httpx.AsyncClient(transport=PynectorTransport())`.

    Its arguments are those of httpx.AsyncHTTPTransport, and some of Pynector's own; see RelayTransport.
    """

    package = httpx
    body_class = _Body
