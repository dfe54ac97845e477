"""What counts as a transport, and where the names are that one is written with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

import pynector
from pynector import transport
from pynector.transport import OriginCounts, TransportProtocol
from pynector.transport.websocket import Gap, Message, Subscription

CONTRACT = {
    "Completion", "ExchangeTransport", "Handle", "OriginCounts", "RequestObserver", "Snapshot", "StreamTransport",
    "SubmitTransport", "Target", "TransportProtocol",
}  # fmt: skip


class Connects:
    async def connect(self) -> None: ...

    async def disconnect(self) -> None: ...


class SendsAndReceives(Connects):
    """As short as the first transport in docs/transports.md."""

    async def send(self, data: Any, /, **options: Any) -> None: ...

    async def receive(self) -> AsyncIterator[bytes]:
        yield b""


class SendsOnly(Connects):
    async def send(self, data: Any, /, **options: Any) -> None: ...


@pytest.mark.parametrize(("kind", "is_one"), [(Connects, False), (SendsOnly, False), (SendsAndReceives, True)])
def test_four_methods_make_a_transport(kind: type, is_one: bool) -> None:
    assert isinstance(kind(), TransportProtocol) is is_one


def test_the_contract_is_in_one_place() -> None:
    assert set(transport.__all__) >= CONTRACT
    assert OriginCounts("http", "localhost", 80, 1, None, 1, 0).origin == ("http", "localhost", 80)


def test_what_a_websocket_gives_is_where_the_client_is() -> None:
    assert (pynector.Message, pynector.Gap, pynector.Subscription) == (Message, Gap, Subscription)


@pytest.mark.parametrize(("module", "name"), [("http.response", "Response"), ("websocket.messages", "Message")])
def test_importing_pynector_leaves_a_transport_for_its_first_use(module: str, name: str) -> None:
    loaded = f"'pynector.transport.{module}' in sys.modules"
    code = f"import sys, pynector; print({loaded}); pynector.{name}; print({loaded})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert (done.stdout.split(), done.stderr) == (["False", "True"], "")


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'pynector' has no attribute 'Massage'"):
        _ = pynector.Massage
