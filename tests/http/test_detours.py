"""`resolve=` and `server_hostname=`: a connection goes elsewhere than its URL says, and all else stays the URL's."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from scripted import ScriptedServer, answer

from proxyserver import Proxy
from pynector import ConfigurationError, ConnectError, Pynector

Play = Callable[..., ScriptedServer]


@pytest.fixture
def secure(play: Play, tmp_path: Path) -> Callable[..., tuple[ScriptedServer, str, list[str | None]]]:
    """Starts a TLS server with a certificate for a name; gives it, its authority's file, and the names asked for."""

    def start(name: str, *scripts: Any) -> tuple[ScriptedServer, str, list[str | None]]:
        ca, asked = trustme.CA(), list[str | None]()
        ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(name).configure_cert(context)
        context.sni_callback = lambda connection, name, _: asked.append(name)
        return play(*scripts, tls=context), str(tmp_path / "ca.pem"), asked

    return start


@pytest.mark.anyio
@pytest.mark.parametrize("to", ["127.0.0.1:{port}", "[::ffff:127.0.0.1]:{port}"])
async def test_a_connection_goes_where_resolve_says(play: Play, engine: str, to: str) -> None:
    server = play([answer(b"here")])
    resolve = {"Api.Example:80": to.format(port=server.port)}
    async with Pynector(base_url="http://api.example", http_engine=engine, resolve=resolve) as client:
        assert await client.request({"path": "/x"}) == b"here"
    assert b"\r\nHost: api.example\r\n" in server.requests[0]


@pytest.mark.anyio
async def test_the_port_is_the_url_s_where_resolve_says_no_other(play: Play, engine: str) -> None:
    server = play([answer(b"here")])
    where = f"api.example:{server.port}"
    async with Pynector(base_url=f"http://{where}", http_engine=engine, resolve={where: "127.0.0.1"}) as client:
        assert await client.request(None) == b"here"
    assert f"\r\nHost: {where}\r\n".encode() in server.requests[0]


@pytest.mark.anyio
async def test_other_ports_and_redirects_go_where_they_would(play: Play, engine: str) -> None:
    server = play([answer(b"", "302 Found", "Location: http://b.example/next")], [answer(b"there")])
    resolve = {"a.example:80": f"127.0.0.1:{server.port}", "b.example:80": f"127.0.0.1:{server.port}"}
    async with Pynector(http_engine=engine, resolve=resolve) as client:
        assert await client.request({"url": "http://a.example/"}) == b"there"
        with pytest.raises(ConnectError):
            await client.request({"url": "http://127.0.0.1:9/"})
    assert b"\r\nHost: b.example\r\n" in server.requests[1]


@pytest.mark.anyio
async def test_tls_asks_for_the_host_of_the_url(
    secure: Callable[..., tuple[ScriptedServer, str, list[str | None]]], engine: str
) -> None:
    server, trusted, asked = secure("api.example", [answer(b"ok")])
    resolve = {"api.example:443": f"127.0.0.1:{server.port}"}
    async with Pynector(base_url="https://api.example", http_engine=engine, resolve=resolve, verify=trusted) as client:
        assert await client.request(None) == b"ok"
    assert asked == ["api.example"]


@pytest.mark.anyio
async def test_tls_asks_for_server_hostname_and_verifies_it(
    secure: Callable[..., tuple[ScriptedServer, str, list[str | None]]], engine: str
) -> None:
    server, trusted, asked = secure("api.example", [answer(b"ok")])
    for name, fits in {"api.example.": True, "other.example": False}.items():
        options: dict[str, Any] = {"verify": trusted, "http_engine": engine, "server_hostname": name}
        async with Pynector(base_url=server.url, **options) as client:
            if fits:
                assert await client.request(None) == b"ok"
            else:
                with pytest.raises(ConnectError, match=r"other\.example"):
                    await client.request(None)
    assert asked == ["api.example", "other.example"]
    assert f"\r\nHost: 127.0.0.1:{server.port}\r\n".encode() in server.requests[0]


@pytest.mark.anyio
async def test_a_secure_proxy_keeps_its_own_name(
    secure: Callable[..., tuple[ScriptedServer, str, list[str | None]]],
) -> None:
    ca, asked_of_proxy = trustme.CA(), list[str | None]()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    context.sni_callback = lambda connection, name, _: asked_of_proxy.append(name)
    server, trusted, asked = secure("api.example", [answer(b"ok")])
    both = ssl.create_default_context(cafile=trusted)
    both.load_verify_locations(cadata=ca.cert_pem.bytes().decode())
    with Proxy(tls=context) as proxy:
        options: dict[str, Any] = {"verify": both, "server_hostname": "api.example"}
        async with Pynector(base_url=server.url, proxy=f"https://localhost:{proxy.port}", **options) as client:
            assert await client.request(None) == b"ok"
    assert (asked_of_proxy, asked) == (["localhost"], ["api.example"])


@pytest.mark.anyio
async def test_a_proxy_of_the_environment_is_not_asked_for_what_resolve_names(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server = play([answer(b"here")])
    async with Pynector(base_url="http://a.example", resolve={"a.example:80": f"127.0.0.1:{server.port}"}) as client:
        assert await client.request(None) == b"here"


WRONG: list[tuple[str, Any, str]] = [
    ("resolve", ["a:1"], r"resolve must be a dict such as \{'example.com:443': '192.0.2.1'\}, not list"),
    ("resolve", {"example.com": "192.0.2.1"}, "resolve: 'example.com' must be a host and a port"),
    ("resolve", {"example.com:0": "192.0.2.1"}, "resolve: 'example.com:0' must be a host and a port"),
    ("resolve", {":80": "192.0.2.1"}, "resolve: ':80' must be a host and a port"),
    ("resolve", {"a b:80": "192.0.2.1"}, "resolve: 'a b:80': .*host"),
    ("resolve", {"a:99999": "192.0.2.1"}, "resolve: 'a:99999' .* port of its host must be 1 to 65535"),
    ("resolve", {"http://a:80": "192.0.2.1"}, "resolve: 'http://a:80' is not a valid URL"),
    ("resolve", {5: "192.0.2.1"}, "resolve: 5 must be a host or an address as str, not 5"),
    ("resolve", {"a:80": "other.example"}, "resolve: 'a:80' must lead to an address such as .* not 'other.example'"),
    ("resolve", {"a:80": "192.0.2.1:0"}, "resolve: 'a:80' must lead to an address"),
    ("resolve", {"a:80": ""}, "resolve: 'a:80' must lead to an address"),
    ("resolve", {"a:80": 5}, "resolve: 'a:80' must be a host or an address as str, not 5"),
    *(("server_hostname", value, "server_hostname") for value in ("", "a b", "a:80", 5, "http://a", "user@a")),
]


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_a_wrong_detour_is_refused_at_once(name: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Pynector(**{name: value})
    with pytest.raises(ConfigurationError, match=said):
        Pynector(transport_type="websocket", url="ws://a/", **{name: value})


@pytest.mark.parametrize(
    ("other", "value", "transport"),
    [
        ("proxy", "http://127.0.0.1:9", {}),
        ("uds", "/socket", {}),
        ("proxy", "http://127.0.0.1:9", {"transport_type": "websocket", "url": "ws://a/"}),
    ],
)
def test_two_ways_to_connect_exclude_each_other(other: str, value: str, transport: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"{other} and resolve exclude each other"):
        Pynector(**transport, **{other: value, "resolve": {"a:80": "127.0.0.1"}})
