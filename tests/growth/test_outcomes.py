"""However many requests end, in whatever way, nothing of them stays."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from growth.measure import PARTS, grown
from growth.outcomes import OUTCOMES, Outcome, Servers
from growth.watching import servers as running
from growth.watching import watched
from loops import BACKENDS, LOOPS

pytestmark = pytest.mark.anyio

# Hundreds of handshakes take seconds.
LONG = {"TLS, a connection each", "TLS, reset in the body"}
SHORT = {name: outcome for name, outcome in OUTCOMES.items() if name not in LONG}


@pytest.fixture(params=[LOOPS[-1], BACKENDS[-1]])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Two loops: it takes long, and on asyncio's own most of it is what runs on uvloop."""
    return request.param


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with running() as them:
        yield them


@pytest.mark.parametrize("outcome", SHORT.values(), ids=SHORT)
async def test_nothing_grows(outcome: Outcome, servers: Servers) -> None:
    samples = await watched(outcome, servers, size=100, most=max(400, 2 * PARTS * outcome.kept))
    growing = grown(samples)
    if sys.version_info < (3, 11):
        # It has a cache beside each function that was called 1,024 times; what is too little for them is not seen here.
        growing.pop("blocks", None)
    assert not growing


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
async def test_nothing_grows_over_very_many(outcome: Outcome, servers: Servers) -> None:
    samples = await watched(outcome, servers, size=2000, most=1_000_000, seconds=60)
    assert not grown(samples)
