"""Whatever is called and fails, at whichever call: each request ends once, and the client goes on."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from disturbing import Sweep, sized
from failing import (
    TELEMETRY,
    Fails,
    Install,
    OddEnd,
    OddError,
    completion,
    connecting,
    context,
    decoder,
    nothing,
    parser,
    resolver,
    tls,
    writing,
    writing_over_tls,
)
from scenarios import SCENARIOS
from stage import Scenario, Servers, runs
from stepping import LOOPS, SteppedLoop

REQUESTS = ("new_connection", "kept_connection", "batch", "stream_read", "retry", "redirect_307", "upload_chunked")
MESSAGES = ("message", "messages", "subscription", "reconnect")

OVER_TLS = ("tls", "stream_half", "message_over_tls")
BY_CALLER = tuple(
    scenario.name
    for scenario in SCENARIOS
    if scenario.name.startswith(("odd_", "own_", "upload_")) or scenario.name in ("on_message", "by_functions")
)

COMPRESSED = ("compressed", "stream_compressed", "compressed_that_takes_long", "stream_compressed_that_takes_long")

# What fails, with what, and in which scenarios.
CALLS: list[tuple[str, Install, tuple[type[BaseException], ...], tuple[str, ...]]] = [
    ("resolver", resolver, (OSError, OddError, OddEnd), ("by_name",)),
    (
        "connecting",
        connecting,
        (OSError, OddError, OddEnd),
        ("new_connection", "by_name", "batch", "stream_read", "retry", *MESSAGES),
    ),
    ("context", context, (OddError,), OVER_TLS),
    ("tls", tls, (ssl.SSLError,), OVER_TLS),
    ("parser", parser, (OddError,), (*REQUESTS, "compressed", "long_body", *MESSAGES)),
    ("decoder", decoder, (zlib.error, OddError), COMPRESSED),
    ("transport", writing, (OSError, OddError), (*REQUESTS, *MESSAGES)),
    ("transport over TLS", writing_over_tls, (OSError, OddError), OVER_TLS),
    ("completion", completion, (OddError,), (*REQUESTS, "batch_that_fails", *MESSAGES)),
    ("caller", nothing, (OddError, OddEnd), BY_CALLER),
]

# Telemetry fails, which is nobody's business.
TOLD = (*REQUESTS, "stream_refused", "batch_that_fails", *MESSAGES, "own_batch")


def cases() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Give each scenario, on whatever it runs on, and what fails in it."""
    table = [(*row, True) for row in CALLS]
    table += [(name, install, (OddError,), TOLD, False) for name, install in TELEMETRY.items()]
    for called, install, errors, names, matters in table:
        for scenario in SCENARIOS:
            carriers = scenario.carriers if scenario.name in names else ()
            for carrier, loop, error in product(carriers, LOOPS, errors):
                # The class of uvloop's transports cannot be changed.
                if runs(carrier) and not (called.startswith("transport") and loop == "uvloop"):
                    how = Fails(called, install, error, matters)
                    name = f"{called}-{error.__name__}-{scenario.name}-{carrier}-{loop}"
                    yield name.replace(" ", "_"), (scenario, carrier, loop, how)


@pytest.mark.parametrize(("scenario", "carrier", "loop", "how", "most"), sized(cases(), most=3, share=0.25))
def test_what_fails_at_a_call_ends_its_request_once(
    scenario: Scenario,
    carrier: str,
    loop: str,
    how: Fails,
    most: int | None,
    servers: Servers,
    record_property: Callable[[str, object], None],
) -> None:
    sweep = Sweep(SteppedLoop(loop), scenario, carrier, how, servers)
    sweep.run(most)
    for name, value in sweep.tried().items():
        record_property(name, value)
    assert not sweep.faults, "\n".join(sweep.faults)
