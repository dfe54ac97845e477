"""Content codings: decoded whole or refused, and bounded."""

from __future__ import annotations

import functools
import gzip
import importlib.util
import json
import random
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import ScriptedServer, answer, chunked

from proportion import assert_in_proportion
from pynector import DecodingError, HTTPStatusError, Pynector, ResponseTooLarge
from pynector.testing import LoopbackServer
from pynector.transport.http import decoding
from pynector.transport.http.decoding import ACCEPT_ENCODING, DECODERS, decode, decoders_of
from pynector.transport.http.steps import Steps

Play = Callable[..., ScriptedServer]


def decoded(body: bytes, coding: str | None, limit: int | None) -> bytes:
    """Give what a body comes to."""
    steps = Steps(decode(body, coding, limit))
    steps.finish()
    return steps.result()


def raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZIP", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "two members": ("gzip", lambda body: gzip.compress(body[:3]) + gzip.compress(body[3:])),
    "stacked": ("deflate, gzip", lambda body: gzip.compress(zlib.compress(body))),
    "identity": (" identity , ", lambda body: body),
}
if importlib.util.find_spec("brotli"):
    import brotli

    ENCODERS["br"] = ("br", brotli.compress)
if importlib.util.find_spec("zstandard"):
    import zstandard

    ENCODERS["zstd"] = ("zstd", zstandard.compress)
    ENCODERS["two frames"] = ("zstd", lambda body: zstandard.compress(body[:3]) + zstandard.compress(body[3:]))

COMPRESSING = [name for name in ENCODERS if name != "identity"]


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("body", [b"", b"x", b"some text " * 10_000, bytes(range(256)) * 4096], ids=len)
def test_a_coding_is_undone(name: str, body: bytes) -> None:
    coding, encode = ENCODERS[name]
    assert decoded(encode(body), coding, None) == body
    assert decoded(encode(body), coding, len(body)) == body


@pytest.mark.parametrize("coding", [None, ""])
def test_a_body_without_a_coding_stays_as_it_is(coding: str | None) -> None:
    assert decoded(b"plain", coding, None) == b"plain"
    assert decoded(b"plain", coding, 5) == b"plain"
    with pytest.raises(ResponseTooLarge):
        decoded(b"plain", coding, 4)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_what_a_decoder_has_not_taken_yet_is_not_copied_at_each_step(
    coding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = 0
    make = decoding.zlib.decompressobj

    class Counting:
        def __init__(self, *args: Any) -> None:
            self._inner = make(*args)

        def decompress(self, data: bytes, most: int) -> bytes:
            nonlocal given
            given += len(data)
            return self._inner.decompress(data, most)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

    monkeypatch.setattr(decoding.zlib, "decompressobj", Counting)
    body = random.Random(1).randbytes(8_000_000)
    encoded = ENCODERS[coding][1](body)
    assert decoded(encoded, coding, None) == body
    assert given < 2 * len(encoded)


@pytest.mark.parametrize("coding", [coding for coding in ("br", "zstd") if coding in ENCODERS])
def test_the_time_that_a_body_takes_goes_with_its_length(coding: str) -> None:
    text = random.Random(1).randbytes(4_000_000).hex().encode()

    @functools.cache
    def prepare(size: int) -> Callable[[], object]:
        part = text[:size]
        body = brotli.compress(part, quality=1) if coding == "br" else zstandard.compress(part)
        return lambda: decoded(body, coding, None)

    # What fits into the caches costs less.
    assert_in_proportion(prepare, len(text) // 8, times=8)


def test_an_empty_body_has_nothing_to_decode() -> None:
    assert decoded(b"", "gzip", 0) == b""


@pytest.mark.parametrize("name", [name for name in COMPRESSING if not name.startswith("two")])
def test_a_body_that_ends_too_soon_is_refused_wherever_it_ends(name: str) -> None:
    coding, encode = ENCODERS[name]
    whole = encode(b"some text " * 20)
    for size in range(1, len(whole)):
        with pytest.raises(DecodingError) as caught:
            decoded(whole[:size], coding, None)
        assert (caught.value.phase, caught.value.sent) == ("body", "full")


@pytest.mark.parametrize("name", COMPRESSING)
def test_garbage_is_refused(name: str) -> None:
    coding, encode = ENCODERS[name]
    for body in (b"\xff" * 100, b"no compressed data at all", encode(b"text") + b"\xff" * 9):
        with pytest.raises(DecodingError, match=r"not valid|too soon"):
            decoded(body, coding, None)


def test_an_unknown_coding_is_refused_by_name() -> None:
    with pytest.raises(DecodingError, match="not known here: 'sdch'"):
        decoded(b"x", "SDCH", None)


@pytest.mark.parametrize("name", COMPRESSING)
def test_a_bomb_ends_at_the_limit(name: str) -> None:
    coding, encode = ENCODERS[name]
    bomb = encode(bytes(12_000_000))
    assert len(bomb) < 120_000
    tracemalloc.start()
    try:
        with pytest.raises(ResponseTooLarge, match="max_response_bytes=1000"):
            decoded(bomb, coding, 1000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000 or (name == "br" and not hasattr(brotli.Decompressor, "can_accept_more_data"))


@pytest.mark.parametrize("extra", [1, 1000])
def test_more_codings_than_anybody_applies_are_refused(extra: int) -> None:
    codings = ["gzip"] * 5
    body = b"text"
    for _ in codings:
        body = gzip.compress(body)
    assert decoded(body, ", ".join(codings), None) == b"text"
    with pytest.raises(DecodingError, match=f"{5 + extra} codings"):
        decoded(body, ", ".join(codings + ["gzip"] * extra), None)


@pytest.mark.skipif("zstd" not in DECODERS, reason="needs zstandard")
@pytest.mark.parametrize("size", [1, 224])
def test_a_frame_shorter_than_it_says_is_refused_however_it_is_cut(size: int) -> None:
    # Its header says the size, and a last block of no bytes follows.
    frame = b"\x28\xb5\x2f\xfd\x20" + bytes([size]) + b"\x01\x00\x00"
    whole = zstandard.compress(b"before")
    for cut in range(len(whole + frame)):
        (decoder,) = decoders_of("zstd")
        pieces = [(whole + frame)[:cut], (whole + frame)[cut:]]
        with pytest.raises(DecodingError):
            [list(decoder.feed(piece)) for piece in pieces]


def test_what_is_accepted_is_what_can_be_decoded() -> None:
    assert set(ACCEPT_ENCODING.split(", ")) == set(DECODERS) - {"x-gzip"}
    assert {"gzip", "deflate"} <= set(DECODERS)


quick = settings(max_examples=150)


@quick
@given(body=st.binary(max_size=300), name=st.sampled_from(list(ENCODERS)), limit=st.integers(0, 300))
def test_decoding_undoes_encoding_within_its_limit(body: bytes, name: str, limit: int) -> None:
    coding, encode = ENCODERS[name]
    if len(body) > limit:
        with pytest.raises(ResponseTooLarge):
            decoded(encode(body), coding, limit)
    else:
        assert decoded(encode(body), coding, limit) == body


@quick
@given(body=st.binary(max_size=200), coding=st.sampled_from([*DECODERS, "deflate, gzip", "", "nonsense"]))
def test_any_bytes_are_decoded_or_refused(body: bytes, coding: str) -> None:
    try:
        seen = decoded(body, coding, 10_000)
    except (DecodingError, ResponseTooLarge):
        return
    assert isinstance(seen, bytes)
    assert len(seen) <= 10_000


# Over the wire


@pytest.mark.anyio
@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "raw-deflate", "gzip-members", "stacked"])
async def test_an_answer_is_decoded(client: Pynector, coding: str) -> None:
    response = await client.request({"path": f"/compressed/{coding}"}, as_response=True)
    assert response.json() == {"coding": coding, "text": "pynector " * 200}
    assert json.loads(await client.request({"path": f"/compressed/{coding}"})) == response.json()


@pytest.mark.anyio
async def test_a_truncated_compressed_answer_is_an_error(client: Pynector, server: LoopbackServer) -> None:
    with pytest.raises(DecodingError) as caught:
        await client.request({"path": "/compressed/truncated?secret"})
    assert caught.value.request == f"GET {server.url}/compressed/truncated"
    assert caught.value.transient is True


@pytest.mark.anyio
async def test_an_unknown_coding_over_the_wire_is_an_error(client: Pynector) -> None:
    with pytest.raises(DecodingError, match="'sdch'"):
        await client.request({"path": "/headers?Content-Encoding=sdch"})


RANGE, CODING = {"rANGE": "bytes=0-9"}, {"accept-Encoding": "gzip"}

# Headers of the client and of the request, and the coding that is asked for.
ASKED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {}, ACCEPT_ENCODING),
    ({}, {"X": "y"}, ACCEPT_ENCODING),
    ({}, RANGE, "identity"),
    (RANGE, {}, "identity"),
    (RANGE, RANGE, "identity"),
    (RANGE, {"Range": None}, ACCEPT_ENCODING),
    ({}, {**RANGE, **CODING}, "gzip"),
    (CODING, RANGE, "gzip"),
    (RANGE, CODING, "gzip"),
    ({}, {**RANGE, "Accept-Encoding": None}, ""),
    ({"Accept-Encoding": None}, RANGE, ""),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("of_client", "of_request", "asked"), ASKED, ids=str)
async def test_a_part_of_a_body_is_asked_for_without_a_coding(
    server: LoopbackServer, engine: str, of_client: dict[str, Any], of_request: dict[str, Any], asked: str
) -> None:
    data = {"path": "/inspect", "headers": of_request}
    async with Pynector(base_url=server.url, http_engine=engine, headers=of_client) as client:
        bodies = [await client.request(data), await client.request({"path": "/inspect"}, headers=of_request)]
        bodies += await client.batch_request([(data, {})])
        bodies.append(await client.request_with_retry(data))
        bodies.append(await client.request({"path": "/redirect/1?to=/inspect"}, headers=of_request))
        async with client.stream(data) as response:
            bodies.append(await response.read())
    seen = [{name.lower(): value for name, value in json.loads(body)["headers"]} for body in bodies]
    assert [headers.get("accept-encoding", "") for headers in seen] == [asked] * 6


@pytest.mark.anyio
async def test_the_connection_survives_a_body_that_cannot_be_decoded(play: Play, engine: str) -> None:
    server = play([answer(b"garbage", "200 OK", "Content-Encoding: gzip"), answer(b"next")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(DecodingError):
            await client.request(None)
        assert await client.request(None) == b"next"


@pytest.mark.anyio
async def test_a_bomb_over_the_wire_ends_at_the_limit(server: LoopbackServer, engine: str) -> None:
    path = "/compressed/gzip?size=100000000"
    async with Pynector(base_url=server.url, http_engine=engine, max_response_bytes=200_000) as client:
        with pytest.raises(ResponseTooLarge, match="max_response_bytes=200000") as caught:
            await client.request({"path": path})
        assert (caught.value.phase, caught.value.sent, caught.value.transient) == ("body", "full", False)
        assert caught.value.request == f"GET {server.url}/compressed/gzip"
        with pytest.raises(ResponseTooLarge, match="max_response_bytes=1000"):
            await client.request({"path": path}, max_response_bytes=1000)


SIZE = 100_000
FRAMINGS: dict[str, Any] = {
    "length": answer(b"x" * SIZE),
    "chunked": answer(b"", "200 OK", "Transfer-Encoding: chunked", length=False) + chunked(*[b"x" * 1000] * 100),
    "close": [answer(b"x" * SIZE, length=False), "close"],
}


@pytest.mark.anyio
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(("limit", "fits"), [(SIZE, True), (SIZE - 1, False), (10, False), (0, False)])
async def test_max_response_bytes_bounds_any_body(
    play: Play, engine: str, framing: str, limit: int, fits: bool
) -> None:
    server = play([FRAMINGS[framing]], [answer(b"")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        if fits:
            assert len(await client.request(None, max_response_bytes=limit)) == SIZE
        else:
            with pytest.raises(ResponseTooLarge, match=f"max_response_bytes={limit}") as caught:
                await client.request(None, max_response_bytes=limit)
            assert caught.value.request == f"GET {server.url}/"


@pytest.mark.anyio
async def test_a_body_too_large_does_not_spoil_its_connection(server: LoopbackServer, engine: str) -> None:
    async with Pynector(base_url=server.url, http_engine=engine, max_connections=1) as client:
        for path in ("/bytes/5000000", "/bytes/5000000?chunked=1", "/close-delimited/5000000"):
            with pytest.raises(ResponseTooLarge):
                await client.request({"path": path}, max_response_bytes=100)
            assert await client.request({"path": "/id/1"}, max_response_bytes=1) == b"1"


@pytest.mark.anyio
async def test_an_error_s_body_is_bounded_too(client: Pynector) -> None:
    with pytest.raises(ResponseTooLarge):
        await client.request({"path": "/status/500"}, max_response_bytes=3)


async def opened(client: Pynector) -> None:
    async with client.stream({"path": "/"}):
        pass


@pytest.mark.anyio
@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd", "unknown"])
@pytest.mark.parametrize("how", ["single", "batch", "stream", "response"])
async def test_a_coding_that_is_not_what_it_says_does_not_hide_an_error_s_status(
    play: Play, engine: str, coding: str, how: str
) -> None:
    page = b"<html>not found, says the proxy</html>"
    server = play([answer(page, "404 Not Found", f"Content-Encoding: {coding}")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        if how == "batch":
            (error,) = await client.batch_request([({"path": "/"}, {})])
        elif how == "response":
            response = await client.request({"path": "/"}, raise_for_status=False, as_response=True)
            assert (response.status_code, response.content) == (404, page)
            return
        else:
            with pytest.raises(HTTPStatusError) as failed:
                await (client.request({"path": "/"}) if how == "single" else opened(client))
            error = failed.value
    assert isinstance(error, HTTPStatusError)
    assert error.status_code == 404
    assert error.response is not None
    assert error.response.content == page  # type: ignore[attr-defined]
    assert not error.transient


@pytest.mark.anyio
async def test_an_error_whose_body_is_cut_short_keeps_its_status_in_a_stream(play: Play, engine: str) -> None:
    server = play([[b"HTTP/1.1 502 Bad\r\nContent-Length: 100\r\n\r\nsome", "close"]])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(HTTPStatusError) as failed:
            await opened(client)
    assert failed.value.status_code == 502


@pytest.mark.parametrize("as_response", [False, True])
@pytest.mark.parametrize(
    ("lines", "times"),
    [
        (["Content-Encoding: gzip"], 1),
        (["content-encoding:GZIP \t"], 1),
        (["Content-Encoding: gzip", "Content-Encoding: gzip"], 2),
        (["Content-Encoding: gzip", "Content-Encoding: identity"], 1),
        (["Content-Encoding: gzip, gzip"], 2),
        (["Content-Encoding: identity"], 0),
    ],
)
@pytest.mark.anyio
async def test_codings_are_undone_however_they_are_told(
    play: Play, engine: str, lines: list[str], times: int, as_response: bool
) -> None:
    body = b"abc" * 100
    for _ in range(times):
        body = gzip.compress(body)
    server = play([answer(body, "200 OK", *lines)])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        found = await client.request(None, as_response=as_response)
    assert (found.content if as_response else found) == b"abc" * 100
