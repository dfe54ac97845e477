"""What exceptions say: in a word, what they came of, and whether that may pass."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from typing import Literal

# What may pass: all but what is named from here to `_is_refusal`, and the errors whose class has `transient` False.
RETRYABLE_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})

# Close codes that are about what was sent.
LASTING_CODES = frozenset({1002, 1003, 1007, 1008, 1009, 1010})

# Error codes of HTTP/2 (RFC 9113 section 7) that are about what is spoken: INADEQUATE_SECURITY, HTTP_1_1_REQUIRED.
LASTING_ERRORS = frozenset({0xC, 0xD})

# Of OpenSSL's names of alerts, those about certificates; without one, TLS 1.2 has no more than a failure.
_LASTING_ALERTS = re.compile("CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE")

Lasting = Literal[
    "address",  # a name or a port that cannot be one
    "closed",  # the client is
    "forbidden",  # a test allows no connection to there
    "handshake",  # a server that speaks WebSocket has answered otherwise, and means it so
    "library",  # an error that a library does not speak of
    "upload",  # what gives a request's body has failed
]
"""What an error may come of that will be so again, where that is no exception and no status."""


def may_pass(cause: BaseException | int | Lasting) -> bool:
    """Say whether what an error came of may pass: whether the same request may succeed if it is sent again.

    Args:
        cause: An exception, the status that a proxy or a handshake was answered with, or why it will be so again.
    """
    if isinstance(cause, str):
        return False
    if isinstance(cause, int):
        return cause == 429 or cause >= 500
    said = getattr(cause, "transient", None)
    return not _is_refusal(cause) if said is None else bool(said)


def _is_refusal(error: BaseException) -> bool:
    """Say whether one side has refused the other's certificate, or the want of one, which it will do again.

    In TLS 1.3 the server's alert comes after the client's handshake is over, instead of an answer.
    """
    found = tls_error_in(error)
    if found is None or isinstance(found, ssl.SSLCertVerificationError):
        return found is not None
    # One that is not of OpenSSL's has none.
    reason = str(getattr(found, "reason", None))
    return "ALERT" in reason and _LASTING_ALERTS.search(reason) is not None


def text_of(error: BaseException) -> str:
    """Return what an error says; some, as that of a connection that ended, have nothing but their name."""
    try:
        return str(error) or type(error).__name__
    except Exception:
        # Whatever somebody's error does when it is asked, a request must end with it.
        return type(error).__name__


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """Return an exception, and those it came of, members of groups among them."""
    links, seen = [error], set[int]()
    while links:
        link = links.pop()
        if id(link) not in seen:
            seen.add(id(link))
            yield link
            links += filter(None, (link.__context__, link.__cause__, *getattr(link, "exceptions", ())))


def tls_error_in(error: BaseException) -> ssl.SSLError | None:
    """Return the first error of TLS that an exception came of, without its frames, or None."""
    found = next((link for link in chain_of(error) if isinstance(link, ssl.SSLError)), None)
    return None if found is None else found.with_traceback(None)


def with_system_error(said: str, error: BaseException) -> str:
    """Return what is said of a failed connection, with what the operating system says where that is left out."""
    # AnyIO and trio say of their own that all attempts have failed.
    found = next((link for link in chain_of(error) if isinstance(link, OSError) and link.errno is not None), None)
    return said if found is None or str(found.strerror) in said else f"{said}: {text_of(found)}"
