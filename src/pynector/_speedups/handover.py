"""How a batch goes on by rules that has begun without: what is in flight stays so, and has another dispatcher."""

from .call import Call
from .dispatcher import Dispatcher, Slot
from .ruled import RuledDispatcher


def hand_over(earlier: Dispatcher, heir: RuledDispatcher) -> None:
    """Have a dispatcher that has begun nothing go on with what another one has, which starts nothing any more.

    Both have the same scheduler. The transport keeps the tokens and the completion that it has.
    """
    heir._serial = heir._attempt_number = earlier._serial
    heir.failures = earlier.failures
    heir.first_error = earlier.first_error
    for slot in earlier._slots:
        one: Slot = slot
        heir._slots.append(one)
        if one.token >= 0:
            call = Call(one.index, one.entry)
            call.data, call.options = one.entry
            call.timeout = call.allowed = one.timeout
            call.begin(one, one.started)
            heir._open[call.index] = call
            one.call, one.places, one.generations = call, [], ()
    earlier._slots = [Slot() for _ in heir._slots]
    earlier.heir = heir
    earlier.wake = None
