"""What any thread may ask for, while another one does."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from pynector import HTTPRequest, Pynector, Response
from pynector.testing import LoopbackServer
from pynector.transport.http import response as responses
from pynector.transport.http.response import response_as_sent

HEAD = b"HTTP/1.1 200 OK\r\nA: 1\r\nB: 2"
ORIGIN = ("http", "h", 80)


def answer() -> Response:
    """An answer of which nobody has asked anything yet."""
    return response_as_sent(200, HEAD, b"", ORIGIN, b"/a", "1.1", 0.0, ())


def test_a_url_is_made_by_two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    response, base_of, seen = answer(), responses.base_of, []

    def another_one_asks_meanwhile(origin: tuple[str, str, int]) -> str:
        if not seen:
            seen.append("")
            seen.append(response.url)
        return base_of(origin)

    monkeypatch.setattr(responses, "base_of", another_one_asks_meanwhile)
    assert response.url == "http://h/a"
    assert seen == ["", "http://h/a"]


def test_many_ask_one_response() -> None:
    count = 4
    at_once = threading.Barrier(count)
    asked = [answer() for _ in range(500)]
    found: list[set[Any]] = [set() for _ in asked]

    def ask() -> None:
        for response, seen in zip(asked, found, strict=True):
            at_once.wait()
            seen.add((response.url, response.headers["b"], tuple(response.headers.items())))

    in_threads([ask] * count)
    assert found == [{("http://h/a", "2", (("a", "1"), ("b", "2")))}] * len(asked)


def test_a_client_for_each_thread(server: LoopbackServer) -> None:
    results: list[list[Any]] = []

    async def send() -> None:
        async with Pynector(base_url=server.url, as_response=True) as client:
            requests = [(HTTPRequest(path=f"/id/{number}"), {}) for number in range(200)]
            results.append([item.text for item in await client.batch_request(requests, max_concurrency=20)])

    in_threads([lambda: anyio.run(send)] * 3)
    assert results == [[str(number) for number in range(200)]] * 3


def in_threads(functions: list[Callable[[], None]]) -> None:
    """Call functions, each in a thread, and raise what one of them raises."""
    errors: list[BaseException] = []

    def run(function: Callable[[], None]) -> None:
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


IMPORT_ALL = """
import contextlib, importlib, pkgutil, sys, sysconfig
import pynector
for module in pkgutil.walk_packages(pynector.__path__, "pynector."):
    if ".native." in module.name or "_speedups" in module.name or ".websocket." in module.name:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(module.name)
has_gil = getattr(sys, "_is_gil_enabled", lambda: True)()
print(has_gil and bool(sysconfig.get_config_var("Py_GIL_DISABLED")))
"""


def test_no_module_brings_the_gil_back() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_ALL], capture_output=True, text=True, timeout=600
    )
    assert (done.stdout, done.stderr) == ("False\n", "")
