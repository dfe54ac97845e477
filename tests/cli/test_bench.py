"""`pynector bench`: what it prints, writes and refuses, against the bundled server and one that fails."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pynector.cli import bench, main, plot, targets
from pynector.cli.clients import Client, HttpxClient, PynectorClient
from pynector.cli.screen import Screen
from pynector.testing import LoopbackServer

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SHORT = ["--seconds", "1", "--requests", "200", "--limits", "1,5", "--clients", "httpx"]


class Lines(Screen):
    """Keeps what is printed."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str = "") -> None:
        self.lines.append(text)

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        yield lambda done: self.lines.append(f"{done} of {total}")


@pytest.mark.parametrize("rich", [True, False])
def test_it_prints_a_row_for_each_client_and_limit(pynector: Run, rich: bool, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = pynector("bench", *SHORT, "--json", file.name, rich=rich, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Server: the bundled server" in done.stdout
    assert "Warning" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    result = json.loads(file.read_text())
    assert [(row["client"], row["limit"]) for row in result["rows"]] == [
        ("pynector", 1),
        ("httpx", 1),
        ("pynector", 5),
        ("httpx", 5),
    ]
    for row in result["rows"]:
        assert row["errors"] == 0
        assert 0 < row["requests"] <= 200 * bench.ROUNDS
        assert row["requests/s"] > 0
        assert 0 < row["p50 ms"] <= row["p99 ms"]
        assert row["cpu us"] > 0
    assert set(result["retention"]) == {"pynector", "httpx"}
    assert result["machine"]["versions"]["httpx"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "ftp://a/b"], "expected a URL such as"),
        (["--url", "http://user:secret@127.0.0.1/"], "without user and password"),
        (["--url", "http://[::1/"], "expected a URL"),
        (["--seconds", "601"], "from 1 to 600"),
        (["--requests", "0"], "from 1 to"),
        (["--clients", "curl"], "unknown client 'curl': known are wreq"),
    ],
)
def test_wrong_arguments_give_2_and_say_what_is_right(pynector: Run, arguments: list[str], said: str) -> None:
    done = pynector("bench", *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def _run(plan: bench.Plan, draw_to: Path | None = None) -> tuple[int, list[str]]:
    screen = Lines()
    return bench.run(screen, plan, draw_to, None), screen.lines


def test_errors_of_a_url_are_counted_and_the_first_is_told(server: LoopbackServer) -> None:
    plan = bench.Plan(server.url + "/status/500?a=1", [2], 0.4, 50, ["httpx"])
    status, lines = _run(plan)
    assert status == 1
    assert any(line.startswith("The first problem: pynector: HTTPStatusError") for line in lines)


def test_a_url_without_a_server_is_told_and_nothing_is_measured() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        status, lines = _run(bench.Plan(url, [2], 0.4, 50, ["httpx"]))
    assert status == 1
    assert lines[-1].startswith("Nothing can be measured there: no connection: ")
    assert "Connect call failed" in lines[-1]
    assert not any("nan" in line for line in lines)


def test_a_client_without_answers_has_no_retention() -> None:
    assert bench._retention([bench.Turns("pynector", 1), bench.Turns("pynector", 2)]) is None


def test_a_wrong_answer_is_an_error() -> None:
    turns = bench.Turns("pynector", 1)
    bench._judge([b"right", b"wrong", ValueError("no")], b"right", turns)
    assert turns.errors == 2
    assert turns.problem == "pynector: an answer was not what the server sends"


async def _never(client: Client, seconds: float) -> bench.Turns:
    turns = bench.Turns(client.name, 3)
    await bench._drain(client, "/hang", None, seconds, 10, turns)
    return turns


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_requests_without_an_answer_end_with_the_turn(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, anyio_backend: Any
) -> None:
    monkeypatch.setattr(bench, "GRACE", 0.2)
    client = HttpxClient(server.url, 3, None)
    await client.start()
    try:
        turns = await _never(client, 1.0)
    finally:
        await client.stack.aclose()
    assert turns.errors == 3
    assert len(turns.latencies) == 3


def test_another_machine_needs_yes(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--url", "http://192.0.2.1/?s3cret"]) == 2
    said = "pynector: 192.0.2.1 is not this machine. Send load only where you may; --yes says that you may\n"
    assert capfd.readouterr() == ("", said)


def test_a_host_without_an_address_is_told(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def lookup(*arguments: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(targets.socket, "getaddrinfo", lookup)
    assert main(["bench", "--url", "http://other.test/?s3cret"]) == 1
    assert capfd.readouterr() == ("", "pynector: http://other.test/: Name or service not known\n")


def test_yes_measures_it() -> None:
    # Nothing is sent there from a test: every connection is refused, or there is no way.
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    status, lines = _run(bench.Plan(f"http://0.0.0.0:{port}/", [1], 1, 1, [], True))
    assert status == 1
    assert lines[-1].startswith("Nothing can be measured there: no connection")


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, server: LoopbackServer) -> None:
    monkeypatch.setattr(HttpxClient, "package", "a_package_that_nobody_has")
    _, lines = _run(bench.Plan(server.url + "/id/1", [1], 0.2, 20, ["httpx"]))
    assert "httpx is not installed: left out" in lines


ROWS = [
    bench.Turns("pynector", 1, [100.0], 0.1, [0.01]),
    bench.Turns("httpx", 1, [10.0], 0.1, [0.1]),
    bench.Turns("pynector", 10, [1000.0], 0.1, [0.01]),
    bench.Turns("httpx", 10, [], 0.0, []),
]
ABOUT = {"server": "s", "python": "p", "loop": "l", "cpus": 2, "pynector": "0", "build": "b"}


@pytest.mark.parametrize("name", ["picture.png", "picture.svg"])
def test_a_picture_is_written(tmp_path: Path, name: str) -> None:
    pytest.importorskip("matplotlib")
    file = plot.draw(ROWS, ABOUT, tmp_path / name)
    begin = file.read_bytes()[:5]
    assert begin in (b"\x89PNG\r", b"<?xml")
    assert file.stat().st_size > 5_000


def test_what_keeps_a_picture_from_being_written_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pynector: Run
) -> None:
    assert "must end in one of .png" in str(plot.obstacle(tmp_path / "picture.jpg"))
    assert "no folder" in str(plot.obstacle(tmp_path / "nowhere" / "picture.png"))
    monkeypatch.setattr(plot, "find_spec", lambda name: None)
    assert "pip install 'pynector[bench]'" in str(plot.obstacle(tmp_path / "picture.png"))
    monkeypatch.setattr(plot, "find_spec", lambda name: name)
    assert plot.obstacle(tmp_path / "picture.png") is None
    status, lines = _run(bench.Plan(None, [1], 1, 1, []), tmp_path / "picture.txt")
    assert (status, len(lines)) == (2, 1)


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="needs matplotlib")
def test_the_picture_is_told_of(tmp_path: Path) -> None:
    file = tmp_path / "all.svg"
    status, lines = _run(bench.Plan(None, [1, 2], 0.5, 20, ["httpx"]), file)
    assert status == 0
    assert f"Picture: {file}" in lines
    assert file.exists()


OTHER_CLIENTS = ["pyreqwest", "aiohttp", "httpx2", "niquests", "aiometer"]


@pytest.mark.parametrize("name", OTHER_CLIENTS)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_each_client_that_is_installed_gets_right_answers(
    server: LoopbackServer, name: str, anyio_backend: Any
) -> None:
    from pynector.cli.clients import CLIENTS

    pytest.importorskip(name)
    (kind,) = (kind for kind in CLIENTS if kind.name == name)
    await _answers(kind, server)


async def _answers(kind: type[Client], server: LoopbackServer) -> None:
    client = kind(server.url, 3, None)
    await client.start()
    try:
        assert await client.batch("GET", "/id/7", None, 10) == [b"7"] * 10
        assert json.loads(await client.one("POST", "/echo", {"a": 1})()) == {"a": 1}
    finally:
        await client.stack.aclose()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("kind", [PynectorClient, HttpxClient])
async def test_the_clients_that_are_always_there_get_right_answers(
    server: LoopbackServer, kind: type[Client], anyio_backend: Any
) -> None:
    await _answers(kind, server)


def test_without_other_clients_it_needs_none() -> None:
    program = (
        "import sys\n"
        f"for name in {OTHER_CLIENTS!r}: sys.modules[name] = None\n"
        "from pynector.cli import bench, clients, main\n"
        "sys.exit(main(['bench', '--seconds', '1', '--requests', '20', '--limits', '1']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "aiohttp is not installed: left out" in done.stdout
