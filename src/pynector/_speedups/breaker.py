"""Whether a server that fails is left alone for a while."""

from .recent import Recent

CLOSED = 0
OPEN = 1
HALF_OPEN = 2


class Breaker:
    """Lets requests through while few of them fail, none for a while after that, and then a few to see.

    Whoever asks gets a generation, and says with it what became of the request. A generation ends when the breaker
    opens or closes, and what is said of an earlier one changes nothing: an answer to a request from before it opened
    is no probe's, and one that was late when it had closed again is not counted against a server that is well.

    Args:
        failure_rate: The share of failures at which it opens, above 0 and at most 1.
        window: The seconds that share is taken of, above 0, known to a tenth.
        minimum: How many requests must have ended in them before it is taken, 1 or more.
        cooldown: Seconds that it stays open, 0 or more.
        probes: How many requests must succeed in a row before it closes, 1 or more; no more than these are let through.

    Attributes:
        state: CLOSED, OPEN or HALF_OPEN. It is OPEN until it is asked after the cooldown.
        opened: How often it has opened.
    """

    __slots__ = (
        "_cooldown",
        "_ended",
        "_failed",
        "_failure_rate",
        "_generation",
        "_minimum",
        "_probes",
        "_probing",
        "_succeeded",
        "_until",
        "opened",
        "state",
    )

    def __init__(self, failure_rate: float, window: float, minimum: int, cooldown: float, probes: int) -> None:
        if not 0 < failure_rate <= 1:
            raise ValueError(f"failure_rate {failure_rate} must be above 0 and at most 1")
        if minimum < 1 or probes < 1:
            raise ValueError(f"minimum {minimum} and probes {probes} must be at least 1")
        if not cooldown >= 0:
            raise ValueError(f"cooldown {cooldown} must be 0 or more")
        self._failure_rate = failure_rate
        self._minimum = minimum
        self._cooldown = cooldown
        self._probes = probes
        self._ended = Recent(window)
        self._failed = Recent(window)
        self._generation = 1
        # Of the probes: how many are under way, and how many have succeeded.
        self._probing = 0
        self._succeeded = 0
        self._until = 0.0
        self.state = CLOSED
        self.opened = 0

    def allows(self, now: float) -> int:
        """Return 0 if a request is not let through, else a generation.

        `record` or `release` is then called with that, once.
        """
        if self.state == CLOSED:
            return self._generation
        if self.state == OPEN:
            if now < self._until:
                return 0
            self.state = HALF_OPEN
            self._probing = 0
            self._succeeded = 0
        if self._probing + self._succeeded >= self._probes:
            return 0
        self._probing += 1
        return self._generation

    def refuses(self, now: float) -> bool:
        """Return whether `allows` would let nothing through; nothing is to be told afterward."""
        if self.state == OPEN:
            return now < self._until
        return self.state == HALF_OPEN and self._probing + self._succeeded >= self._probes

    def record(self, generation: int, failed: bool, now: float) -> None:
        """Take note of how a request ended that was let through."""
        if generation == self._generation:
            if self.state == CLOSED:
                self._count(failed, now)
            else:
                self._probed(failed, now)

    def release(self, generation: int) -> None:
        """Take note that a request that was let through says nothing of the server, as when it was cancelled."""
        if generation == self._generation and self.state == HALF_OPEN:
            self._probing -= 1

    def opens_again(self, now: float) -> float:
        """Return the seconds until it lets probes through; 0.0 where it is not open."""
        if self.state != OPEN or self._until <= now:
            return 0.0
        return self._until - now

    def _count(self, failed: bool, now: float) -> None:
        self._ended.add(now)
        if failed:
            self._failed.add(now)
        # Both are told the same times, and so their parts are the same.
        ended = self._ended.inside(now)
        failures = self._failed.inside(now)
        if ended >= self._minimum and failures / ended >= self._failure_rate:
            self._open(now)

    def _probed(self, failed: bool, now: float) -> None:
        self._probing -= 1
        if failed:
            self._open(now)
        else:
            self._succeeded += 1
            if self._succeeded >= self._probes:
                self.state = CLOSED
                self._generation += 1

    def _open(self, now: float) -> None:
        self.state = OPEN
        self.opened += 1
        self._generation += 1
        self._until = now + self._cooldown
        self._ended.clear()
        self._failed.clear()
