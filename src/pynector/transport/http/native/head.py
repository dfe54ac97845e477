"""Reads the head of a response: where its body ends, and for how long its connection lives (RFC 9112 sections 4 to 6).

Most heads are whole, plain and correct: these are scanned. Every other one is the parser's to judge, and what is taken
here is a strict part of what the parser takes, with the same meaning.
"""

import re
from typing import Any

COMPILED = not __file__.endswith(".py")

NOT_PLAIN = -1
NO_LENGTH = -1
UNREACHABLE = 1 << 60

_TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TOKEN = bytes(1 if code in _TOKEN else 0 for code in range(256))
TEXT = bytes(1 if 32 <= code < 127 or code == 9 else 0 for code in range(256))

# What a content coding is told as: gzip alone, or any other.
GZIPPED = 2
ENCODED = 1

CONTENT_LENGTH = b"content-length"
CONTENT_ENCODING = b"content-encoding"
CONNECTION = b"connection"
KEEP_ALIVE = b"keep-alive"
CLOSE = b"close"
GZIP = b"gzip"
TIMEOUT = b"timeout="

# A status line, fields, and then a line that goes on with the last of them.
_FOLDED = re.compile(rb"HTTP/[^\r\n]*\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\r\n]*\r\n)+[ \t]")
_FOLD = re.compile(rb"\r\n[ \t]+")

LEFT_TO_PARSER = (b"transfer-encoding", b"upgrade", b"proxy-connection")

# Most names are told from all of these by their length alone.
_TAKEN = (CONTENT_LENGTH, CONTENT_ENCODING, CONNECTION, KEEP_ALIVE, *LEFT_TO_PARSER)
LONGEST = max(map(len, _TAKEN))
LENGTHS = bytes(1 if length in set(map(len, _TAKEN)) else 0 for length in range(LONGEST + 1))


class Head:
    """What a status line and header fields come to.

    Attributes:
        status: The status code.
        length: The body's length in bytes as the fields say, or NO_LENGTH.
        chunked: Whether the body comes in chunks.
        encoded: Whether the body has a content coding: 0, ENCODED or, where it was scanned, GZIPPED.
        keep: Whether the connection stays open.
        leads_on: Whether there is a Location.
        timeout: For how many seconds the server keeps it open, or NO_LENGTH.
        problem: What is wrong with the framing, or None.
    """

    __slots__ = ("chunked", "encoded", "keep", "leads_on", "length", "problem", "status", "timeout")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget what was read."""
        self.status = 0
        self.length = NO_LENGTH
        self.chunked = False
        self.encoded = 0
        self.keep = True
        self.leads_on = False
        self.timeout = NO_LENGTH
        self.problem: Any = None

    def take(self, status: int, encoded: int) -> None:
        """Take what has been read elsewhere."""
        self.clear()
        self.status = status
        self.encoded = encoded

    def scan(self, data: Any, size: int) -> int:
        """Read a head from the start of data.

        Args:
            data: The bytes received.
            size: How many there are.

        Returns:
            Where the body starts, or NOT_PLAIN: it is not whole, not correct, or has no Content-Length.
        """
        token, lengths = TOKEN, LENGTHS
        self.clear()
        at = self._scan_status(data, size)
        while 0 <= at < size - 1 and data[at] != 13:
            start = at
            while at < size and token[data[at]]:
                at += 1
            colon = at
            if at == size or at == start or data[at] != 58:
                return NOT_PLAIN
            at += 1
            while at < size and (data[at] == 32 or data[at] == 9):
                at += 1
            value = at
            at = text_end(data, at, size)
            if at >= size - 1 or data[at] != 13 or data[at + 1] != 10:
                return NOT_PLAIN
            # c, t, k, u and p, in either case: all others are of no concern here.
            first = data[start] | 32
            if first == 99 or first == 116 or first == 107 or first == 117 or first == 112:
                length = colon - start
                if length <= LONGEST and lengths[length] and not self._take(data, start, colon, value, at):
                    return NOT_PLAIN
            at += 2
        if at < 0 or at >= size - 1 or data[at + 1] != 10 or self.length < 0:
            return NOT_PLAIN
        return at + 2

    def _scan_status(self, data: Any, size: int) -> int:
        """Read the status line, and give where the header fields start, or NOT_PLAIN."""
        if size < 15 or not matches(data, 0, 9, b"HTTP/1.1 ", False) or data[12] != 32:
            return NOT_PLAIN
        for at in range(9, 12):
            if not 48 <= data[at] <= 57:
                return NOT_PLAIN
            self.status = self.status * 10 + data[at] - 48
        at = text_end(data, 13, size)
        if at >= size - 1 or data[at] != 13 or data[at + 1] != 10:
            return NOT_PLAIN
        return at + 2

    def _take(self, data: Any, start: int, colon: int, value: int, end: int) -> bool:
        """Take a header field, and say whether it is one that can be taken here."""
        if matches(data, start, colon, CONTENT_LENGTH, True):
            if self.length >= 0:
                return False
            self.length = number(data, value, end)
            return self.length >= 0
        if matches(data, start, colon, CONTENT_ENCODING, True):
            is_gzip = self.encoded == 0 and matches(data, value, end, GZIP, True)
            self.encoded = GZIPPED if is_gzip else ENCODED
        elif matches(data, start, colon, CONNECTION, True):
            if matches(data, value, end, CLOSE, True):
                self.keep = False
            else:
                return matches(data, value, end, KEEP_ALIVE, True)
        elif matches(data, start, colon, KEEP_ALIVE, True):
            if end - value < 9 or not matches(data, value, value + 8, TIMEOUT, True):
                return False
            stop = value + 8
            while stop < end and data[stop] != 44:
                stop += 1
            self.timeout = number(data, value + 8, stop)
            return self.timeout >= 0
        else:
            for name in LEFT_TO_PARSER:
                if matches(data, start, colon, name, True):
                    return False
        return True

    def read(self, head: bytes, status: int) -> None:
        """Look through header fields that a parser has found valid for those that matter here.

        Args:
            head: The status line and header fields, without the empty line.
            status: The status code that the parser has found.
        """
        self.clear()
        self.status = status
        if head[:5] != b"HTTP/" or head[9:12] != b"%d" % status:
            # The parser skips empty lines, after which the head is cut in the wrong place, and takes a status below
            # 100 and other protocols.
            self.problem = "the response does not begin with a status line"
            return
        start = head.find(b"\r\n") + 2
        while start > 1:
            end = head.find(b"\r\n", start)
            # c, t, k and l, in either case.
            if head[start] | 32 in (99, 116, 107, 108):
                self._read_field(head[start:] if end < 0 else head[start:end])
            start = end + 2

    def _read_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        name = name.strip().lower()
        if name == CONTENT_LENGTH:
            digits = value.strip().lstrip(b"0")
            self.length = int(digits or b"0") if len(digits) < 18 else UNREACHABLE
        elif name == b"transfer-encoding":
            if self.chunked or value.strip().lower() != b"chunked":
                self.problem = "the transfer coding is not chunked"
            self.chunked = True
        elif name == CONTENT_ENCODING:
            self.encoded = ENCODED
        elif name == b"location":
            self.leads_on = self.leads_on or len(value.strip()) > 0
        elif name == KEEP_ALIVE:
            for part in value.split(b","):
                key, _, digits = part.partition(b"=")
                digits = digits.strip()[:9]
                if key.strip().lower() == b"timeout" and digits.isdigit():
                    self.timeout = int(digits)


def is_redirect(status: int) -> bool:
    """Say whether a status is one of a redirect, if there is a Location."""
    return status == 301 or status == 302 or status == 303 or status == 307 or status == 308


def final_start(data: bytes, interim: int) -> int:
    """Give where the head of the final response starts, which comes after so many interim ones."""
    start = 0
    for _ in range(interim):
        # An empty line before one of them is refused as it is before the final one, by `read`.
        if data[start : start + 5] == b"HTTP/":
            start = data.find(b"\r\n\r\n", start) + 4
    return start


def is_folded(data: bytes, interim: int, parser: Any) -> bool:
    """Say whether all that is wrong with a head is, so far, that a line goes on with the one before it.

    Args:
        data: What was received.
        interim: How many heads of interim responses come before.
        parser: A new one.
    """
    start = final_start(data, interim)
    found = _FOLDED.match(data, start)
    if found is None:
        return False
    try:
        parser.feed_data(data[start : found.end() - 1])
    except Exception:
        return False
    return True


def unfolded(data: bytes) -> Any:
    """Give what was received with a space for each fold of its heads (RFC 9112 section 5.2).

    Returns:
        The bytes, or None if the final response's head is not whole.
    """
    heads = []
    start = 0
    is_final = False
    while not is_final:
        end = data.find(b"\r\n\r\n", start) + 4
        if end < 4:
            return None
        fields = data.find(b"\r\n", start) + 2
        heads.append(data[start:fields] + _FOLD.sub(b" ", data[fields:end]))
        is_final = data[start + 9 : start + 10] != b"1"
        start = end
    return b"".join(heads) + data[start:]


def persists(head: bytes) -> bool:
    """Say whether the connection stays open after a response whose body needs no end (RFC 9112 section 9.3)."""
    options: list[bytes] = []
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == CONNECTION:
            options += [option.strip() for option in value.split(b",")]
    return CLOSE not in options and (head[:8] == b"HTTP/1.1" or KEEP_ALIVE in options)


def matches(data: Any, start: int, end: int, expected: bytes, folded: bool) -> bool:
    """Say whether data from start to end is what is expected, in either case if folded; expected is in lower case."""
    wanted, size = expected, len(expected)
    if end - start != size:
        return False
    fold = 32 if folded else 0
    for at in range(size):
        if data[start + at] | fold != wanted[at]:
            return False
    return True


def text_end(data: Any, at: int, size: int) -> int:
    """Give where a text that starts at a place of data ends: at what is neither printed ASCII nor a tab."""
    if COMPILED:
        return text_end_at(data, at, size)  # type: ignore[name-defined,no-any-return] # noqa: F821
    while at < size and TEXT[data[at]]:
        at += 1
    return at


def number(data: Any, start: int, end: int) -> int:
    """Give the decimal number from start to end, or NO_LENGTH if it is none or has more than 17 digits."""
    if end - start < 1 or end - start > 17:
        return NO_LENGTH
    value = 0
    for at in range(start, end):
        if not 48 <= data[at] <= 57:
            return NO_LENGTH
        value = value * 10 + data[at] - 48
    return value
