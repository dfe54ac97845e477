"""HTTP answers as they stand on the wire, and how they are cut into pieces."""

from __future__ import annotations

import gzip
import re
from itertools import pairwise
from random import Random

from .book import Arrival
from .http_plan import Act, answer_text

PHRASES = {200: "OK", 201: "Created", 204: "No Content", 302: "Found", 429: "Too Many Requests", 503: "Unavailable"}
# What may follow an answer's end, and is nobody's.
EXTRA = [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged", b"\r\nx", b"0\r\n\r\n", b"\0"]

# The most places that an answer is cut at.
MOST_CUTS = 60


def interim(act: Act) -> bytes:
    """Return the interim responses."""
    links = {103: "Link: </style.css>; rel=preload\r\n"}
    return "".join(f"HTTP/1.1 {status} Wait\r\n{links.get(status, '')}\r\n" for status in act.interim).encode()


def answer(arrival: Arrival, location: str) -> bytes:
    """Return the whole answer to an arrival; `location` is where a redirect leads."""
    act: Act = arrival.act
    body = answer_text(arrival.key, arrival.hop, arrival.attempt, arrival.method, act.size)
    chance = Random(act.salt)
    lines = [f"HTTP/1.1 {act.status} {PHRASES.get(act.status, '')}"]
    lines.append(f"X-Answer: {arrival.key}/{arrival.hop}/{arrival.attempt}")
    if location:
        lines.append(f"Location: {location}")
    if act.status == 429:
        lines.append("Retry-After: 0")
    if act.after == "brief":
        lines.append(f"Keep-Alive: timeout={act.rest:.0f}")
    if act.after == "told" or act.framing == "close":
        lines.append("Connection: close")
    if act.status == 204:
        return _head(lines)
    if act.is_coded:
        lines.append("Content-Encoding: gzip")
        body = gzip.compress(body, 1)
    if act.framing == "length":
        lines.append(f"Content-Length: {len(body)}")
    elif act.framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
        body = _chunked(body, chance)
    return _head(lines) + body


def _head(lines: list[str]) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode()


def _chunked(body: bytes, chance: Random) -> bytes:
    """Return a body in chunks of any size, some with an extension or a trailer."""
    pieces, start = [], 0
    most = max(16, len(body) // 4)
    while start < len(body):
        size = chance.randint(1, most)
        chunk = body[start : start + size]
        extension = b";a=b" if chance.random() < 0.1 else b""
        pieces.append(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk))
        start += size
    trailer = b"X-Trailer: 1\r\n" if chance.random() < 0.2 else b""
    return b"".join(pieces) + b"0\r\n" + trailer + b"\r\n"


def pieces(act: Act, data: bytes) -> list[bytes]:
    """Return the answer in the pieces in which it is written."""
    return cut(data, _places(act, data))


def cut(data: bytes, places: set[int]) -> list[bytes]:
    """Return data cut at places."""
    bounds = [0, *sorted(place for place in places if 0 < place < len(data)), len(data)]
    return [data[start:end] for start, end in pairwise(bounds)]


def _places(act: Act, data: bytes) -> set[int]:
    if not data:
        return set()
    chance = Random(act.salt + 1)
    if act.cuts == "lines":
        ends = [found.start() + 1 for found in re.finditer(rb"\r\n", data)]
        return set(ends[: MOST_CUTS // 2] + ends[-MOST_CUTS // 2 :])
    if act.cuts == "random":
        near = min(len(data), 200)
        return {chance.randrange(near) for _ in range(3)} | {chance.randrange(len(data)) for _ in range(5)}
    if act.cuts == "bytes":
        start = chance.randrange(min(150, len(data)))
        return {*range(start, start + MOST_CUTS // 2), *range(len(data) - MOST_CUTS // 2, len(data))}
    return set()
