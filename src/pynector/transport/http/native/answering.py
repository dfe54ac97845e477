"""What responses come to, where they are more than a body for the caller."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ....errors import ConfigurationError, TimeoutError, TransportError, as_pynector_error
from ..answers import answer_of, next_hop, passed
from ..headers import Headers
from ..options import HTTPOptions
from ..request import PreparedRequest
from ..response import RawResponse
from ..steps import Steps
from .exchange import Exchange
from .head import is_redirect
from .redirected import sent_on
from .sending import Sender
from .unpacking import Unpacking
from .upload import stop_upload
from .wire import request_of

if TYPE_CHECKING:
    from ..cookies import KeptCookies


class Answers:
    """Ends exchanges, or has them go on. It is their owner.

    Args:
        options: The transport's options.
        now: The event loop's clock.
        sender: Sends what a redirect asks for.
        unpacking: Takes what is long to be decoded.
        cookies: What keeps them, or None.

    Attributes:
        cookies: See above.
    """

    def __init__(
        self,
        options: HTTPOptions,
        now: Callable[[], float],
        sender: Sender,
        unpacking: Unpacking,
        cookies: KeptCookies | None,
    ) -> None:
        self._options = options
        self._now = now
        self._sender = sender
        self._unpacking = unpacking
        self.cookies = cookies

    def conclude(self, exchange: Exchange, status: int, head: bytes, body: bytes, version: str) -> None:
        """Take a response that is not just a body for the caller."""
        if self.cookies is not None:
            self.cookies.take(request_of(exchange).url, Headers.of_head(head))
        self.settle(exchange, status, head, body, version)

    def settle(self, exchange: Exchange, status: int, head: bytes, body: bytes, version: str) -> None:
        """Find out what a response comes to."""
        try:
            leads_on = is_redirect(status) and exchange.settings["follow_redirects"]
            if leads_on and sent_on(exchange, status, head, version, self._now()):
                return
            raw = RawResponse(status, Headers.of_head(head), body, f"HTTP/{version}")
            if leads_on:
                following = self.next_hop(exchange, request_of(exchange), raw)
                if following is not None:
                    self.follow(exchange, following, raw)
                    return
            elapsed = self._now() - exchange.started
            request = partial(request_of, exchange)
            steps = Steps(answer_of(raw, exchange.settings, elapsed, exchange.is_head, request, exchange.history))
            if not steps.at_once():
                self._unpacking.take(exchange, steps)
                return
            answer = steps.result()
        except Exception as error:
            self.failed(exchange, error)
            return
        exchange.succeed(answer)

    def next_hop(self, exchange: Exchange, request: PreparedRequest, raw: RawResponse) -> PreparedRequest | None:
        """Return the request to send next, or None if the response is the answer; see next_hop."""
        return next_hop(request, raw, exchange.settings, len(exchange.history), self._options.redirect_headers)

    def follow(self, exchange: Exchange, following: PreparedRequest, raw: RawResponse) -> None:
        """Send the request that a redirect asks for."""
        exchange.hop(passed(raw, request_of(exchange).url, self._now() - exchange.started, exchange.history))
        try:
            self._sender.send(exchange, following, self._now())
        except Exception as error:
            self.failed(exchange, error)

    def send_again(self, exchange: Exchange, problem: Any) -> None:
        """Send an exchange again, whose connection was dead before it arrived, unless nobody wants it any more."""
        if exchange.completion is not None:
            self._sender.send_again(exchange, problem)

    def give_up(self, exchange: Exchange) -> None:
        """End an exchange whose completion is not to be called."""
        stop_upload(exchange)
        exchange.pool.give_up(exchange)

    def failed(self, exchange: Exchange, error: Exception) -> None:
        """Tell the caller what an exchange failed with, and how far it had come."""
        stop_upload(exchange)
        completion = exchange.completion
        if completion is None:
            return
        exchange.completion = None
        problem = as_pynector_error(error)
        if problem is error:
            # The frames that it comes from hold header fields, and say nothing to the caller.
            problem.__traceback__ = None
        if isinstance(problem, (TransportError, TimeoutError)):
            problem.after(exchange.sent)
        elif isinstance(problem, ConfigurationError):
            problem.sent = exchange.sent
        if problem.request is None:
            problem.request = exchange.name()
        completion.fail(exchange.token, problem)
