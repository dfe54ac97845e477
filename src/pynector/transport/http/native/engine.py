"""The native engine: what it is made of, and how it begins and ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import httptools

from ....callbacks import Loop
from ....errors import PynectorError
from ...awaiting import answer_to
from ...contract import OriginCounts, RequestObserver
from ..options import HTTPOptions
from ..request import PreparedRequest, prepare
from ..response import Response
from .answering import Answers
from .pools import Pools
from .relaying import Relay
from .sending import Sender
from .streaming import Streams
from .submitter import Submitter
from .tasks import Tasks
from .unpacking import Unpacking
from .wire import encoder_for


class NativeEngine:
    """Sends requests over HTTP/1.1 and HTTP/2.

    Args:
        options: The transport's options.
        loop: The running event loop; connections and timers live in its context.
        tell: Told of connections: "open" or "close", host and port.

    Attributes:
        submit: See SubmitTransport.
        open: See Engine.
        pools: Its connections.
        relay: Sends what another client has encoded.
    """

    name = "native"
    make_parser = httptools.HttpResponseParser

    def __init__(
        self,
        options: HTTPOptions,
        loop: Loop,
        tell: Callable[[str, str, int], None],
    ) -> None:
        self._options = options
        self._tasks = Tasks(loop)
        self.pools = Pools(options, self.make_parser, self._tasks, tell)
        cookies = None
        if options.persist_cookies:
            from ..cookies import KeptCookies

            cookies = KeptCookies()
        self._sender = Sender(options, self._tasks, self.pools, cookies)
        self._unpacking = Unpacking(self._tasks)
        self._answers = Answers(options, loop.time, self._sender, self._unpacking, cookies)
        encoder = encoder_for(options, options.base)
        own = None if encoder is None or options.base is None else self.pools.keep(options.base.origin)
        self._submitter = Submitter(loop.time, self._answers, self._sender, encoder, own)
        self.submit = self._submitter.submit
        self.open = Streams(self._answers, self._tasks, self._submitter, self._sender, self._prepared).open
        self.relay = Relay(self._tasks, self.pools, self._answers, self._sender.terms({}))

    async def exchange(
        self, data: Any, options: Mapping[str, Any], observer: RequestObserver | None
    ) -> bytes | Response:
        """See Engine."""
        answered: bytes | Response = await answer_to(partial(self.submit, observer=observer), data, options)
        return answered

    def _prepared(self, data: Any, options: Mapping[str, Any]) -> PreparedRequest:
        try:
            return prepare(data, options, self._options)
        except PynectorError as error:
            # Its frames hold header fields and credentials.
            raise error.with_traceback(None) from error.__cause__

    def make_room(self, window: int) -> int:
        """See Engine."""
        return self.pools.make_room(window)

    def origins(self) -> list[OriginCounts]:
        """See Engine."""
        return self.pools.counts()

    async def disconnect(self) -> None:
        """Close every connection; what is in flight fails."""
        self._submitter.close()
        # First what needs no waiting: this may be cancelled, and it may be one of these tasks that calls it.
        self.pools.close()
        self._unpacking.close()
        await self._tasks.end()
        await self._unpacking.closing()
        await self.pools.closing()
