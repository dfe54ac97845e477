"""What a handshake says of who asks: header fields, asked for anew each time, and credentials as for HTTP."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ...errors import ConfigurationError, ConnectError
from ...eventloop import is_end
from ..http.auth import split_auth
from ..http.flows import package_of
from ..http.headers import header_pairs

T = TypeVar("T")

# What the handshake says of itself (RFC 6455 section 4.1), and the option that says it where there is one.
OWN_HEADERS = {
    "connection": None,
    "upgrade": None,
    "sec-websocket-key": None,
    "sec-websocket-version": None,
    "sec-websocket-accept": None,
    "sec-websocket-extensions": "compression",
    "sec-websocket-protocol": "subprotocols",
}


def checked_headers(value: Any, where: str) -> Any:
    """Accept header fields, or a function that gives some.

    Raises:
        ConfigurationError: If one may not stand in a handshake.
    """
    if callable(value):
        return value
    pairs = header_pairs(value, where)
    for name, _ in pairs:
        if name.lower() in OWN_HEADERS:
            option = OWN_HEADERS[name.lower()]
            raise ConfigurationError(
                f"{where}: {name} is the handshake's own" + ("" if option is None else f"; use {option}")
            )
    return pairs


def checked_auth(value: Any, where: str) -> Any:
    """Accept what `auth` may be.

    Raises:
        ConfigurationError: If it is none of that.
    """
    split_auth(value)
    return value


class Credentials:
    """What the handshakes of a client say of who asks.

    Args:
        headers: Pairs of a name and a value, None to take a default field away; or a function that gives such, or
            something to await that does.
        auth: As for HTTP: (user, password), a bearer token, an httpx.Auth, or None.
        url: The server's URL.
    """

    def __init__(self, headers: Any, auth: Any, url: str) -> None:
        self._headers = headers
        self._authorization, self._flow = split_auth(auth)
        # ws is http, and wss is https.
        self._url = "http" + url[2:]

    async def used(self, make: Callable[[Fields], Awaitable[T]]) -> T:
        """Make a connection with them.

        Args:
            make: Makes it with the header fields that it is given.

        Raises:
            ConnectError: If they cannot be had, or what `make` raises.
            ConfigurationError: If a header field is not valid.
        """
        fields = Fields(await self._asked_for())
        if self._authorization is not None:
            fields.replace([("Authorization", self._authorization)])
        if self._flow is None:
            return await make(fields)
        return await _Flow(self._flow, self._url, fields).run(make)

    async def _asked_for(self) -> Any:
        if not callable(self._headers):
            return self._headers
        try:
            given = self._headers()
            if inspect.isawaitable(given):
                given = await given
        except BaseException as error:
            if is_end(error):
                raise
            raise _failed("headers=", error) from error
        return checked_headers(given, "what headers= gives")


class Fields:
    """Header fields. They may be secret, and are shown nowhere.

    Attributes:
        pairs: Names and values, None to take a default field away.
    """

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, str | None]]) -> None:
        self.pairs = list(pairs)

    def replace(self, others: list[tuple[str, str]]) -> None:
        """Put others in the place of those with the same names."""
        names = {name.lower() for name, _ in others}
        self.pairs = [pair for pair in self.pairs if pair[0].lower() not in names] + [*others]


class _Flow:
    """The steps of an httpx.Auth: each gives a request, and is told of the answer."""

    def __init__(self, auth: Any, url: str, fields: Fields) -> None:
        package = package_of(auth)
        self._fields = fields
        self._response = package.Response
        given = [(name, value) for name, value in fields.pairs if value is not None]
        self._request = package.Request("GET", url, headers=given)
        self._before = self._request.headers.multi_items()
        self._steps = auth.async_auth_flow(self._request)

    async def run(self, make: Callable[[Fields], Awaitable[T]]) -> T:
        try:
            more = await self._step(None)
            while True:
                try:
                    made = await make(self._fields)
                except ConnectError as refusal:
                    response: Any = refusal.response
                    more = response is not None and await self._step(response.status_code, response.headers.pairs())
                    if not more:
                        raise
                else:
                    await self._step(101)
                    return made
        finally:
            with contextlib.suppress(Exception):
                await self._steps.aclose()

    async def _step(self, status: int | None, headers: Any = ()) -> bool:
        """Tell of an answer, and take the next request; return whether there is one."""
        answer = None if status is None else self._response(status, headers=headers, request=self._request)
        try:
            self._request = await self._steps.asend(answer)
        except StopAsyncIteration:
            return False
        except BaseException as error:
            if is_end(error):
                raise
            raise _failed("auth=", error) from error
        items = self._request.headers.multi_items()
        self._fields.replace([pair for pair in items if pair not in self._before])
        return True


def _failed(what: str, error: BaseException) -> ConnectError:
    said = f"no WebSocket connection: {what} failed: {type(error).__name__}"
    return ConnectError(said, phase="connect", sent="none", came_of=error)
