"""The options that clients and requests take, by name, for type checkers and editors.

They are for annotations: `def client(**options: Unpack[HTTPClientOptions]) -> Pynector: ...`. None is needed to make a
client or to send a request, and what stands in the documentation decides what they mean.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from typing import IO, Any, Literal, TypeAlias, TypedDict

from .dispatch.breaker import CircuitBreaker
from .dispatch.limits import Rate
from .dispatch.progress import OnProgress
from .dispatch.retry import RetryPolicy

Window: TypeAlias = "int | Literal['auto']"
Params: TypeAlias = "Mapping[str, Any] | Iterable[tuple[str, Any]]"
HeaderFields: TypeAlias = "Mapping[str, str | None] | Iterable[tuple[str, str | None]]"
Content: TypeAlias = "str | bytes | bytearray | memoryview | IO[bytes] | Iterable[bytes] | AsyncIterable[bytes]"
Verify: TypeAlias = "bool | str | ssl.SSLContext"
Cert: TypeAlias = "str | tuple[str] | tuple[str, str] | tuple[str, str, str]"
SocketOptions: TypeAlias = "Iterable[tuple[int, int, int | bytes]]"
Dumps: TypeAlias = "Callable[[Any], str | bytes]"


class Rules(TypedDict, total=False):
    """What is declared for all calls of a client, or for a batch; see `Pynector.batch_stream`."""

    rate: Rate | Sequence[Rate] | None
    max_concurrency_per_origin: int | None
    retry: RetryPolicy | None
    hedge_after: float | str | None
    breaker: CircuitBreaker | None
    learn: bool | None
    idempotency_key: bool | None


class ClientOptions(Rules, total=False):
    """Of a client, whatever its transport is; see `Pynector`."""

    timeout: float | None
    max_concurrency: Window | None
    max_retry_delay: float
    propagate: str | Sequence[str]


class HTTPSettings(TypedDict, total=False):
    """Of a client over HTTP, and of one request; `as_response`, too."""

    raise_for_status: bool
    follow_redirects: bool
    max_redirects: int
    max_response_bytes: int | None
    json_dumps: Dumps | None
    headers: HeaderFields | None
    params: Params | None
    cookies: Mapping[str, str] | None
    auth: Any


class HTTPClientOptions(ClientOptions, HTTPSettings, total=False):
    """Of a client over HTTP; `as_response`, too."""

    base_url: str | None
    http_engine: Literal["auto", "native", "httpx", "httpx2"]
    http2: bool | Literal["only"]
    max_streams: int | None
    ping_interval: float | None
    ping_timeout: float | None
    verify: Verify
    cert: Cert | None
    max_connections: int | None
    max_connections_per_origin: int | None
    max_keepalive: int | None
    keepalive_expiry: float
    redirect_headers: Iterable[str]
    proxy: str | None
    trust_env: bool
    uds: str | None
    resolve: Mapping[str, str] | None
    server_hostname: str | None
    socket_options: SocketOptions
    persist_cookies: bool


class HTTPOptions(HTTPSettings, total=False):
    """What a request over HTTP is and how it is sent, where that is said by options; `as_response`, too."""

    method: str | None
    path: str | None
    url: str | None
    json: Any
    content: Content | None
    files: Any


class HTTPRequestOptions(HTTPOptions, total=False):
    """Of one request over HTTP; `as_response`, too."""

    retry: RetryPolicy | None
    hedge_after: float | None
    idempotency_key: bool | str | None


class HTTPRetryOptions(HTTPRequestOptions, total=False):
    """Of `request_with_retry` over HTTP; `as_response`, too."""

    timeout: float | None
    attempt_timeout: float | None


class HTTPMethodOptions(HTTPSettings, total=False):
    """Of `get`, `post` and the like; `as_response`, too."""

    json: Any
    data: Any
    content: Content | None
    files: Any
    retry: RetryPolicy | None
    hedge_after: float | None
    idempotency_key: bool | str | None


class WebSocketClientOptions(ClientOptions, total=False):
    """Of a client over WebSocket."""

    url: str
    correlation: Literal["fifo", "id"] | tuple[Callable[[Any], Any], Callable[[Any], Any]]
    id_key: str
    connections: int
    max_in_flight: int | None
    open_timeout: float | None
    ping_interval: float | None
    ping_timeout: float | None
    compression: str | None
    max_message_bytes: int | None
    subprotocols: Sequence[str]
    headers: Any
    auth: Any
    origin: str | None
    verify: Verify
    cert: Cert | None
    proxy: str | None
    resolve: Mapping[str, str] | None
    server_hostname: str | None
    socket_options: SocketOptions
    trust_env: bool
    max_reconnects: int
    reconnect_delay: float
    on_message: Callable[[Any], object] | None
    idempotent: bool
    as_response: bool
    json_dumps: Dumps | None


class BatchOptions(Rules, total=False):
    """Of a batch; see `Pynector.batch_stream`."""

    lookahead: int | None
    on_progress: OnProgress | None
    progress: bool
    checkpoint: str | os.PathLike[str] | None
    retry_failed: bool


class HTTPBatchOptions(BatchOptions, HTTPOptions, total=False):
    """Of a batch over HTTP, and of all its requests; `as_response`, too."""
