"""Header fields of responses that are read: dates, charsets, values looked up."""

from __future__ import annotations

import calendar
import math
import re
import time

from pynector.transport.http.headers import Headers, header_pairs_of
from pynector.transport.http.response import Response
from pynector.transport.http.retry_after import retry_after_seconds

from .source import Source

TOKENS = [
    b"Sun, 06 Nov 1994 08:49:37 GMT",
    b"Sunday, 06-Nov-94 08:49:37 GMT",
    b"Sun Nov  6 08:49:37 1994",
    b"-0000",
    b"+9999",
    b"99999999999999999999",
    b"text/html; charset=utf-8",
    b'; charset="latin-1"',
    b"; charset*=utf-8''%ff",
    b"; charset*0*=utf-8''%ff; charset*1=x",
    b"undefined",
    b"utf-7",
    b"idna",
    b"base64",
    b"\r\nX: y",
    b"\r\nx:",
    b"\t",
    b"\xe9",
    b"\x85",
    b"\0",
]

NOW = 784_111_777

DATE = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?P<day>\d\d) (?P<month>\w{3}) (?P<year>\d{4}) (?P<time>[\d:]{8}) GMT)"
    r"|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?P<month2>\w{3}) (?P<day2>[ \d]\d) (?P<time2>[\d:]{8}) (?P<year2>\d{4}))",
    re.ASCII,
)


def check(source: Source) -> None:
    """Raise if a value of a field is read as something that it does not say, or not at all."""
    value = source.wire(TOKENS)
    check_retry_after(value.decode("latin-1"))
    check_lookup(b"HTTP/1.1 200 OK\r\nX: " + value)
    response = Response(200, Headers([("Content-Type", value.decode("latin-1"))]), b"caf\xc3\xa9 \xff", "http://a/")
    assert isinstance(response.text, str)


def check_retry_after(text: str) -> None:
    """Raise unless a Retry-After is a number of seconds, and the one that it says."""
    asked = retry_after_seconds(text, NOW)
    assert not math.isnan(asked)
    if re.fullmatch(r"[0-9]{1,300}", text):
        assert asked == float(text)
    seconds = seconds_of(text)
    if seconds is not None:
        assert asked == seconds - NOW, text


def seconds_of(text: str) -> int | None:
    """Give the seconds since the epoch that a date stands for, or None where it is none of RFC 9110 section 5.6.7."""
    found = DATE.fullmatch(text)
    if found is None:
        return None
    day, month, year, clock = (found[name] or found[f"{name}2"] for name in ("day", "month", "year", "time"))
    try:
        parsed = time.strptime(f"{day.strip()} {month} {year} {clock}", "%d %b %Y %H:%M:%S")
    except ValueError:
        return None
    # Years of two digits are another form's; not each calendar has leap seconds.
    return calendar.timegm(parsed) if parsed.tm_year >= 1000 and parsed.tm_sec < 60 else None


def check_lookup(head: bytes) -> None:
    """Raise unless a field is found by its name in any case, with all its values."""
    pairs = header_pairs_of(head)
    headers = Headers.of_head(head)
    assert headers.pairs() == pairs
    for name in [name for name, _ in pairs if name.isascii()]:
        values = [value for key, value in pairs if key.lower() == name.lower()]
        assert headers.get_list(name.upper()) == headers.get_list(name) == values
        assert headers[name.lower()] == ", ".join(values)
    # Values may be secret.
    names = dict.fromkeys(name.lower() for name, _ in pairs)
    assert repr(headers) == f"<Headers {', '.join(names)}>"
