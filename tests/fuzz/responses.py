"""Responses, fed to a connection of the native engine at any cuts, against h11's verdict."""

from __future__ import annotations

import re
from typing import Any

import h11

from .builds import BUILDS
from .connections import Line, Verdict, verdict
from .source import Source, cuts

# A body that long is read straight into its final bytes; a short name stands for it in the corpus.
LARGE = 70_000
LARGE_NAME = b"<70000>"

TOKENS = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 200 OK\r\n",
    b"HTTP/1.1 204 No Content\r\n",
    b"HTTP/1.1 304 Not Modified\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n",
    b"HTTP/1.1 404 Not Found\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: /there\r\n",
    b"Content-Length: 3\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: 70000\r\n",
    b"Content-Length: 3, 3\r\n",
    b"Content-Length: 18446744073709551616\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Connection: upgrade\r\nUpgrade: x\r\n",
    b"Keep-Alive: timeout=5, max=9\r\n",
    b"Content-Encoding: gzip\r\n",
    b"X: y\r\n",
    b" folded\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"\0",
    b":",
    b" ",
    b";",
    b"abc",
    b"3\r\nabc\r\n",
    b"3;a=b\r\nabc\r\n",
    b"0\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"10000000000000003\r\n",
    LARGE_NAME,
]


def check(source: Source) -> None:
    """Raise if a response is not the same however it is read, or is not what h11 makes of it."""
    wire = source.wire(TOKENS).replace(LARGE_NAME, b"0123456789" * (LARGE // 10))
    for head in (False, True):
        seen = native(wire, head)
        other = of_h11(wire, head)
        assert agree(seen, other, wire), f"for {'HEAD' if head else 'GET'}:\n{wire!r}\nis {seen}\nand by h11 {other}"


def native(wire: bytes, head: bool) -> Verdict:
    """Give the verdict of the native engine, which must be the same on each way to it."""
    ways = {}
    for pieces in cuts(wire):
        for name, build in BUILDS.items():
            for scans in (True, False):
                for streams in (False, True):
                    way = f"{name}, {scans=}, {streams=}, in {len(pieces)} pieces"
                    ways[way] = verdict(build, scans, pieces, still_works, head=head, streams=streams)
    (first, seen), *others = ways.items()
    for way, its in others:
        assert its == seen, f"{wire!r}\nis {seen}\non the way {first}, but {its}\non {way}"
    for limit in (-1, 0, 3):
        check_plain(wire, head, limit, seen)
    check_redirect(wire, head, seen)
    return seen


def check_redirect(wire: bytes, head: bool, wanted: Verdict) -> None:
    """Raise if a response whose body nobody wants, for it leads on, is another than if somebody does."""
    for pieces in cuts(wire)[:2]:
        for name, build in BUILDS.items():
            for scans in (True, False):
                seen = verdict(build, scans, pieces, still_works, head=head, follows=True)
                if wanted.kind == "answered":
                    assert seen[:4] == wanted[:4], (name, scans, wire, seen)
                    assert wanted.kept or not seen.kept, (name, scans, wire, seen)
                else:
                    # The connection of a long body may be left before what is wrong comes.
                    assert not seen.kept, (name, scans, wire, seen)


def check_plain(wire: bytes, head: bool, limit: int, unlimited: Verdict) -> None:
    """Raise if a body of which nobody wants the head is another, or a limit passes a longer or stops a shorter one."""
    for pieces in cuts(wire)[:2]:
        for name, build in BUILDS.items():
            for scans in (True, False):
                seen = verdict(build, scans, pieces, head=head, limit=limit, plain=True)
                if 0 <= limit < len(unlimited.body):
                    assert (seen.kind, seen.said) == ("refused", "too large [body]"), (name, scans, limit, wire, seen)
                elif unlimited.kind == "answered":
                    expected = unlimited._replace(version=seen.version, headers=seen.headers)
                    assert seen == expected, (name, scans, limit, wire, seen)
                else:
                    assert seen.kind != "answered", (name, scans, limit, wire, seen)


def still_works(line: Line) -> None:
    """Raise if a connection does not take another response as it must."""
    for wire, body in (
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext", b"next"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nlast\r\n0\r\n\r\n", b"last"),
    ):
        line.ask()
        line.receive(wire[:50])
        line.receive(wire[50:])
        answer = line.pool.verdicts[-1]
        assert (answer.kind, answer.body, answer.kept) == ("answered", body, True), f"the next one was {answer}"


def of_h11(wire: bytes, head: bool) -> Verdict:
    """Give h11's verdict."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 18)
    connection.send(h11.Request(method="HEAD" if head else "GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(wire)
    answer: Any = None
    body = b""
    ended = False
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                ended = True
                connection.receive_data(b"")
            elif isinstance(event, h11.Response):
                answer = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
            elif not isinstance(event, h11.InformationalResponse):
                return Verdict("lost", said=str(event))
    except h11.RemoteProtocolError as error:
        return Verdict("lost" if ended else "refused", said=str(error))
    headers = tuple((bytes(name), bytes(value)) for name, value in answer.headers)
    # What came after its end is another matter: see docs/engines.md.
    kept = connection.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE} and not connection.trailing_data[0]
    kept = kept and not ended
    return Verdict("answered", answer.status_code, answer.http_version.decode(), headers, body, kept)


def agree(native: Verdict, other: Verdict, wire: bytes) -> bool:
    """Say whether two verdicts are one, or differ as docs/engines.md says."""
    if native.kind == "refused" and other.kind == "answered":
        return any(feature.search(wire) for said, feature in STRICTER.items() if native.said.startswith(said))
    if native.kind == "answered" != other.kind:
        return any(other.said.startswith(said) and feature.search(wire) for said, feature in LAXER.items())
    if native.kind != "answered":
        # Wrong or not whole, it is the end of the connection and of a request that was sent.
        return True
    return _known(native)[:5] == _known(other)[:5] and (native.kept == other.kept or bool(KEPT.search(wire)))


def _known(verdict: Verdict) -> Verdict:
    # h11 gives this value in small letters.
    headers = [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in verdict.headers]
    return verdict._replace(headers=tuple(headers))


LF = rb"(?<!\r)\n"
LENGTH = rb"(?i:content-length):"
FOLDED_TRAILER = rb"\n0+(;.*)?\r\n(?s:.*)\n[ \t]"
CONTROL = rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]"

# What the native engine refuses and h11 takes: how the parser says it, and what is in the response then.
STRICTER = {
    "Invalid HTTP version": re.compile(rb"HTTP/(?!1\.[01])\d\.\d"),
    "Invalid response status": re.compile(LF),
    "Invalid header value char": re.compile(CONTROL + b"|" + LF + b"|" + FOLDED_TRAILER),
    "Missing expected CR after": re.compile(LF),
    "Invalid header field char": re.compile(LF),
    "Unexpected whitespace after header value": re.compile(LF + b"|" + FOLDED_TRAILER),
    "Invalid character in Content-Length": re.compile(LENGTH + rb"[ \t]*\d+[ \t]*(,|\n)"),
    "Content-Length overflow": re.compile(LENGTH + rb"[ \t]*\d{18}"),
    "an interim response has a body": re.compile(rb"HTTP/1\.[01] 1(0[4-9]|[1-9]\d) "),
    "Duplicate Content-Length": re.compile(LENGTH + rb"(?s:.*)\n" + LENGTH),
    "Transfer-Encoding can't be present with Content-Length": re.compile(LENGTH),
    "Content-Length can't be present with": re.compile(LENGTH),
    "Invalid character in chunk size": re.compile(rb"\n[0-9A-Fa-f]+[ \t]+[\r;]"),
    "Invalid character in chunk extensions": re.compile(rb"\n[0-9A-Fa-f]+[ \t]*;"),
}

# What h11 refuses and the native engine takes, in the same way.
LAXER = {
    "illegal status line": re.compile(rb"HTTP/1\.[01] \d\d\d [^\r\n]*[\0\x0b\x0c]"),
    "Only Transfer-Encoding: chunked is supported": re.compile(rb"HTTP/1\.[01] 1\d\d "),
    "bad Content-Length": re.compile(LENGTH + rb"[ \t]*0\d{20}"),
    "illegal chunk header": re.compile(rb"\n0[0-9A-Fa-f]{20}"),
}

# Where they do not agree about the connection: HTTP/1.0 has some that stay open (RFC 9112 section 9.3), and a trailer
# may end one.
KEPT = re.compile(rb"HTTP/1\.0 |\n0+(;.*)?\r\n(?s:.*)(?i:connection):")
