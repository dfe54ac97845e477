"""Clients in threads, for whoever tests them, and that none of their threads is left."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from pynector.integrations.many import requests


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert not requests._pool.names()
    left = [thread for thread in threading.enumerate() if thread not in before and "pynector" in thread.name]
    assert not left
