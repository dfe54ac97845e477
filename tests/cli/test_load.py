"""`pynector load`: what it sends, where it does not, and what it says of what came back."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from engines import HAS_HTTP2
from pynector.cli import main, targets
from pynector.testing import LoopbackServer

Captured = pytest.CaptureFixture[str]
Sent = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def _fresh(server: LoopbackServer) -> None:
    server.reset()


def status_of(arguments: list[str]) -> Any:
    try:
        return main(arguments)
    except SystemExit as error:
        return error.code


@pytest.fixture
def sent(tmp_path: Path) -> Sent:
    """Runs a load in this process, and gives its figures."""

    def run(*arguments: str, status: int | None = 0) -> dict[str, Any]:
        file = tmp_path / "figures.json"
        assert main(["load", *arguments, "--summary-json", str(file)]) in ([0, 1] if status is None else [status])
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    return run


# What is sent


def test_so_many_requests_as_answers_come(server: LoopbackServer, sent: Sent, capfd: Captured) -> None:
    figures = sent(f"{server.url}/bytes/100", "--requests", "300", "--concurrency", "7")
    assert (figures["done"], figures["succeeded"], figures["failed"]) == (300, 300, 0)
    assert (figures["statuses"], figures["errors"], figures["bytes"]) == ({"200": 300}, {}, 30_000)
    assert figures["plan"] == {"rate": None, "window": 7, "warm_up": 0.0, "seconds": None, "count": 300}
    assert list(figures["latency"]) == ["p50", "p90", "p99", "p99.9", "max"]
    assert sorted(figures["latency"].values()) == list(figures["latency"].values())
    # The seconds are told in milliseconds.
    assert 300 / (figures["seconds"] + 0.0006) < figures["rate"] < 300 / (figures["seconds"] - 0.0006)
    stats = server.stats()
    assert stats.requests == 300
    assert stats.max_in_flight <= 7
    output = capfd.readouterr().out
    assert f"GET {server.url}/bytes/100\n7 in flight, 300 times\n" in output
    assert "Latency, from when a request started\n" in output
    assert max(map(len, output.splitlines())) <= 80


def test_so_many_requests_at_a_rate(server: LoopbackServer, sent: Sent, capfd: Captured) -> None:
    began = time.perf_counter()
    figures = sent(f"{server.url}/id/1", "--requests", "100", "--rate", "200/s")
    # The last one is due after 99 intervals.
    assert time.perf_counter() - began > 99 / 200
    assert figures["done"] == server.stats().requests == 100
    assert figures["started_late"]["never_sent"] == 0
    assert 0 < figures["sent_rate"] <= 200
    assert "Latency, from when a request was meant to start\n" in capfd.readouterr().out


def test_a_time_and_what_goes_before_it_without_counting(server: LoopbackServer, sent: Sent) -> None:
    figures = sent(f"{server.url}/delay/0.02", "--duration", "1s", "--warmup", "1000ms", "--concurrency", "2")
    assert figures["seconds"] == 1.0
    assert 0 < figures["done"] < server.stats().requests
    assert figures["latency"]["p50"] >= 0.02
    assert figures["rate"] <= 2 / 0.02 * 1.1
    server.reset()
    # Those of the first 0.2 s are 20.
    figures = sent(f"{server.url}/id/1", "--requests", "30", "--warmup", "200ms", "--rate", "100")
    assert (figures["done"], server.stats().requests) == (30, 50)
    figures = sent(f"{server.url}/id/1", "--requests", "30", "--warmup", "50ms")
    assert figures["done"] == 30


def test_requests_are_as_they_are_told_to_be(
    server: LoopbackServer, sent: Sent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Captured
) -> None:
    (tmp_path / "body").write_text("a=1")
    monkeypatch.setenv("SOME_TOKEN", "s3cret")
    url = f"{server.url}/echo?token=s3cret"
    fields = ["-H", "X-Key: s3cret", "--env-header", "Authorization=SOME_TOKEN"]
    figures = sent(url, *fields, "--json", '{"name": "s3cret"}', "--requests", "3", "--plot", str(tmp_path / "p.svg"))
    assert (figures["method"], figures["url"]) == ("POST", f"{server.url}/echo")
    assert figures["bytes"] == 3 * len('{"name":"s3cret"}')
    figures = sent(url, "--method", "put", "--data", f"@{tmp_path / 'body'}", "--requests", "3")
    assert (figures["method"], figures["bytes"]) == ("PUT", 9)
    said = capfd.readouterr()
    everything = said.out + said.err + (tmp_path / "figures.json").read_text() + (tmp_path / "p.svg").read_text()
    assert "s3cret" not in everything


def test_header_fields_and_the_kind_of_json_arrive(server: LoopbackServer, sent: Sent, tmp_path: Path) -> None:
    # What /headers is given in its query it sends back, and the answer to a wrong method of a wrong path is none.
    heads: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                while b"\r\n\r\n" not in b"".join(heads):
                    heads.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

        thread = Thread(target=serve, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        figures = sent(url, "-H", "X-One: 1", "--json", "[1]", "--requests", "1", "--concurrency", "1")
        thread.join()
    head = b"".join(heads).lower()
    assert figures["statuses"] == {"204": 1}
    assert b"\r\nx-one: 1\r\n" in head
    assert head.count(b"content-type: application/json\r\n") == 1


@pytest.mark.parametrize("http2", [False, HAS_HTTP2])
def test_it_speaks_http2_where_that_is_wanted(
    http2: bool, server: LoopbackServer, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    if http2:
        # In clear text nothing can be agreed on, so that --http2 alone would be HTTP/1.1.
        monkeypatch.setenv("PYNECTOR_HTTP2", "only")
    # It is for HTTP/2 alone.
    figures = sent(f"{server.url}/h2-fields?x=1", "--requests", "5", status=0 if http2 else 1)
    assert figures["statuses"] == {"200" if http2 else "421": 5}
    assert sent(f"{server.url}/id/1", "--http2", "--requests", "5")["done"] == 5


# What a stall does


def test_a_server_that_stands_still_is_seen_although_little_is_in_flight(
    server: LoopbackServer, sent: Sent, capfd: Captured
) -> None:
    def stall() -> None:
        while server.stats().requests < 40:
            time.sleep(0.01)
        os.kill(server.pid, signal.SIGSTOP)
        time.sleep(1.0)
        os.kill(server.pid, signal.SIGCONT)

    thread = Thread(target=stall, daemon=True)
    thread.start()
    # Should it be the end that is late, the rate was not kept.
    arguments = ["--rate", "100/s", "--requests", "400", "--concurrency", "2"]
    figures = sent(f"{server.url}/id/1", *arguments, status=None)
    thread.join()
    # Two were in flight; but all that were due in that second were kept waiting.
    assert figures["done"] == 400
    assert figures["latency"]["p90"] > 0.3
    assert figures["latency"]["p50"] < figures["latency"]["max"]
    assert figures["started_late"]["held"] > 20
    output = capfd.readouterr().out
    assert "requests started late, by " in output or "THE RATE WAS NOT KEPT" in output


def test_what_was_due_and_never_sent_is_said(server: LoopbackServer, sent: Sent, capfd: Captured) -> None:
    figures = sent(f"{server.url}/delay/0.2", "--rate", "100/s", "--duration", "1s", "--concurrency", "2", status=1)
    missed = figures["started_late"]["never_sent"]
    assert figures["failed"] == 0
    assert figures["done"] + missed == 100
    assert not figures["is_rate_kept"]
    assert figures["sent_rate"] < 30
    said = capfd.readouterr().out.replace("\n", " ")
    assert "THE RATE WAS NOT KEPT: " in said
    assert "/s instead of 100/s. The reason: all 2 that may be in flight waited for answers." in said
    assert f" {missed} requests were due and never sent." in said


def test_more_than_this_machine_can_send_is_said(server: LoopbackServer, sent: Sent, capfd: Captured) -> None:
    arguments = ["--rate", "1000000/s", "--duration", "300ms", "--concurrency", "20"]
    figures = sent(f"{server.url}/id/1", *arguments, status=1)
    assert not figures["is_rate_kept"]
    assert 0 < figures["sent_rate"] < 990_000
    assert 0 < figures["client_busy"] < 2
    output = capfd.readouterr().out
    assert "THE RATE WAS NOT KEPT: " in output
    assert max(map(len, output.splitlines())) <= 80


# What goes wrong


def test_failures_are_counted_and_redirects_not_followed(server: LoopbackServer, sent: Sent, capfd: Captured) -> None:
    figures = sent(f"{server.url}/status/503?s3cret", "--requests", "20", status=1)
    assert (figures["statuses"], figures["errors"], figures["failed"]) == ({"503": 20}, {"HTTPStatusError": 20}, 20)
    assert figures["latency"]["p50"] > 0
    output = capfd.readouterr().out
    assert f"  first     the server answered 503 Service Unavailable [GET {server.url}/status/503]\n" in output
    figures = sent(f"{server.url}/redirect/1?to=http://192.0.2.1/", "--requests", "5")
    assert figures["statuses"] == {"302": 5}
    figures = sent(f"{server.url}/hang", "--requests", "3", "--timeout", "0.1", status=1)
    assert (figures["errors"], figures["statuses"]) == ({"TimeoutError": 3}, {})
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    figures = sent(f"http://127.0.0.1:{port}/", "--requests", "3", status=1)
    assert figures["errors"] == {"ConnectError": 3}


def test_ctrl_c_ends_it_and_shows_what_there_is(server: LoopbackServer, tmp_path: Path, capfd: Captured) -> None:
    def press() -> None:
        while server.stats().requests < 100:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    for pace in (["--rate", "200/s"], ["--concurrency", "2"]):
        server.reset()
        thread = Thread(target=press, daemon=True)
        thread.start()
        file = tmp_path / "figures.json"
        arguments = ["load", f"{server.url}/id/1?delay=0.01", *pace, "--duration", "5min"]
        assert main([*arguments, "--summary-json", str(file)]) == 130
        thread.join()
        figures = json.loads(file.read_text())
        assert 0 < figures["done"] <= server.stats().requests
        assert 0 < figures["seconds"] < 290
        assert "Latency, from when a request " in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ftp://x"], "base_url"),
        (["http://"], "and name a host"),
        (["URL", "--rate", "s3cret"], "expected a rate such as 500/s"),
        (["URL", "--duration", "5 parsecs"], "expected a time such as 30s or 5min"),
        (["URL", "--duration", "0s"], "expected a time such as 30s or 5min"),
        (["URL", "--duration", "inf"], "expected a time such as 30s or 5min"),
        (["URL", "--duration", "1s", "--requests", "1"], "not allowed with argument"),
        (["URL", "--plot", "a.png"], "with a name that ends in .svg"),
        (["URL", "--plot", "/nowhere/at/all/a.svg"], "in a folder that is there"),
        (["URL", "-H", "A: s3cret\nB: 1"], "the value of 'A' has a character"),
        (["URL", "--method", "s3 cret"], "method"),
    ],
)
def test_bad_use_gives_2(arguments: list[str], said: str, server: LoopbackServer, capfd: Captured) -> None:
    given = [server.url if argument == "URL" else argument for argument in arguments]
    assert status_of(["load", *given]) == 2
    output, errors = capfd.readouterr()
    assert output == ""
    assert said in errors
    assert server.stats().requests == 0


def test_what_cannot_be_written_is_said_when_the_figures_are_shown(server: LoopbackServer, capfd: Captured) -> None:
    assert main(["load", server.url, "--requests", "1", "--summary-json", "/dev/full"]) == 1
    output, errors = capfd.readouterr()
    assert "pynector: cannot write /dev/full: No space left on device\n" in errors
    assert "1 done in " in output


def test_what_the_client_cannot_be_is_told(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, capfd: Captured
) -> None:
    monkeypatch.setenv("PYNECTOR_TIMEOUT", "never")
    assert main(["load", server.url, "--requests", "1"]) == 2
    assert "pynector: the environment variable PYNECTOR_TIMEOUT" in capfd.readouterr().err
    assert server.stats().requests == 0


def test_a_full_disk_and_a_reader_that_leaves(server: LoopbackServer, pynector: Any) -> None:
    arguments = ["load", f"{server.url}/id/1", "--requests", "5", "--quiet"]
    with open("/dev/full", "wb") as full:
        done = pynector(*arguments, capture_output=False, stdout=full, stderr=-1)
    assert (done.returncode, done.stderr) == (1, "pynector: cannot write: No space left on device\n")
    reader, writer = os.pipe()
    os.close(reader)
    done = pynector(*arguments, capture_output=False, stdout=writer, stderr=-1)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


# Where it goes


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names with addresses, for the resolver."""
    known: dict[str, list[str]] = {}
    usual = socket.getaddrinfo

    def lookup(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        addresses = known.get(host, [host])
        return [found for address in addresses for found in usual(address, port, *arguments, **options)]

    monkeypatch.setattr(targets.socket, "getaddrinfo", lookup)
    return known


@pytest.mark.parametrize("pace", [["--rate", "1/s"], []])
def test_another_machine_needs_yes(pace: list[str], names: dict[str, list[str]], capfd: Captured) -> None:
    names |= {"other.test": ["192.0.2.1"], "mixed.test": ["127.0.0.1", "192.0.2.1"]}
    for url, where in (
        ("http://192.0.2.1:80/?s3cret", "192.0.2.1"),
        ("http://[2001:db8::1]/", "2001:db8::1"),
        ("http://0.0.0.0/", "0.0.0.0"),
        ("http://other.test/", "other.test (192.0.2.1)"),
        ("http://user:s3cret@mixed.test/", "mixed.test (192.0.2.1)"),
    ):
        assert main(["load", url, *pace]) == 2
        said = f"pynector: {where} is not this machine. Send load only where you may; --yes says that you may\n"
        assert capfd.readouterr() == ("", said)


def test_a_proxy_is_another_machine(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, capfd: Captured) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    assert main(["load", "http://some.test/"]) == 2
    assert "some.test is reached through a proxy" in capfd.readouterr().err
    assert server.stats().requests == 0


def test_yes_sends_it(server: LoopbackServer, sent: Sent, names: dict[str, list[str]]) -> None:
    # Nothing is sent there from a test: every connection is refused, or there is no way.
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert sent(f"http://0.0.0.0:{port}/", "--requests", "2", "--yes", status=1)["errors"] == {"ConnectError": 2}


def test_a_name_of_this_machine_is_looked_up_once(
    server: LoopbackServer, sent: Sent, names: dict[str, list[str]], capfd: Captured
) -> None:
    # The first address has nobody who listens.
    names["mine.test"] = ["::1", "127.0.0.1"]
    assert sent(f"http://mine.test:{server.port}/id/1", "--requests", "5")["done"] == 5
    assert sent(f"http://localhost:{server.port}/id/1", "--requests", "5")["done"] == 5
    assert main(["load", "http://not-there.invalid/", "--requests", "1"]) == 1
    assert "pynector: http://not-there.invalid/: " in capfd.readouterr().err


def test_a_unix_socket_is_this_machine(sent: Sent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYNECTOR_UDS", str(tmp_path / "socket"))
    assert sent("http://some.test/", "--requests", "2", status=1)["errors"] == {"ConnectError": 2}


# What is shown


def test_the_picture_is_an_svg(server: LoopbackServer, sent: Sent, tmp_path: Path) -> None:
    file = tmp_path / "latencies.svg"
    sent(f"{server.url}/id/1?a<b", "--requests", "50", "--plot", str(file))
    root = ET.fromstring(file.read_text())
    kinds = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert kinds.count("polyline") == 1
    assert kinds.count("rect") > 1
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert f"GET {server.url}/id/1" in texts
    assert "90%" in texts


class Terminal(StringIO):
    """A text stream that says that it is a terminal."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


def test_a_terminal_has_a_bar_and_colours(server: LoopbackServer, sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    shown, told = Terminal(), Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setattr(sys, "stderr", told)
    sent(f"{server.url}/id/1", "--requests", "30")
    assert "30/30 (100%)" in told.getvalue()
    assert ", p50 " in told.getvalue()
    assert "\x1b[32m" in shown.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    shown.truncate(0)
    told.truncate(0)
    sent(f"{server.url}/id/1", "--requests", "30", "--quiet")
    assert "\x1b[3" not in shown.getvalue()
    assert told.getvalue() == ""


def test_it_is_plain_without_rich(server: LoopbackServer, pynector: Any) -> None:
    done = pynector("load", f"{server.url}/id/1", "--requests", "20", rich=False)
    assert (done.returncode, done.stderr.count("\n")) == (0, 0)
    assert "\x1b" not in done.stdout
    assert "█" in done.stdout
