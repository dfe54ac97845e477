"""TLS: verified unless told otherwise, with the server's name, and with a client's certificate."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme
from scripted import ScriptedServer, answer, out_of_time

from engines import HAS_HTTP2
from loops import EVERYWHERE
from pynector import ConfigurationError, ConnectError, ConnectionLost, Pynector, TransportError
from pynector.testing import LoopbackServer
from pynector.transport.net.tls import ClientTLS
from wsservers import demanding

Play = Callable[..., ScriptedServer]


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def files(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths of the CA's certificate, the server's, and a client's."""
    folder = tmp_path_factory.mktemp("tls")
    certificates = {"server": ca.issue_cert("127.0.0.1", "localhost"), "client": ca.issue_cert("me@example.com")}
    paths = {"ca": folder / "ca.pem"}
    ca.cert_pem.write_to_path(str(paths["ca"]))
    for name, certificate in certificates.items():
        paths |= {part: folder / f"{part}.pem" for part in (f"{name}.crt", f"{name}.key", name)}
        certificate.cert_chain_pems[0].write_to_path(str(paths[f"{name}.crt"]))
        certificate.private_key_pem.write_to_path(str(paths[f"{name}.key"]))
        certificate.private_key_and_cert_chain_pem.write_to_path(str(paths[name]))
    return {name: str(path) for name, path in paths.items()}


@pytest.fixture(scope="module")
def tls_server(files: dict[str, str]) -> Iterator[LoopbackServer]:
    with LoopbackServer(certfile=files["server.crt"], keyfile=files["server.key"], http2=HAS_HTTP2) as server:
        yield server


@pytest.fixture(scope="module")
def strict_server(files: dict[str, str]) -> Iterator[LoopbackServer]:
    """One that wants a certificate of its clients."""
    with LoopbackServer(
        certfile=files["server.crt"],
        keyfile=files["server.key"],
        client_ca=files["ca"],
        host="localhost",
        http2=HAS_HTTP2,
    ) as server:
        yield server


async def refusal(client: Pynector) -> Any:
    with pytest.raises(ConnectError) as caught:
        await client.request({"path": "/id/1?secret=1"})
    error = caught.value
    assert (error.phase, error.sent) == ("tls", "none")
    assert "secret" not in str(error)
    return error


@pytest.mark.anyio
async def test_a_certificate_of_an_unknown_authority_is_refused(tls_server: LoopbackServer, engine: str) -> None:
    tls_server.reset()
    async with Pynector(base_url=tls_server.url, http_engine=engine) as client:
        error = await refusal(client)
    assert error.transient is False
    assert error.request == f"GET {tls_server.url}/id/1"
    assert tls_server.stats().requests == 0


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["file", "false", "context"])
async def test_verify_takes_an_authority_a_context_or_false(
    tls_server: LoopbackServer, engine: str, files: dict[str, str], kind: str
) -> None:
    verify = {"file": files["ca"], "false": False, "context": ssl.create_default_context(cafile=files["ca"])}[kind]
    async with Pynector(base_url=tls_server.url, http_engine=engine, verify=verify) as client:
        answers = await client.batch_request([({"path": f"/id/{n}"}, {}) for n in range(20)], max_concurrency=3)
    assert answers == [str(n).encode() for n in range(20)]


@pytest.mark.anyio
async def test_verify_takes_a_folder_of_authorities(
    tls_server: LoopbackServer, engine: str, files: dict[str, str], tmp_path: Path
) -> None:
    # OpenSSL finds a certificate in a folder by the hash of its subject.
    (tmp_path / "unrelated").write_text("")
    async with Pynector(base_url=tls_server.url, http_engine=engine, verify=str(tmp_path)) as client:
        assert (await refusal(client)).transient is False


@contextmanager
def named(ca: trustme.CA, *names: str) -> Iterator[tuple[ssl.SSLContext, list[str | None]]]:
    """Give the context of a server with a certificate for these names, and the names clients ask for."""
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names).configure_cert(context)
    context.sni_callback = lambda connection, name, _: asked.append(name)
    yield context, asked


@pytest.mark.anyio
async def test_a_certificate_for_another_name_is_refused(
    play: Play, engine: str, ca: trustme.CA, files: dict[str, str]
) -> None:
    with named(ca, "other.example") as (context, _):
        server = play([answer(b"never")], tls=context)
        async with Pynector(base_url=server.url, http_engine=engine, verify=files["ca"]) as client:
            assert (await refusal(client)).transient is False
    assert server.requests == []


@pytest.mark.anyio
async def test_the_server_is_told_which_name_is_meant(
    play: Play, engine: str, ca: trustme.CA, files: dict[str, str]
) -> None:
    with named(ca, "localhost") as (context, asked):
        server = play([answer(b"ok")], tls=context)
        base = f"https://localhost:{server.port}"
        async with Pynector(base_url=base, http_engine=engine, verify=files["ca"]) as client:
            assert await client.request(None, headers={"Host": "other.example"}) == b"ok"
    assert asked == ["localhost"]


@pytest.mark.anyio
@pytest.mark.parametrize("parts", [["client"], ["client.crt", "client.key"], ["client.crt", "client.key", "!password"]])
async def test_a_client_certificate_is_shown(
    strict_server: LoopbackServer, engine: str, files: dict[str, str], parts: list[str]
) -> None:
    paths = tuple(files.get(part, part) for part in parts)
    cert = paths if len(paths) > 1 else paths[0]
    async with Pynector(base_url=strict_server.url, http_engine=engine, verify=files["ca"], cert=cert) as client:
        assert await client.request({"path": "/id/1"}) == b"1"


@pytest.mark.anyio
async def test_without_the_client_certificate_that_is_required_there_is_no_answer(
    strict_server: LoopbackServer, engine: str, files: dict[str, str]
) -> None:
    strict_server.reset()
    async with Pynector(base_url=strict_server.url, http_engine=engine, verify=files["ca"]) as client:
        # In TLS 1.3 the client's handshake is over before the server looks at the certificate.
        with pytest.raises(ConnectionError):
            await client.request({"path": "/id/1"})
    assert strict_server.stats().requests == 0


@pytest.mark.anyio
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("shown", ["none", "a stranger's"])
async def test_a_certificate_that_the_server_refuses_is_not_shown_again(
    engine: str, ca: trustme.CA, files: dict[str, str], tmp_path: Path, version: ssl.TLSVersion, shown: str
) -> None:
    stranger = tmp_path / "stranger.pem"
    trustme.CA().issue_cert("me@example.com").private_key_and_cert_chain_pem.write_to_path(str(stranger))
    with named(ca, "127.0.0.1") as (context, _):
        context.maximum_version = version
        context.set_alpn_protocols(["h2", "http/1.1"])
        context.verify_mode = ssl.CERT_REQUIRED
        ca.configure_trust(context)
        options: dict[str, Any] = {"http_engine": engine, "verify": files["ca"]}
        if shown != "none":
            options["cert"] = str(stranger)
        with demanding(context) as (port, came):
            async with Pynector(base_url=f"https://127.0.0.1:{port}", **options) as client:
                with pytest.raises(TransportError, match=r"(?i)alert") as refused:
                    await client.request_with_retry(None, retry_delay=0)
    assert (refused.value.transient, refused.value.attempts, came) == (False, 1, ["one"])


@EVERYWHERE
@pytest.mark.anyio
async def test_a_body_without_a_length_is_whole_where_the_server_has_given_its_word(
    play: Play, ca: trustme.CA, files: dict[str, str]
) -> None:
    pytest.importorskip("httptools")
    unknown, known = answer(b"all of it", length=False), answer(b"all of it")
    with named(ca, "127.0.0.1") as (context, _):
        # An end without a word may be anybody's (RFC 9112 section 9.8), but not in the middle of what is counted.
        scripts = [[unknown, "unwrap"]], [[unknown, "close"]], [[known, "close"]]
        server = play(*scripts, tls=context)
        async with Pynector(base_url=server.url, http_engine="native", verify=files["ca"]) as client:
            assert await client.request(None) == b"all of it"
            with pytest.raises(ConnectionLost) as cut_off:
                await client.request(None)
            assert await client.request(None) == b"all of it"
    assert (cut_off.value.phase, cut_off.value.sent) == ("body", "full")


@pytest.mark.anyio
async def test_a_handshake_that_hangs_ends_at_the_deadline(play: Play, engine: str) -> None:
    server = play(*[["hang"]] * 3)
    async with Pynector(base_url=server.url.replace("http", "https"), http_engine=engine, verify=False) as client:
        error = await out_of_time(partial(client.request, None), "tls")
    assert (error.phase, error.sent) == ("tls", "none")
    assert server.requests == []


@pytest.mark.anyio
async def test_a_server_without_tls_is_no_tls_connection(play: Play, engine: str) -> None:
    server = play(greeting=b"HTTP/1.1 400 Bad Request\r\n\r\n")
    async with Pynector(base_url=server.url.replace("http", "https"), http_engine=engine, verify=False) as client:
        assert (await refusal(client)).transient is True


@pytest.mark.anyio
async def test_a_truncated_body_over_tls_is_lost(
    play: Play, engine: str, ca: trustme.CA, files: dict[str, str]
) -> None:
    with named(ca, "127.0.0.1") as (context, _):
        server = play([[b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "close"]], tls=context)
        async with Pynector(base_url=server.url, http_engine=engine, verify=files["ca"]) as client:
            with pytest.raises(ConnectionError) as caught:
                await client.request(None)
    assert getattr(caught.value, "phase", None) == "body"


# A context of the user's that offers HTTP/2


@pytest.fixture
def offering(files: dict[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files["ca"])
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.mark.anyio
async def test_a_context_that_agrees_on_http_2_is_told_before_anything_is_sent(
    play: Play, engine: str, ca: trustme.CA, offering: ssl.SSLContext
) -> None:
    with named(ca, "127.0.0.1") as (context, _):
        context.set_alpn_protocols(["h2", "http/1.1"])
        server = play([answer(b"ok")], tls=context)
        async with Pynector(base_url=server.url, http_engine=engine, verify=offering) as client:
            if engine != "native":
                # httpcore sets what a context offers.
                assert await client.request(None) == b"ok"
                return
            for call in (client.request, client.request_with_retry):
                with pytest.raises(ConfigurationError, match=r"verify: .*h2.*set_alpn_protocols.*http2=True") as told:
                    await call({"method": "POST"}, path="/")
                assert told.value.sent == "none"
            with pytest.raises(ConfigurationError, match=r"verify: .*h2"):
                async with client.stream(None):
                    raise AssertionError("it gave something")
    for connection in server.connections:
        assert await anyio.to_thread.run_sync(connection.ended.wait, 10)
        assert connection.received == b""


@pytest.mark.anyio
async def test_a_context_that_offers_http_2_in_vain_is_used(
    play: Play, engine: str, ca: trustme.CA, offering: ssl.SSLContext
) -> None:
    with named(ca, "127.0.0.1") as (context, _):
        server = play([answer(b"ok")], tls=context)
        async with Pynector(base_url=server.url, http_engine=engine, verify=offering) as client:
            assert await client.request(None) == b"ok"


@pytest.mark.anyio
async def test_a_redirect_to_http_2_says_that_something_was_sent(
    play: Play, engine: str, ca: trustme.CA, offering: ssl.SSLContext
) -> None:
    with named(ca, "127.0.0.1") as (context, _):
        context.set_alpn_protocols(["h2"])
        target = play([answer(b"ok")], tls=context)
        server = play([answer(b"", "307 Temporary Redirect", f"Location: {target.url}/")])
        async with Pynector(base_url=server.url, http_engine=engine, verify=offering) as client:
            if engine == "native":
                with pytest.raises(ConfigurationError, match=r"verify: .*h2") as told:
                    await client.request(b"body", path="/")
                assert told.value.sent == "full"


# Contexts


def test_a_context_is_built_once_for_each_set_of_options(files: dict[str, str]) -> None:
    first = ClientTLS(files["ca"], None, ("http/1.1",)).context()
    assert ClientTLS(files["ca"], None, ("http/1.1",)).context() is first
    assert ClientTLS(files["ca"], None, ("h2", "http/1.1")).context() is not first
    assert ClientTLS(True, None, ("http/1.1",)).context() is not first
    own = ssl.create_default_context()
    assert ClientTLS(own, None, ("http/1.1",)).context() is own


def test_a_context_verifies_and_wants_tls_1_2() -> None:
    context = ClientTLS(True, None, ("http/1.1",)).context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.cert_store_stats()["x509_ca"] > 0
    unverified = ClientTLS(False, None, ("http/1.1",)).context()
    assert (unverified.verify_mode, unverified.check_hostname) == (ssl.CERT_NONE, False)


def test_ssl_cert_file_replaces_the_authorities(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", files["ca"])
    context = ClientTLS(True, None, ("only-in-this-test",)).context()
    assert context.cert_store_stats()["x509_ca"] == 1


def test_a_key_that_needs_a_password_is_refused_without_asking_for_it(
    files: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(Path(files["client.key"]).read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"sesame"),
        )
    )
    cert = (files["client.crt"], str(locked))
    for given in (cert, (*cert, "wrong")):
        with pytest.raises(ConfigurationError, match="cannot be loaded"):
            ClientTLS(True, given, ("http/1.1",)).context()
    assert ClientTLS(True, (*cert, "sesame"), ("http/1.1",)).context() is not None
    assert "PEM pass phrase" not in "".join(capfd.readouterr())
