"""What the extensions of a request say, and nothing that they cannot mean."""

from typing import Any

from ..errors import ConfigurationError
from ..transport.http.native.relayed import Patience
from ..transport.http.resolving import checked_server_hostname
from .messages import InvalidMessage, remember

_PHASES = ("pool", "connect", "write", "read")

_NEVER = float("inf")


class Patiences:
    """Says how long each phase of a request may take, by its extension `timeout`: of most requests it is the same."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[Any, Patience] = {}

    def of(self, timeouts: Any) -> Patience:
        """Return what the extension says; None: nothing.

        Raises:
            InvalidMessage: If it is none.
        """
        if not timeouts:
            timeouts = {}
        try:
            known = timeouts if isinstance(timeouts, dict) else dict(timeouts.items())
            key = known.get("pool"), known.get("connect"), known.get("write"), known.get("read")
            patience = self._known.get(key)
        except (AttributeError, TypeError):
            raise InvalidMessage(_wrong_timeout(timeouts)) from None
        if patience is None:
            patience = _patience_of(key)
            remember(self._known, key, patience)
        return patience


def checked_trace(trace: Any) -> Any:
    """Accept who is to be told of a request, or None.

    Raises:
        InvalidMessage: If it is nobody.
    """
    if trace is not None and not callable(trace):
        raise InvalidMessage(f"the extension trace is a function of an event's name and a dict, not {trace!r}")
    return trace


def checked_server_name(name: Any) -> str | None:
    """Accept the name that TLS is to ask the server for, or None.

    Raises:
        InvalidMessage: If it can be none.
    """
    if not name:
        return None
    try:
        return checked_server_hostname(name, "the extension sni_hostname")
    except ConfigurationError as error:
        raise InvalidMessage(str(error)) from None


def _patience_of(seconds: Any) -> Patience:
    for each in seconds:
        # What is not a number is not equal to itself.
        if each is not None and not (isinstance(each, (int, float)) and each == each):
            raise InvalidMessage(_wrong_timeout(dict(zip(_PHASES, seconds, strict=True))))
    return Patience(*[_NEVER if each is None else each for each in seconds])


def _wrong_timeout(found: Any) -> str:
    return f"the extension timeout is a dict of {', '.join(_PHASES)} to seconds or None, not {found!r}"
