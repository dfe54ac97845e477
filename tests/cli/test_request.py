"""`pynector get` and the like."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pynector.cli import main
from pynector.cli.request import amount
from pynector.testing import LoopbackServer

Captured = pytest.CaptureFixture[bytes]
Run = Callable[..., Any]


def inspected(capture: Captured) -> Any:
    return json.loads(capture.readouterr().out)


def test_the_body_goes_to_standard_output_as_it_is(server: LoopbackServer, capsysbinary: Captured) -> None:
    assert main(["get", f"{server.url}/bytes/100000?chunked=1"]) == 0
    output, errors = capsysbinary.readouterr()
    assert (output, errors) == (b"0123456789abcdef" * 6250, b"")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_body_is_json_or_as_it_is_or_a_file(
    method: str, server: LoopbackServer, capsysbinary: Captured, tmp_path: Path
) -> None:
    file = tmp_path / "body"
    file.write_bytes(b'{"a": [1.50]}')
    url = f"{server.url}/inspect"
    for arguments, body, kind in (
        (["--json", '{"a": 1}'], '{"a":1}', ["application/json"]),
        (["--json", f"@{file}"], '{"a":[1.5]}', ["application/json"]),
        (["--data", "a=b c"], "a=b c", []),
        (["--data", f"@{file}", "-H", "Content-Type: text/x"], '{"a": [1.50]}', ["text/x"]),
    ):
        assert main([method, *arguments, url]) == 0
        said = inspected(capsysbinary)
        kinds = [value for name, value in said["headers"] if name.lower() == "content-type"]
        assert (said["method"], said["body"], kinds) == (method.upper(), body, kind)


def test_header_fields_come_from_arguments_variables_and_files(
    server: LoopbackServer, capsysbinary: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fields").write_text("X-One: 1\r\n\r\nX-Two: a: b\n")
    (tmp_path / "value").write_text("from a file\n")
    monkeypatch.setenv("SOME_TOKEN", "s3cret")
    fields = ["-H", f"@{tmp_path / 'fields'}", "--header", f"X-Three: @{tmp_path / 'value'}", "--header", "X-Four:4"]
    assert main(["get", *fields, "--env-header", "Authorization=SOME_TOKEN", f"{server.url}/inspect"]) == 0
    headers = dict(inspected(capsysbinary)["headers"])
    wanted = {"X-One": "1", "X-Two": "a: b", "X-Three": "from a file", "X-Four": "4", "Authorization": "s3cret"}
    assert wanted.items() <= headers.items()


def test_the_head_is_printed_when_it_is_asked_for(server: LoopbackServer, capsysbinary: Captured) -> None:
    assert main(["get", "-i", f"{server.url}/id/7"]) == 0
    output = capsysbinary.readouterr().out
    assert output.startswith(b"HTTP/1.1 200 OK\n")
    assert output.endswith(b"\n\n7")
    assert main(["head", f"{server.url}/bytes/5"]) == 0
    output = capsysbinary.readouterr().out
    assert b"content-length: 5\n" in output.lower()
    assert output.endswith(b"\n\n")


def test_a_failure_gives_1_and_is_told_beside_the_body(server: LoopbackServer, capsysbinary: Captured) -> None:
    assert main(["get", f"{server.url}/status/404?token=s3cret"]) == 1
    output, errors = capsysbinary.readouterr()
    assert output
    assert errors.decode() == f"pynector: the server answered 404 Not Found [GET {server.url}/status/404]\n"
    assert main(["get", "--timeout", "0.1", f"{server.url}/hang"]) == 1
    output, errors = capsysbinary.readouterr()
    assert output == b""
    assert b"no whole answer within 0.1 s" in errors


def test_a_download_is_a_file_and_nothing_is_drawn_where_no_terminal_is(
    server: LoopbackServer, capsysbinary: Captured, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    assert main(["get", "--download", str(file), f"{server.url}/bytes/3000000"]) == 0
    assert file.stat().st_size == 3_000_000
    assert capsysbinary.readouterr() == (b"", b"")
    assert main(["get", "--download", str(tmp_path), f"{server.url}/bytes/3"]) == 1
    assert capsysbinary.readouterr().err.startswith(f"pynector: cannot write {tmp_path}: ".encode())


class Terminal(io.TextIOWrapper):
    """A text stream that says that it is a terminal."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def isatty(self) -> bool:
        return True

    def shown(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode()  # type: ignore[attr-defined,no-any-return]


def test_a_terminal_gets_pretty_json_and_nothing_binary(
    server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"a\0b")
    for arguments, shown in (
        (["post", "--json", '{"a": {"b": "é"}}'], '{\n  "a": {\n    "b": "é"\n  }\n}\n'),
        (["post", "--data", "{not", "-H", "Content-Type: application/json"], "{not\n"),
        (
            ["post", "--data", f"@{tmp_path / 'binary'}"],
            "(3 bytes that are no text: give --download FILE, or > FILE)\n",
        ),
    ):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        assert main([*arguments, f"{server.url}/echo"]) == 0
        assert terminal.shown() == shown


def test_a_terminal_is_told_how_far_a_download_is(
    server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(["get", "--download", str(tmp_path / "file"), f"{server.url}/bytes/3000000"]) == 0
    lines = terminal.shown().split("\r")
    assert "3.0 MB of 3.0 MB (100%)" in lines[-1]
    assert lines[-1].endswith("/s\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["get", "example.com"], "pynector: expected a URL such as https://"),
        (["get", "https://"], "and name a host"),
        (
            ["get", "--haeder", "Authorization: s3cret", "http://x/"],
            "unrecognized arguments: --haeder ('pynector get --help'",
        ),
        (["get", "--haeder=s3cret", "http://x/"], "unrecognized arguments: --haeder ("),
        (["get", "http://x/", "s3cret"], "unrecognized arguments: 1 beyond"),
        (["get", "-H", "s3cret", "http://x/"], "this is no header field"),
        (["get", "-H", "A B: s3cret", "http://x/"], "'A B' is not a header name"),
        (["get", "-H", "A: s3cret\nB: 1", "http://x/"], "the value of 'A' has a character"),
        (["get", "-H", "@/nowhere/at/all", "http://x/"], "cannot read /nowhere/at/all: No such file"),
        (["get", "--env-header", "A=NOT_THERE_AT_ALL", "http://x/"], "no environment variable NOT_THERE_AT_ALL"),
        (["get", "--env-header", "s3cret", "http://x/"], "expected a header name and an environment variable"),
        (["get", "--json", "{}", "http://x/"], "unrecognized arguments: --json"),
        (["post", "--json", '{"a": s3cret}', "http://x/"], "this is not JSON: Expecting value at line 1, column 7"),
        (["post", "--json", "1", "--data", "1", "http://x/"], "not allowed with argument"),
        (["get", "-i", "--download", "f", "http://x/"], "not allowed with argument"),
        (["get", "--timeout", "0", "http://x/"], "expected a positive number of seconds"),
    ],
)
def test_bad_use_gives_2_and_repeats_nothing_secret(arguments: list[str], said: str, capsysbinary: Captured) -> None:
    try:
        status: Any = main(arguments)
    except SystemExit as error:
        status = error.code
    output, errors = capsysbinary.readouterr()
    assert (status, output) == (2, b"")
    assert said in errors.decode()
    assert b"s3cret" not in errors


def test_a_full_disk_and_a_reader_that_leaves_give_1(server: LoopbackServer, pynector: Run) -> None:
    with open("/dev/full", "wb") as full:
        done = pynector("get", f"{server.url}/bytes/30", capture_output=False, stdout=full, stderr=-1)
    assert (done.returncode, done.stderr) == (1, "pynector: cannot write: No space left on device\n")
    reader, writer = os.pipe()
    os.close(reader)
    done = pynector("get", f"{server.url}/bytes/3000000", capture_output=False, stdout=writer, stderr=-1)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_info_says_the_same_as_json(capsysbinary: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYNECTOR_HTTP_ENGINE", "httpx")
    assert main(["info", "--json"]) == 0
    said = json.loads(capsysbinary.readouterr().out)
    assert (said["engine"], said["engine_reason"]) == ("httpx", None)
    assert said["packages"].keys() >= {"anyio", "httptools", "ngh2"}
    monkeypatch.setenv("PYNECTOR_HTTP_ENGINE", "nonsense")
    assert main(["info", "--json"]) == 0
    said = json.loads(capsysbinary.readouterr().out)
    assert said["engine"] is None
    assert "PYNECTOR_HTTP_ENGINE" in said["engine_reason"]


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (123_456_789, "123 MB"), (2.5e9, "2.5 GB"), (3e15, "3000 TB")],
)
def test_amounts_of_bytes(size: float, text: str) -> None:
    assert amount(size) == text
