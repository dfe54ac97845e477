"""Files of certificates that are replaced while the program runs."""

from __future__ import annotations

import logging
import os
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme
from h2server import Http2Server
from h2server import answer as answer_of_http2
from scripted import ScriptedServer, answer, eventually

from pynector import ConfigurationError, ConnectError, Pynector
from pynector.transport.net import tls

Play = Callable[..., ScriptedServer]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a second, and what was written just now is taken."""
    monkeypatch.setattr(tls, "EVERY", 0.02)
    monkeypatch.setattr(tls, "FRESH", 0.0)
    monkeypatch.setattr(tls, "AGAIN", 0.1)


class Files:
    """The files of a client: an authority to trust, a certificate, and its key. Written anew by rename or in place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ca, self.cert, self.key = (str(folder / name) for name in ("ca.pem", "client.pem", "client.key"))

    def write(self, path: str, data: bytes) -> None:
        """Put a file in the place of another at once."""
        Path(path + ".new").write_bytes(data)
        os.replace(path + ".new", path)

    def tear(self, path: str, data: bytes) -> None:
        """Write in place, perhaps not all."""
        Path(path).write_bytes(data)

    def trust(self, ca: trustme.CA) -> None:
        self.write(self.ca, ca.cert_pem.bytes())

    def show(self, certificate: Any) -> None:
        self.write(self.cert, certificate.cert_chain_pems[0].bytes())
        self.write(self.key, certificate.private_key_pem.bytes())


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture(scope="module")
def authorities() -> list[trustme.CA]:
    return [trustme.CA(), trustme.CA()]


def serving(server_ca: trustme.CA, client_ca: trustme.CA | None = None) -> ssl.SSLContext:
    """Give the context of a server, which may want a certificate of its clients."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_ca.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    if client_ca is not None:
        client_ca.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def shown(server: ScriptedServer) -> list[str]:
    """The names on the certificates of the clients, one for each connection that was used."""
    return [
        dict(pair for pairs in used.certificate["subject"] for pair in pairs)["organizationalUnitName"]
        for used in server.connections
        if used.requests
    ]


def named(ca: trustme.CA, name: str) -> Any:
    return ca.issue_cert(f"{name}@example.com", organization_unit_name=name)


@pytest.mark.anyio
async def test_a_new_client_takes_new_files(
    play: Play, engine: str, files: Files, authorities: list[trustme.CA]
) -> None:
    first, second = authorities
    context = serving(first, first)
    server = play([answer()] * 9, tls=context)
    files.trust(first)
    files.show(named(first, "old"))
    options: dict[str, Any] = {"verify": files.ca, "cert": (files.cert, files.key), "http_engine": engine}
    async with Pynector(base_url=server.url, **options) as client:
        await client.request(None)
    files.show(named(first, "new"))
    async with Pynector(base_url=server.url, **options) as client:
        await client.request(None)
    assert shown(server) == ["old", "new"]
    second.issue_cert("127.0.0.1").configure_cert(context)
    async with Pynector(base_url=server.url, **options) as client:
        with pytest.raises(ConnectError):
            await client.request(None)
    files.trust(second)
    async with Pynector(base_url=server.url, **options) as client:
        await client.request(None)
    first.issue_cert("127.0.0.1").configure_cert(context)
    async with Pynector(base_url=server.url, **options) as client:
        with pytest.raises(ConnectError) as refused:
            await client.request(None)
    assert (refused.value.phase, refused.value.transient) == ("tls", False)


@pytest.mark.anyio
async def test_a_running_client_shows_the_new_certificate_and_drops_idle_connections(
    play: Play, engine: str, files: Files, authorities: list[trustme.CA]
) -> None:
    ca = authorities[0]
    server = play([answer()] * 9, tls=serving(ca, ca))
    files.trust(ca)
    files.show(named(ca, "old"))
    async with Pynector(
        base_url=server.url, http_engine=engine, verify=files.ca, cert=(files.cert, files.key), keepalive_expiry=60
    ) as client:
        for _ in range(3):
            await client.request(None)
        await anyio.sleep(0.1)
        await client.request(None)
        assert shown(server) == ["old"]
        files.show(named(ca, "new"))
        if engine == "native":
            assert await eventually(server.connections[0].ended.is_set)
        else:
            await anyio.sleep(0.1)
        for _ in range(3):
            await client.request(None)
        assert await eventually(server.connections[0].ended.is_set)
    assert shown(server) == ["old", "new"]
    assert [len(used.requests) for used in server.connections] == [4, 3]


@pytest.mark.anyio
async def test_what_is_in_flight_ends_on_its_connection(
    play: Play, engine: str, files: Files, authorities: list[trustme.CA]
) -> None:
    ca = authorities[0]
    go_on = threading.Event()
    server = play(
        [answer(), [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", go_on, b"cde"], answer()], tls=serving(ca)
    )
    files.trust(ca)
    async with Pynector(base_url=server.url, http_engine=engine, verify=files.ca, keepalive_expiry=60) as client:
        await client.request(None)
        answers: list[Any] = []

        async def ask() -> None:
            answers.append(await client.request(None))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            assert await eventually(lambda: len(server.requests) == 2)
            files.trust(ca)
            await anyio.sleep(0.1)
            await client.request(None)
            go_on.set()
        assert answers == [b"abcde"]
        assert await eventually(server.connections[0].ended.is_set)
        await client.request(None)
    assert [len(used.requests) for used in server.connections] == [2, 2]


@pytest.mark.anyio
async def test_a_handshake_that_began_with_the_old_files_makes_no_connection_to_keep(
    play: Play,
    engine: str,
    http_version: str,
    files: Files,
    authorities: list[trustme.CA],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ca = authorities[0]
    begun, go_on = threading.Event(), threading.Event()
    context = serving(ca)

    def hold(*args: Any) -> None:
        begun.set()
        go_on.wait(20)

    context.sni_callback = hold
    server = play([answer()] * 9, tls=context)
    files.trust(ca)
    base = server.url.replace("127.0.0.1", "localhost")
    async with Pynector(base_url=base, http_engine=engine, verify=files.ca, keepalive_expiry=60) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.request, None)
            assert await eventually(begun.is_set)
            files.trust(ca)
            await anyio.sleep(0.1)
            # The next look after this connection's own is far away.
            monkeypatch.setattr(tls, "EVERY", 60.0)
            go_on.set()
        for _ in range(2):
            await client.request(None)
        assert await eventually(server.connections[0].ended.is_set)
    # Where it could carry many, it carries none.
    assert [len(used.requests) for used in server.connections] == ([1, 2] if http_version == "HTTP/1.1" else [0, 3])


@pytest.mark.anyio
async def test_a_connection_of_http2_is_left_when_its_last_stream_ends(
    files: Files, authorities: list[trustme.CA]
) -> None:
    files.trust(authorities[0])
    with Http2Server(serving(authorities[0]), answer_of_http2) as server:
        async with Pynector(base_url=server.url, http2=True, verify=files.ca, http_engine="httpx") as client:
            async with client.stream({"path": "/"}) as response:
                await client.request({"path": "/"})
                files.trust(authorities[0])
                await anyio.sleep(0.1)
                for _ in range(2):
                    await client.request({"path": "/"})
                assert not server.sessions[0].ended
                assert await response.read() == b"ok"
            assert await eventually(lambda: server.sessions[0].ended)
            await client.request({"path": "/"})
            assert [len(session.requests) for session in server.sessions] == [2, 3]


@pytest.mark.anyio
async def test_a_running_client_trusts_the_new_authority_only(
    play: Play, engine: str, files: Files, authorities: list[trustme.CA]
) -> None:
    first, second = authorities
    context = serving(first)
    server = play([answer()] * 9, tls=context)
    files.trust(first)
    async with Pynector(base_url=server.url, http_engine=engine, verify=files.ca) as client:
        await client.request(None)
        second.issue_cert("127.0.0.1").configure_cert(context)
        files.trust(second)
        await anyio.sleep(0.1)
        await client.request(None)
        assert await eventually(server.connections[0].ended.is_set)
        first.issue_cert("127.0.0.1").configure_cert(context)
        files.trust(second)
        await anyio.sleep(0.1)
        with pytest.raises(ConnectError) as refused:
            await client.request(None)
    assert (refused.value.phase, refused.value.sent, refused.value.transient) == ("tls", "none", False)


@pytest.mark.anyio
@pytest.mark.parametrize("fault", ["half a pair", "torn", "missing", "empty"])
async def test_files_that_do_not_load_leave_the_old_ones_in_use(
    play: Play,
    engine: str,
    files: Files,
    authorities: list[trustme.CA],
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    ca = authorities[0]
    # One request a connection.
    server = play([answer(b"ok", "200 OK", "Connection: close")], tls=serving(ca, ca))
    files.trust(ca)
    files.show(named(ca, "old"))
    new = named(ca, "new")
    chain = new.cert_chain_pems[0].bytes()
    with caplog.at_level(logging.WARNING, "pynector"):
        async with Pynector(
            base_url=server.url, http_engine=engine, verify=files.ca, cert=(files.cert, files.key)
        ) as client:
            await client.request(None)
            if fault == "missing":
                os.unlink(files.key)
            elif fault == "half a pair":
                files.write(files.cert, chain)
            else:
                files.tear(files.cert, chain[: len(chain) // 2 if fault == "torn" else 0])
            for _ in range(8):
                await anyio.sleep(0.05)
                await client.request(None)
            assert set(shown(server)) == {"old"}
            files.show(new)
            await anyio.sleep(0.2)
            await client.request(None)
    assert shown(server)[-1] == "new"
    said = [record for record in caplog.records if record.name.startswith("pynector")]
    assert [record.levelname for record in said] == ["WARNING"]
    assert "the old ones stay in use" in said[0].getMessage()


@pytest.mark.anyio
async def test_files_that_are_the_same_retire_nothing(
    play: Play, engine: str, files: Files, authorities: list[trustme.CA]
) -> None:
    ca = authorities[0]
    server = play([answer()] * 9, tls=serving(ca))
    files.trust(ca)
    async with Pynector(base_url=server.url, http_engine=engine, verify=files.ca) as client:
        for _ in range(5):
            await client.request(None)
            await anyio.sleep(0.05)
    assert len(server.connections) == 1


@pytest.mark.anyio
async def test_a_first_client_with_files_that_do_not_load_is_refused(
    play: Play, engine: str, files: Files, authorities: list[trustme.CA]
) -> None:
    files.trust(authorities[0])
    async with Pynector(base_url="https://127.0.0.1:9", http_engine=engine, verify=files.ca):
        pass
    files.tear(files.ca, b"-----BEGIN CERTIFICATE-----\nhalf")
    with pytest.raises(ConfigurationError, match=r"verify: .*ca\.pem.* cannot be loaded"):
        await Pynector(base_url="https://127.0.0.1:9", http_engine=engine, verify=files.ca).request(None)


@pytest.mark.anyio
async def test_the_look_ends_with_the_connections(
    play: Play, engine: str, files: Files, authorities: list[trustme.CA], monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = authorities[0]
    server = play([answer(b"ok", "200 OK", "Connection: close")], tls=serving(ca))
    files.trust(ca)
    async with Pynector(base_url=server.url, http_engine=engine, verify=files.ca) as client:
        await client.request(None)
        await anyio.sleep(0.1)
        looks: list[float] = []
        with monkeypatch.context() as patched:
            patched.setattr(tls.WatchedFiles, "look", lambda self, life: looks.append(life))
            await anyio.sleep(0.1)
        assert looks == []


# Contexts


def test_what_was_written_just_now_may_not_be_whole(
    files: Files, authorities: list[trustme.CA], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tls, "FRESH", 60.0)
    ca = authorities[0]
    files.trust(ca)
    files.show(named(ca, "old"))
    client_tls = tls.ClientTLS(files.ca, (files.cert, files.key))
    first = client_tls.context()
    files.show(named(ca, "new"))
    time.sleep(0.05)
    assert client_tls.context() is first
    os.utime(files.cert, (0, 0))
    os.utime(files.key, (0, 0))
    os.utime(files.ca, (0, 0))
    time.sleep(0.05)
    assert client_tls.context() is not first
    assert caplog.records == []


def test_a_context_follows_the_variables_and_the_bundle(
    files: Files, authorities: list[trustme.CA], monkeypatch: pytest.MonkeyPatch
) -> None:
    import certifi

    files.trust(authorities[0])
    monkeypatch.setattr(certifi, "where", lambda: files.ca)
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    client_tls = tls.ClientTLS(True)
    seen = [client_tls.context()]

    def another() -> bool:
        time.sleep(0.05)
        seen.append(client_tls.context())
        return seen[-1] is not seen[-2]

    assert not another()
    files.trust(authorities[1])
    assert another()
    own = str(Path(files.ca).with_name("own.pem"))
    files.write(own, authorities[0].cert_pem.bytes())
    monkeypatch.setenv("SSL_CERT_FILE", own)
    assert another()
    assert seen[-1].get_ca_certs()[-1]["serialNumber"]
    files.write(own, authorities[1].cert_pem.bytes())
    assert another()
    monkeypatch.delenv("SSL_CERT_FILE")
    folder = Path(files.ca).with_name("folder")
    folder.mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", f"/nowhere{os.pathsep}{folder}")
    assert another()
    (folder / "0123abcd.0").write_bytes(authorities[0].cert_pem.bytes())
    assert another()
    (folder / "not-a-name-that-openssl-looks-for").write_bytes(b"")
    assert not another()
    (folder / "0123abcd.0").unlink()
    assert another()


def test_a_folder_is_known_by_its_entries_and_links_by_what_they_name(
    tmp_path: Path, authorities: list[trustme.CA]
) -> None:
    for version, ca in zip("12", authorities, strict=True):
        (tmp_path / version).mkdir()
        (tmp_path / version / "0123abcd.0").write_bytes(ca.cert_pem.bytes())
    data = tmp_path / "data"
    data.symlink_to("1")
    client_tls = tls.ClientTLS(str(data))
    first = client_tls.context()
    # As Kubernetes does it.
    (tmp_path / "other").symlink_to("2")
    os.replace(tmp_path / "other", data)
    time.sleep(0.05)
    assert client_tls.context() is not first


def test_a_variable_that_names_no_file_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with pytest.raises(ConfigurationError, match=r"SSL_CERT_FILE: '/nowhere/ca\.pem' cannot be loaded"):
        tls.ClientTLS(True).context()


def test_only_so_many_contexts_are_kept(tmp_path: Path, authorities: list[trustme.CA]) -> None:
    for number in range(tls.MOST_KEPT + 10):
        path = tmp_path / f"{number}.pem"
        path.write_bytes(authorities[0].cert_pem.bytes())
        tls.ClientTLS(str(path)).context()
    assert len(tls._contexts) == tls.MOST_KEPT
