"""`pynector batch`: a file of requests in, a line of JSON for each result out."""

from __future__ import annotations

import csv
import gc
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from pynector.cli import main
from pynector.testing import LoopbackServer

Captured = pytest.CaptureFixture[str]
Sent = Callable[..., list[dict[str, Any]]]


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def status_of(arguments: list[str]) -> Any:
    try:
        return main(arguments)
    except SystemExit as error:
        return error.code


@pytest.fixture
def sent(tmp_path: Path) -> Sent:
    """Runs a batch of some input in this process, and gives its results in the order of the input."""

    def run(content: str | bytes, *arguments: str, name: str = "input", status: int = 0) -> list[dict[str, Any]]:
        file, output = tmp_path / name, tmp_path / "output.jsonl"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        if "--resume" not in arguments:
            output.unlink(missing_ok=True)
        assert main(["batch", str(file), "--output", str(output), *arguments]) == status
        return sorted(lines_of(output), key=lambda line: line["index"]) if output.exists() else []

    return run


# What comes in


def test_lines_of_json_describe_requests(server: LoopbackServer, sent: Sent) -> None:
    described = [
        {"url": f"{server.url}/id/1?a=b", "key": "one"},
        {
            "method": "put",
            "url": f"{server.url}/inspect",
            "json": {"é": 1.5},
            "headers": {"X-A": "1"},
            "params": {"q": 2},
        },
        {"path": "/status/404", "key": 3, "params": None},
    ]
    text = "\r\n\r\n".join(json.dumps(line) for line in described)
    first, second, third = sent("\ufeff" + text, "--base-url", server.url, "-H", "X-B: 2", name="in.jsonl", status=1)
    assert first.pop("seconds") >= 0
    assert first == {
        "index": 0,
        "key": "one",
        "method": "GET",
        "url": f"{server.url}/id/1?a=b",
        "status": 200,
        "attempts": 1,
        "text": "1",
    }
    said = second["json"]
    assert (second["method"], second["url"]) == ("PUT", f"{server.url}/inspect?q=2")
    assert (said["method"], said["target"]) == ("PUT", "/inspect?q=2")
    assert json.loads(said["body"].encode("latin-1")) == {"é": 1.5}
    assert {"X-A": "1", "X-B": "2"}.items() <= dict(said["headers"]).items()
    message = f"the server answered 404 Not Found [GET {server.url}/status/404]"
    assert third["error"] == {"kind": "HTTPStatusError", "message": message, "sent": "full"}
    assert (third["key"], third["status"], third["url"]) == (3, 404, f"{server.url}/status/404")


def test_templates_make_requests_of_records(server: LoopbackServer, sent: Sent) -> None:
    records = [{"id": 1, "user": {"name": "a/b {c}"}, "tags": ["x", None], "on": True}]
    body = '{"id": "{id}", "all": ["{tags}", "{on}", "n: {user.name} {{id}"], "whole": "{.}", "fixed": null}'
    (line,) = sent(
        "\n".join(map(json.dumps, records)),
        *("--url", f"{server.url}/inspect?name={{user.name}}&id={{id}}", "--json", body, "--method", "PATCH"),
        *("--header", "X-Id: no {id}", "--key", "id"),
    )
    said = line["json"]
    assert json.loads(said["body"]) == {
        "id": 1,
        "all": [["x", None], True, "n: a/b {c} {id}"],
        "whole": records[0],
        "fixed": None,
    }
    assert (line["key"], said["method"], said["target"]) == (1, "PATCH", "/inspect?name=a%2Fb%20%7Bc%7D&id=1")
    assert dict(said["headers"])["X-Id"] == "no 1"


def test_csv_makes_requests_too(server: LoopbackServer, sent: Sent) -> None:
    text = '"i\nd",url,note\r\n1,SERVER/id/1,"a, ""b""\r\nc"\r\n2,SERVER/id/2,x\r\n'.replace("SERVER", server.url)
    assert [line["text"] for line in sent(text, name="in.csv")] == ["1", "2"]
    first, second = sent(text, "--url", f"{server.url}/echo", "--json", "{note}", name="in.csv")
    assert (first["json"], second["json"]) == ('a, "b"\r\nc', "x")
    tabs = sent(text.replace(",", "\t"), name="in.tsv")
    assert [line["text"] for line in tabs] == ["1", "2"]


def test_the_garbage_collector_is_left_as_it_was(server: LoopbackServer, sent: Sent) -> None:
    before = gc.get_threshold()
    assert len(sent(f"{server.url}/id/7\n", name="urls")) == 1
    assert gc.get_threshold() == before


def test_a_mark_within_a_field_of_csv_is_a_part_of_it(server: LoopbackServer, sent: Sent) -> None:
    rows = ['5" pipe,b', '3" x 4" pipe, "b', 'a,"b"" 5\n"",\n"', '"5"" pipe",b', "a,b", '"""",""', 'a"",b"']
    text = "\n".join(["a,b", *rows, ""])
    template = ("--url", f"{server.url}/echo", "--json", '["{a}", "{b}"]')
    lines = sent(text, *template, name="in.csv")
    assert [line["json"] for line in lines] == list(csv.reader(StringIO(text, newline="")))[1:]
    text = text.replace(",", "\t")
    lines = sent(text, *template, name="in.tsv")
    assert [line["json"] for line in lines] == list(csv.reader(StringIO(text, newline=""), "excel-tab"))[1:]


def test_lists_may_be_packed(server: LoopbackServer, sent: Sent) -> None:
    text = f"# comment\n{server.url}/id/1\n\n/id/2\n"
    packed = {"in.txt.gz": gzip.compress(text[:9].encode()) + gzip.compress(text[9:].encode())}
    try:
        import zstandard
    except ImportError:
        pass
    else:
        packed["in.zst"] = zstandard.ZstdCompressor().compress(text.encode())
    for name, content in packed.items():
        lines = sent(content, "--base-url", server.url, name=name)
        assert [line["text"] for line in lines] == ["1", "2"]
    assert sent("a/b\n", "--url", f"{server.url}/id/{{line}}")[0]["url"] == f"{server.url}/id/a%2Fb"
    assert sent(packed["in.txt.gz"][:-5], "--base-url", server.url, name="torn.gz", status=2)[0]["text"] == "1"


def test_standard_input_is_read_as_it_comes(
    server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.write(writer, f'{{"url": "{server.url}/id/1"}}\n{{"url": "{server.url}/id/2"}}'.encode())
    os.close(writer)
    with open(reader) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["batch", "-", "-o", str(tmp_path / "out"), "--ordered"]) == 0
        # A shell has it, too, where it is a terminal.
        assert os.get_blocking(reader)
    assert [line["text"] for line in lines_of(tmp_path / "out")] == ["1", "2"]


def test_a_long_line_and_an_empty_file(server: LoopbackServer, sent: Sent) -> None:
    long = json.dumps({"url": f"{server.url}/echo", "content": "x" * 5_000_000})
    (line,) = sent(f"{long}\n")
    assert len(line["text"]) == 5_000_000
    assert sent("") == []
    assert sent("\ufeff\r\n\n") == []


@pytest.mark.parametrize(
    ("name", "bad", "problem"),
    [
        ("in.jsonl", b'{"url": s3cret}', "it is not JSON: Expecting value at column 9"),
        ("in.jsonl", b'["s3cret"]', "it is no JSON object"),
        ("in.jsonl", b'{"s3cret": 1}', "it has neither url nor path, and there is no --url or --path to make one"),
        ("in.jsonl", b'{"url": "http://x/", "header": "s3cret"}', "it has a field 'header': did you mean 'headers'?"),
        (
            "in.jsonl",
            b'{"url": "http://x/s3cret", "key": 1.5}',
            "its field 'key' is no text or whole number, so it is no key",
        ),
        ("in.jsonl", b'{"url": "s3cret\xff"}', "it is not UTF-8 at byte 16"),
        ("in.jsonl", b"[" * 100_000, "it is JSON of too many levels"),
        ("in.csv", b"s3cret,s3cret", "it has 2 fields, and the first line 1"),
        ("in.csv", b'"s3cret" s3cret', "',' expected after '\"'"),
    ],
)
def test_a_bad_line_is_told_with_its_number(
    name: str, bad: bytes, problem: str, server: LoopbackServer, sent: Sent, capfd: Captured
) -> None:
    good = b'{"url": "%s"}' if name == "in.jsonl" else b"%s"
    at = [good % f"{server.url}/id/{number}".encode() for number in range(9)]
    if name == "in.csv":
        at[0] = b"url"
    at[6] = bad
    whole = [0, 1, 2, 3, 4, 5] if name == "in.jsonl" else [0, 1, 2, 3, 4]
    assert [line["index"] for line in sent(b"\n".join(at), name=name, status=2)] == whole
    errors = capfd.readouterr().err
    assert f"pynector: line 7: {problem} (--skip-bad goes on without it)\n" in errors
    # The places of the others stay what they are.
    lines = sent(b"\n".join(at), "--skip-bad", "--resume", name=name)
    assert [line["index"] for line in lines] == [*whole, whole[-1] + 2, whole[-1] + 3]
    errors += capfd.readouterr().err
    assert f"pynector: line 7 is left out: {problem}\n" in errors
    assert ", 1 left out\n" in errors
    assert "s3cret" not in errors


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--url", "http://x/{no}"], "it has no field 'no'"),
        (["--url", "http://x/", "--json", '"{user.no}"'], "it has no field 'user.no'"),
        (["--url", "http://x/{none}"], "its field 'none' is null, which is no text"),
        (["--url", "http://x/{half}"], "its field 'half' has half a character, which no URL can have"),
        (["--url", "http://x/", "--key", "user"], "its field 'user' is no text or whole number, so it is no key"),
        (["--url", "http://x/", "--cost", "user", "--cost-rate", "9"], "its field 'user' is no number, 0 or more"),
    ],
)
def test_a_record_without_what_a_template_needs_is_a_bad_line(
    arguments: list[str], problem: str, sent: Sent, capfd: Captured
) -> None:
    assert sent('{"user": {"a": 1}, "none": null, "half": "\\ud800"}', *arguments, status=2) == []
    assert f"line 1: {problem} (" in capfd.readouterr().err


# What goes out


def test_bodies_are_json_as_it_came_or_text_and_base64_where_they_must(
    server: LoopbackServer, sent: Sent, tmp_path: Path
) -> None:
    kinds = ["application/json", "application/x+json; charset=utf-8", "text/plain; charset=latin-1", "image/png"]
    bodies = ['{"a": 1.50, "b": 12345678901234567890}', '[1,\n "é"]\r\n', "é", "é\n"]
    described = [
        {"url": f"{server.url}/echo", "content": body, "headers": {"Content-Type": kind}}
        for kind, body in zip(kinds, bodies, strict=True)
    ]
    described += [
        {"url": f"{server.url}/echo", "content": "[NaN]", "headers": {"Content-Type": "application/json"}},
        {"url": f"{server.url}/compressed/gzip"},
        {"url": f"{server.url}/redirect/2"},
        {"url": f"{server.url}/echo", "content": "\xff", "headers": {"Content-Type": "text/x; charset=utf-16"}},
    ]
    lines = sent("\n".join(map(json.dumps, described)), "--include-headers")
    raw = (tmp_path / "output.jsonl").read_bytes()
    assert all(b'"json":' + value + b"}\n" in raw for value in (bodies[0].encode(), '[1,  "é"]'.encode()))
    assert [line.get("json") for line in lines[:2]] == [{"a": 1.5, "b": 12345678901234567890}, [1, "é"]]
    assert [line.get("text") for line in lines[2:5]] == ["Ã©", "é\n", "[NaN]"]
    assert lines[5]["json"]["coding"] == "gzip"
    assert (lines[6]["text"], lines[6]["url"]) == ("done", f"{server.url}/redirect/2")
    assert ["Content-Type", "application/json"] in lines[0]["headers"]
    (line,) = sent(f"{server.url}/bytes/3\n{server.url}/compressed/truncated\n", status=1)[1:]
    assert line["error"]["kind"] == "DecodingError"
    assert line["error"]["phase"] == "body"
    file = json.dumps(
        {"url": f"{server.url}/echo", "content": "\xff", "headers": {"Content-Type": "x/y; charset=ascii"}}
    )
    assert sent(file)[0]["base64"] == "w78="
    assert sent(f'{{"url": "{server.url}/id/1", "key": "\\ud800"}}')[0]["key"] == "\ud800"
    marked = {"url": f"{server.url}/echo", "content": "\ufeff[1]", "headers": {"Content-Type": "application/json"}}
    assert sent(json.dumps(marked))[0]["json"] == [1]


def test_what_fails_says_how_far_it_came(server: LoopbackServer, sent: Sent, capfd: Captured) -> None:
    text = f"{server.url}/flaky?key=cli&failures=1\nhttp://127.0.0.1:1/?s=s3cret\nnonsense://x\n{server.url}/hang\n"
    options = ("--retries", "1", "--timeout", "60", "--attempt-timeout", "2", "--base-url", server.url)
    flaky, refused, wrong, late = sent(text, *options, "--concurrency", "auto", status=1)
    assert (flaky["attempts"], flaky["text"]) == (2, "2")
    assert (refused["attempts"], refused["error"]["phase"], refused["error"]["sent"]) == (2, "connect", "none")
    assert "s3cret" not in refused["error"]["message"]
    assert refused["url"] == "http://127.0.0.1:1/?s=s3cret"
    assert (wrong["attempts"], wrong["error"]["kind"]) == (0, "ConfigurationError")
    assert (late["attempts"], late["error"]["kind"], late["error"]["phase"]) == (2, "TimeoutError", "headers")
    errors = capfd.readouterr().err
    assert "4 done in " in errors
    assert "1 succeeded, 3 failed, 3 retries\n" in errors
    assert "  statuses  200: 1\n" in errors
    assert "ConnectError: 1" in errors


def test_results_go_to_standard_output_and_the_summary_to_a_file(
    server: LoopbackServer, tmp_path: Path, capfd: Captured
) -> None:
    file, summary = tmp_path / "urls", tmp_path / "summary.json"
    file.write_text("".join(f"{server.url}/id/{number}\n" for number in range(300)))
    assert main(["batch", str(file), "--ordered", "--summary-json", str(summary), "-q", "--rate", "10000/s"]) == 0
    output, errors = capfd.readouterr()
    assert [json.loads(line)["index"] for line in output.splitlines()] == list(range(300))
    assert errors == ""
    figures = json.loads(summary.read_text())
    assert (figures["done"], figures["statuses"], figures["errors"], figures["bytes"]) == (300, {"200": 300}, {}, 790)
    assert 0 < figures["latency"]["p50"] <= figures["latency"]["p99"] <= figures["latency"]["max"]
    file.write_text("")
    assert main(["batch", str(file), "--summary-json", str(tmp_path / "no" / "folder"), "-q"]) == 1
    assert f"cannot write {tmp_path / 'no' / 'folder'}: No such file" in capfd.readouterr().err


def test_shards_and_a_limit_take_parts(server: LoopbackServer, sent: Sent) -> None:
    text = "".join(f"{server.url}/id/{number}\n" for number in range(10))
    parts = [[line["index"] for line in sent(text, "--shard", f"{number}/3")] for number in (1, 2, 3)]
    assert parts == [[0, 3, 6, 9], [1, 4, 7], [2, 5, 8]]
    assert [line["index"] for line in sent(text, "--shard", "2/3", "--limit", "2")] == [1, 4]


def test_costs_are_kept_to(server: LoopbackServer, sent: Sent) -> None:
    text = "".join(json.dumps({"n": number, "tokens": 20}) + "\n" for number in range(6))
    started = time.monotonic()
    sent(text, "--url", f"{server.url}/id/{{n}}", "--cost", "tokens", "--cost-rate", "500/s")
    assert time.monotonic() - started >= 0.15


def test_a_dry_run_shows_requests_and_no_secrets(
    server: LoopbackServer, tmp_path: Path, capfd: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text('{"id": 7, "token": "s3cret"}\n' * 9)
    monkeypatch.setenv("SOME_TOKEN", "s3cret")
    fields = ["-H", "X-Id: {id}", "-H", "X-Fixed: s3cret", "-H", "X-Token: {token}", "--env-header", "A=SOME_TOKEN"]
    template = ["--url", "http://example.com/items/{id}", "--json", '{"id": "{id}"}']
    assert main(["batch", str(file), *template, *fields, "--dry-run", "--limit", "2"]) == 0
    output, errors = capfd.readouterr()
    assert output.count("POST http://example.com/items/7\n") == 2
    assert output.count("X-Id: 7\n") == 2
    assert output.count(": (not shown)\n") == 6
    assert output.count('\n\n{"id":7}\n') == 2
    assert "s3cret" not in output
    assert errors == ""


def test_a_terminal_has_a_bar_that_knows_how_much_there_is(
    server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, output, terminal = tmp_path / "urls", tmp_path / "out", StringIO()
    file.write_text("".join(f"{server.url}/id/{number}\n" for number in range(12)))
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal)
    arguments = ["batch", str(file), "-o", str(output)]
    assert main([*arguments, "--limit", "5"]) == 0
    assert "5/5 (100%)" in terminal.getvalue()
    terminal.truncate(0)
    file.write_text(file.read_text() + "# comment\n\n")
    assert main([*arguments, "--resume"]) == 0
    assert "7/7 (100%)" in terminal.getvalue()
    assert "7 done in " in terminal.getvalue()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["/nowhere/at/all"], "cannot read /nowhere/at/all: No such file"),
        (["FILE", "--resume"], "--resume needs --output"),
        (["FILE", "--retry-failed"], "--retry-failed needs --resume"),
        (["FILE", "--rate", "s3cret/s"], "expected a rate such as 500/s"),
        (["FILE", "--concurrency", "many"], "expected a whole number"),
        (["FILE", "--shard", "3/2"], "expected a part such as 1/4"),
        (["FILE", "--json", "{s3cret"], "this is not JSON, nor just {field}"),
        (["FILE", "--base-url", "ftp://x"], "base_url must start with http:// or https://"),
        (["FILE", "-H", "A: s3cret\nB: 1"], "the value of 'A' has a character"),
        (["FILE", "-o", "FILE"], "is there already: give --resume to go on with it, or another name"),
        (["FILE", "-o", "FILE", "--resume"], "is no output of a batch: see its line 1"),
        (["FILE", "--cost", "n"], "--cost and --cost-rate need one another"),
    ],
)
def test_bad_use_gives_2(arguments: list[str], said: str, tmp_path: Path, capfd: Captured) -> None:
    file = tmp_path / "file"
    file.write_text("http://127.0.0.1:1/\n")
    status = status_of(["batch", *(str(file) if argument == "FILE" else argument for argument in arguments)])
    output, errors = capfd.readouterr()
    assert (status, output) == (2, "")
    assert said in errors
    assert "s3cret" not in errors.replace("'s3cret/s'", "")


# Going on


def test_an_output_is_gone_on_with_and_a_torn_line_repaired(
    server: LoopbackServer, sent: Sent, tmp_path: Path, capfd: Captured
) -> None:
    output, text = tmp_path / "output.jsonl", "".join(f"{server.url}/id/{number}\n" for number in range(20))
    whole = sent(text, "--limit", "7")
    torn = output.read_bytes()
    for end in (b"", b'{"index":7,"meth', torn[:-1], b"\n"[:0]):
        # The last line as it stands, torn in its middle, without its end, and so again.
        output.write_bytes(torn + end if end != torn[:-1] else end)
        lines = sent(text, "--resume")
        assert [line["index"] for line in lines] == list(range(20))
        assert lines[:7] == whole
    assert "13 done in " in capfd.readouterr().err
    changed = text.replace("/id/3\n", "/id/x\n")
    assert len(sent(changed, "--resume", status=2)) == 20
    assert "another request for the record with the index 3: the input has changed" in capfd.readouterr().err


def test_what_no_int_of_python_holds_is_gone_on_with(server: LoopbackServer, sent: Sent, tmp_path: Path) -> None:
    long = {"url": f"{server.url}/echo", "content": "9" * 5000, "headers": {"Content-Type": "application/json"}}
    text = "".join(json.dumps({**long, "key": key}) + "\n" for key in (1, 10**30, "a"))
    file, output = tmp_path / "input", tmp_path / "output.jsonl"
    file.write_text(text)
    before = server.stats().requests
    for options in ([], ["--resume"], ["--resume", "--key", "key"], ["--resume", "--retry-failed"]):
        assert main(["batch", str(file), "--output", str(output), *options]) == 0
    assert output.read_bytes().count(b'"json":' + b"9" * 5000 + b"}\n") == server.stats().requests - before == 3


def test_keys_are_gone_on_with_in_any_order_and_failures_again(
    server: LoopbackServer, sent: Sent, capfd: Captured
) -> None:
    records = [{"id": f"r{number}", "n": number} for number in range(10)]
    options = ("--url", f"{server.url}/flaky?key={{id}}-cli&failures=1&status=500", "--key", "id")
    first = sent("\n".join(map(json.dumps, records[:4])), *options, status=1)
    assert [line["status"] for line in first] == [500] * 4
    again = sent("\n".join(map(json.dumps, records[:4])), *options, "--resume", status=1)
    assert [line["status"] for line in again] == [500] * 4
    errors = capfd.readouterr().err
    assert "0 succeeded, 0 failed, 4 done before\n  before    4 failed; --retry-failed sends them again\n" in errors
    records.reverse()
    last = sent("\n".join(map(json.dumps, records)), *options, "--resume", "--retry-failed", status=1)
    assert sorted(line["key"] for line in last) == [f"r{number}" for number in range(10)]
    assert sorted(line["key"] for line in last if line["status"] == 200) == ["r0", "r1", "r2", "r3"]


def test_it_stops_at_the_first_failure_if_it_is_to(server: LoopbackServer, sent: Sent, capfd: Captured) -> None:
    text = f"{server.url}/id/1\n{server.url}/status/500\n" + f"{server.url}/id/3\n" * 200
    lines = sent(text, "--fail-fast", "--concurrency", "1", "--rate", "1000", status=1)
    assert [line["status"] for line in lines[:2]] == [200, 500]
    assert len(lines) < 20
    assert "to go on, give the same command with --resume\n" in capfd.readouterr().err


def wait_for_lines(output: Path, count: int) -> None:
    end = time.monotonic() + 60
    while not output.exists() or output.read_bytes().count(b"\n") < count:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.exhaustive)])
def test_what_is_killed_goes_on_and_each_line_is_there_once(
    kills: int, server: LoopbackServer, tmp_path: Path, environment: dict[str, str]
) -> None:
    file, output, count = tmp_path / "urls", tmp_path / "out.jsonl", kills * 700
    file.write_text("".join(f"{server.url}/bytes/{number * 7 % 3000}\n" for number in range(count)))
    arguments = ["batch", str(file), "-o", str(output), "--resume", "-q"]
    command, before = [sys.executable, "-m", "pynector", *arguments, "--rate", "1500"], 0
    for _ in range(kills):
        with subprocess.Popen(command, env=environment) as process:
            wait_for_lines(output, before + random.randint(20, 500))
            process.kill()
        before = output.read_bytes().count(b"\n")
    assert main(arguments) == 0
    assert sorted(line["index"] for line in lines_of(output)) == list(range(count))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits")
def test_what_is_cut_off_by_a_full_disk_goes_on_and_each_line_is_there_once(
    server: LoopbackServer, tmp_path: Path, environment: dict[str, str]
) -> None:
    import resource

    file, output, summary = tmp_path / "urls", tmp_path / "out.jsonl", tmp_path / "summary.json"
    file.write_text("".join(f"{server.url}/bytes/{100 + number}\n" for number in range(200)))
    arguments = ["batch", str(file), "-o", str(output), "--resume", "--summary-json", str(summary)]
    command = [sys.executable, "-m", "pynector", *arguments]
    # The last line that has room is torn.
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))  # noqa: E731
    done = subprocess.run(command, env=environment, preexec_fn=limit, capture_output=True, text=True, timeout=600)
    assert (done.returncode, output.stat().st_size) == (1, 10_000)
    assert "cannot write: File too large\npynector: to go on, give the same command with --resume\n" in done.stderr
    # What came with the line that is torn was not counted.
    assert json.loads(summary.read_text())["done"] <= output.read_bytes().count(b"\n")
    assert main(arguments) == 0
    assert sorted(line["index"] for line in lines_of(output)) == list(range(200))


def ctrl_c_after(output: Path, count: int, then: Callable[[], object] = lambda: None) -> Thread:
    """Press Ctrl-C when there are so many lines."""

    def press() -> None:
        wait_for_lines(output, count)
        os.kill(os.getpid(), signal.SIGINT)
        then()

    thread = Thread(target=press)
    thread.start()
    return thread


def test_ctrl_c_ends_what_is_in_flight_and_says_how_to_go_on(
    server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Captured
) -> None:
    output = tmp_path / "out.jsonl"
    reader, writer = os.pipe()
    # More would come, and it is not waited for.
    os.write(writer, f"{server.url}/id/1\n{server.url}/id/2?delay=0.5\n".encode())
    with open(reader) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        thread = ctrl_c_after(output, 1)
        assert main(["batch", "-", "-o", str(output), "--header", "Authorization: s3cret"]) == 130
    thread.join()
    os.close(writer)
    assert [line["text"] for line in lines_of(output)] == ["1", "2"]
    errors = capfd.readouterr().err
    assert errors.startswith("pynector: finishing what is in flight; Ctrl-C again stops at once\n2 done in")
    assert errors.endswith("pynector: to go on, give the same command with --resume\n")
    assert "s3cret" not in errors


def test_a_second_ctrl_c_stops_at_once(server: LoopbackServer, tmp_path: Path, capfd: Captured) -> None:
    file, output = tmp_path / "urls", tmp_path / "out.jsonl"
    file.write_text(f"{server.url}/id/1\n{server.url}/hang\n")

    def again() -> None:
        # Two that come together are one.
        end = time.monotonic() + 60
        while "Ctrl-C again stops at once" not in capfd.readouterr().err:
            assert time.monotonic() < end
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = ctrl_c_after(output, 1, again)
    assert main(["batch", str(file), "-o", str(output)]) == 130
    thread.join()
    assert [line["index"] for line in lines_of(output)] == [0]


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are waited for there")
def test_requests_go_on_while_nobody_reads_their_results(
    server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, before = tmp_path / "urls", server.stats().requests
    read: list[Any] = []
    file.write_text("".join(f"{server.url}/bytes/100000\n" for _ in range(20)))
    reader, writer = os.pipe()

    def read_late() -> None:
        end = time.monotonic() + 60
        while server.stats().requests < before + 20 and time.monotonic() < end:
            time.sleep(0.01)
        read.append(server.stats().requests - before)
        with open(reader, "rb") as file:
            read.extend(file)

    thread = Thread(target=read_late)
    thread.start()
    with open(writer, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main(["batch", str(file), "--concurrency", "10", "-q"]) == 0
        assert os.get_blocking(writer)
        monkeypatch.undo()
    thread.join()
    assert read[0] == 20
    assert sorted(json.loads(line)["index"] for line in read[1:]) == list(range(20))


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are waited for there")
def test_a_second_ctrl_c_stops_although_nobody_reads(server: LoopbackServer, tmp_path: Path) -> None:
    file = tmp_path / "urls"
    file.write_text(f"{server.url}/bytes/100000\n" * 200)
    command = [sys.executable, "-m", "pynector", "batch", str(file), "-q"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith('{"index":')
        process.send_signal(signal.SIGINT)
        said = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(60) == 130
        finally:
            process.kill()
        assert said == "pynector: finishing what is in flight; Ctrl-C again stops at once\n"
        assert process.stderr.read() == "pynector: with --output FILE it could go on another time\n"


def test_a_full_disk_and_a_reader_that_leaves(
    server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Captured
) -> None:
    file = tmp_path / "urls"
    file.write_text("".join(f"{server.url}/bytes/1000\n" for _ in range(500)))
    assert main(["batch", str(file), "-o", "/dev/full"]) == 1
    errors = capfd.readouterr().err
    assert "pynector: cannot write: No space left on device\n" in errors
    assert "0 done in " in errors
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main(["batch", str(file)]) == 1
        monkeypatch.undo()
    assert capfd.readouterr().err == ""
