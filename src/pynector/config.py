"""Settings: call argument, then instance configuration, then PYNECTOR_* variable, then default.

Whoever has settings declares them as a table of `Setting`; this module knows none but the client's own.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ConfigurationError

Check = Callable[[Any, str], Any]
"""Takes a value and the words that say where it stood; gives the value to use or raises ConfigurationError."""

# What is counted here fits into C with room for a little arithmetic, and nothing ever comes to more.
MOST = sys.maxsize // 2

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: Its name as an argument; the variable is PYNECTOR_ and the name in capitals.
        check: Validates a value that was given.
        default: What holds where nothing is given.
        parse: Makes a value of a variable's text; None where the setting is not read from the environment.
    """

    name: str
    check: Check
    default: Any = None
    parse: Check | None = None

    @property
    def variable(self) -> str:
        """The name of its environment variable."""
        return f"PYNECTOR_{self.name.upper()}"

    def from_environment(self, environ: Mapping[str, str]) -> Any:
        """Give the value of the variable, or the default."""
        text = environ.get(self.variable)
        if text is None or self.parse is None:
            return self.default
        where = f"the environment variable {self.variable}"
        return self.check(self.parse(text.strip(), where), where)


def resolve(
    table: Iterable[Setting],
    given: Mapping[str, Any],
    environ: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Give the value of every setting of a table.

    Raises:
        ConfigurationError: If a value is not valid; the message names the argument or the variable.
    """
    environ = os.environ if environ is None else environ
    return {
        setting.name: setting.check(given[setting.name], setting.name)
        if setting.name in given
        else setting.from_environment(environ)
        for setting in table
    }


# How alike two names must be for one to be taken for the other (0 to 1): max_retries and max_redirects have 0.67.
CLOSE = 0.7

# Names that are arguments elsewhere, and where.
_ELSEWHERE = {
    **dict.fromkeys(("max_retries", "retry_delay", "attempt_timeout"), "retries are request_with_retry's"),
    **dict.fromkeys(("into", "max_concurrency", "raise_on_error"), "it is an argument of batch_request"),
    "ordered": "it is an argument of batch_stream",
    **dict.fromkeys(
        ("checkpoint", "lookahead", "on_progress", "progress", "retry_failed"),
        "it is an argument of batch_request and batch_stream",
    ),
    **dict.fromkeys(
        ("breaker", "learn", "max_concurrency_per_origin", "rate"), "it is an argument of a client and of a batch"
    ),
    "max_retry_delay": "it is an option of a client",
    "key": "it is an option of a batch's entry",
    **dict.fromkeys(("cost", "settle"), "it is an argument of Rate"),
}

# What other clients call otherwise.
_HERE = {
    "allow_redirects": ("follow_redirects",),
    "connector": ("max_connections", "max_connections_per_origin", "keepalive_expiry", "verify", "cert", "uds"),
    "cookie_jar": ("persist_cookies",),
    "limits": ("max_connections", "max_connections_per_origin", "max_keepalive", "keepalive_expiry"),
    "mounts": ("proxy",),
    "proxies": ("proxy",),
    **dict.fromkeys(("ssl", "ssl_context", "verify_ssl"), ("verify", "cert")),
}


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: where it belongs, the nearest known one, or all of them."""
    # Only for a mistake.
    import difflib

    known = sorted(known)
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    here = [own for own in _HERE.get(name, ()) if own in known]
    if here:
        return f"use {', '.join(here)}"
    close = difflib.get_close_matches(name, known, 1, CLOSE)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known) or 'none'}"


def is_near(name: str, known: Iterable[str]) -> bool:
    """Say whether a name is likely one of the known ones with a mistake in it."""
    import difflib

    return bool(difflib.get_close_matches(name.lower().replace("-", "_"), list(known), 1, 0.8))


# Checks


def positive_seconds(value: Any, where: str) -> float:
    """Accept a positive number of seconds; infinity is one, NaN is not."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0 or _too_long(value):
        # Such as (3, 10) for connecting and reading.
        one = "one" if isinstance(value, tuple) else "a"
        raise ConfigurationError(f"{where} must be {one} positive number of seconds or math.inf, not {value!r}")
    return float(value)


def seconds(value: Any, where: str) -> float:
    """Accept a finite number of seconds, 0 or more."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf or _too_long(value):
        raise ConfigurationError(f"{where} must be a number of seconds, 0 or more, not {value!r}")
    return float(value)


def _too_long(value: float) -> bool:
    # An int may be too large for a float; infinity is none that is.
    return isinstance(value, int) and value > sys.float_info.max


def at_least(least: int) -> Check:
    """Accept an int of at least `least`; one beyond MOST is as good as MOST."""

    def check(value: Any, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigurationError(f"{where} must be a whole number of at least {least}, not {value!r}")
        return min(value, MOST)

    return check


def window(value: Any, where: str) -> int | str:
    """Accept the most requests in flight at a time, or "auto"."""
    if isinstance(value, str) and value == "auto":
        return value
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f'{where} must be "auto" or a whole number of at least 1, not {value!r}')
    return min(value, MOST)


def flag(value: Any, where: str) -> bool:
    """Accept True or False."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{where} must be True or False, not {value!r}")
    return value


def text(value: Any, where: str) -> str:
    """Accept a str that is not empty."""
    if not isinstance(value, str) or not value:
        # Not the value: it may be a URL with a password.
        given = "an empty one" if value == "" else type(value).__name__
        raise ConfigurationError(f"{where} must be a non-empty str, not {given}")
    return value


def anything(value: Any, where: str) -> Any:
    """Accept what is checked where it is used."""
    return value


def optional(check: Check) -> Check:
    """Accept None beside what `check` accepts."""
    return lambda value, where: None if value is None else check(value, where)


# Parsers of variables


def parse_float(text: str, where: str) -> float:
    """Parse a number."""
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(f"{where} must be a number, not {text!r}") from None


def parse_int(text: str, where: str) -> int:
    """Parse a whole number."""
    try:
        return int(text)
    except ValueError:
        raise ConfigurationError(f"{where} must be a whole number, not {text!r}") from None


def parse_window(text: str, where: str) -> int | str:
    """Parse the most requests in flight at a time."""
    return text if text == "auto" else parse_int(text, where)


def parse_flag(text: str, where: str) -> bool:
    """Parse a truth value."""
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ConfigurationError(f"{where} must be one of 1, true, yes, on, 0, false, no, off, not {text!r}")


def parse_text(text: str, where: str) -> str:
    """Take the text as it is."""
    return text


CLIENT_SETTINGS = (
    Setting("timeout", optional(positive_seconds), 30.0, parse_float),
    Setting("max_concurrency", optional(window), None, parse_window),
    Setting("max_retry_delay", seconds, 60.0, parse_float),
)
"""Settings of the client itself: seconds one request may take (None: no end), the most requests of a batch in flight
("auto": as many as the server bears; None: as many as the transport carries), and the longest wait between two attempts
in seconds."""
