"""HTTP: requests in, bytes out."""

from .request import HTTPRequest
from .response import Response
from .streaming import StreamedResponse
from .transport import HTTPTransport, HTTPTransportFactory

__all__ = ["HTTPRequest", "HTTPTransport", "HTTPTransportFactory", "Response", "StreamedResponse"]
