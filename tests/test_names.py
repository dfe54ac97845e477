"""Looking up names: once for all that ask, not for ever, and again when they were no good."""

from __future__ import annotations

import asyncio
import socket

import pytest

from loops import LOOPS
from pynector import ConnectError
from pynector.callbacks import running_loop
from pynector.eventloop import ClientContext
from pynector.transport.net import names
from pynector.transport.net.names import Names
from resolver import Resolver, here

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", LOOPS)]


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


class Held:
    """Answers when it is told to."""

    def __init__(self, outcome: Exception | None = None) -> None:
        self._outcome = outcome
        self.may = asyncio.Event()
        self.ended = 0

    async def __call__(self, name: str) -> list[str]:
        try:
            await self.may.wait()
        finally:
            self.ended += 1
        if self._outcome is not None:
            raise self._outcome
        return ["127.0.0.1"]


async def test_all_that_ask_at_a_time_share_one_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held()
    resolver = Resolver(monkeypatch, held)
    known = Names(running_loop(ClientContext()))
    asking = [asyncio.ensure_future(known.addresses("server.test", 80)) for _ in range(40)]
    await turns()
    held.may.set()
    assert await asyncio.gather(*asking) == [[(socket.AF_INET, ("127.0.0.1", 80))]] * 40
    assert resolver.asked == ["server.test"]
    await known.addresses("server.test", 80)
    assert resolver.asked == ["server.test"]
    await known.addresses("other.test", 80)
    assert resolver.asked == ["server.test", "other.test"]


async def test_a_failed_lookup_is_each_ones_own_error_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(socket.gaierror(-2, "Name or service not known"))
    resolver = Resolver(monkeypatch, held)
    known = Names(running_loop(ClientContext()))
    asking = [asyncio.ensure_future(known.addresses("server.test", 80)) for _ in range(5)]
    await turns()
    held.may.set()
    errors = await asyncio.gather(*asking, return_exceptions=True)
    assert len(set(map(id, errors))) == 5
    for error in errors:
        assert isinstance(error, ConnectError)
        assert isinstance(error.__cause__, socket.gaierror)
        assert (error.phase, error.sent, error.transient) == ("connect", "none", True)
    with pytest.raises(ConnectError):
        await known.addresses("server.test", 80)
    assert len(resolver.asked) == 2


async def test_who_is_cancelled_ends_the_lookup_only_if_nobody_else_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held()
    resolver = Resolver(monkeypatch, held)
    known = Names(running_loop(ClientContext()))
    before = asyncio.all_tasks()
    asking = [asyncio.ensure_future(known.addresses("server.test", 80)) for _ in range(3)]
    await turns()
    for task in asking[:2]:
        task.cancel()
    await turns()
    assert held.ended == 0
    asking[2].cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    assert held.ended == 1
    assert all(task.cancelled() for task in asking)
    assert asyncio.all_tasks() == before
    held.may.set()
    assert await known.addresses("server.test", 80)
    assert resolver.asked == ["server.test"] * 2


async def test_one_that_asks_while_a_lookup_is_ended_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held()
    resolver = Resolver(monkeypatch, held)
    known = Names(running_loop(ClientContext()))
    first = asyncio.ensure_future(known.addresses("server.test", 80))
    await turns()
    first.cancel()
    second = asyncio.ensure_future(known.addresses("server.test", 80))
    third = asyncio.ensure_future(known.addresses("server.test", 80))
    await turns()
    held.may.set()
    assert await second == await third
    assert len(resolver.asked) <= 2


async def test_names_are_forgotten_in_time_and_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MOST", 50)
    Resolver(monkeypatch, here)
    loop, now = running_loop(ClientContext()), 0.0
    loop.time = lambda: now
    known = Names(loop)
    for number in range(500):
        await known.addresses(f"{number}.test", 80)
    assert len(known) == 50
    now = names.LIFE / 2
    for number in range(20):
        await known.addresses(f"later-{number}.test", 80)
    assert len(known) == 50
    now = names.LIFE
    for number in range(10):
        await known.addresses(f"last-{number}.test", 80)
    # 30 of the first have been forgotten in time.
    assert len(known) == 30


async def test_an_address_is_not_looked_up_but_for_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver(monkeypatch, here)
    known = Names(running_loop(ClientContext()))
    assert await known.addresses("127.0.0.1", 80) == [(socket.AF_INET, ("127.0.0.1", 80))]
    assert await known.addresses("::1", 80) == [(socket.AF_INET6, ("::1", 80))]
    assert resolver.asked == []
    await known.addresses("fe80::1%eth0", 80)
    assert resolver.asked == ["fe80::1%eth0"]


async def test_what_may_pass_is_tried_again_and_a_name_that_cannot_be_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = Names(running_loop(ClientContext()))
    for error, transient in (
        (UnicodeError("label too long"), False),
        (ValueError("embedded null character"), False),
        (OverflowError("getsockaddrarg: port must be 0-65535."), False),
        (RuntimeError("Executor shutdown has been called"), True),
        (MemoryError(), True),
    ):
        held = Held(error)
        held.may.set()
        Resolver(monkeypatch, held)
        with pytest.raises(ConnectError) as failed:
            await known.addresses("server.test", 80)
        assert failed.value.__cause__ is error
        assert failed.value.transient is transient
