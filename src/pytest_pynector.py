"""Fixtures for pytest, of pynector.testing, which is imported when one is used: every run of pytest imports this."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pynector.testing import FakeTransport, LoopbackServer, Replay, VirtualTime


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that says whether recordings may grow."""
    parser.getgroup("pynector").addoption(
        "--pynector-record",
        choices=("none", "new"),
        default="none",
        help="what pynector_replay does with requests that are not in its file: fail (none), or ask and record (new)",
    )


@pytest.fixture(scope="session")
def pynector_server() -> Iterator[LoopbackServer]:
    """A real HTTP server on loopback, one for all tests of a process."""
    from pynector.testing import LoopbackServer

    with LoopbackServer() as server:
        yield server


@pytest.fixture
def pynector_fake() -> Iterator[FakeTransport]:
    """What answers the HTTP requests of every client of Pynector in the test: see FakeTransport.answer."""
    from pynector.testing import FakeTransport

    with FakeTransport().everywhere() as fake:
        yield fake


@pytest.fixture
def pynector_replay(request: pytest.FixtureRequest) -> Iterator[Callable[..., Replay]]:
    """Give a function that answers every client's HTTP requests from a file, to the test's end.

    Its argument is the file, relative to the test's folder, and what Replay takes by name. `--pynector-record=new`
    records what is not in it.
    """
    from pynector.testing import Replay

    with ExitStack() as used:

        def from_file(path: str, **options: Any) -> Replay:
            options.setdefault("record", request.config.getoption("--pynector-record"))
            return used.enter_context(Replay(request.path.parent / path, **options).everywhere())

        yield from_file


@pytest.fixture
def pynector_no_network() -> Iterator[list[str]]:
    """Lets no client of Pynector connect to another machine, and fails the test if one would have."""
    from pynector.testing import no_network

    with no_network() as refused:
        yield refused


@pytest.fixture
def pynector_virtual_time() -> Iterator[VirtualTime]:
    """Lets no event loop wait in the test: what it waits for comes at once, and in its order. See virtual_time."""
    from pynector.testing import virtual_time

    with virtual_time() as passed:
        yield passed
