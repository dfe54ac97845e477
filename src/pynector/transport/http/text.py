"""The text that a body is, by the charset that its Content-Type names."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

from .headers import Headers

# RFC 9110 section 5.6.6: a parameter's name, and its value in quotes or without.
_PARAMETER = re.compile(r';[ \t]*([^\s;="]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))')

# Python knows them as encodings of text, but no text is sent in them.
_NO_CHARSETS = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})

# Without a byte order mark the whole is read like this, but Python's decoders of pieces give up.
_WITHOUT_MARK = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}


class TextDecoder:
    """Makes text of a body piece by piece; what is not valid becomes U+FFFD.

    Args:
        charset: The name of a charset that Python can decode text by.
    """

    def __init__(self, charset: str) -> None:
        self._start(charset)

    def _start(self, charset: str) -> None:
        self._charset = charset
        self._decoder = codecs.getincrementaldecoder(charset)("replace")

    def decode(self, piece: bytes, final: bool = False) -> str:
        """Give the text of the next piece; what may be half a character waits for the next one, unless it is final."""
        try:
            return self._decoder.decode(piece, final)
        except UnicodeError:
            piece = self._decoder.getstate()[0] + piece
        if self._charset in _WITHOUT_MARK:
            self._start(_WITHOUT_MARK[self._charset])
            return self._decoder.decode(piece, final)
        # Those of ISO 2022 give up on some of what is not valid, which those of whole texts replace.
        self._start(self._charset)
        return piece.decode(self._charset, "replace")


def text_of(body: bytes, content_type: str) -> str:
    """Give the text of a whole body, by the value of a Content-Type; what is not valid becomes U+FFFD."""
    charset = charset_in(content_type)
    if charset == "utf-8":
        return body.decode("utf-8", "replace")
    return TextDecoder(charset).decode(body, True)


def charset_of(headers: Headers) -> str:
    """Give the charset that a Content-Type names, or UTF-8 where it names none that Python can decode text by."""
    return charset_in(headers.first_look("content-type") or "")


# Most answers of a server have one of a few, and to read it takes longer than to decode a short body.
@lru_cache(maxsize=256)
def charset_in(content_type: str) -> str:
    """Give the charset that the value of a Content-Type names, or UTF-8; see `charset_of`."""
    for name, quoted, bare in _PARAMETER.findall(content_type):
        if name.lower() == "charset":
            return _known(quoted or bare)
    return "utf-8"


def _known(charset: str) -> str:
    try:
        name = codecs.lookup(charset).name
        # Some are not of text at all: "base64", "rot13", ...
        b"a".decode(name, "replace")
        codecs.getincrementaldecoder(name)
    except (LookupError, ValueError):
        return "utf-8"
    return "utf-8" if name in _NO_CHARSETS else name
