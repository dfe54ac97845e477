"""One exchange at a time over a transport that has only `send` and `receive`."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from .._speedups.accumulator import Accumulator
from ..errors import TransportError
from ..transport.contract import TransportProtocol


class SerialExchange:
    """Gives a transport with `send` and `receive` an `exchange`. Its caller sees to it that they do not overlap.

    Args:
        transport: The transport; it is connected.
    """

    max_concurrency = 1

    def __init__(self, transport: TransportProtocol) -> None:
        self._transport = transport
        self._broken = False

    async def exchange(self, data: Any, /, **options: Any) -> bytes:
        """Send a request and give its whole answer.

        Raises:
            TransportError: If a chunk is not bytes-like.
        """
        if self._broken:
            await self._transport.disconnect()
            await self._transport.connect()
        # An answer to what fails or is cancelled below may still be on its way: the next request must not get it.
        self._broken = True
        await self._transport.send(data, **options)
        answer = await self._read()
        self._broken = False
        return answer

    async def _read(self) -> bytes:
        accumulator = Accumulator()
        chunks: Any = self._transport.receive()
        if hasattr(chunks, "aclose"):
            async with aclosing(chunks):
                await _drain(chunks, accumulator)
        else:
            await _drain(chunks, accumulator)
        return accumulator.finish()


async def _drain(chunks: Any, accumulator: Accumulator) -> None:
    async for chunk in chunks:
        try:
            accumulator.append(chunk)
        except TypeError as error:
            raise TransportError(f"receive() must give bytes, not {type(chunk).__name__}", phase="body") from error
