"""What sharing a rate costs, and what stragglers do: `python -m benchmarks.many_workers [--seed N]`.

A model of 10 to 1,000 workers. The lender, and what workers ask it for, are the real ones on a clock of the model's
own; what was measured on one machine goes in as numbers. All else is left out: networks, the engine's scheduling,
servers that slow down.
"""

from __future__ import annotations

import argparse
import heapq
import random
import time
from collections.abc import Iterator

from pynector import Rate
from pynector.integrations.many import Asked, Lender
from pynector.integrations.many.borrowing import JITTER, wanted_of
from pynector.integrations.many.lending import OFTEN
from pynector.integrations.many.requests import MOST_BATCHES
from pynector.integrations.ray import CALLS

WORKERS = [10, 100, 1000]

# Measured here: what one worker of Ray's sends in a second, and seconds of CPU that an actor of Ray's takes for a call.
SENDS = 15_000.0
CALL = 0.0006

# The rate that all share, of which each worker could send four times its part; one in ten only a tenth of it.
RATE = 10_000.0
COULD, SLOW_COULD = 4.0, 0.1
SLOW_EACH = 10
BEGINNING, SECONDS = 5.0, 60.0

# A worker in twenty that takes four times as long for a block, of which there are a hundred for each worker.
LATE_EACH, LATE = 20, 4.0
BLOCKS = 100
BATCH = 1000

# Requests that take long among usual ones (seconds), and how many go at a time.
USUAL, WINDOW, ONE_IN = 0.1, 200, 10_000
REQUESTS = 500_000


def lent(count: int, seed: int) -> tuple[float, float]:
    """Return how much of the rate workers keep that borrow it, and how often the lender is asked in a second."""
    chance = random.Random(seed)
    lender = Lender([Rate(RATE)])
    part = RATE / count
    could = [part * (SLOW_COULD if number % SLOW_EACH == 0 else COULD) for number in range(count)]
    held, asked_at, again = [0.0] * count, [0.0] * count, [OFTEN] * count
    used = asks = 0.0
    turns = [(chance.uniform(0, OFTEN), number) for number in range(count)]
    heapq.heapify(turns)
    while turns[0][0] < BEGINNING + SECONDS:
        now, number = heapq.heappop(turns)
        took = min(held[number], could[number] * (now - asked_at[number]))
        held[number] -= took
        if now >= BEGINNING:
            used, asks = used + took, asks + 1
        wanted = wanted_of(RATE * again[number], held[number], took)
        loan = lender.ask(f"{number}", Asked([held[number]], [wanted], 0, 0), now)
        held[number] += loan.granted[0]
        asked_at[number], again[number] = now, loan.again
        heapq.heappush(turns, (now + loan.again * chance.uniform(1 - JITTER, 1 + JITTER), number))
    return used / RATE / SECONDS, asks / SECONDS


def seconds_of_an_ask(count: int) -> float:
    """Return what the lender itself takes for one, with so many workers."""
    lender = Lender([Rate(RATE)], per_origin=10 * count)
    names = [f"{number}" for number in range(count)]
    rounds = max(1, 2000 // count)
    before = time.perf_counter()
    for turn in range(rounds):
        for name in names:
            lender.ask(name, Asked([0.0], [100.0], 5, 5), turn * OFTEN)
    return (time.perf_counter() - before) / rounds / count


def job_in_blocks(count: int) -> float:
    """Return how much longer a job takes than on workers without a late one, where each takes blocks as it is free."""
    free = [(0.0, number) for number in range(count) for _ in range(CALLS)]
    heapq.heapify(free)
    ended = 0.0
    # CALLS blocks at a time share a worker.
    block = CALLS * BATCH / SENDS
    for _ in range(BLOCKS * count):
        now, number = heapq.heappop(free)
        now += block * (LATE if number % LATE_EACH == 0 else 1)
        ended = max(ended, now)
        heapq.heappush(free, (now, number))
    return ended / (BLOCKS * BATCH / SENDS)


def durations(late: float, seed: int) -> Iterator[float]:
    chance = random.Random(seed)
    for _ in range(REQUESTS):
        yield late if chance.random() * ONE_IN < 1 else USUAL


def with_batches_ahead(late: float, seed: int, batches: int) -> float:
    """Return how much of what the window could send is sent, where so many batches may wait for the first of them."""
    places = [0.0] * WINDOW
    ends: list[float] = []
    # When each batch came out, which it does in order.
    out: list[float] = []
    for number, seconds in enumerate(durations(late, seed)):
        if number % BATCH == 0 and number:
            out.append(max([*out[-1:], *ends]))
            ends.clear()
        batch = number // BATCH
        may_begin = out[batch - batches] if batch >= batches else 0.0
        ends.append(max(heapq.heappop(places), may_begin) + seconds)
        heapq.heappush(places, ends[-1])
    return REQUESTS * USUAL / WINDOW / max([*out[-1:], *ends])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seed", type=int, default=1)
    seed = parser.parse_args().seed

    print(f"A rate of {RATE:,.0f} a second; one worker in {SLOW_EACH} can send a tenth of its part.\n")
    print(
        "| workers | of the rate, each a fixed part | a permit for each request | lent | asked a second | of a core |"
    )
    print("|---|---|---|---|---|---|")
    for count in WORKERS:
        share, asks = lent(count, seed)
        fixed = 1 - (1 - SLOW_COULD) / SLOW_EACH
        single = min(1.0, 1 / CALL / RATE)
        core = asks * (CALL + seconds_of_an_ask(count))
        print(f"| {count:,} | {fixed:.2f} | {single:.2f} | {share:.3f} | {asks:,.0f} | {core:.2f} |")

    print(f"\nOne worker in {LATE_EACH} takes {LATE:g} times as long.\n")
    print("| workers | records parted in advance | in blocks of a batch |")
    print("|---|---|---|")
    for count in WORKERS:
        print(f"| {count:,} | {LATE:.2f} times as long | {job_in_blocks(count):.2f} times |")

    print(
        f"\nOne request in {ONE_IN:,} takes long, the others {USUAL:g} s; {WINDOW} at a time, batches of {BATCH:,}.\n"
    )
    print(f"| it takes | a batch after the other | up to {MOST_BATCHES} batches |")
    print("|---|---|---|")
    for late in (2.0, 5.0, 30.0):
        first, more = (with_batches_ahead(late, seed, batches) for batches in (1, MOST_BATCHES))
        print(f"| {late:g} s | {first:.2f} of the rate | {more:.2f} |")


if __name__ == "__main__":
    main()
