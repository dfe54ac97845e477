"""Record batches through a client: every answer in its row, failures as values, several batches at a time."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timezone
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from uuid import UUID

import pytest

from pynector import BatchItem, ConfigurationError, Rate, RetryPolicy, TransportError
from pynector.integrations.many import Asked, Lender, Loan, Requests, running
from pynector.integrations.many.columns import names_of, records_of
from pynector.testing import LoopbackServer


def batches(count: int, size: int, more: Any = None) -> Iterator[dict[str, list[Any]]]:
    for first in range(0, count, size):
        ids = list(range(first, min(first + size, count)))
        yield {"id": ids, **({} if more is None else {name: [make(n) for n in ids] for name, make in more.items()})}


def rows(batch: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]


def test_every_answer_is_in_its_row(server: LoopbackServer) -> None:
    with Requests({"base_url": server.url}, path="/id/{id}", answer="text") as requests:
        made = [row for batch in requests.process(batches(2500, 100)) for row in rows(batch)]
    assert [row["id"] for row in made] == list(range(2500))
    assert [row["response_body"] for row in made] == [str(number) for number in range(2500)]
    last = made[-1]
    assert {name.removeprefix("response_") for name in last} == {
        "id", "status", "error", "message", "phase", "sent", "attempts", "elapsed", "body",
    }  # fmt: skip
    assert (last["response_status"], last["response_error"], last["response_sent"]) == (200, None, "full")
    assert last["response_attempts"] == 1
    assert last["response_elapsed"] > 0


def test_a_failure_is_a_value_in_its_row(server: LoopbackServer) -> None:
    paths = ["/id/0", "/status/404", "/close", None, "/id/4", "/delay/30"]
    batch = {"path": paths, "id": list(range(6))}
    with Requests({"base_url": server.url, "timeout": 5}, prefix="") as requests:
        (made,) = requests.process([batch])
    assert made["status"][:5] == [200, 404, None, None, 200]
    assert made["error"] == [None, "HTTPStatusError", "ConnectionLost", "ConfigurationError", None, "TimeoutError"]
    assert made["sent"] == ["full", "full", "full", "none", "full", "full"]
    assert made["phase"] == [None, "body", "headers", None, None, "headers"]
    assert made["attempts"][3] == 0
    assert made["message"][3].startswith("there is no request to make of a record: it has neither url nor path")
    assert made["body"][0] == b"0"
    assert made["body"][3] is None


def test_columns_describe_requests(server: LoopbackServer) -> None:
    batch = {
        "method": ["PUT", "GET"],
        "url": [f"{server.url}/inspect", f"{server.url}/inspect"],
        "json": [{"a": [1]}, None],
        "params": [None, {"q": "x y"}],
        "headers": [{"X-One": "1"}, None],
        "other": ["kept", "kept"],
    }
    with Requests(answer="json") as requests:
        (made,) = requests.process([batch])
    first, second = made["response_json"]
    assert (first["method"], json.loads(first["body"])) == ("PUT", {"a": [1]})
    assert ["x-one", "1"] in [[name.lower(), value] for name, value in first["headers"]]
    assert (second["method"], second["query"]) == ("GET", [["q", "x y"]])
    assert made["other"] == ["kept", "kept"]


def test_templates_make_requests_of_columns(server: LoopbackServer) -> None:
    requests = Requests(
        {"base_url": server.url},
        path="/inspect?q={text}",
        json={"text": "{text}", "number": "{user.id}", "says": "{user.id} of {text}"},
        headers={"X-Id": "{user.id}"},
        answer="json",
    )
    with requests:
        (made,) = requests.process([{"text": ["a b/c"], "user": [{"id": 7}]}])
    (seen,) = made["response_json"]
    assert (seen["method"], seen["query"]) == ("POST", [["q", "a b/c"]])
    assert json.loads(seen["body"]) == {"text": "a b/c", "number": 7, "says": "7 of a b/c"}
    assert "7" in [value for name, value in seen["headers"] if name.lower() == "x-id"]


def test_what_is_no_text_goes_into_one_in_its_usual_form(server: LoopbackServer) -> None:
    values = [
        date(2026, 11, 27),
        datetime(2026, 11, 27, 10, tzinfo=timezone.utc),
        Decimal("1.50"),
        UUID(int=7),
        True,
        1.5,
    ]
    with Requests({"base_url": server.url}, path="/inspect?q={value}", answer="json") as requests:
        (made,) = requests.process([{"value": [*values, b"raw", object(), None]}])
    seen = [None if answer is None else answer["query"][0][1] for answer in made["response_json"]]
    assert seen[:6] == ["2026-11-27", "2026-11-27T10:00:00+00:00", "1.50", str(UUID(int=7)), "true", "1.5"]
    assert seen[6:] == [None, None, None]
    assert made["response_error"][6:] == ["ConfigurationError"] * 3
    assert "its field 'value' is of bytes, which is no text" in made["response_message"][6]


def test_json_that_cannot_be_is_a_failure_of_its_row(server: LoopbackServer) -> None:
    with Requests({"base_url": server.url}, path="/inspect", json={"at": "{at}"}, answer="none") as requests:
        (made,) = requests.process([{"at": [1, object(), float("nan"), None]}])
    assert [error is None for error in made["response_error"]] == [True, False, False, True]


class Broken(dict[str, Any]):
    def __contains__(self, name: object) -> bool:
        raise OSError("the file is gone")


def test_a_value_of_which_nothing_can_be_made_is_a_failure_of_its_row(server: LoopbackServer) -> None:
    values = [{"in": 1}, {"in": "half \ud800"}, {"in": 10**5000}, Broken(), {"in": 5}]
    with Requests({"base_url": server.url}, path="/id/{value.in}", answer="text") as requests:
        (made,) = requests.process([{"value": values}])
    assert made["response_body"] == ["1", None, None, None, "5"]
    assert made["response_error"] == [None, *["ConfigurationError"] * 3, None]
    said = ("its field 'value.in' has half a character", "its field 'value.in' is of int", "the file is gone")
    for message, what in zip(made["response_message"][1:4], said, strict=True):
        assert what in message


def test_header_fields_that_are_none_are_a_failure_of_their_row(server: LoopbackServer) -> None:
    with Requests(headers={"X-Id": "{id}"}) as requests:
        (made,) = requests.process([{"url": [f"{server.url}/id/1"] * 2, "id": [1, 2], "headers": [5, [["A", "b"]]]}])
    assert made["response_error"] == ["ConfigurationError", None]
    assert "its field 'headers' is of int" in made["response_message"][0]


def test_rows_without_a_request_leave_the_others_theirs(server: LoopbackServer) -> None:
    """In many batches at a time, some of which have nothing to be sent."""
    ids: list[list[int | None]] = [[None if n % 3 == k % 4 else 100 * k + n for n in range(40)] for k in range(20)]
    ids[7] = ids[12] = [None] * 40
    with Requests({"base_url": server.url}, {"max_concurrency": 30}, path="/id/{id}", answer="text") as requests:
        made = list(requests.process({"id": values} for values in ids))
    assert [batch["id"] for batch in made] == ids
    for batch in made:
        assert batch["response_body"] == [None if id is None else str(id) for id in batch["id"]]
        assert [error is None for error in batch["response_error"]] == [id is not None for id in batch["id"]]


def test_requests_are_made_when_they_are_sent(server: LoopbackServer) -> None:
    """So that no more of them live than are in flight, or will soon be."""
    made: list[int] = []

    class Noted:
        def __init__(self, number: int) -> None:
            self._number = number

        def tolist(self) -> int:
            made.append(self._number)
            return self._number

    with Requests({"base_url": server.url}, {"max_concurrency": 5}, path="/delay/{id}") as requests:
        future = requests.begin([{"id": Noted(30 + number)} for number in range(1000)])
        until(lambda: bool(made))
        assert len(made) < 100
        assert future.cancel()


def test_of_what_has_ended_only_its_columns_are_kept(server: LoopbackServer) -> None:
    with Requests({"base_url": server.url}, path="/id/{id}?delay={delay}", answer="text") as requests:
        future = requests.begin({"id": list(range(500)), "delay": [30 if n == 5 else 0 for n in range(500)]})
        until(lambda: requests._running().unanswered == 1)
        assert len([each for each in gc.get_objects() if isinstance(each, BatchItem)]) < 100
        assert future.cancel()


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_so() and time.monotonic() < end:
        time.sleep(0.001)
    assert is_so()


def test_a_body_that_is_no_json_is_a_failure(server: LoopbackServer) -> None:
    with Requests({"base_url": server.url}, path="/bytes/3", answer="json") as requests:
        (made,) = requests.process([{"id": [1]}])
    assert (made["response_error"], made["response_json"]) == (["JSONError"], [None])
    assert (made["response_status"], made["response_sent"]) == ([200], ["full"])


TABLES = {"pyarrow": "table", "pandas": "DataFrame"}


@pytest.mark.parametrize("name", [name for name in TABLES if find_spec(name)])
def test_json_is_text_where_columns_have_types(server: LoopbackServer, name: str) -> None:
    batch = getattr(import_module(name), TABLES[name])({"id": [1]})
    with Requests({"base_url": server.url}, path="/inspect", answer="json") as requests:
        (made,) = requests.process([batch])
        shown = requests.answered(batch[:0])
    (record,) = records_of(made)
    assert json.loads(record["response_json"])["path"] == "/inspect"
    assert names_of(shown) == names_of(made)


def test_a_straggler_does_not_leave_the_window_empty(server: LoopbackServer) -> None:
    """The first batch waits for one answer; the others are sent meanwhile, as many as may wait for it."""
    delays = {"delay": lambda number: 3 if number == 5 else 0}
    before = time.monotonic()
    with Requests({"base_url": server.url}, {"max_concurrency": 10}, path="/id/{id}?delay={delay}") as requests:
        flow = requests.process(batches(160, 10, delays))
        first = next(flow)
        others = [requests._running().unanswered]
        made = [first, *flow]
    assert max(first["response_elapsed"]) >= 3
    assert time.monotonic() - before < 30
    assert others == [0], "what could be sent was sent while the first batch waited"
    assert [number for batch in made for number in batch["id"]] == list(range(160))


def test_batches_are_read_no_faster_than_they_are_needed(server: LoopbackServer) -> None:
    read: list[int] = []

    def counted() -> Iterator[Any]:
        for number, batch in enumerate(batches(100_000, 100)):
            read.append(number)
            yield batch

    with Requests({"base_url": server.url}, path="/id/{id}") as requests:
        flow = requests.process(counted())
        next(flow)
        assert len(read) <= 32
        flow.close()


def test_they_are_read_in_the_thread_that_asks(server: LoopbackServer) -> None:
    seen = set()

    def noted() -> Iterator[Any]:
        for batch in batches(100, 10):
            seen.add(threading.get_ident())
            yield batch

    with Requests({"base_url": server.url}, path="/id/{id}") as requests:
        list(requests.process(noted()))
    assert seen == {threading.get_ident()}


def test_copies_share_one_client_and_its_connections(server: LoopbackServer) -> None:
    requests = Requests({"base_url": server.url, "max_connections": 2}, path="/inspect", answer="json")
    copy = pickle.loads(pickle.dumps(requests))
    connections = set()
    with requests:
        for each in (requests, copy, pickle.loads(pickle.dumps(copy))):
            for made in each.process(batches(20, 10)):
                connections |= {seen["connection"] for seen in made["response_json"]}
    assert len(connections) <= 2


def test_several_threads_send_at_once(server: LoopbackServer) -> None:
    with Requests({"base_url": server.url}, path="/id/{id}", answer="text") as requests, ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(lambda: list(requests.process(batches(300, 50)))) for _ in range(4)]
        for future in futures:
            made = [row for batch in future.result() for row in rows(batch)]
            assert [row["response_body"] for row in made] == [str(number) for number in range(300)]


def test_what_nobody_wants_any_more_is_not_sent(server: LoopbackServer) -> None:
    """The iterator is closed half-way, or a batch that was begun is cancelled: what is in flight ends, and no more."""
    server.reset()
    with Requests({"base_url": server.url}, {"max_concurrency": 10}, path="/id/{id}?delay=0.05") as requests:
        flow = requests.process(batches(5000, 500))
        next(flow)
        flow.close()
        cancelled = requests.begin({"id": list(range(500))})
        last = requests.begin({"id": [1, 2, 3]})
        assert cancelled.cancel()
        assert last.result()["response_body"] == [b"1", b"2", b"3"]
        assert requests._running().unanswered == 0
    # Of the batches that were begun, each as long as the first one.
    assert server.stats().requests < 700


def test_a_batch_that_is_dropped_leaves_the_others_their_rows(server: LoopbackServer) -> None:
    with Requests(
        {"base_url": server.url}, {"max_concurrency": 5}, path="/id/{id}?delay=0.02", answer="text"
    ) as requests:
        futures = [requests.begin(batch) for batch in batches(600, 100)]
        assert futures[3].cancel()
        assert futures[5].cancel()
        for number in (0, 1, 2, 4):
            made = futures[number].result()
            assert made["response_body"] == [str(row) for row in range(100 * number, 100 * number + 100)]


def test_one_batch_is_begun_and_awaited(server: LoopbackServer) -> None:
    async def both(requests: Requests) -> list[Any]:
        futures = [requests.begin(batch) for batch in batches(20, 10)]
        return await asyncio.gather(*map(asyncio.wrap_future, futures))

    with Requests({"base_url": server.url}, path="/id/{id}", answer="text") as requests:
        first, second = asyncio.run(both(requests))
        assert second["response_body"] == [str(number) for number in range(10, 20)]
        assert requests.begin({"id": []}).result()["response_body"] == []
    assert first["id"] == list(range(10))


def test_it_goes_on_after_its_client_was_closed(server: LoopbackServer) -> None:
    requests = Requests({"base_url": server.url}, path="/id/{id}", answer="text")
    for _ in range(2):
        with requests:
            (made,) = requests.process([{"id": [1]}])
            assert made["response_body"] == ["1"]


def test_an_idle_client_and_its_thread_end_and_begin_anew(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "IDLE", 0.05)
    before = threading.active_count()
    requests = Requests({"base_url": server.url}, path="/id/{id}", answer="text")
    for _ in range(3):
        for ids in ([1, 2], [None]):
            # Where nothing is sent it rests, too.
            (made,) = requests.process([{"id": ids}])
            assert made["response_body"] == [None if id is None else str(id) for id in ids]
        end = time.monotonic() + 60
        while threading.active_count() > before and time.monotonic() < end:
            time.sleep(0.01)
        assert threading.active_count() == before


@pytest.mark.parametrize("fork", ["fork"] if hasattr(os, "fork") else [])
def test_the_child_of_a_fork_begins_anew(server: LoopbackServer, fork: str) -> None:
    code = f"""
import os
from pynector.integrations.many import Requests

requests = Requests({{"base_url": {server.url!r}}}, path="/id/{{id}}", answer="text")
list(requests.process([{{"id": [1]}}]))
child = os.{fork}()
(made,) = requests.process([{{"id": [2]}}])
print(made["response_body"], flush=True)
requests.close()
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("['2']\n" * 2, "")


def test_closing_fails_what_is_in_flight(server: LoopbackServer) -> None:
    requests = Requests({"base_url": server.url}, path="/delay/30")
    future = requests.begin({"id": [1]})
    requests.close()
    with pytest.raises(TransportError, match="closed"):
        future.result(10)


def test_a_server_that_is_not_there_is_a_failure_of_each() -> None:
    with Requests({"base_url": "http://127.0.0.1:1"}, path="/", batch={"retry": RetryPolicy(1)}) as requests:
        (made,) = requests.process([{"id": [1]}])
    assert made["response_error"] == ["ConnectError"]
    assert made["response_sent"] == ["none"]


# Idempotency keys


def keys_of(requests: Requests, ids: list[Any], part: str = "") -> list[Any]:
    with requests:
        (made,) = requests.process([{"id": ids}], part)
    return [
        next((value for name, value in seen["headers"] if name.lower() == "idempotency-key"), None)
        for seen in made["response_json"]
    ]


def test_idempotency_keys_are_the_same_over_re_execution(server: LoopbackServer) -> None:
    def made(job: str | None) -> Requests:
        return Requests({"base_url": server.url}, path="/inspect", method="POST", answer="json", key="id", job=job)

    first = made("job")
    keys = keys_of(first, ["a", "b"])
    assert len(set(keys)) == 2
    assert keys_of(made("job"), ["b", "a"]) == keys[::-1]
    assert set(keys_of(made("other"), ["a", "b"])).isdisjoint(keys)
    own = made(None)
    assert keys_of(pickle.loads(pickle.dumps(own)), ["a"]) == keys_of(own, ["a"])


def test_without_a_column_they_are_made_of_the_part(server: LoopbackServer) -> None:
    requests = Requests({"base_url": server.url}, {"idempotency_key": True}, path="/inspect", answer="json", job="job")
    keys = keys_of(requests, [1, 2], "part-3")
    assert keys_of(requests, [1, 2], "part-3") == keys
    assert set(keys_of(requests, [1, 2], "part-4")).isdisjoint(keys)


def test_a_record_without_a_key_is_not_sent(server: LoopbackServer) -> None:
    with Requests({"base_url": server.url}, path="/id/1", key="id") as requests:
        (made,) = requests.process([{"id": [None, 2]}])
    assert made["response_error"] == ["ConfigurationError", None]


def test_who_gives_a_batch_up_is_told_nothing_more(server: LoopbackServer, caplog: pytest.LogCaptureFixture) -> None:
    with Requests({"base_url": server.url}, path="/hang") as requests:
        assert requests.begin({"id": [1]}).cancel()
    assert caplog.records == []


# Borrowing


class LocalBank:
    """A lender in this process, for all copies of what has it."""

    lender = Lender()
    left: list[str] = []  # noqa: RUF012
    fails = 0
    hangs = 0

    async def ask(self, name: str, asked: Asked) -> Loan:
        if LocalBank.hangs:
            LocalBank.hangs -= 1
            await asyncio.sleep(3600)
        if LocalBank.fails:
            LocalBank.fails -= 1
            raise OSError("nobody is there")
        return LocalBank.lender.ask(name, asked, time.monotonic())

    async def leave(self, name: str) -> None:
        LocalBank.lender.leave(name)
        LocalBank.left.append(name)


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> LocalBank:
    monkeypatch.setattr(LocalBank, "left", [])
    monkeypatch.setattr(LocalBank, "fails", 0)
    return LocalBank()


def sharing(server: LoopbackServer, bank: LocalBank, **client: Any) -> list[Requests]:
    return [Requests({"base_url": server.url, **client}, path="/id/{id}", bank=bank) for _ in range(2)]


def test_two_workers_keep_one_rate(server: LoopbackServer, bank: LocalBank, monkeypatch: pytest.MonkeyPatch) -> None:
    rate = Rate(200)
    monkeypatch.setattr(LocalBank, "lender", Lender([rate]))
    before = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        workers = sharing(server, bank, rate=rate)
        flows = [pool.submit(lambda each=each: list(each.process(batches(300, 50)))) for each in workers]
        made = [batch for flow in flows for batch in flow.result()]
        took = time.monotonic() - before
        for each in workers:
            each.close()
    assert sum(len(batch["id"]) for batch in made) == 600
    assert all(error is None for batch in made for error in batch["response_error"])
    # Faster than the rate by no more than what may be kept for the next one.
    assert took >= 600 / 200 - 0.75
    assert len(bank.left) == 2


def test_two_workers_keep_one_window(server: LoopbackServer, bank: LocalBank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalBank, "lender", Lender(per_origin=4))
    workers = [
        Requests(
            {"base_url": server.url, "max_concurrency_per_origin": 4}, path="/delay/0.05", bank=bank, answer="none"
        )
        for _ in range(2)
    ]
    server.reset()
    with ThreadPoolExecutor(2) as pool:
        flows = [pool.submit(lambda each=each: list(each.process(batches(60, 20)))) for each in workers]
        made = [batch for flow in flows for batch in flow.result()]
        for each in workers:
            each.close()
    assert sum(len(batch["id"]) for batch in made) == 120
    assert server.stats().max_in_flight <= 4


def test_one_that_cannot_ask_asks_again(
    server: LoopbackServer, bank: LocalBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pynector.integrations.many.borrowing.AFTER_FAILURE", 0.05)
    monkeypatch.setattr(LocalBank, "lender", Lender([Rate(1000)]))
    LocalBank.fails = 3
    with Requests({"base_url": server.url, "rate": Rate(1000)}, path="/id/{id}", bank=bank) as requests:
        (made,) = requests.process([{"id": [1, 2]}])
    assert made["response_error"] == [None, None]
    assert LocalBank.fails == 0


def test_a_bank_that_is_gone_without_a_word_holds_nobody_up(
    server: LoopbackServer, bank: LocalBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: Any) -> None:
        await asyncio.sleep(3600)

    for name in ("PATIENCE", "GOODBYE", "AFTER_FAILURE"):
        monkeypatch.setattr(f"pynector.integrations.many.borrowing.{name}", 0.05)
    monkeypatch.setattr(LocalBank, "lender", Lender([Rate(1000)]))
    monkeypatch.setattr(LocalBank, "leave", hang)
    LocalBank.hangs = 2
    with Requests({"base_url": server.url, "rate": Rate(1000)}, path="/id/{id}", bank=bank) as requests:
        (made,) = requests.process([{"id": [1, 2]}])
    assert (made["response_error"], LocalBank.hangs) == ([None, None], 0)


def test_a_lender_that_hangs_does_not_keep_the_process(server: LoopbackServer) -> None:
    """As a call of Ray's does in an actor whose cluster has ended."""
    code = f"""
import threading, time
from pynector import Rate
from pynector.blocking import thread
from pynector.integrations.many import Requests

thread.PATIENCE = 0.1
hangs = threading.Event()

class Bank:
    async def ask(self, name, asked):
        hangs.set()
        time.sleep(600)

requests = Requests({{"base_url": {server.url!r}, "rate": Rate(5)}}, path="/id/{{id}}", bank=Bank())
requests.begin({{"id": [1]}})
hangs.wait()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# What is refused


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"client": {"base": "x"}}, "base_url"),
        ({"batch": {"timeout": 5}}, "would end all batches"),
        ({"batch": {"rate": Rate(5)}}, "belongs to the client"),
        ({"batch": {"max_concurrency": 0}}, "max_concurrency"),
        ({"batch": {"folow_redirects": 1}}, "follow_redirects"),
        ({"answer": "yes"}, "answer must be"),
        ({"prefix": 5}, "prefix must be"),
        ({"url": 5}, "url must be"),
        ({"url": "http://a", "path": "/"}, "cannot both"),
        ({"client": "http://a"}, "client must be a dict"),
        ({"batch": 5}, "batch must be a dict"),
        ({"key": 5}, "key must be a str"),
        ({"job": 5}, "job must be a str"),
    ],
)
def test_what_is_wrong_with_an_argument_is_said_at_once(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Requests(**arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"client": {"json_dumps": lambda value: ""}}, "client: 'json_dumps' cannot be sent to workers"),
        ({"batch": {"retry": RetryPolicy(errors=type("Local", (TransportError,), {}))}}, "batch: 'retry' cannot be"),
        ({"bank": threading.Lock()}, "'bank' cannot be sent to workers"),
    ],
)
def test_what_cannot_be_pickled_is_named(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Requests(**arguments).check_sendable(pickle.dumps)
    Requests(batch={"retry": RetryPolicy(2)}).check_sendable(pickle.dumps)


def test_a_column_of_an_answer_s_name_is_refused(server: LoopbackServer) -> None:
    with (
        Requests({"base_url": server.url}, path="/id/1", prefix="") as requests,
        pytest.raises(ConfigurationError, match="'status' already"),
    ):
        list(requests.process([{"status": [1]}]))


def test_what_reading_raises_is_raised(server: LoopbackServer) -> None:
    def broken() -> Iterator[Any]:
        yield {"id": [1]}
        raise OSError("the file is gone")

    with Requests({"base_url": server.url}, path="/id/{id}") as requests, pytest.raises(OSError, match="gone"):
        list(requests.process(broken()))
