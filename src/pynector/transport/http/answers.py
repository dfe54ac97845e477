"""What a raw response comes to: a body, a Response, or an error."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from ...errors import DecodingError, TooManyRedirects, TransportError
from .decoding import decode, with_room
from .redirects import redirected
from .request import PreparedRequest
from .response import RawResponse, Response, status_error
from .urls import URL


def next_hop(
    request: PreparedRequest, raw: RawResponse, settings: dict[str, Any], hops: int, allowed: tuple[str, ...]
) -> PreparedRequest | None:
    """Give the request to send next, or None if the response is the answer.

    Args:
        request: The request that was answered.
        raw: Its response.
        settings: The request's settings.
        hops: How many redirects have been followed before.
        allowed: See `redirected`.

    Raises:
        TooManyRedirects: If the settings allow no more.
        ProtocolError: If the redirect leads nowhere.
    """
    if not settings["follow_redirects"] or not 300 <= raw.status < 400:
        return None
    try:
        following = redirected(request, raw.status, raw.headers, allowed)
    except TransportError as error:
        error.request = request.label
        raise
    if following is not None and hops >= settings["max_redirects"]:
        raise TooManyRedirects(
            f"more than max_redirects={settings['max_redirects']} redirects",
            request=request.label,
            phase="body",
            sent="full",
        )
    return following


def passed(raw: RawResponse, url: URL, elapsed: float, history: tuple[Response, ...]) -> Response:
    """Return a redirect that is followed, for the history of the answer."""
    return Response(raw.status, raw.headers, b"", url, raw.http_version, elapsed, history=history)


def answer_of(
    raw: RawResponse,
    settings: dict[str, Any],
    elapsed: float,
    is_head: bool,
    request: Callable[[], PreparedRequest],
    history: tuple[Response, ...],
) -> Generator[None, None, bytes | Response]:
    """Make the answer to a request, in short steps: the decoded body, or a Response if the settings say so.

    The body of an error's response that cannot be decoded stays as it came.

    Args:
        raw: The response.
        settings: The request's settings.
        elapsed: Seconds that it took.
        is_head: Whether the request was a HEAD, whose answer has no body, whatever it says.
        request: Gives the request, which most answers are made without.
        history: The redirects before it.

    Raises:
        DecodingError: If the body is not what its coding says.
        ResponseTooLarge: If the body is longer than the settings allow.
        HTTPStatusError: If the status is 400 or above, and the settings say so.
    """
    content = raw.body
    if not is_head:
        try:
            coding = raw.headers.first_look("content-encoding")
            content = yield from decode(raw.body, coding, settings["max_response_bytes"])
        except DecodingError as error:
            # A proxy's page, say: its status matters more than a coding that is not what it says.
            if raw.status < 400:
                error.request = request().label
                raise
        except TransportError as error:
            error.request = request().label
            raise
    wants_error = settings["raise_for_status"] and raw.status >= 400
    if not settings["as_response"] and not wants_error:
        return content
    sent = request()
    response = Response(raw.status, raw.headers, content, sent.url, raw.http_version, elapsed, history=history)
    if wants_error:
        raise status_error(response, sent.label)
    return response


def raw_limit(settings: dict[str, Any]) -> int | None:
    """Give the most bytes a body may have before it is decoded, or None for any number."""
    return with_room(settings["max_response_bytes"])
