"""The two engines send the same for the same request, and make the same of the same bytes.

Where they do not, the case is listed with its reason, here and in docs/engines.md; a difference that is listed and
is none fails, too.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from scripted import ScriptedServer, answer

from pynector import HTTPRequest, Pynector, PynectorError
from pynector.testing import LoopbackServer

Play = Callable[..., ScriptedServer]

# The native engine runs on asyncio's loops only.
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]


async def outcome(url: str, engine: str, data: Any, options: dict[str, Any], **settings: Any) -> Any:
    """Give what a caller sees of a request: the answer, or the error."""
    async with Pynector(base_url=url, http_engine=engine, **settings) as client:
        try:
            response = await client.request(data, as_response=True, **options)
        except PynectorError as error:
            named = error.request and error.request.replace(url, "")
            return type(error).__name__, getattr(error, "phase", None), getattr(error, "sent", None), named
    headers = [_without_case(*pair) for pair in response.headers.pairs()]
    return response.status_code, response.http_version, headers, response.content


def _without_case(name: str, value: str) -> tuple[str, str]:
    # httpx's parser writes this one in small letters.
    return name.lower(), value.lower() if name.lower() == "transfer-encoding" else value


# Requests

TARGETS: list[dict[str, Any]] = [
    {},
    {"path": "/inspect"},
    {"path": "/inspect/"},
    {"path": "/inspect/a b"},
    {"path": "/inspect/%41%2F%zz"},
    {"path": "/inspect/\u00e9\u4e2d"},
    {"path": "/inspect/./../inspect//x"},
    {"path": "/inspect?a=1&b"},
    {"path": "/inspect?"},
    {"path": "/inspect?", "params": {"a": 1}},
    {"path": "/inspect#part"},
    {"path": "/inspect?q=[x]&y=a|b^c`d"},
    {"path": "inspect"},
    {"path": "/inspect\r\nX: y"},
    {"path": "/inspect", "params": {"a": 1, "b": [2, "3"], "c": None, "d": True, "e": "\u00e9 &=+"}},
    {"path": "/inspect?z=0", "params": [("a", "1"), ("a", "2")]},
    {"path": "/inspect", "params": {}},
    {"path": "/inspect", "params": {"a": object}},
]
BODIES: list[dict[str, Any]] = [
    {},
    {"json": {"a": [1, 2.5, None, True], "\u00e9": "\u4e2d"}},
    {"json": None},
    {"json": float("nan")},
    {"content": b""},
    {"content": b"\x00\xff" * 50},
    {"content": "text \u00e9"},
    {"data": {"a": 1, "b": ["x", "y"], "c": "\u00e9 &="}},
    {"data": [("a", "1"), ("a", "2")]},
    {"data": {}},
    {"files": {"f": ("n.txt", b"file", "text/plain")}, "data": {"a": "1"}},
    {"content": b"x", "json": 1},
]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "M-SEARCH", "BAD METHOD", ""]
HEADERS: list[Any] = [
    {"X-One": "1"},
    {"x-ONE": "1", "X-Empty": ""},
    [("X-Many", "1"), ("X-Many", "2")],
    {"User-Agent": None, "Accept": None},
    {"User-Agent": "me", "accept-encoding": "identity"},
    {"Host": "other.example"},
    {"Content-Type": "text/x"},
    {"Content-Length": "4"},
    {"Content-Length": "3"},
    {"Transfer-Encoding": "chunked"},
    {"Connection": "close"},
    {"Expect": "100-continue"},
    {"X": " padded\t"},
    {"X": "\u00e9"},
    {"X": "\u4e2d"},
    {"X": "a\r\nb: c"},
    {"X": "a\x00b"},
    {"bad name": "x"},
    {"": "x"},
    {"X": 1},
]
OTHERS: list[dict[str, Any]] = [
    {"cookies": {"a": "1", "b": "2"}},
    {"cookies": {"a": "1"}, "headers": {"Cookie": "c=3"}},
    {"cookies": {"a": "1; b"}},
    {"auth": ("user", "pass\u00e9")},
    {"auth": "token"},
    {"auth": ("user", "x"), "headers": {"Authorization": "mine"}},
    {"max_response_bytes": 10},
    {"timeout": 0},
    {"nonsense": 1},
]
PLAIN_DATA: list[Any] = [
    None,
    "",
    "text",
    b"bytes",
    bytearray(b"array"),
    {"query": "data"},
    [1, 2],
    {},
    {"method": "GET", "path": "/inspect", "parms": 1},
    {"path": "/inspect"},
    {"url": "/inspect"},
    {"url": "not a url"},
    {"url": "ftp://example.com/"},
    {"method": "PUT", "path": "/inspect", "json": 1},
    HTTPRequest(method="PUT", path="/inspect", json=1),
    HTTPRequest(path="/inspect", params={"a": 1}),
    5,
    object,
]
REQUESTS: list[tuple[Any, dict[str, Any]]] = [
    *(({"method": method, "path": "/inspect", **body}, {}) for method in METHODS for body in BODIES),
    *((None, {**target, **body}) for target in TARGETS for body in BODIES[:2]),
    *((target, {}) for target in TARGETS),
    *(({"path": "/inspect", "headers": headers, **body}, {}) for headers in HEADERS for body in BODIES[4:7]),
    *(({"path": "/inspect"}, option) for option in OTHERS),
    *((data, option) for data in PLAIN_DATA for option in ({}, {"path": "/inspect"}, {"headers": {"X": "y"}})),
]
SETTINGS: list[dict[str, Any]] = [
    {},
    {
        "headers": {"X-Common": "1", "User-Agent": "common"},
        "params": {"common": "1"},
        "cookies": {"kept": "1"},
        "auth": ("me", "secret"),
    },
]


# Of a multipart body, which is another each time.
BOUNDARY = re.compile(rb"[0-9a-f]{32}")


def understood(seen: Any) -> Any:
    """Give an outcome with the server's report of what it received in a form that can be compared."""
    if len(seen) == 4 and isinstance(seen[3], bytes) and seen[3].startswith(b'{"method"'):
        report = json.loads(BOUNDARY.sub(b"boundary", seen[3]))
        del report["connection"]
        report["headers"] = sorted([name.lower(), value] for name, value in report["headers"])
        return seen[0], seen[1], report
    return seen


@pytest.mark.parametrize("part", range(8))
async def test_they_send_the_same(server: LoopbackServer, part: int) -> None:
    differences = []
    for settings, (data, options) in itertools.islice(itertools.product(SETTINGS, REQUESTS), part, None, 8):
        seen = [
            understood(await outcome(server.url, engine, data, options, **settings)) for engine in ("httpx", "native")
        ]
        if seen[0] != seen[1]:
            differences.append((data, options, settings, *seen))
    assert differences == []


# Responses

OK = "HTTP/1.1 200 OK\r\n"
LENGTH = OK + "Content-Length: "
CHUNKED = OK + "Transfer-Encoding: chunked\r\n\r\n"
END = "0\r\n\r\n"
AFTER_LENGTH = "Content-Length: 2\r\n\r\nok"
FIELD = "X: " + "a" * 45 + "\r\n"

WIRES: dict[str, str] = {
    # The status line
    "plain": f"{LENGTH}2\r\n\r\nok",
    "without a reason": f"HTTP/1.1 200\r\n{AFTER_LENGTH}",
    "with an empty reason": f"HTTP/1.1 200 \r\n{AFTER_LENGTH}",
    "with a reason in Latin-1": f"HTTP/1.1 200 \xe9\r\n{AFTER_LENGTH}",
    "NUL in the reason": f"HTTP/1.1 200 O\x00K\r\n{AFTER_LENGTH}",
    "a form feed in the reason": f"HTTP/1.1 200 O\x0cK\r\n{AFTER_LENGTH}",
    "HTTP/0.9": "ok",
    "HTTP/1.0 until the close": "HTTP/1.0 200 OK\r\n\r\nok",
    "HTTP/1.0 with a length": f"HTTP/1.0 200 OK\r\n{AFTER_LENGTH}",
    "HTTP/1.0 kept alive": f"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n{AFTER_LENGTH}",
    "HTTP/1.2": f"HTTP/1.2 200 OK\r\n{AFTER_LENGTH}",
    "HTTP/1.11": f"HTTP/1.11 200 OK\r\n{AFTER_LENGTH}",
    "http/1.1": f"http/1.1 200 OK\r\n{AFTER_LENGTH}",
    "another protocol": f"ICY 200 OK\r\n{AFTER_LENGTH}",
    "RTSP": f"RTSP/1.0 200 OK\r\n{AFTER_LENGTH}",
    "ICE": f"ICE/1.0 200 OK\r\n{AFTER_LENGTH}",
    "SSH": "SSH-2.0-OpenSSH\r\n\r\n",
    "TLS": "\x15\x03\x01\x00\x02\x02\x46",
    "HTML": "<html>\r\n\r\n</html>",
    "status 20": f"HTTP/1.1 20 OK\r\n{AFTER_LENGTH}",
    "status 2000": f"HTTP/1.1 2000 OK\r\n{AFTER_LENGTH}",
    "status 000": f"HTTP/1.1 000 OK\r\n{AFTER_LENGTH}",
    "status 099": f"HTTP/1.1 099 OK\r\n{AFTER_LENGTH}",
    "status 600": f"HTTP/1.1 600 OK\r\n{AFTER_LENGTH}",
    "status 999": f"HTTP/1.1 999 OK\r\n{AFTER_LENGTH}",
    "status abc": f"HTTP/1.1 abc OK\r\n{AFTER_LENGTH}",
    "two spaces before the status": f"HTTP/1.1  200 OK\r\n{AFTER_LENGTH}",
    "a tab before the status": f"HTTP/1.1\t200 OK\r\n{AFTER_LENGTH}",
    "a space first": f" HTTP/1.1 200 OK\r\n{AFTER_LENGTH}",
    "an empty line first": f"\r\nHTTP/1.1 200 OK\r\n{AFTER_LENGTH}",
    "two empty lines first": f"\r\n\r\n{LENGTH}2\r\nContent-Encoding: gzip\r\n\r\nok",
    "empty lines before a chunk cut short": f"\r\n\r\n{CHUNKED}5\r\nok",
    "empty lines before 100": f"\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n{LENGTH}2\r\n\r\nok",
    "empty lines after 100": f"HTTP/1.1 100 Continue\r\n\r\n\r\n\r\n{LENGTH}2\r\n\r\nok",
    # Content-Length
    "the same length twice": f"{LENGTH}2\r\n{AFTER_LENGTH}",
    "a list of one length": f"{LENGTH}2, 2\r\n\r\nok",
    "two lengths": f"{LENGTH}3\r\n{AFTER_LENGTH}",
    "a list of two lengths": f"{LENGTH}2, 3\r\n\r\nok",
    "length -1": f"{LENGTH}-1\r\n\r\n",
    "length +2": f"{LENGTH}+2\r\n\r\nok",
    "length 0x2": f"{LENGTH}0x2\r\n\r\nok",
    "length 2 2": f"{LENGTH}2 2\r\n\r\nok",
    "length 0002": f"{LENGTH}0002\r\n\r\nok",
    "an empty length": f"{LENGTH}\r\n\r\nok",
    "a length of 20 digits": f"{LENGTH}99999999999999999999\r\n\r\nok",
    "a length of 18 digits": f"{LENGTH}999999999999999999\r\n\r\nok",
    "a length of 14 digits": f"{LENGTH}99999999999999\r\n\r\nok",
    "a length of 21 digits, for zeros": f"{LENGTH}{2:021}\r\n\r\nok",
    "length 0": f"{LENGTH}0\r\n\r\n",
    # Transfer-Encoding
    "chunked": f"{CHUNKED}2\r\nok\r\n{END}",
    "Chunked": f"{OK}Transfer-Encoding: Chunked\r\n\r\n2\r\nok\r\n{END}",
    "chunked, then a length": f"{OK}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n{END}",
    "a length, then chunked": f"{LENGTH}5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n{END}",
    "gzip as transfer coding": f"{OK}Transfer-Encoding: gzip\r\n\r\nok",
    "gzip, chunked": f"{OK}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n{END}",
    "chunked, chunked": f"{OK}Transfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n{END}",
    "chunked in two fields": f"{OK}Transfer-Encoding: chunked\r\n{CHUNKED[len(OK) :]}2\r\nok\r\n{END}",
    "identity": f"{OK}Transfer-Encoding: identity\r\n{AFTER_LENGTH}",
    "xchunked": f"{OK}Transfer-Encoding: xchunked\r\n\r\n2\r\nok\r\n{END}",
    "an empty transfer coding": f"{OK}Transfer-Encoding:\r\n{AFTER_LENGTH}",
    "chunked in HTTP/1.0": f"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n{END}",
    # Chunks
    "an extension": f"{CHUNKED}2;a=b\r\nok\r\n0;x\r\n\r\n",
    "a quoted extension": f'{CHUNKED}2;a="b c"\r\nok\r\n{END}',
    "an empty extension": f"{CHUNKED}2;\r\nok\r\n{END}",
    "spaces around an extension": f"{CHUNKED}2 ; a\r\nok\r\n{END}",
    "a space after the size": f"{CHUNKED}2 \r\nok\r\n{END}",
    "a space before the size": f"{CHUNKED} 2\r\nok\r\n{END}",
    "zeros before the size": f"{CHUNKED}0002\r\nok\r\n000\r\n\r\n",
    "a size of 21 digits, for zeros": f"{CHUNKED}{2:021}\r\nok\r\n{END}",
    "size A": f"{CHUNKED}A\r\n0123456789\r\n{END}",
    "size 0x2": f"{CHUNKED}0x2\r\nok\r\n{END}",
    "size -2": f"{CHUNKED}-2\r\nok\r\n{END}",
    "an empty size": f"{CHUNKED}\r\nok\r\n{END}",
    "a size of 16 digits": f"{CHUNKED}ffffffffffffffff\r\nok",
    "a size of 17 digits": f"{CHUNKED}fffffffffffffffff\r\nok",
    "a chunk longer than its size": f"{CHUNKED}2\r\nokX\r\n{END}",
    "bare LF in chunks": f"{CHUNKED}2\nok\n0\n\n",
    "bare LF after a size": f"{CHUNKED}2\nok\r\n{END}",
    "trailers": f"{CHUNKED}2\r\nok\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n",
    "a trailer without a colon": f"{CHUNKED}2\r\nok\r\n0\r\nno colon\r\n\r\n",
    "a length as trailer": f"{CHUNKED}2\r\nok\r\n0\r\nContent-Length: 7\r\n\r\n",
    "a transfer coding as trailer": f"{CHUNKED}2\r\nok\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    # Header fields
    "bare LF": "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "bare LF in one line": "HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nok",
    "bare CR": "HTTP/1.1 200 OK\rContent-Length: 2\r\rok",
    "CR in a value": f"{OK}X: a\rb\r\n{AFTER_LENGTH}",
    "NUL in a value": f"{OK}X: a\x00b\r\n{AFTER_LENGTH}",
    "a control character in a value": f"{OK}X: a\x01b\r\n{AFTER_LENGTH}",
    "Latin-1 in a value": f"{OK}X: \xe9\r\n{AFTER_LENGTH}",
    "a folded value": f"{OK}X: a\r\n  b\r\n{AFTER_LENGTH}",
    "a folded length": f"{OK}Content-Length:\r\n 2\r\n\r\nok",
    "many folds": f"{OK}X: a\r\n b \r\n\t c\r\nY:\r\n \r\n  d\r\n \r\n{AFTER_LENGTH}",
    "a folded coding": f"{OK}Transfer-Encoding:\r\n chunked\r\n\r\n2\r\nok\r\n{END}",
    "a folded Location": f"HTTP/1.1 302 Found\r\nLocation:\r\n http://[\r\n{AFTER_LENGTH}",
    "folds in 103": f"HTTP/1.1 103 X\r\nLink: a,\r\n b\r\n\r\n{OK}X: a\r\n b\r\n{AFTER_LENGTH}",
    "a folded value until the close": f"{OK}X: a\r\n b\r\n\r\nok",
    "a folded value cut short": f"{OK}X: a\r\n b\r\nY",
    "a folded trailer": f"{CHUNKED}2\r\nok\r\n0\r\nX-Sum: 1\r\n 2\r\n\r\n",
    "a folded status line": f"{OK} X: a\r\n{AFTER_LENGTH}",
    "a space before the colon": f"{OK}X : a\r\n{AFTER_LENGTH}",
    "a space before a length's colon": f"{OK}Content-Length : 2\r\n\r\nok",
    "an empty name": f"{OK}: a\r\n{AFTER_LENGTH}",
    "no colon": f"{OK}X\r\n{AFTER_LENGTH}",
    "no token": f"{OK}X@y: a\r\n{AFTER_LENGTH}",
    "an empty value": f"{OK}X:\r\n{AFTER_LENGTH}",
    "tabs around a value": f"{OK}X:\ta\t\r\n{AFTER_LENGTH}",
    "300 fields": f"{OK}{FIELD * 300}{AFTER_LENGTH}",
    "a value of 70 KB": f"{OK}X: {'a' * 70_000}\r\n{AFTER_LENGTH}",
    "fields of 290 KB": f"{OK}{FIELD * 6000}{AFTER_LENGTH}",
    "fields of 1 MB without an end": f"{OK}{FIELD * 20_000}",
    "keep-alive and close": f"{OK}Connection: keep-alive, close\r\n{AFTER_LENGTH}",
    # Where a body ends
    "until the close": f"{OK}\r\nok",
    "nothing until the close": f"{OK}\r\n",
    "until the announced close": f"{OK}Connection: close\r\n\r\nok",
    "nothing at all": "",
    "cut in the status line": "HTTP/1.",
    "cut in the head": f"{OK}Content-Le",
    "cut in the body": f"{LENGTH}5\r\n\r\nok",
    "cut before the body": f"{LENGTH}5\r\n\r\n",
    "cut in a large body": f"{LENGTH}500000\r\n\r\nok",
    "cut in a size": f"{CHUNKED}2",
    "cut in a chunk": f"{CHUNKED}5\r\nok",
    "cut after a chunk": f"{CHUNKED}2\r\nok\r\n",
    "cut in the last chunk": f"{CHUNKED}2\r\nok\r\n0\r\n",
    "bytes after the end": f"{LENGTH}2\r\n\r\nokextra",
    "a response after the end": f"{LENGTH}2\r\n\r\nok{LENGTH}5\r\n\r\nforge",
    "bytes after the last chunk": f"{CHUNKED}2\r\nok\r\n{END}extra",
    # Statuses that frame
    "100": f"HTTP/1.1 100 Continue\r\n\r\n{LENGTH}2\r\n\r\nok",
    "103": f"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n{LENGTH}2\r\n\r\nok",
    "100 fifty times": "HTTP/1.1 100 Continue\r\n\r\n" * 50 + f"{LENGTH}2\r\n\r\nok",
    "100 with a length": f"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n{LENGTH}2\r\n\r\nok",
    "103 in chunks": f"HTTP/1.1 103 X\r\nTransfer-Encoding: chunked\r\n\r\n{LENGTH}2\r\n\r\nok",
    "100 in a transfer coding": f"HTTP/1.1 100 X\r\nTransfer-Encoding: gzip\r\n\r\n{LENGTH}2\r\n\r\nok",
    "105 with a length": f"HTTP/1.1 105 X\r\nContent-Length: 5\r\n\r\n{LENGTH}2\r\n\r\nok",
    "105 with a body": f"HTTP/1.1 105 X\r\nContent-Length: 5\r\n\r\nhello{LENGTH}2\r\n\r\nok",
    "100 and no more": "HTTP/1.1 100 Continue\r\n\r\n",
    "101": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhello",
    "101 without Upgrade": f"HTTP/1.1 101 Switching Protocols\r\n\r\n{LENGTH}2\r\n\r\nok",
    "an offer to upgrade": f"{OK}Upgrade: h2c\r\nConnection: Upgrade\r\n{AFTER_LENGTH}",
    "204": "HTTP/1.1 204 No Content\r\n\r\n",
    "204 with a body": f"HTTP/1.1 204 No Content\r\n{AFTER_LENGTH}",
    "204 in chunks": f"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n{END}",
    "205": "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
    "205 with a body": f"HTTP/1.1 205 Reset Content\r\n{AFTER_LENGTH}",
    "304": "HTTP/1.1 304 Not Modified\r\nContent-Length: 200\r\n\r\n",
    "404": f"HTTP/1.1 404 Not Found\r\n{AFTER_LENGTH}",
    "503 without a length": "HTTP/1.1 503 Busy\r\n\r\nbusy",
    "302 to nowhere": f"HTTP/1.1 302 Found\r\n{AFTER_LENGTH}",
    "302 to what is no URL": f"HTTP/1.1 302 Found\r\nLocation: http://[\r\n{AFTER_LENGTH}",
    "302 to ftp": f"HTTP/1.1 302 Found\r\nLocation: ftp://x/\r\n{AFTER_LENGTH}",
    # Codings
    "gzip cut short": f"{OK}Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\n\x1f\x8b\x08\x00\x00",
    "gzip that is none": f"{OK}Content-Encoding: gzip\r\n{AFTER_LENGTH}",
    "an unknown coding": f"{OK}Content-Encoding: sdch\r\n{AFTER_LENGTH}",
    "an empty body with a coding": f"{OK}Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
}

# Which of them the engines see differently: what httpx makes of it, what the native engine does, and why. The native
# engine refuses what it may refuse wherever another reader could see another end of a body or of a field.
ANSWER, BROKEN, LOST = "answer", "ProtocolError", "ConnectionLost"
TWO_LENGTHS = "RFC 9112 section 6.3: a recipient refuses a repeated length or takes it for one"
BOTH = (
    "RFC 9112 section 6.3: chunked overrides a length, which may be an attempt at smuggling, and ought to be an error"
)
TOO_BIG = "RFC 9110 section 8.6: a recipient anticipates large numbers; httpx waits for the bytes"
NEVER_ENDS = "httpx waits for more, and sees only that the server closes"
LF = "RFC 9112 section 2.2: a recipient may take a bare LF for the end of a line"
REASON = "RFC 9112 section 4: a client ignores what the reason says"
FOLDED = "RFC 9112 section 5.2: folding is obsolete, a user agent makes spaces of it; of a trailer httptools refuses it"

DIFFERENCES: dict[str, tuple[str, str, str]] = {
    "HTTP/0.9": (LOST, BROKEN, NEVER_ENDS),
    "HTTP/1.2": (ANSWER, BROKEN, "RFC 9110 section 2.5: a higher minor version is compatible; there is none"),
    "the same length twice": (ANSWER, BROKEN, TWO_LENGTHS),
    "a list of one length": (ANSWER, BROKEN, TWO_LENGTHS),
    "a length of 20 digits": (LOST, BROKEN, TOO_BIG),
    "a length of 21 digits, for zeros": (BROKEN, ANSWER, "RFC 9110 section 8.6: there may be any number of digits"),
    "a size of 21 digits, for zeros": (BROKEN, ANSWER, "RFC 9112 section 7.1: likewise"),
    "chunked, then a length": (ANSWER, BROKEN, BOTH),
    "a length, then chunked": (ANSWER, BROKEN, BOTH),
    "a space after the size": (ANSWER, BROKEN, "RFC 9112 section 7.1: there is no space after a size"),
    "an empty extension": (ANSWER, BROKEN, "RFC 9112 section 7.1.1: an extension has a name"),
    "NUL in the reason": (BROKEN, ANSWER, REASON),
    "a form feed in the reason": (BROKEN, ANSWER, REASON),
    "105 with a length": (ANSWER, BROKEN, "RFC 9110 section 8.6: must not be sent"),
    "100 in a transfer coding": (BROKEN, ANSWER, "RFC 9112 section 6.1: must not be sent; it frames nothing there"),
    "a size of 17 digits": (LOST, BROKEN, TOO_BIG),
    "bare LF in chunks": (LOST, BROKEN, NEVER_ENDS),
    "a length as trailer": (ANSWER, BROKEN, "RFC 9110 section 6.5.1: a sender must not send it there"),
    "bare LF": (ANSWER, BROKEN, LF),
    "bare LF in one line": (ANSWER, BROKEN, LF),
    "bare CR": (LOST, BROKEN, NEVER_ENDS),
    "a control character in a value": (ANSWER, BROKEN, "RFC 9110 section 5.5: they are invalid, and may be kept"),
    "a folded trailer": (ANSWER, BROKEN, FOLDED),
}

# What both see alike only because an answer to HEAD has no body.
IN_BODIES = {
    "a space after the size",
    "an empty extension",
    "a size of 17 digits",
    "a size of 21 digits, for zeros",
    "bare LF in chunks",
    "a length as trailer",
    "a folded trailer",
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", WIRES)
async def test_they_make_the_same_of_a_response(play: Play, name: str, method: str) -> None:
    parts = [part for part in (WIRES[name].encode("latin-1"), "close") if part]
    server = play([parts])
    httpx, native = [await outcome(server.url, engine, None, {"method": method}) for engine in ("httpx", "native")]
    if name not in DIFFERENCES or (method == "HEAD" and name in IN_BODIES):
        assert native == httpx
        return
    kinds = [ANSWER if isinstance(seen[0], int) else seen[0] for seen in (httpx, native)]
    expected = list(DIFFERENCES[name][:2])
    if method == "HEAD" and name == "a length of 20 digits":
        expected[0] = ANSWER
    assert kinds == expected
    if kinds[1] is not ANSWER:
        assert native[2:] == ("full", f"{method} /")


@pytest.mark.parametrize(
    "more", [answer(b"forged"), b"HTTP/1.1 2", b"junk", b"\r\n"], ids=["answer", "part", "junk", "line"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_bytes_after_an_answer_are_nobodys(play: Play, engine: str, more: bytes, method: str) -> None:
    head, _, body = answer(b"ok").partition(b"\r\n\r\n")
    first = head + b"\r\n\r\n" + (b"" if method == "HEAD" else body)
    # The first connection has an answer for whoever stays on it.
    server = play([first + more, answer(b"wrong")], [answer(b"next")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request({"method": method, "path": "/"}) == (b"" if method == "HEAD" else b"ok")
        assert await client.request(None) == b"next"
