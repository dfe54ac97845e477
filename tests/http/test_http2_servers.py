"""The same requests over HTTP/2 to servers of others, where they are installed, and to the bundled one."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest
import trustme

from loops import LOOPS
from pynector import HTTPStatusError, Pynector
from pynector.testing import LoopbackServer
from sockets import free_port

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", LOOPS)]

LARGE = 3_000_000
STREAMS = 20

NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr crit;
events {{}}
http {{
  access_log off; http2_max_concurrent_streams {streams}; client_max_body_size 0;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl http2; ssl_certificate {certificate}; ssl_certificate_key {key};
    root {folder}; location = /post {{ return 200; }}
  }}
}}
"""


class Site(NamedTuple):
    """Where a server has what is asked for; "{}" stands for the number of bytes."""

    url: str
    body: str = "/{}"
    post: str = "/post"


class Files(NamedTuple):
    """A certificate, and what a server of files serves."""

    folder: Path
    certificate: str
    key: str


@contextmanager
def started(port: int, *command: str) -> Iterator[None]:
    """Run a server until it is not needed any more."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    assert process.poll() is None, command
                    time.sleep(0.01)
            yield
        finally:
            process.terminate()


@contextmanager
def nginx(files: Files) -> Iterator[Site]:
    port, config = free_port(), files.folder / "nginx.conf"
    filled = {"folder": files.folder, "certificate": files.certificate, "key": files.key, "streams": STREAMS}
    config.write_text(NGINX.format(port=port, **filled))
    with started(port, found("nginx"), "-c", str(config), "-e", "stderr"):
        yield Site(f"https://127.0.0.1:{port}")


@contextmanager
def nghttpd(files: Files) -> Iterator[Site]:
    port = free_port()
    options = ["-a", "127.0.0.1", "-d", str(files.folder), "-m", str(STREAMS), "--echo-upload"]
    with started(port, found("nghttpd"), *options, str(port), files.key, files.certificate):
        yield Site(f"https://127.0.0.1:{port}")


@contextmanager
def bundled(files: Files) -> Iterator[Site]:
    settings = {"max_concurrent_streams": STREAMS}
    with LoopbackServer(certfile=files.certificate, keyfile=files.key, http2=True, http2_settings=settings) as server:
        yield Site(server.url, "/bytes/{}", "/echo")


def found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


SERVERS: list[Callable[[Files], AbstractContextManager[Site]]] = [bundled, nginx, nghttpd]


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module", params=SERVERS, ids=lambda serve: serve.__name__)
def site(request: pytest.FixtureRequest, ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running server."""
    folder = tmp_path_factory.mktemp("site")
    # The workers of a server may be of another user.
    folder.chmod(0o755)
    for size in (10, 1_000, LARGE):
        (folder / str(size)).write_bytes((b"0123456789abcdef" * (size // 16 + 1))[:size])
    issued = ca.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(folder / "both.pem"))
    both = str(folder / "both.pem")
    with request.param(Files(folder, both, both)) as running:
        yield running


async def test_ordinary_requests(site: Site, ca: trustme.CA) -> None:
    """More at a time than a connection may carry, and some one after another."""
    trusted = ssl.create_default_context()
    ca.configure_trust(trusted)
    async with Pynector(base_url=site.url, http2=True, verify=trusted, http_engine="native", max_connections=3) as it:
        with anyio.fail_after(20):
            first = await it.request({"path": site.body.format(10)}, as_response=True)
            assert (first.http_version, first.content) == ("HTTP/2", b"0123456789")
            sizes = [10, 1_000, LARGE, 1_000] * 20
            entries: list[Any] = [({"path": site.body.format(size)}, {}) for size in sizes]
            answers = await it.batch_request(entries, max_concurrency=100)
            assert [len(answer) for answer in answers] == sizes
            for content in (b"", bytes(100), bytes(200_000), Pieces(), bytes(200_000)):
                response = await it.request(
                    {"method": "POST", "path": site.post, "content": content}, as_response=True, raise_for_status=False
                )
                assert (response.status_code, response.http_version) == (200, "HTTP/2")
            head = await it.request({"method": "HEAD", "path": site.body.format(LARGE)}, as_response=True)
            assert (head.headers["content-length"], head.content) == (str(LARGE), b"")
            with pytest.raises(HTTPStatusError) as caught:
                await it.request({"path": "/is/not/there"})
            assert caught.value.status_code == 404
            async with it.stream({"path": site.body.format(LARGE)}) as response:
                assert len(await response.read()) == LARGE
            async with it.stream({"path": site.body.format(LARGE)}):
                pass
            with anyio.move_on_after(0.001):
                await it.batch_request(entries)
            assert await it.request({"path": site.body.format(10)}) == b"0123456789"
        stats = it.stats()
        assert (stats.in_flight, stats.queued, stats.connections["active"]) == (0, 0, 0)


class Pieces:
    """A body that is read while it is sent."""

    async def __aiter__(self) -> Any:
        for _ in range(20):
            yield bytes(10_000)
