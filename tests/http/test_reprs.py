"""What holds secrets does not show them as text: reprs end in logs and in reports of errors."""

from __future__ import annotations

from typing import Any

import pytest

from pynector import BatchItem, ConfigurationError, HTTPRequest, Pynector
from pynector.dispatch.batch import Batch
from pynector.dispatch.entries import Common
from pynector.transport.http.options import HTTPOptions
from pynector.transport.http.request import prepare
from pynector.transport.http.urls import parse_url
from pynector.transport.net.proxies import checked_proxy

SECRET = "hunter2"
URL = f"https://user:{SECRET}@host/path?key={SECRET}#{SECRET}"


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("path", f"/a?key={SECRET}#{SECRET}", "path='/a'"),
        ("url", URL, "url='https://host/path'"),
        ("url", f"https://user:a/{SECRET}@host/path", "url='https://host/path'"),
        ("url", f"https://user:a?{SECRET}@host/path", "url='<not a valid URL>'"),
        ("url", f"https://user:{SECRET}?b@host/path", "url='<not a valid URL>'"),
        ("url", "http://host:80/a//b?c", "url='http://host:80/a//b'"),
        ("url", "http://[::1]:80?c", "url='http://[::1]:80'"),
        ("path", "a//b", "path='a//b'"),
        ("url", [SECRET], "url=<list>"),
        ("params", {"key": SECRET}, "params=<key>"),
        ("headers", {"Authorization": SECRET, "Cookie": SECRET}, "headers=<Authorization, Cookie>"),
        ("headers", [("Cookie", SECRET), ([], SECRET)], "headers=<Cookie, []>"),
        ("headers", [SECRET], "headers=<list>"),
        ("headers", iter([("Cookie", SECRET)]), "headers=<list_iterator>"),
        ("json", {"key": SECRET}, "json=<dict of 1>"),
        ("data", {"password": SECRET}, "data=<dict of 1>"),
        ("content", SECRET, "content=<str of 7>"),
        ("content", SECRET.encode(), "content=<bytes of 7>"),
        ("files", {"file": SECRET}, "files=<dict of 1>"),
        ("cookies", {"session": SECRET}, "cookies=<session>"),
    ],
)
def test_a_request_shows_names_and_sizes(field: str, value: Any, shown: str) -> None:
    fields: dict[str, Any] = {field: value}
    assert repr(HTTPRequest("PUT", **fields)) == f"HTTPRequest(method='PUT', {shown})"


def test_what_is_made_of_a_request_shows_no_more() -> None:
    options: dict[str, Any] = {"headers": {"X-Key": SECRET}, "cookies": {"a": SECRET}, "params": {"key": SECRET}}
    settings = HTTPOptions({"base_url": URL, **options}, "agent")
    request = prepare({"method": "PUT", "path": f"/a?b={SECRET}", "content": SECRET}, {"auth": SECRET}, settings)
    assert repr(request).startswith("<PreparedRequest PUT https://host/path/a, headers <")
    for name in ("X-Key", "Cookie", "Authorization", "Content-Type", "body <bytes of 7>"):
        assert name in repr(request)
    batch = Batch(Common({"auth": SECRET}, 1.0, lambda data, options: None), 1, 1.0)
    item = BatchItem(0, None, {"auth": SECRET}, SECRET.encode(), None, 0.1)
    for thing in (request, settings, batch, item, Pynector(base_url=URL, **options), parse_url(URL)):
        assert SECRET not in repr(thing) + repr([thing])
    assert repr(parse_url(URL)) == "<URL https://host/path>"
    assert repr(checked_proxy(f"http://user:{SECRET}@host:3128", "proxy")) == "<Proxy http://host:3128>"


def test_a_url_of_the_wrong_type_is_not_quoted() -> None:
    with pytest.raises(ConfigurationError, match="base_url must be a non-empty str, not bytes") as caught:
        Pynector(base_url=URL.encode())
    assert SECRET not in str(caught.value)
