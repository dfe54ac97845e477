"""URLs: which host a text names, and where a reference leads."""

from __future__ import annotations

import pytest

from pynector import ConfigurationError, Pynector
from pynector.transport.http.urls import host_and_port, parse_url, resolve_location

PARSED = {
    "http://a": ("http", "a", 80, "/", None),
    "HTTPS://Example.COM:443/A": ("https", "example.com", 443, "/A", None),
    "http://a:/": ("http", "a", 80, "/", None),
    "http://a:00080/": ("http", "a", 80, "/", None),
    "http://a?b": ("http", "a", 80, "/?b", None),
    "http://a/?": ("http", "a", 80, "/?", None),
    "http://a/?#b": ("http", "a", 80, "/?", None),
    "http://a/#?": ("http", "a", 80, "/", None),
    "http://me@a/": ("http", "a", 80, "/", "me:"),
    "http://:pw@a/": ("http", "a", 80, "/", ":pw"),
    "http://@a/": ("http", "a", 80, "/", None),
    "http://:@a/": ("http", "a", 80, "/", None),
    "http://a@b@c/": ("http", "c", 80, "/", "a@b:"),
    "http://[::1]:8080/": ("http", "::1", 8080, "/", None),
    "http://[0:0::1]/": ("http", "::1", 80, "/", None),
    "http://[::FFFF:102:304]/": ("http", "::ffff:1.2.3.4", 80, "/", None),
    "http://[::ffff:1.2.3.4]/": ("http", "::ffff:1.2.3.4", 80, "/", None),
    "http://[fe80::1%25eth0]/": ("http", "fe80::1%eth0", 80, "/", None),
    "http://[FE80::1%eth0]/": ("http", "fe80::1%eth0", 80, "/", None),
    "http://\u00df.example/": ("http", "xn--zca.example", 80, "/", None),
    "http://a/b c?d e": ("http", "a", 80, "/b%20c?d%20e", None),
    "http://a/\u00e9?\u4e2d=\U0001f600": ("http", "a", 80, "/%C3%A9?%E4%B8%AD=%F0%9F%98%80", None),
    "http://a/ ": ("http", "a", 80, "/%20", None),
    "http://a/%20 %": ("http", "a", 80, "/%20%20%25", None),
    "http://a?b c": ("http", "a", 80, "/?b%20c", None),
}


@pytest.mark.parametrize("text", PARSED)
def test_a_url_is_parsed(text: str) -> None:
    assert tuple(parse_url(text)) == PARSED[text]


# Another reader could go elsewhere with each of them.
AUTHORITIES = [
    "evil[::1]",
    "[::1]evil.example",
    "[::1]evil.example:80",
    "a[::1]:80",
    "[::1]]",
    "[[::1]]",
    "[v1.x]",
    "[example.com]",
    "[1.2.3.4]",
    "[]",
    "[::1",
    "::1",
    "a:80:80",
    "a:65536",
    "a:" + "9" * 5000,
    "a:-1",
    "a:\u0663",
    "[fe80::1%]",
    "[fe80::1%\u4e2d]",
    "[fe80::1%a\\b]",
    "[fe80::1%a%b]",
    "a\\b",
    "a..b",
    "a%62",
]


@pytest.mark.parametrize("authority", AUTHORITIES, ids=lambda text: ascii(text[:20]))
@pytest.mark.parametrize("user", ["", "me:secret@"])
def test_a_host_that_is_none_is_refused_wherever_it_may_be_given(authority: str, user: str) -> None:
    with pytest.raises(ConfigurationError, match="host"):
        host_and_port(user + authority, "url")
    for options in (
        {"base_url": f"http://{user}{authority}/"},
        {"proxy": f"http://{user}{authority}"},
        {"transport_type": "websocket", "url": f"ws://{user}{authority}/"},
        {"transport_type": "websocket", "url": "ws://a/", "proxy": f"http://{user}{authority}"},
    ):
        with pytest.raises(ConfigurationError) as caught:
            Pynector(**options)  # type: ignore[arg-type]
        assert "secret" not in str(caught.value)


BASE = "http://a/b/c/d;p?q"

# RFC 3986 section 5.4, but for the fragments, which are not sent, and references of other schemes.
RESOLVED = {
    "g": "/b/c/g",
    "./g": "/b/c/g",
    "g/": "/b/c/g/",
    "/g": "/g",
    "?y": "/b/c/d;p?y",
    "g?y": "/b/c/g?y",
    "#s": "/b/c/d;p?q",
    "g#s": "/b/c/g",
    "g?y#s": "/b/c/g?y",
    ";x": "/b/c/;x",
    "g;x": "/b/c/g;x",
    "": "/b/c/d;p?q",
    ".": "/b/c/",
    "./": "/b/c/",
    "..": "/b/",
    "../": "/b/",
    "../g": "/b/g",
    "../..": "/",
    "../../": "/",
    "../../g": "/g",
    "../../../g": "/g",
    "../../../../g": "/g",
    "/./g": "/g",
    "/../g": "/g",
    "g.": "/b/c/g.",
    ".g": "/b/c/.g",
    "g..": "/b/c/g..",
    "..g": "/b/c/..g",
    "./../g": "/b/g",
    "./g/.": "/b/c/g/",
    "g/./h": "/b/c/g/h",
    "g/../h": "/b/c/h",
    "g;x=1/./y": "/b/c/g;x=1/y",
    "g;x=1/../y": "/b/c/y",
    "g?y/./x": "/b/c/g?y/./x",
    "g?y/../x": "/b/c/g?y/../x",
    # As browsers do.
    "http:g": "/b/c/g",
    "?": "/b/c/d;p?",
    "g?": "/b/c/g?",
    " g h\t": "/b/c/g%20h",
    "g h?i j": "/b/c/g%20h?i%20j",
    "g\th": "/b/c/gh",
    "\u00c3\u00a9": "/b/c/%C3%A9",
    "\u00e9": "/b/c/%C3%A9",
    "\u4e2d": "/b/c/%E4%B8%AD",
    "%zz": "/b/c/%25zz",
    # They go to another host there, for what this is in no RFC.
    "\\\\host\\g": "/b/c/%5C%5Chost%5Cg",
    "/\\host": "/%5Chost",
}


@pytest.mark.parametrize("reference", RESOLVED)
def test_a_reference_is_resolved(reference: str) -> None:
    assert str(resolve_location(parse_url(BASE), reference)) == "http://a" + RESOLVED[reference]


def test_empty_segments_of_a_path_stay() -> None:
    base = parse_url("http://a//b//c/d")
    assert [resolve_location(base, text).target for text in ("g", "../g", "../../g", "//a//g")] == [
        "//b//c/g",
        "//b//g",
        "//b/g",
        "//g",
    ]


ELSEWHERE = {
    "//h": "http://h/",
    "//h?x": "http://h/?x",
    "//h:81/../g": "http://h:81/g",
    "HTTPS://H/a/./b": "https://h/a/b",
    "//me:pw@h/": "http://h/",
    "//[::1]": "http://[::1]/",
}


@pytest.mark.parametrize("reference", ELSEWHERE)
def test_a_reference_may_lead_elsewhere(reference: str) -> None:
    assert str(resolve_location(parse_url("http://a/b"), reference)) == ELSEWHERE[reference]


@pytest.mark.parametrize(
    "reference",
    ["///g", "//", "http:///g", "mailto:a", "https:g", "g:h", "//h:x", "//[::1]x/", "//a b/", "a\x00", "\ud800"],
)
def test_a_reference_that_is_no_http_url_is_refused(reference: str) -> None:
    with pytest.raises(ConfigurationError, match="Location"):
        resolve_location(parse_url(BASE), reference)


def test_a_reference_keeps_the_zone_and_the_port_of_its_base() -> None:
    url = resolve_location(parse_url("http://[fe80::1%25eth0]:81/a"), "b")
    assert (url.host, url.port, url.target) == ("fe80::1%eth0", 81, "/b")
