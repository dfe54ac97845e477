"""Text: any Content-Type gives some, and pieces give what the whole gives."""

from __future__ import annotations

import encodings
import encodings.aliases
import pkgutil

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pynector.transport.http.headers import Headers
from pynector.transport.http.response import Response
from pynector.transport.http.text import TextDecoder, charset_of

CHARSETS = sorted({module.name for module in pkgutil.iter_modules(encodings.__path__)} | {*encodings.aliases.aliases})

NAMED = {
    "": "utf-8",
    "text/plain": "utf-8",
    "text/plain; charset=latin-1": "iso8859-1",
    'text/plain;CharSet = "latin\\-1" ; x': "iso8859-1",
    'text/plain; x="; charset=utf-16"; charset=ascii': "ascii",
    "text/plain; charset=ascii; charset=latin-1": "ascii",
    "text/plain; charset=": "utf-8",
    "text/plain; charset": "utf-8",
    "charset=latin-1": "utf-8",
    # The standard library's parser raises a TypeError at this one.
    "text/plain; charset*=utf-8''x; charset*1=y": "utf-8",
    **{
        f"text/plain; charset={name}": "utf-8" for name in ("punycode", "idna", "unicode_escape", "hex", "\0", "\u00e9")
    },
}


def typed(kind: str) -> Headers:
    return Headers([("Content-Type", kind)])


@pytest.mark.parametrize("kind", NAMED, ids=ascii)
def test_the_charset_is_the_one_that_is_named(kind: str) -> None:
    assert charset_of(typed(kind)) == NAMED[kind]


def in_pieces(body: bytes, size: int, headers: Headers) -> str:
    decoder = TextDecoder(charset_of(headers))
    pieces = [decoder.decode(body[at : at + size]) for at in range(0, len(body), size)]
    return "".join([*pieces, decoder.decode(b"", True)])


@settings(max_examples=400)
@given(st.sampled_from(CHARSETS), st.text("a\u00e9\u4e2d\u3042\n\U0001f600", max_size=12), st.integers(1, 5))
@example("utf-16", "\ufeffbe", 1)
@example("utf-16-le", "no mark", 3)
@example("iso2022_jp", "a\u3042\u4e2d", 2)
def test_pieces_give_the_text_of_the_whole(charset: str, text: str, size: int) -> None:
    headers = typed(f"text/plain; charset={charset}")
    body = text.encode(charset_of(headers), "ignore")
    whole = Response(200, headers, body, "http://a/").text
    assert in_pieces(body, size, headers) == whole


@pytest.mark.parametrize("charset", ["utf-16", "utf-32"])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_without_a_byte_order_mark_it_is_little_endian(charset: str, size: int) -> None:
    headers = typed(f"text/plain; charset={charset}")
    body = "text \u20ac".encode(f"{charset}-le")
    assert Response(200, headers, body, "http://a/").text == in_pieces(body, size, headers) == "text \u20ac"


INVALID = st.lists(st.sampled_from([b"\x1b$B", b"\x1b(J", b"\xff", b"\\q", b"\\N{", b"a", b"\xc3", b"\0"]), max_size=9)


@settings(max_examples=400)
@given(st.sampled_from(CHARSETS), INVALID.map(b"".join) | st.binary(max_size=20), st.integers(1, 5))
@example("iso2022_jp", b"\x1b$B\xff(a\x1b$B(a(a", 1)
def test_what_is_not_valid_is_replaced(charset: str, body: bytes, size: int) -> None:
    headers = typed(f"text/plain; charset={charset}")
    assert isinstance(Response(200, headers, body, "http://a/").text, str)
    assert isinstance(in_pieces(body, size, headers), str)
