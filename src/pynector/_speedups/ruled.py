"""Starts the entries of a batch that limits hold for, or that may be sent more than once."""

from collections.abc import Callable
from typing import Any

from . import admission, dispatcher
from .admission import Admission
from .call import Call, Usual
from .dispatcher import Dispatcher, Slot
from .limits import Origin
from .results import Results
from .scheduler import Scheduler

# Anew, so that they are C's own here.
SHIFT = dispatcher.SLOT_BITS
MASK = (1 << SHIFT) - 1

NEVER = float("inf")
# Any wait below zero says that there is no other attempt.
NOT_AGAIN = -1.0

MAY_START, IS_HELD, IS_PAUSED = admission.MAY_START, admission.IS_HELD, admission.IS_PAUSED


class RuledDispatcher(Dispatcher):
    """A dispatcher whose entries may have to wait for more than a slot, and may be sent again.

    Args:
        scheduler, source, results, submit, clock, options, timeout, timeout_of, translate, notify: See Dispatcher.
        rules: Knows what was declared: see `pynector.dispatch.rules.Rules`.
        arm: Called with the time at which this must be run again, if nothing runs it before.

    """

    __slots__ = (
        "_admission",
        "_arm",
        "_attempt_number",
        "_is_seen",
        "_open",
        "_rules",
    )

    def __init__(
        self,
        scheduler: Scheduler,
        source: Any,
        results: Results,
        submit: Callable[..., Any],
        clock: Callable[[], float],
        options: Any,
        timeout: float,
        timeout_of: Callable[[Any], float],
        translate: Callable[[BaseException, int, Any, float], BaseException],
        notify: Callable[[], None],
        rules: Any,
        arm: Callable[[float], None],
    ) -> None:
        super().__init__(scheduler, source, results, submit, clock, options, timeout, timeout_of, translate, notify)
        self._rules = rules
        self._admission = Admission(scheduler, rules.limits)
        self._arm = arm
        self._is_seen: bool = rules.wants_answers
        self._open: dict[int, Call] = {}
        self._attempt_number = 0

    # Starting

    def run(self) -> None:
        """See Dispatcher."""
        if self.busy:
            return
        now = self._clock()
        self._look_at_clock(now)
        is_burst = self._fill(now)
        blocked: Any = self._scheduler.blocked()
        if blocked is not None:
            self._stand_back(blocked)
        when = self._scheduler.when()
        if when < NEVER:
            self._arm(when)
        if is_burst or self._scheduler.failed or self.is_finished():
            self._notify()

    def try_again(self) -> None:
        """Have this be run soon, by whoever runs it: what held it up may be over."""
        self._scheduler.unhold()
        self._notify()

    def is_finished(self) -> bool:
        """See Dispatcher."""
        if self._scheduler.in_flight > 0:
            return False
        return self._scheduler.stopped or (self._scheduler.exhausted and not self._open)

    def end(self) -> None:
        """See Dispatcher."""
        self._admission.leave_lines(self)
        Dispatcher.end(self)

    def counts(self) -> tuple[int, int]:
        """See Dispatcher."""
        return self._serial - len(self._open), len(self._open) - self._scheduler.in_flight

    def _look_at_clock(self, now: float) -> None:
        """Have those that wait for a time line up when it has come."""
        call: Any = self._scheduler.due(now)
        while call is not None:
            self._due(call, now)
            call = self._scheduler.due(now)

    def _due(self, call: Call, now: float) -> None:
        if call.is_over:
            return
        if call.again_at <= now:
            call.again_at = NEVER
            self._line_up(call)
            # It may find no slot, no place or no rate in time.
            self._look_at_deadline(call)
        elif call.deadline <= now and call.live == 0:
            self._late(call)
        elif call.hedge_at <= now:
            call.hedge_at = NEVER
            if call.live == 1 and call.again_at == NEVER:
                self._line_up(call)

    def _look_at_deadline(self, call: Call) -> None:
        """Have a call be looked at when its time is over: once, however often it is sent."""
        if call.deadline < NEVER and not call.is_timed:
            call.is_timed = True
            self._scheduler.postpone(call, call.deadline)

    def _line_up(self, call: Call) -> None:
        call.is_lined_up = True
        self._scheduler.line_up(call)

    def _stand_back(self, call: Call) -> None:
        """Have a call wait for a slot, and nobody wait for it meanwhile where it had its turn with a rate."""
        self._step_back(call)
        self._admission.give_back(self, call)
        self._line_up(call)

    def _begin(self, number: int, now: float) -> bool:
        """See Dispatcher."""
        waiting: Any = self._scheduler.job
        if waiting is None:
            entry = next(self._source, self._end)
            if entry is None or entry is self._end:
                self._scheduler.return_slot(number, entry is not None)
                return False
            call = Call(self._serial, entry)
            self._serial += 1
            self._open[call.index] = call
            if not self._prepared(call, now):
                # It has ended, or will without having been sent.
                self._scheduler.release(number)
                return True
        else:
            call = waiting
            if call.is_over or not call.is_lined_up:
                # It has ended meanwhile, or it was to go beside an attempt that has failed.
                self._scheduler.release(number)
                self._admission.leave_lines(self)
                return True
            call.is_lined_up = False
        if call.deadline <= now or (call.live > 0 and not self._rules.may_hedge(call, now)):
            self._scheduler.release(number)
            self._turn_away(call)
            return True
        state = self._admission.ask(self, call, now)
        if state == MAY_START:
            self._attempt(call, number, now)
            return True
        self._scheduler.release(number)
        if state == IS_PAUSED:
            self._paused(call)
        return state != IS_HELD

    def _prepared(self, call: Call, now: float) -> bool:
        """Fix what is sent each time, and return whether that is possible."""
        entry = call.entry
        timeout = self._timeout
        try:
            data, options = entry
            if not options:
                options = self._options
            else:
                timeout = self._timeout_for(entry)
                options = self._options_for(options)
            call.timeout = call.allowed = timeout
            call.data = data
            call.options = options
            usual: Usual = self._rules.usual
            is_usual = usual is not None and options is self._options and usual.prepare(call)
            if not is_usual and not self._rules.prepare(call, self):
                return False
            if self._rules.is_single:
                # Whoever waits for it has its time run from now on.
                call.deadline = self._rules.ends_at
                self._look_at_deadline(call)
        except Exception as error:
            call.error = error
            self._stand(call)
            return False
        return True

    def _paused(self, call: Call) -> None:
        """Have a call wait for the end of a pause; one that has no time for that ends."""
        until, call.again_at = call.again_at, NEVER
        if call.live > 0:
            # It was to go beside another attempt.
            return
        if until >= call.deadline:
            if call.error is None:
                self._rules.gives_up(call, self._rules.paused_too_long(call, until - self._clock()))
            self._stand(call)
        else:
            call.again_at = until
            self._scheduler.postpone(call, until)

    def _attempt(self, call: Call, number: int, now: float) -> None:
        """Send a call in a slot."""
        generations: Any = self._admission.let_through(call, now, self._rules.circuit_open)
        if generations is None:
            self._scheduler.release(number)
            self._admission.give_back(self, call)
            self._failed_attempt(call, now)
            return
        while number >= len(self._slots):
            self._slots.append(Slot())
        slot: Slot = self._slots[number]
        token = self._attempt_number << SHIFT | number
        self._attempt_number += 1
        slot.token = token
        slot.index = call.index
        slot.entry = call.entry
        slot.started = now
        slot.call = call
        slot.places = call.places
        slot.generations = generations
        slot.is_hedge = call.live > 0
        deadline = call.begin(slot, now)
        if slot.is_hedge:
            self._rules.hedged(call, now)
        elif call.hedge is not None:
            call.hedge_at = now + self._rules.hedge_delay(call)
            if call.hedge_at < NEVER:
                self._scheduler.postpone(call, call.hedge_at)
        slot.timeout = deadline - now
        try:
            handle = self._submit(call.data, call.options, deadline, self, token)
        except BaseException as error:
            self._not_sent(token, error)
            return
        if handle is not None and slot.token == token:
            slot.handle = handle

    # The completion

    def found(self, call: Call, result: Any) -> None:
        """Take what an earlier run has had for a call."""
        if call.is_over:
            return
        call.final = None
        if isinstance(result, BaseException):
            # It has its name and its time, and is no failure of this client, which has sent nothing.
            self._count(result)
            self._scheduler.ended(True)
        self._conclude(call, result, False)
        self._go_on()

    def succeed(self, token: int, response: object) -> None:
        """See Dispatcher."""
        slot: Slot = self._taken(token)
        if slot is None:
            return
        now = self._clock()
        call: Call = slot.call
        if slot.is_hedge and call.live > 1:
            self._rules.hedge_won()
        if self._is_seen:
            self._rules.answered(call, response, slot.places, now - slot.started, now)
        self._vacate(slot, token & MASK, now, None)
        if call.attempts > 1:
            self._rules.took_attempts(call, response)
        self._conclude(call, response, False)
        self._go_on()

    def fail(self, token: int, error: BaseException) -> None:
        """See Dispatcher."""
        slot: Slot = self._taken(token)
        if slot is None:
            return
        now = self._clock()
        call: Call = slot.call
        call.error = self._rules.failed(call, error, slot.places, now - slot.started, now)
        self._vacate(slot, token & MASK, now, call.error)
        self._failed_attempt(call, now)
        self._go_on()

    def _taken(self, token: int) -> Any:
        """See Dispatcher."""
        number = token & MASK
        if token < 0 or token >> SHIFT >= self._attempt_number or number >= len(self._slots):
            raise ValueError(f"token {token} is not of a request in flight")
        slot: Slot = self._slots[number]
        return slot if slot.token == token else None

    def _vacate(self, slot: Slot, number: int, now: float, error: Any) -> None:
        """Give back what an attempt had that has ended."""
        call: Call = slot.call
        call.leave(slot)
        places, generations = slot.places, slot.generations
        self._free(slot)
        slot.call = slot.places = slot.generations = None
        for breaker, generation in generations:
            breaker.record(generation, error is not None and self._rules.is_fault(error), now)
        self._scheduler.release(number)
        self._admission.leave(self, places)

    def has_room(self) -> bool:
        """Say whether it can start one more call soon."""
        return self._scheduler.has_room()

    def take_place(self, call: Call, place: Origin) -> None:
        """Have a call line up that has got a place at an origin."""
        call.where = None
        call.places.append(place)
        call.passed += 1
        self._line_up(call)

    def _failed_attempt(self, call: Call, now: float) -> None:
        """Send a call again, or have it end with its error."""
        if call.live > 0:
            # The other one of two may still have an answer.
            return
        wait = NOT_AGAIN
        if call.policy is not None and not self._scheduler.stopped:
            wait = self._rules.wait_after(call, now)
        if wait < 0:
            self._stand(call)
            return
        self.retried += 1
        self._step_back(call)
        self._admission.give_back(self, call)
        call.hedge_at = NEVER
        call.again_at = now + wait
        self._scheduler.postpone(call, call.again_at)

    def _step_back(self, call: Call) -> None:
        """Have a call start no more that was to have its turn: what it held up goes on."""
        if call.is_lined_up:
            call.is_lined_up = False
            if self._scheduler.drop(call):
                self._admission.leave_lines(self)

    def _turn_away(self, call: Call) -> None:
        """Have a call not start whose time is over, or that may have no hedge."""
        self._admission.give_back(self, call)
        self._admission.leave_lines(self)
        # Else it was to go beside an attempt, which goes on, or whose end it is that its time is over.
        if call.live == 0:
            self._late(call)

    def _late(self, call: Call) -> None:
        """End a call whose time is over while it waits."""
        self._rules.gives_up(call, self._rules.late(call))
        call.allowed = call.timeout
        self._stand(call)

    def _stand(self, call: Call) -> None:
        """End a call with its last error."""
        self._conclude(call, call.error, True)

    def _conclude(self, call: Call, result: Any, failed: bool) -> None:
        """End a call, once, with an answer or an error."""
        call.is_over = True
        call.error = None
        del self._open[call.index]
        self._step_back(call)
        self._admission.give_back(self, call)
        if call.live > 0:
            self._give_up(call)
        if call.final is not None:
            try:
                result = call.final(call, result)
            except Exception as error:
                result = error
            failed = isinstance(result, BaseException)
        if failed:
            # Not what the caller has had: he may have changed it.
            sent = call.entry if call.options is None else (call.data, call.options)
            result = self._failure(call.index, sent, call.allowed, result)
        self._results.put(call.index, call.entry, call.began, call.attempts, result)
        # What waited for a time is known a little longer than that.
        call.entry = call.data = call.options = None
        self._scheduler.ended(failed)

    # Its end

    def index_of(self, token: int) -> int:
        """See Dispatcher."""
        slot: Slot = self._slots[token & MASK]
        return slot.index

    def abandon(self, reason: Callable[[Any], BaseException] | None) -> None:
        """See Dispatcher."""
        self._scheduler.stopped = True
        self._admission.leave_lines(self)
        self._end_all(reason, False)

    def drain(self, reason: Callable[[Any], BaseException]) -> None:
        """Give what waits and was never sent the error `reason(None)`."""
        self._end_all(reason, True)

    def _end_all(self, reason: Callable[[Any], BaseException] | None, new_only: bool) -> None:
        for each in list(self._open.values()):
            call: Call = each
            # To give up one may end another one.
            if call.is_over or (new_only and not call.is_new()):
                continue
            if reason is None:
                call.is_over = True
                del self._open[call.index]
                self._admission.give_back(self, call)
                self._give_up(call)
            else:
                first: Slot = call.slot
                self._rules.abandons(call, reason(None if first is None else first.handle))
                self._stand(call)

    def _give_up(self, call: Call) -> None:
        """Cancel what is in flight of a call."""
        now = self._clock()
        handles = []
        for slot in (call.slot, call.beside):
            if slot is None:
                continue
            one: Slot = slot
            handles.append(one.handle)
            generations, one.generations = one.generations, ()
            for breaker, generation in generations:
                breaker.release(generation)
            self._vacate(one, one.token & MASK, now, None)
        for handle in handles:
            if handle is not None:
                handle.cancel()
