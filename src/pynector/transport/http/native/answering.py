"""What responses come to, where they are more than a body for the caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....errors import ConfigurationError, TimeoutError, TransportError, as_pynector_error
from ..answers import answer_of, next_hop
from ..headers import header_pairs_of
from ..options import HTTPOptions
from ..request import PreparedRequest
from ..response import RawResponse
from .exchange import Exchange
from .sending import Sender
from .upload import stop_upload
from .wire import request_of


class Answers:
    """Ends exchanges, or has them go on. It is their owner.

    Args:
        options: The transport's options.
        now: The event loop's clock.
        sender: Sends what a redirect asks for.
    """

    def __init__(self, options: HTTPOptions, now: Callable[[], float], sender: Sender) -> None:
        self._options = options
        self._now = now
        self._sender = sender

    def conclude(self, exchange: Exchange, status: int, head: bytes, body: bytes, version: str) -> None:
        """Take a response that is not just a body for the caller."""
        if exchange.observer is not None:
            exchange.observer.head(status, f"HTTP/{version}")
            exchange.observer.done()
        if exchange.sink is not None:
            exchange.sink.conclude()
            return
        settings = exchange.settings
        is_whole = 200 <= status < 300 and b"content-encoding" not in head.lower()
        if is_whole and settings["max_response_bytes"] is None:
            is_wanted = settings["as_response"]
            exchange.succeed(exchange.response(status, head, body, version) if is_wanted else body)
            return
        try:
            request = request_of(exchange)
            raw = RawResponse(status, header_pairs_of(head), body, f"HTTP/{version}")
            following = self.next_hop(exchange, request, raw)
            if following is None:
                answer = answer_of(request, raw, settings, self._now() - exchange.started)
        except Exception as error:
            self.failed(exchange, error)
            return
        if following is None:
            exchange.succeed(answer)
        else:
            self.follow(exchange, following)

    def next_hop(self, exchange: Exchange, request: PreparedRequest, raw: RawResponse) -> PreparedRequest | None:
        """Return the request to send next, or None if the response is the answer; see next_hop."""
        return next_hop(request, raw, exchange.settings, exchange.hops, self._options.redirect_headers)

    def may_follow(self, following: PreparedRequest) -> bool:
        """Say whether what a redirect asks for can be sent on the same exchange."""
        return self._sender.stays(following)

    def follow(self, exchange: Exchange, following: PreparedRequest) -> None:
        """Send the request that a redirect asks for."""
        exchange.hops += 1
        exchange.sent = "full"
        try:
            self._sender.send(exchange, following, self._now())
        except Exception as error:
            self.failed(exchange, error)

    def send_again(self, exchange: Exchange, problem: Any) -> None:
        """Send an exchange again, whose connection was dead before it arrived."""
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
        if problem.request is None and exchange.payload:
            problem.request = request_of(exchange).label
        completion.fail(exchange.token, problem)
