"""Who asks: what the options `auth` and `cookies` come to."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from ...errors import ConfigurationError
from .headers import header_pairs, is_token


def split_auth(auth: Any) -> tuple[str | None, Any]:
    """Give the Authorization value of `auth`, or the httpx.Auth that it is.

    Raises:
        ConfigurationError: If it is none of what is allowed.
    """
    if auth is None:
        return None, None
    if isinstance(auth, tuple) and len(auth) == 2 and all(isinstance(part, str) for part in auth):
        if ":" in auth[0]:
            raise ConfigurationError("auth: a user name must not hold a colon (RFC 7617 section 2)")
        try:
            pair = ":".join(auth).encode()
        except UnicodeEncodeError:
            raise ConfigurationError("auth has a character that is not valid Unicode") from None
        return f"Basic {base64.b64encode(pair).decode('ascii')}", None
    if isinstance(auth, str) and auth:
        ((_, credentials),) = header_pairs({"Authorization": "Bearer " + auth}, "auth")
        return credentials, None
    if hasattr(auth, "async_auth_flow") and not isinstance(auth, type):
        return None, auth
    raise ConfigurationError(
        f"auth must be a tuple (user, password), a bearer token as str, or an httpx.Auth, not {type(auth).__name__}"
    )


def cookie_pairs(*sources: Mapping[str, str] | None) -> list[tuple[str, str | None]]:
    """Give the Cookie header of the sources together, later ones first, or nothing.

    Raises:
        ConfigurationError: If a name or value may not stand in a cookie.
    """
    cookies: dict[str, str] = {}
    for source in sources:
        if source is not None and not isinstance(source, Mapping):
            raise ConfigurationError(f"cookies must be a dict, not {type(source).__name__}")
        cookies.update(source or {})
    for name, value in cookies.items():
        # RFC 6265 section 4.1.1: a semicolon would start another cookie.
        if not isinstance(name, str) or not is_token(name):
            raise ConfigurationError(f"cookies: {name!r} is not a cookie name")
        if not isinstance(value, str) or any(c in _unquoted(value) for c in ';,"\\ \t'):
            raise ConfigurationError(f"cookies: the value of {name!r} is not a cookie value")
    if not cookies:
        return []
    return header_pairs({"Cookie": "; ".join("=".join(pair) for pair in cookies.items())}, "cookies")


def _unquoted(value: str) -> str:
    """Return a cookie's value without the quotes that may be around it (RFC 6265 section 4.1.1)."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
