"""The client for code without an event loop: what it does like the other, and what threads add."""

from __future__ import annotations

import contextvars
import gc
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

import pynector
from leaks import open_files
from pynector import ConfigurationError, HTTPStatusError, PynectorError, TransportError
from pynector.blocking import Pynector
from pynector.blocking.thread import Call
from pynector.testing import LoopbackServer
from wsservers import running


@pytest.fixture
def client(server: LoopbackServer) -> Iterator[Pynector]:
    with Pynector(base_url=server.url) as made:
        yield made


def paths(count: int) -> list[tuple[Any, dict[str, Any]]]:
    return [({"path": f"/id/{number}"}, {}) for number in range(count)]


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "pynector.blocking"]


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


# Like the other


def test_it_has_the_same_methods() -> None:
    public = {name for name in dir(pynector.Pynector) if not name.startswith("_")}
    assert public - {"aclose"} == {name for name in dir(Pynector) if not name.startswith("_")} - {"close"}
    for name in public - {"aclose"}:
        assert getattr(Pynector, name).__doc__


def test_requests(client: Pynector, server: LoopbackServer) -> None:
    assert client.request({"path": "/id/7"}) == client.get("/id/7") == b"7"
    assert client.post("/echo", json=[1], as_response=True).json() == [1]
    assert client.post("/echo", data={"a": "1"}) == b"a=1"
    assert client.request_with_retry({"path": "/flaky?key=blocking&failures=1"}, 2, 0.0) == b"2"
    with pytest.raises(HTTPStatusError, match="404") as caught:
        client.get("/status/404")
    assert caught.value.response.content == b"404 Not Found"
    with pytest.raises(TimeoutError):
        client.get("/hang", 0.05)
    with pytest.raises(ConfigurationError, match="timeout"):
        client.get("/", -1)
    assert client.stats().requests > 0
    assert repr(client) == "<blocking Pynector HTTPTransport on native open>"


def test_batches(client: Pynector) -> None:
    assert client.batch_request(paths(300), 10) == [b"%d" % number for number in range(300)]
    assert client.batch_request(iter(paths(3))) == [b"0", b"1", b"2"]
    with client.batch_stream(paths(1000), ordered=True) as results:
        assert [item.result for item in results] == [b"%d" % number for number in range(1000)]
    with client.batch_stream(paths(5)) as results:
        assert next(results).ok
        results.drain()
    with pytest.raises(ConfigurationError, match="max_concurrency"):
        client.batch_stream([], max_concurrency=0)


def test_a_source_that_raises(client: Pynector) -> None:
    def source() -> Iterator[tuple[Any, dict[str, Any]]]:
        yield from paths(3)
        raise KeyError("source")

    got: list[Any] = []
    with client.batch_stream(source()) as results, pytest.raises(KeyError, match="source"):
        got.extend(item.result for item in results)
    assert sorted(got) == [b"0", b"1", b"2"]
    with client.batch_stream(source()) as results:
        assert sorted(next(results).result for _ in range(3)) == [b"0", b"1", b"2"]
        with pytest.raises(KeyError):
            next(results)
        assert list(results) == []


def test_leaving_a_batch_early_ends_what_is_in_flight(client: Pynector, server: LoopbackServer) -> None:
    endless = (({"path": "/id/1?delay=0.01"}, {}) for _ in iter(int, 1))
    with client.batch_stream(endless, max_concurrency=5) as results:
        assert next(results).result == b"1"
    assert eventually(lambda: server.stats().in_flight == 0)


def test_streams(client: Pynector, server: LoopbackServer) -> None:
    with client.stream({"path": "/bytes/2000000"}) as response:
        assert (response.status_code, response.reason_phrase, response.ok, response.links) == (200, "OK", True, {})
        assert (response.http_version, response.url) == ("HTTP/1.1", f"{server.url}/bytes/2000000")
        assert response.headers["content-length"] == "2000000"
        assert repr(response) == "<StreamedResponse 200 OK>"
        whole = b"".join(response.iter_bytes())
    with client.stream({"path": "/bytes/2000000"}) as response:
        assert response.read() == response.read() == whole
    with client.stream({"path": "/bytes/10"}) as response:
        assert [len(piece) for piece in response.iter_bytes(4)] == [4, 4, 2]
    with client.stream({"path": "/bytes/10"}) as response:
        assert list(response.iter_raw()) == [b"0123456789"]
    with client.stream({"path": "/echo", "method": "PUT", "content": "a\nb"}) as response:
        assert list(response.iter_lines()) == ["a", "b"]
    with client.stream({"path": "/echo", "method": "PUT", "content": "ä"}) as response:
        assert "".join(response.iter_text()) == "ä"
    with client.stream({"path": "/events/2"}) as response:
        assert [event.data for event in response.iter_events()] == ["event 1", "event 2"]
    with client.stream({"path": "/status/404"}, raise_for_status=False) as response, pytest.raises(HTTPStatusError):
        response.raise_for_status()
    with pytest.raises(HTTPStatusError), client.stream({"path": "/status/404"}):
        pass
    with client.stream({"path": "/truncate/1000"}) as response, pytest.raises(TransportError, match=r"GET http"):
        list(response.iter_bytes())


def test_events_and_downloads(client: Pynector, tmp_path: Path) -> None:
    with client.events("/events/3?each=2") as events:
        assert next(events).id == events.last_event_id == "1"
        assert [event.data for event in events] == ["event 2", "event 3"]
    assert client.download("/bytes/100", tmp_path / "it").stat().st_size == 100


def test_websocket_messages() -> None:
    with running() as port, Pynector(transport_type="websocket", url=f"ws://127.0.0.1:{port}/echo") as client:
        assert client.request("hello") == b"hello"
        with client.subscribe() as messages:
            assert messages is iter(messages)


# Blocks


def test_an_error_of_the_block_is_raised_as_it_is(client: Pynector) -> None:
    for error in (KeyError("own"), StopIteration(), KeyboardInterrupt(), PynectorError("own")):
        with pytest.raises(type(error)) as caught, client.stream({"path": "/bytes/100"}):
            raise error
        assert caught.value is error
    assert client.get("/id/1") == b"1"


def test_what_is_entered_wrongly(client: Pynector) -> None:
    entering = client.stream({"path": "/id/1"})
    with pytest.raises(PynectorError, match="`with` is missing"):
        iter(entering)
    with entering as response:
        pieces = response.iter_bytes()
    with pytest.raises(PynectorError, match="entered once"):
        entering.__enter__()
    with pytest.raises(PynectorError, match="inside of its `with`"):
        next(pieces)


# Threads


def test_many_threads_at_once(client: Pynector) -> None:
    def work(number: int) -> list[bytes]:
        return [client.get(f"/id/{number}-{turn}") for turn in range(30)]

    with ThreadPoolExecutor(16) as pool:
        for number, got in enumerate(pool.map(work, range(16))):
            assert got == [b"%d-%d" % (number, turn) for turn in range(30)]


def test_many_threads_take_from_one_batch(client: Pynector) -> None:
    with client.batch_stream(paths(2000)) as results, ThreadPoolExecutor(8) as pool:
        taken = [future.result() for future in [pool.submit(list, results) for _ in range(8)]]
    assert sorted(item.index for items in taken for item in items) == list(range(2000))


def test_the_caller_s_context_variables(server: LoopbackServer) -> None:
    variable = contextvars.ContextVar("variable", default="none")
    seen: list[str] = []

    def body() -> Iterator[bytes]:
        seen.append(variable.get())
        yield b"x"

    variable.set("mine")
    with Pynector(base_url=server.url) as client:
        client.put("/echo", content=body())
    assert seen == ["mine"]


def test_its_own_thread_is_told(client: Pynector) -> None:
    told: list[BaseException] = []

    def source() -> Iterator[tuple[Any, dict[str, Any]]]:
        try:
            client.get("/id/1")
        except PynectorError as error:
            told.append(error)
        yield from paths(1)

    with client.batch_stream(source()) as results:
        assert [item.result for item in results] == [b"0"]
    assert "cannot be called from its own thread" in str(told[0])


@pytest.mark.parametrize("use", [lambda client: client.get("/id/1"), Pynector.close], ids=["get", "close"])
def test_clients_that_would_wait_for_each_other_are_told(
    client: Pynector, server: LoopbackServer, use: Callable[[Pynector], object]
) -> None:
    told: list[BaseException] = []

    def inner() -> Iterator[tuple[Any, dict[str, Any]]]:
        try:
            use(client)
        except PynectorError as error:
            told.append(error)
        yield from paths(1)

    def outer() -> Iterator[tuple[Any, dict[str, Any]]]:
        # One that waits for nobody can be called, in this thread, too.
        assert other.get("/id/2") == b"2"
        assert other.batch_request(inner()) == [b"0"]
        yield from paths(1)

    with Pynector(base_url=server.url) as other:
        with client.batch_stream(outer()) as results:
            assert [item.result for item in results] == [b"0"]
        # It is over, and what was refused has left nothing behind.
        assert (other.get("/id/3"), client.get("/id/3")) == (b"3", b"3")
    assert "the thread of another one, for which it waits itself" in str(told[0])


@pytest.fixture
def press(server: LoopbackServer) -> Iterator[Callable[[], threading.Thread]]:
    """Presses Ctrl-C when another request has come."""
    # Where tests run in several processes, these ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    main = threading.get_ident()

    def begin() -> threading.Thread:
        asked = server.stats().requests

        def wait_and_press() -> None:
            if eventually(lambda: server.stats().requests > asked):
                signal.pthread_kill(main, signal.SIGINT)

        thread = threading.Thread(target=wait_and_press)
        thread.start()
        return thread

    yield begin
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_what_is_waited_for(
    client: Pynector, server: LoopbackServer, press: Callable[[], threading.Thread]
) -> None:
    def hang_in_stream() -> None:
        with client.stream({"path": "/hang"}):
            pass

    def wait_in_block() -> None:
        with client.stream({"path": "/drip/1000"}) as response:
            list(response.iter_bytes(1_000_000))

    for wait in (lambda: client.get("/hang"), hang_in_stream, wait_in_block):
        pressing = press()
        with pytest.raises(KeyboardInterrupt):
            wait()
        pressing.join()
        assert eventually(lambda: server.stats().in_flight == 0)
    assert client.get("/id/1") == b"1"


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Has the next call interrupted at the worst moment: it has just been done."""
    wait: Any = Call._wait

    def interrupt() -> None:
        def waiting(call: Call[Any]) -> None:
            wait(call)
            monkeypatch.setattr(Call, "_wait", wait)
            raise KeyboardInterrupt

        monkeypatch.setattr(Call, "_wait", waiting)

    return interrupt


def test_ctrl_c_when_it_has_just_been_done(
    client: Pynector, server: LoopbackServer, interrupted: Callable[[], None]
) -> None:
    interrupted()
    with pytest.raises(KeyboardInterrupt):
        client.get("/id/1")
    with client.batch_stream(paths(1000), ordered=True) as results:
        assert next(results).result == b"0"
        for _ in range(256):
            next(results)
        interrupted()
        taken: list[Any] = []
        with pytest.raises(KeyboardInterrupt):
            taken.extend(results)
        taken.extend(results)
    # The iterator that `extend` had was lost with what it had, and nothing else.
    assert taken[-1].index == 999
    assert len(taken) == 1000 - 257
    interrupted()
    with pytest.raises(KeyboardInterrupt), client.stream({"path": "/drip/1000"}):
        pass
    assert eventually(lambda: server.stats().in_flight == 0)


def test_what_exits_in_its_thread_exits_in_the_caller_s(client: Pynector) -> None:
    def source() -> Iterator[tuple[Any, dict[str, Any]]]:
        yield from paths(1)
        sys.exit(7)

    for _ in range(2):
        with pytest.raises(SystemExit) as caught:
            client.batch_request(source())
        assert caught.value.code == 7
        assert client.get("/id/1") == b"1"


def test_where_no_thread_can_begin_that_is_told_each_time(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        client = Pynector(base_url=server.url)
        patched.setattr(threading.Thread, "start", fail)
        for _ in range(2):
            with pytest.raises(PynectorError, match="none can begin: can't start new thread"):
                client.get("/id/1")
    with client:
        assert client.get("/id/1") == b"1"


def test_ctrl_c_while_the_thread_begins_leaves_none(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        raise KeyboardInterrupt

    with Pynector(base_url=server.url) as other, monkeypatch.context() as patched:
        before = threading.active_count()
        client = Pynector(base_url=server.url)
        patched.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.get("/id/1")
        patched.undo()
        assert eventually(lambda: threading.active_count() == before)
        with client:
            assert client.get("/id/1") == other.get("/id/1") == b"1"


def test_closing_ends_what_others_wait_for(server: LoopbackServer) -> None:
    client = Pynector(base_url=server.url)
    with ThreadPoolExecutor(3) as pool:
        waiting = [
            pool.submit(client.get, "/hang"),
            pool.submit(client.batch_request, [({"path": "/hang"}, {})], raise_on_error=True),
        ]
        assert eventually(lambda: server.stats().in_flight >= 2)
        client.close()
        for future in waiting:
            with pytest.raises(TransportError, match="closed"):
                future.result(20)
    assert not threads()
    assert client.get("/id/1") == b"1"
    client.close()
    client.close()
    assert not threads()


def test_closing_inside_of_a_stream(server: LoopbackServer) -> None:
    with Pynector(base_url=server.url) as client:
        with client.stream({"path": "/drip/1000"}) as response:
            pieces = response.iter_bytes()
            next(pieces)
            client.close()
            with pytest.raises(PynectorError):
                list(pieces)
        assert client.get("/id/1") == b"1"


# Lives


def test_nothing_is_left(server: LoopbackServer) -> None:
    before = open_files() or 0
    for _ in range(3):
        with Pynector(base_url=server.url) as client:
            client.get("/id/1")
    assert not threads()
    assert (open_files() or 0) <= before


def test_one_that_is_forgotten_is_told_of_and_ends(server: LoopbackServer) -> None:
    client = Pynector(base_url=server.url)
    client.get("/id/1")
    kept = [client]
    del client
    with pytest.warns(ResourceWarning, match="a blocking client was not closed"):
        gc.collect(kept.clear() or 2)
    assert eventually(lambda: not threads())


def test_it_is_pickled_as_configuration(server: LoopbackServer) -> None:
    with Pynector(base_url=server.url) as client:
        client.get("/id/1")
        with pickle.loads(pickle.dumps(client)) as other:
            assert other.get("/id/2") == b"2"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_begins_anew(client: Pynector) -> None:
    assert client.get("/id/1") == b"1"
    context: Any = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=lambda: queue.put(client.get("/id/2")))
    child.start()
    assert queue.get(timeout=20) == b"2"
    child.join(20)
    assert (child.exitcode, client.get("/id/3")) == (0, b"3")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_in_a_stream_is_no_longer_in_it(client: Pynector) -> None:
    def leave() -> None:
        try:
            next(pieces)
        except PynectorError as error:
            queue.put(str(error))
        stack.close()
        queue.put(client.get("/id/2"))

    context: Any = multiprocessing.get_context("fork")
    queue = context.Queue()
    with ExitStack() as stack:
        pieces = iter(stack.enter_context(client.stream({"path": "/bytes/1000000"})).iter_bytes())
        child = context.Process(target=leave)
        child.start()
        assert "inside of its `with`" in queue.get(timeout=20)
        assert queue.get(timeout=20) == b"2"
        child.join(20)
        assert (child.exitcode, sum(map(len, pieces))) == (0, 1_000_000)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_while_another_thread_takes_from_a_stream_is_told(client: Pynector) -> None:
    with client.batch_stream([({"path": "/hang"}, {})]) as results:

        def take() -> None:
            with pytest.raises(TransportError):
                next(results)

        taking = threading.Thread(target=take)
        taking.start()
        # So that it is about to wait; if it is not yet, there is nothing to see.
        taking.join(0.2)

        def child() -> None:
            with pytest.raises(PynectorError, match="inside of its `with`"):
                next(results)

        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join(20)
        try:
            assert process.exitcode == 0
        finally:
            process.kill()
            process.join()
    taking.join()


@pytest.mark.parametrize(
    "use",
    [
        pytest.param("print(client.get('/id/5'))", id="here"),
        pytest.param(
            "from threading import *; Timer(0.1, lambda: print(client.get('/id/5'))).start()",
            id="another thread, when this one has ended",
            marks=pytest.mark.skipif((3, 12) <= sys.version_info < (3, 12, 3), reason="no thread can begin there"),
        ),
    ],
)
def test_a_program_that_does_not_close_ends(use: str, server: LoopbackServer) -> None:
    program = "from pynector.blocking import Pynector as P\nclient = P(base_url=%r)\n" + use
    command = [sys.executable, "-W", "error", "-c", program % server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stdout, done.stderr) == (0, "b'5'\n", "")


def test_closing_while_others_go_on_lets_them_connect_again_or_fail(server: LoopbackServer) -> None:
    client, said, is_over = Pynector(base_url=server.url), set[str](), threading.Event()

    def use() -> None:
        while not is_over.is_set():
            try:
                assert client.get("/id/1") == b"1"
            except PynectorError as error:
                said.add(str(error))

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        client.close()
    is_over.set()
    for thread in threads:
        thread.join()
    client.close()
    assert all("the client was closed" in text for text in said)


def test_a_thread_that_is_to_end_does_not_wait_for_the_next_one(server: LoopbackServer) -> None:
    client, said = Pynector(base_url=server.url), list[str]()

    def call_again(progress: Any) -> None:
        if said:
            return
        client.close()
        with pytest.raises(PynectorError) as raised:
            client.get("/id/1")
        said.append(str(raised.value))

    with suppress(PynectorError):
        client.batch_request(paths(10), on_progress=call_again)
    assert said[0].startswith("a blocking client cannot be called from")
    with client:
        assert client.get("/id/1") == b"1"
