"""A worker's part of what many of them share: asks for it, again and again, and has its client keep to it."""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import anyio

from ..._speedups.limits import Limits
from .lending import OFTEN, Asked, Loan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...dispatch.limits import Rate

_log = logging.getLogger("pynector.integrations.many")

# After a failure to ask: what was lent goes on meanwhile (seconds).
AFTER_FAILURE = 1.0

# How long it waits for what it asks, and to be heard when it leaves: whom it asks may be gone without a word (seconds).
PATIENCE = 10.0
GOODBYE = 1.0

# The longest time between two times that it asks for as much as it takes meanwhile (seconds).
LONGEST = 2.0

# So that no two workers ask at the same times for ever, in which one of them always finds what the other leaves.
JITTER = 0.2


class Bank(Protocol):
    """Where a worker borrows: a Lender, wherever it is. It can be pickled."""

    async def ask(self, name: str, asked: Asked) -> Loan:
        """See Lender."""

    async def leave(self, name: str) -> None:
        """See Lender."""


class Borrower:
    """Borrows for the limits of a client.

    It is made on the event loop that it runs on.

    Args:
        bank: Where.
        limits: The limits of the client, which has rates or windows of origins.
        rates: Its rates.
    """

    def __init__(self, bank: Bank, limits: Limits, rates: Sequence[Rate]) -> None:
        self._bank = bank
        self._limits = limits
        self._whole = [rate.requests / rate.per for rate in rates]
        self._name = uuid.uuid4().hex
        self._held = [0.0] * len(rates)
        self._places = -1
        self._again = OFTEN
        self._asked = asyncio.get_running_loop().time()
        limits.lend([0.0] * len(rates), -1)

    async def run(self) -> None:
        """Go on until it is cancelled, and then give back what is left."""
        try:
            while True:
                try:
                    await self._ask()
                except Exception as error:
                    _log.warning("no permits can be borrowed: %s: %s", type(error).__name__, error)
                    await asyncio.sleep(AFTER_FAILURE)
                else:
                    await asyncio.sleep(self._again * random.uniform(1 - JITTER, 1 + JITTER))
        finally:
            await asyncio.shield(asyncio.ensure_future(self._leave()))

    async def _ask(self) -> None:
        held = [bucket.lent for bucket in self._limits.buckets]
        used = [before - now for before, now in zip(self._held, held, strict=True)]
        now = asyncio.get_running_loop().time()
        # On a machine that is busy it is more than that.
        since = min(max(self._again, now - self._asked), LONGEST)
        self._asked = now
        wanted = [wanted_of(rate * since, has, took) for rate, has, took in zip(self._whole, held, used, strict=True)]
        asked = Asked(held, wanted, self._places, self._limits.busiest())
        with anyio.fail_after(PATIENCE):
            loan = await self._bank.ask(self._name, asked)
        self._places, self._again = loan.places, loan.again
        self._limits.lend(list(loan.granted), loan.places)
        self._held = [before + granted for before, granted in zip(held, loan.granted, strict=True)]

    async def _leave(self) -> None:
        # Else it will be taken for dead.
        with suppress(Exception), anyio.fail_after(GOODBYE):
            await self._bank.leave(self._name)


def wanted_of(whole: float, held: float, used: float) -> float:
    """Return how much there is use for until a worker asks the next time but one.

    Who has run out takes what he can get; who has not, what he has taken in the same time.

    Args:
        whole: The rate, in the time between two times that he asks.
        held: What he has.
        used: What he has used since he asked last.
    """
    most = max(1.0, 2 * whole)
    enough = most if held <= 0 else min(most, max(1.0, 2 * used))
    return max(0.0, enough - held)
