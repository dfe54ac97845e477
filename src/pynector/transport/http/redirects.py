"""Where a redirect leads, and what goes along (https://fetch.spec.whatwg.org, HTTP-redirect fetch)."""

from __future__ import annotations

from ...errors import ConfigurationError, ProtocolError
from .headers import Headers, Pair
from .native.head import is_redirect
from .request import PreparedRequest
from .urls import URL, resolve_location

# Anything else may be a credential, whatever its name: Authorization, Cookie, api-key, x-auth-token, ...
_HARMLESS = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "content-encoding",
        "content-language",
        "content-length",
        "content-type",
        "pragma",
        "range",
        "user-agent",
    }
)
_ABOUT_THE_BODY = frozenset(
    {"content-encoding", "content-language", "content-length", "content-location", "content-type"}
)


def redirected(
    request: PreparedRequest, status: int, headers: Headers, allowed: tuple[str, ...]
) -> PreparedRequest | None:
    """Give the request that a response asks for, or None if it is no redirect.

    Args:
        request: The request that was answered.
        status: The answer's status.
        headers: The answer's header fields.
        allowed: Names of headers that may go to another origin beside the harmless ones.

    Raises:
        ProtocolError: If the Location is not an http or https URL, or there are two.
    """
    # One that is sent twice is one.
    locations = set(headers.get_list("location"))
    if not is_redirect(status) or not any(locations):
        return None
    url = _where(request, locations)
    if isinstance(url, str):
        # They may hold a password, and the locals of frames end in reports.
        del locations
        raise ProtocolError(f"the server redirects to {url}", phase="body", sent="full")
    method, body = request.method, request.body
    dropped: frozenset[str] = frozenset()
    if (status == 303 and method not in ("GET", "HEAD")) or (status in (301, 302) and method == "POST"):
        method, body, dropped = "GET", None, _ABOUT_THE_BODY
    if body is not None and request.is_one_shot:
        raise ProtocolError(
            f"the server redirects with status {status} and wants the body again, which can be read only once",
            phase="body",
            sent="full",
        )
    same_origin = url.origin == request.url.origin
    kept: list[Pair] = [
        (name, value)
        for name, value in request.headers
        if name.lower() not in dropped and (same_origin or name.lower() in _HARMLESS or name.lower() in allowed)
    ]
    return PreparedRequest(method, url, kept, body, request.auth if same_origin else None)


def _where(request: PreparedRequest, locations: set[str]) -> URL | str:
    """Return the URL that a Location means, or what is wrong with it."""
    if len(locations) > 1:
        return "two places: it sent Location twice"
    try:
        return resolve_location(request.url, next(iter(locations)))
    except ConfigurationError as error:
        return f"what is no http or https URL: {error}"
