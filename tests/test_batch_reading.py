"""What `batch_request` reads: lists as a whole, other iterables while it runs; and lists that it fills."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import anyio
import anyio.lowlevel
import pytest

from pynector import ConfigurationError, HTTPRequest, Pynector, PynectorError, TimeoutError, TransportError
from pynector.testing import LoopbackServer
from transports import ExchangeOnly, ImmediateSubmit, transport_of

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["exchange", "submit"])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """A transport of either kind that can hold several requests."""
    async with transport_of(request.param) as made:
        yield made


class Numbers:
    """The entries 0 to `count`, and what becomes of reading them."""

    def __init__(self, count: int, problem: BaseException | None = None) -> None:
        self.count = count
        self.problem = problem
        self.read = 0
        self.is_closed = False

    def __iter__(self) -> Iterator[Any]:
        try:
            for number in range(self.count):
                self.read += 1
                yield number, {}
            if self.problem is not None:
                raise self.problem
        finally:
            self.is_closed = True

    async def later(self) -> AsyncIterator[Any]:
        """Give them one by one, and the event loop its turn between them."""
        for entry in self:
            await anyio.lowlevel.checkpoint()
            yield entry


@pytest.mark.parametrize("later", [False, True], ids=["iterable", "async-iterable"])
@pytest.mark.parametrize("count", [0, 1, 5, 1_000])
async def test_what_is_no_list_is_read_to_its_end(transport: Any, count: int, later: bool) -> None:
    numbers = Numbers(count)
    requests = numbers.later() if later else iter(numbers)
    assert await Pynector(transport).batch_request(requests, max_concurrency=7) == list(range(count))
    assert numbers.is_closed


async def test_an_iterable_is_read_no_faster_than_it_is_sent() -> None:
    numbers, ahead, done = Numbers(200), [], []

    class Watching(ExchangeOnly):
        async def exchange(self, data: Any, /, **options: Any) -> Any:
            ahead.append(numbers.read - len(done))
            answer = await super().exchange(data, **options)
            done.append(answer)
            return answer

    await Pynector(Watching()).batch_request(iter(numbers), max_concurrency=5)
    assert max(ahead) <= 5


async def test_a_wrong_entry_of_an_iterable_is_an_error_in_its_place(transport: Any) -> None:
    entries = iter([("a", {}), "b", ("c", {"timeout": -1}), ("d", {})])
    a, b, c, d = await Pynector(transport).batch_request(entries)  # type: ignore[arg-type]
    assert (a, d) == ("a", "d")
    assert isinstance(b, ConfigurationError)
    assert "requests[1] must be a tuple (data, options) with a dict of options, or an HTTPRequest, not str" in str(b)
    assert isinstance(c, ConfigurationError)
    assert "timeout" in str(c)


async def test_what_reading_raises_is_raised_after_what_was_in_flight(transport: Any) -> None:
    into: list[Any] = []
    with pytest.raises(ZeroDivisionError):
        await Pynector(transport).batch_request(iter(Numbers(9, ZeroDivisionError())), max_concurrency=3, into=into)
    assert into == list(range(9))


class Uncopied(dict[str, Any]):
    """Options that raise where Pynector takes hold of them."""

    def __copy__(self) -> Any:
        raise ZeroDivisionError


@pytest.mark.parametrize("what", ["exits", "uncopied"])
async def test_what_the_reading_cannot_go_on_after_ends_the_batch(transport: Any, what: str) -> None:
    def entries() -> Iterator[Any]:
        yield from Numbers(5)
        if what == "exits":
            raise SystemExit(3)
        yield 5, Uncopied(key=1)

    with anyio.fail_after(60), pytest.raises(SystemExit if what == "exits" else ZeroDivisionError):
        await Pynector(transport).batch_request(entries(), max_concurrency=2)
    await anyio.wait_all_tasks_blocked()
    assert transport.in_flight == 0


async def test_the_first_failure_ends_the_reading(transport: Any) -> None:
    numbers = Numbers(10_000)

    def entries() -> Iterator[Any]:
        yield ValueError("x"), {}
        yield from numbers

    with pytest.raises(PynectorError):
        await Pynector(transport).batch_request(entries(), max_concurrency=2, raise_on_error=True)
    assert numbers.is_closed
    assert numbers.read < 100


@pytest.mark.parametrize("raises", [False, True])
async def test_a_source_that_does_not_go_on_in_time(transport: Any, raises: bool) -> None:
    async def entries() -> AsyncIterator[Any]:
        yield "a", {}
        await anyio.sleep_forever()

    into: list[Any] = []
    call = Pynector(transport).batch_request(entries(), timeout=1, raise_on_error=raises, into=into)
    if raises:
        with pytest.raises(TimeoutError):
            await call
        assert into[0] == "a"
        return
    a, late = await call
    assert a == "a"
    assert isinstance(late, TimeoutError)
    assert late.sent == "none"


async def test_a_cancelled_batch_leaves_what_was_done(transport: Any) -> None:
    into: list[Any] = []
    transport.stuck = {"b"}
    with anyio.move_on_after(1) as scope:
        await Pynector(transport).batch_request([("a", {}), ("b", {}), ("c", {})], into=into)
    assert scope.cancelled_caught
    assert into == ["a", None, "c"]


async def test_the_list_to_fill_is_what_is_returned(transport: Any) -> None:
    client = Pynector(transport)
    for requests in ([("a", {})], iter([("a", {})]), []):
        into: list[Any] = []
        assert await client.batch_request(requests, into=into) is into
        assert into == ["a"] * (requests != [])


@pytest.mark.parametrize("wrong", [["x"], (), {}, "", 1, type("List", (list,), {})()])
async def test_a_list_to_fill_is_an_empty_list(wrong: Any) -> None:
    transport = ImmediateSubmit()
    with pytest.raises(ConfigurationError, match=r"^into must be an empty list, not"):
        await Pynector(transport).batch_request([("a", {})], into=wrong)
    assert transport.connects == 0


async def test_a_failure_to_connect_is_in_the_list_to_fill_too() -> None:
    unreachable = Pynector(Unreachable())
    into: list[Any] = []
    assert await unreachable.batch_request([("a", {}), ("b", {})], into=into) is into
    assert [type(error) for error in into] == [TransportError, TransportError]
    with pytest.raises(TransportError):
        await unreachable.batch_request(iter([("a", {})]))
    assert unreachable.stats().errors == {"TransportError": 3}


class Unreachable(ExchangeOnly):
    """A transport that cannot connect."""

    async def connect(self) -> None:
        raise TransportError("nobody there")


class Named(NamedTuple):
    """An entry by another name."""

    data: Any
    options: dict[str, Any]


@pytest.mark.parametrize("as_list", [True, False], ids=["list", "iterable"])
@pytest.mark.parametrize("kind", [dict, OrderedDict, type("Options", (dict,), {})])
async def test_entries_and_their_options_may_be_of_kinds_of_their_own(
    server: LoopbackServer, as_list: bool, kind: Any
) -> None:
    async with Pynector(base_url=server.url) as client:
        entries = [Named({"path": "/id/1"}, kind(timeout=5)), Named(None, kind(path="/id/2"))]
        assert await client.batch_request(entries if as_list else iter(entries)) == [b"1", b"2"]


@pytest.mark.parametrize("as_list", [True, False], ids=["list", "iterable"])
async def test_entries_may_be_requests(server: LoopbackServer, as_list: bool) -> None:
    requests: list[Any] = [
        HTTPRequest(path="/id/1"),
        ({"path": "/id/2"}, {}),
        HTTPRequest("POST", "/echo", data={"a": 1}),
    ]
    async with Pynector(base_url=server.url) as client:
        answers = await client.batch_request(requests if as_list else iter(requests))
        assert answers == [b"1", b"2", b"a=1"]
        async with client.batch_stream(requests, ordered=True) as results:
            assert [item.result async for item in results] == answers
