"""The servers that the benchmarks run against: nginx where it is installed, else the bundled one."""

from __future__ import annotations

import gzip
import json
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pynector.testing import LoopbackServer

SMALL = 1024
LARGE = 16 * 1024 * 1024

# How many more addresses of the loopback network it listens on.
ORIGINS = 50

_NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s; tcp_nodelay on;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi; default_type application/octet-stream;
  open_file_cache max=100; open_file_cache_valid 600s; client_max_body_size 1g; http2_max_concurrent_streams 128;
{servers}
}}
"""

_SERVER = """
  server {{
    {listens} {more}
    root {folder}/root;
    location = /large {{ sendfile on; }}
    location = /packed {{ default_type application/json; add_header Content-Encoding gzip; }}
    location = /moved {{ return 302 /small; }}
    location = /status {{ stub_status; }}
    location = /answer {{ default_type application/json; return 200 '{{"ok":true}}'; }}
    location = /upload {{
      client_body_buffer_size 4m; proxy_pass {plain}/answer; proxy_method GET; proxy_pass_request_body off;
      proxy_set_header Content-Length "";
    }}
  }}
"""

# So that each answer was one of HTTP/2: what asks otherwise gets no answer.
_ONLY_HTTP2 = "ssl_protocols TLSv1.3; if ($server_protocol != HTTP/2.0) { return 505; }"


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        name: "nginx" or "bundled".
        url: Its base URL.
        plain: The base URL of the same answers for who does not speak HTTP/2; `url` where that is not over HTTP/2.
        small: Path of a body of SMALL bytes.
        large: Path of a body of LARGE bytes.
        answer: Path that answers a POST at once with a small JSON.
        packed: Path of 11 KB of JSON, coded by gzip.
        moved: Path that redirects to `small`.
        upload: Path that reads a POST's body whole before it answers with a small JSON.
        process: The number of its process.
    """

    name: str
    url: str
    plain: str
    small: str
    large: str
    answer: str
    packed: str
    moved: str
    upload: str
    process: int

    def origins(self, count: int) -> list[str]:
        """Give so many base URLs of it, up to ORIGINS."""
        scheme, _, rest = self.url.partition("://127.0.0.1:")
        return [f"{scheme}://127.0.0.{1 + number}:{rest}" for number in range(1, 1 + count)]


def has_http2() -> bool:
    """Say whether there is a server for HTTP/2."""
    return shutil.which("nginx") is not None


@contextmanager
def serving(certificate: tuple[str, str] | None = None, http2: bool = False) -> Iterator[Server]:
    """Run a server for the time of the context, over TLS with a (certificate, key) pair of files.

    Over HTTP/2 it is TLS 1.3 with at most 128 streams a connection, and nginx (see `has_http2`).
    """
    if shutil.which("nginx"):
        with _nginx(certificate, http2) as server:
            yield server
        return
    certfile, keyfile = certificate or (None, None)
    with LoopbackServer(certfile=certfile, keyfile=keyfile) as bundled:
        yield Server(
            "bundled",
            bundled.url,
            bundled.url,
            f"/bytes/{SMALL}",
            f"/bytes/{LARGE}",
            "/id/7",
            "/compressed/gzip",
            f"/redirect/1?to=/bytes/{SMALL}",
            "/id/7",
            server.pid,
        )


@contextmanager
def _nginx(certificate: tuple[str, str] | None, http2: bool) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="pynector-nginx-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        _make_files(folder / "root")
        port = _free_port()
        url = plain = f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
        how = more = servers = ""
        if certificate is not None:
            how, more = "ssl ", f"ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]};"
        if http2:
            word, line = _http2_words()
            how, more = how + word, more + line + _ONLY_HTTP2
            plain_port = _free_port()
            plain = f"http://127.0.0.1:{plain_port}"
            servers = _SERVER.format(folder=folder, listens=f"listen 127.0.0.1:{plain_port};", more="", plain=plain)
        hosts = [f"127.0.0.{1 + number}" for number in range(1 + ORIGINS)]
        listens = " ".join(f"listen {host}:{port} {how}backlog=8192;" for host in hosts)
        servers += _SERVER.format(folder=folder, listens=listens, more=more, plain=plain)
        configuration = folder / "nginx.conf"
        configuration.write_text(_NGINX.format(folder=folder, servers=servers))
        process = subprocess.Popen(["nginx", "-p", name, "-c", str(configuration)], stderr=sys.stderr)
        try:
            _wait_for(port, process)
            paths = ("/small", "/large", "/answer", "/packed", "/moved", "/upload")
            yield Server("nginx", url, plain, *paths, process.pid)
        finally:
            process.terminate()
            process.wait(10)


def _make_files(root: Path) -> None:
    root.mkdir()
    (root / "small").write_bytes(bytes(i % 251 for i in range(SMALL)))
    items = [{"id": number, "name": f"item {number}", "price": number * 1.25} for number in range(230)]
    (root / "packed").write_bytes(gzip.compress(json.dumps(items).encode(), mtime=0))
    (root / "large").write_bytes(bytes(i % 251 for i in range(LARGE)))


def _http2_words() -> tuple[str, str]:
    """Give what this nginx calls HTTP/2: a word of its listen lines, or a line of its own since 1.25.1."""
    said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    version = tuple(int(part) for part in re.findall(r"\d+", said)[:3])
    return ("http2 ", "") if version < (1, 25, 1) else ("", "http2 on; ")


def _free_port() -> int:
    # None of those that the system gives whoever asks for any.
    while True:
        with socket.socket() as sock, suppress(OSError):
            sock.bind(("127.0.0.1", random.randrange(20_000, 32_000)))
            return int(sock.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"nginx ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("nginx does not answer")
