"""What holds for the requests of one call beyond its window: limits, retries, hedges; what is learnt of answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .._speedups.adaptive import AdaptiveWindow
from .._speedups.breaker import OPEN
from .._speedups.call import Call, Usual
from .._speedups.frozen import NotPlain, frozen
from .._speedups.limits import Origin
from .._speedups.quantile import Quantile
from .._speedups.scheduler import Scheduler
from ..errors import (
    CheckpointError,
    CircuitOpen,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    HTTPStatusError,
    ProtocolError,
    PynectorError,
    TimeoutError,
    TransportError,
    as_pynector_error,
)
from ..transport.essence import essence_of
from ..transport.http.methods import IDEMPOTENT
from ..unraisable import unraisable
from .costs import Costs
from .entries import OF_ENTRIES
from .limits import Declared, own_hedge, own_key, retry_policy
from .observing import Observed
from .retry import RetryPolicy
from .shared import Shared, limits_of, quantile_of
from .surroundings import Surroundings

if TYPE_CHECKING:
    from .._speedups.ruled import RuledDispatcher
    from .keeping import Keeping

# The longest that an answer may have its origin left alone (seconds).
LONGEST_PAUSE = 60.0

# The budget of hedges without a policy, and how many a second there may be beside it: few, as they come when a server
# is slow, and whoever asks for little would double what he asks for.
HEDGE_BUDGET = 0.1
HEDGE_FLOOR = 1.0

# An adaptive window's first size.
START = 10

NEVER = float("inf")

# Instead of the seconds before the next attempt, where there is none.
NOT_AGAIN = -1.0

# What says of a server, not of a request, that it does not work.
_FAULTS = (ConnectError, ConnectionLost, ProtocolError, TimeoutError)


class Rules:
    """The rules of one call; see RuledDispatcher.

    Args:
        shared: What its client's calls share.
        own: What is declared for the call.
        around: What else has to be known.
        is_adaptive: Whether its window follows what the server can bear.
        is_elsewhere: Whether its one request is sent by somebody else.
        ends_at: When its one request must have ended, waiting included; None: it has several, each with its own time.

    Attributes:
        is_adaptive, ends_at: See above.
        scheduler: Has its window.
        observed: Whoever is told of its requests, or None.
        keeping: Has the results of earlier runs, or None.
        window: What changes that, or None.
        limits: What holds, the call's own before the client's.
        options: The options that all requests are sent with.
        wants_answers: Whether it has to be told of answers.

    Raises:
        ConfigurationError: If the transport cannot do what is declared.
    """

    def __init__(
        self,
        shared: Shared,
        own: Declared,
        around: Surroundings,
        is_adaptive: bool = False,
        is_elsewhere: bool = False,
        ends_at: float | None = None,
    ) -> None:
        self._shared = shared
        self._around = around
        self._traits = around.traits
        of_client = shared.own
        # What is sent by somebody else is sent once, and nothing is known of its answer.
        self._retry = None if is_elsewhere else own.retry or of_client.retry
        self._hedge = None if is_elsewhere else own.hedge_after or of_client.hedge_after
        self._has_key = not is_elsewhere and (own.idempotency_key or of_client.idempotency_key)
        self._learns = own.learn or of_client.learn
        self.is_adaptive = is_adaptive
        self.is_single, self.ends_at = ends_at is not None, NEVER if ends_at is None else ends_at
        self.scheduler: Scheduler | None = None
        self.observed: Observed | None = None
        self.keeping: Keeping | None = None
        self.window: AdaptiveWindow | None = None
        self.limits = [limits for limits in (limits_of(own), shared.limits) if limits is not None]
        self._by_origin = any(limits.by_origin for limits in self.limits)
        self._quantile: Quantile | None = None
        if isinstance(self._hedge, str):
            # What a client declares is of all its calls; and a single request knows of no other.
            is_own = own.hedge_after is not None and not self.is_single
            self._quantile = quantile_of(self._hedge) if is_own else shared.quantile(self._hedge)
        self._costs = Costs(self.limits)
        self._settles = not is_elsewhere and self._costs.settles
        self._whole = (self._learns or self._settles) and self._traits is not None
        self.wants_answers = self._learns or self._settles or self._quantile is not None or is_adaptive
        if self._has_key and self._traits is None:
            raise ConfigurationError("idempotency_key: this transport's requests cannot have one")
        self._asked = {name: _fixed(value) for name, value in around.options.items()}
        self.options, self._final = self._sent_with(self._asked)
        self.usual = self._usual()

    def _usual(self) -> Usual | None:
        """Return what holds for entries that say nothing of their own, unless each needs a closer look."""
        traits, policy = self._traits, self._retry
        anew = frozenset() if traits is None else traits.made_anew_by(self._asked)
        if self._hedge is not None or self._has_key or self._costs.constant is None or anew is None:
            return None
        timeout, budget = NEVER, None
        if policy is not None:
            timeout, budget = _attempt_timeout(policy), self._shared.budget(policy.budget)
        origin_of = None
        if self._by_origin:
            origin_of = _one_peer if traits is None else traits.origin
        copied = None if policy is None else frozen
        return Usual(policy, timeout, budget, self._final, self._costs.constant, copied, anew, origin_of)

    def _sent_with(self, options: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
        if self._traits is None:
            return dict(options), None
        return self._traits.options_for_attempts(options, self._whole)

    def keep(self, keeping: Keeping) -> None:
        """Look for each request in what an earlier run has kept."""
        self.keeping, self.usual = keeping, None

    def adapt(self, most: int) -> int:
        """Have the window change, up to `most`, and return it as it is first."""
        self.window = AdaptiveWindow(1, most, min(START, most))
        return int(self.window.limit)

    # Before the first attempt

    def prepare(self, call: Call, dispatcher: RuledDispatcher) -> bool:
        """Fix what a call sends each time, and return whether it is to be sent at all.

        Raises:
            PynectorError: If it cannot be sent.
        """
        if self.keeping is not None and self._is_kept(self.keeping, call, dispatcher):
            return False
        call.policy, hedge, key = self._retry, self._hedge, self._has_key
        own, traits = call.entry[1], self._traits
        if own and not OF_ENTRIES.isdisjoint(own):
            call.options = {name: value for name, value in call.options.items() if name not in OF_ENTRIES}
            if own.get("retry") is not None:
                call.policy = retry_policy(own["retry"], "retry")
            if own.get("hedge_after") is not None:
                hedge = own_hedge(own["hedge_after"], "hedge_after", self._hedge)
            if own.get("idempotency_key") is not None:
                key = own_key(own["idempotency_key"], "idempotency_key")
        if not own or traits is None or traits.is_plain(own):
            call.final = self._final
        else:
            asked = {**self._asked, **{name: own[name] for name in own if name in call.options}}
            call.options, call.final = traits.options_for_attempts(asked, self._whole)
        if call.policy is not None:
            call.attempt_timeout = _attempt_timeout(call.policy)
        if call.policy is not None or hedge is not None:
            shared, policy = self._shared, call.policy
            call.budget = shared.budget(HEDGE_BUDGET, HEDGE_FLOOR) if policy is None else shared.budget(policy.budget)
            self._fix(call, own)
        if key is not False:
            self._give_key(call, key)
        if self._by_origin:
            call.origin = (_one_peer if traits is None else traits.origin)(call.data, call.options)
        if self.limits:
            call.costs = self._costs.of(call)
        if hedge is not None and self._may_repeat(call, IDEMPOTENT):
            call.hedge = hedge
        return True

    def _is_kept(self, keeping: Keeping, call: Call, dispatcher: RuledDispatcher) -> bool:
        """Say whether an earlier run of the job has the call's result, or the job has to end."""
        traits = self._traits
        try:
            data, options = call.data, call.options
            essence = essence_of([data, None]) if traits is None else traits.essence(data, options)
            if keeping.problem is not None:
                return True
            is_kept = keeping.has(call, essence, dispatcher.found)
            if is_kept:
                self._shared.counts["checkpoint_found"] += 1
            return is_kept
        except CheckpointError as error:
            keeping.fail(error)
            return True

    def _fix(self, call: Call, own: Mapping[str, Any]) -> None:
        """Have a call send the same each time, whatever becomes of the caller's objects."""
        try:
            anew = frozenset() if self._traits is None else self._traits.made_anew_by(call.options)
            if anew is None or (isinstance(call.data, dict) and not anew.isdisjoint(call.data)):
                raise NotPlain
            data = frozen(call.data)
            if own:
                options = dict(call.options)
                for name in own:
                    if name in options:
                        options[name] = frozen(options[name])
                call.options = options
            call.data = data
        except NotPlain:
            if self._around.snapshot is not None:
                fixed = self._around.snapshot(call.data, call.options)
                call.data, call.options, call.is_one_shot = fixed.data, fixed.options, not fixed.is_repeatable

    def _give_key(self, call: Call, key: Any) -> None:
        if self._traits is None:
            raise ConfigurationError("idempotency_key: this transport's requests cannot have one")
        text = self._new_key(call) if key is True else key
        call.options = self._traits.with_idempotency_key(call.data, call.options, text)
        call.has_key = True

    def _new_key(self, call: Call) -> str:
        if self.keeping is not None:
            return self.keeping.idempotency_key(call)
        from uuid import uuid4

        return str(uuid4())

    # Around each attempt

    def hedge_delay(self, call: Call) -> float:
        """Return after how many seconds without an answer a call may be sent again; NEVER: that is not known yet."""
        quantile = self._quantile
        return quantile.value() if quantile is not None and isinstance(call.hedge, str) else float(call.hedge)

    def late(self, call: Call) -> TimeoutError:
        """Return the error of a call whose time is over while it waits."""
        what = "a place at its origin" if call.where is not None else "its turn"
        said = f"no whole answer within {call.timeout:.3g} s, while waiting for {what}"
        problem = TimeoutError(said, phase="queue", sent="none")
        problem.__cause__ = call.error
        return problem

    def paused_too_long(self, call: Call, seconds: float) -> TimeoutError:
        """Return the error of a call whose time will be over before its origin takes requests again."""
        said = f"{call.origin} is left alone for {seconds:.3g} s more, as its answers ask for"
        return TimeoutError(said, phase="queue", sent="none")

    def failed(
        self, call: Call, error: BaseException, places: list[Origin], elapsed: float, now: float
    ) -> PynectorError:
        """Return what an attempt has failed with, and take note of what that says."""
        problem = as_pynector_error(error)
        if isinstance(problem, TimeoutError):
            is_attempts = call.policy is not None and call.policy.attempt_timeout is not None and now < call.deadline
            call.allowed = call.policy.attempt_timeout if is_attempts else call.timeout
        self._sum_up(call, problem)
        if self.window is not None:
            dropped = self.is_fault(problem) or getattr(problem, "status_code", 0) in (429, 503)
            self._adapt(elapsed, dropped, now)
        if self._learns and self._traits is not None:
            self._pause(problem, places, now)
        return problem

    def answered(self, call: Call, response: Any, places: list[Origin], elapsed: float, now: float) -> None:
        """Take note of what an answer says."""
        if self._quantile is not None:
            self._quantile.add(elapsed)
        if self.window is not None:
            self._adapt(elapsed, False, now)
        if self._learns and self._traits is not None:
            self._pause(response, places, now)
        if self._settles:
            self._costs.settle(call, response)

    def took_attempts(self, call: Call, response: Any) -> None:
        """Have an answer say how many attempts it took, where it can."""
        # It may be fixed, or of the user's own; the answer stands.
        with suppress(Exception):
            if hasattr(response, "attempts"):
                response.attempts = call.attempts

    def _adapt(self, elapsed: float, dropped: bool, now: float) -> None:
        window, scheduler = self.window, self.scheduler
        if window is not None and scheduler is not None and window.ended(elapsed, scheduler.in_flight, dropped, now):
            scheduler.window = window.limit

    def _pause(self, outcome: Any, places: list[Origin], now: float) -> None:
        assert self._traits is not None
        try:
            asked = self._traits.pause_asked_for(outcome, time.time())
        except Exception as error:
            # The outcome stands.
            unraisable(error)
            return
        if asked > 0:
            until = now + min(asked, LONGEST_PAUSE)
            paused = [place.pause(until) for place in places]
            if any(paused):
                self._shared.counts["pauses"] += 1

    def is_fault(self, error: PynectorError) -> bool:
        """Say whether an error says of a server that it does not work."""
        return isinstance(error, _FAULTS) or (isinstance(error, HTTPStatusError) and error.status_code >= 500)

    def circuit_open(self, call: Call, place: Origin, now: float) -> CircuitOpen:
        """Return the error of a call whose origin is to be left alone."""
        self._shared.counts["circuit_open"] += 1
        problem = CircuitOpen(f"too many requests to {call.origin} have failed", phase="queue", sent="none")
        problem.seconds = place.breaker.opens_again(now) if place.breaker.state == OPEN else 0.0
        self._sum_up(call, problem)
        return problem

    # After a failure

    def wait_after(self, call: Call, now: float) -> float:
        """Return the seconds to wait before the next attempt, or NOT_AGAIN; tell of it."""
        try:
            return self._wait_after(call, now)
        except Exception as error:
            # A policy, and traits, may be the user's: what they raise is the error of the call.
            error.__cause__ = call.error
            call.error = error
            return NOT_AGAIN

    def _wait_after(self, call: Call, now: float) -> float:
        policy: RetryPolicy = call.policy
        error: PynectorError = call.error
        if not self._may_repeat(call, policy.methods):
            return NOT_AGAIN
        wait = policy.wait_after(call.attempts, error)
        if wait is None or now + wait >= call.deadline:
            return NOT_AGAIN
        if call.budget is not None and not call.budget.withdraw(now):
            self._shared.counts["budget_refused"] += 1
            return NOT_AGAIN
        self._shared.counts[f"retries_{_reason(error)}"] += 1
        self._tell(call.index, error, call.attempts, wait)
        return wait

    def wait_for_connection(self, attempt: int, error: PynectorError, end: float) -> float | None:
        """Return the seconds to wait before a transport connects once more, which it has failed to; None: it stands."""
        wait = None if self._retry is None else self._retry.wait_after(attempt, error)
        if isinstance(error, (TransportError, TimeoutError)):
            error.attempts = attempt
        if wait is None or self._around.clock() + wait >= end:
            return None
        self._tell(0, error, attempt, wait)
        return wait

    def _tell(self, index: int, error: PynectorError, attempt: int, wait: float) -> None:
        """Tell of another attempt that follows."""
        name = {} if self.observed is None else self.observed.retried(index, error, attempt, wait)
        self._around.tell(error, attempt, wait, name)

    def may_hedge(self, call: Call, now: float) -> bool:
        """Say whether a call may be sent a second time beside the first."""
        if call.budget is not None and not call.budget.allows(now):
            self._shared.counts["budget_refused"] += 1
            return False
        return True

    def hedged(self, call: Call, now: float) -> None:
        """Take note that a call was sent a second time beside the first: only that takes from the budget."""
        if call.budget is not None:
            call.budget.take(now)
        self._shared.counts["hedges"] += 1

    def hedge_won(self) -> None:
        """Take note that the second of two had an answer first."""
        self._shared.counts["hedges_won"] += 1

    def gives_up(self, call: Call, error: PynectorError) -> None:
        """Take note of what a call ends with that waits."""
        if call.attempts == 0 and isinstance(error, (TransportError, TimeoutError)):
            error.sent = "none"
        self._sum_up(call, error)
        call.error = error

    def abandons(self, call: Call, error: PynectorError) -> None:
        """Take note of what a call ends with from outside."""
        if self.keeping is not None:
            self.keeping.forget(call)
        self.gives_up(call, error)

    def _may_repeat(self, call: Call, methods: Any) -> bool:
        """Say whether a call may be sent although it may have been executed, or was never sent."""
        if call.is_one_shot:
            return False
        if methods is None or call.has_key or (call.attempts > 0 and call.sent == "none"):
            return True
        return self._traits is not None and self._traits.method(call.data, call.options) in methods

    def _sum_up(self, call: Call, problem: PynectorError) -> None:
        """Have an error say what all attempts come to."""
        if isinstance(problem, (TransportError, TimeoutError)):
            problem.after(call.sent)
            problem.attempts = call.attempts
            call.sent = problem.sent


def _one_peer(data: Any, options: Mapping[str, Any]) -> str:
    """Return where requests go over a transport that cannot tell."""
    return ""


def _attempt_timeout(policy: RetryPolicy) -> float:
    return NEVER if policy.attempt_timeout is None else policy.attempt_timeout


def _fixed(value: Any) -> Any:
    try:
        return frozen(value)
    except NotPlain:
        return value


def _reason(error: PynectorError) -> str:
    status = getattr(error, "status_code", None)
    return str(status) if status else type(error).__name__
