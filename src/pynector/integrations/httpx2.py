"""A transport for httpx2: `httpx2.AsyncClient(transport=PynectorTransport())`."""

from __future__ import annotations

try:
    import httpx2
except ImportError as error:
    raise ImportError("pynector.integrations.httpx2 needs httpx2: pip install 'pynector[httpx2]'") from error

from .bodies import ResponseBody
from .transport import RelayTransport


class _Body(ResponseBody, httpx2.AsyncByteStream):
    """See ResponseBody."""


class PynectorTransport(RelayTransport, httpx2.AsyncBaseTransport):
    """Sends what a client asks for over Pynector's engine: `httpx2.AsyncClient(transport=PynectorTransport())`.

    Its arguments are those of httpx2.AsyncHTTPTransport, and some of Pynector's own; see RelayTransport.
    """

    package = httpx2
    body_class = _Body
