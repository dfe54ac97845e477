"""What type checkers are told of the blocking client's methods: python -m tests.signatures --write."""

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Literal, overload

from typing_extensions import Never, Self, Unpack

from ..answer import Answer
from ..dispatch.entries import Requests
from ..errors import PynectorError
from ..options import (
    HTTPBatchOptions,
    HTTPClientOptions,
    HTTPMethodOptions,
    HTTPOptions,
    HTTPRequestOptions,
    HTTPRetryOptions,
    WebSocketClientOptions,
)
from ..stats import Stats
from ..transport.http import Response
from .held import Entering
from .streaming import BatchStream, EventStream, StreamedResponse, Subscription

class Pynector(Generic[Answer]):
    """The client for code without an event loop; its arguments and methods are those of `pynector.Pynector`."""

    def stats(self) -> Stats: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    @overload
    def __init__(
        self: Pynector[Response],
        transport: None = None,
        transport_type: Literal["http"] = "http",
        enable_telemetry: bool = True,
        config: None = None,
        *,
        as_response: Literal[True],
        **transport_options: Unpack[HTTPClientOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: Pynector[bytes],
        transport: None = None,
        transport_type: Literal["http"] = "http",
        enable_telemetry: bool = True,
        config: None = None,
        *,
        as_response: Literal[False] = False,
        **transport_options: Unpack[HTTPClientOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: Pynector[Any],
        transport: None = None,
        *,
        transport_type: Literal["websocket"],
        enable_telemetry: bool = True,
        config: dict[str, Any] | None = None,
        **transport_options: Unpack[WebSocketClientOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: Pynector[Any],
        transport: object,
        transport_type: str = "http",
        enable_telemetry: bool = True,
        config: dict[str, Any] | None = None,
        **transport_options: Any,
    ) -> None: ...
    @overload
    def __init__(
        self: Pynector[Any],
        transport: None = None,
        transport_type: str = "http",
        enable_telemetry: bool = True,
        *,
        config: dict[str, Any],
        **transport_options: Any,
    ) -> None: ...
    @overload
    def __init__(
        self: Pynector[Any],
        transport: None = None,
        *,
        transport_type: str,
        enable_telemetry: bool = True,
        config: dict[str, Any] | None = None,
        **transport_options: Any,
    ) -> None: ...
    @overload
    def request(self: Pynector[Never], data: Any, timeout: float | None = None, **options: Any) -> Any:
        """See `pynector.Pynector.request`."""
    @overload
    def request(
        self,
        data: Any,
        timeout: float | None = None,
        *,
        as_response: Literal[True],
        **options: Unpack[HTTPRequestOptions],
    ) -> Response:
        """See `pynector.Pynector.request`."""
    @overload
    def request(
        self,
        data: Any,
        timeout: float | None = None,
        *,
        as_response: Literal[False],
        **options: Unpack[HTTPRequestOptions],
    ) -> bytes:
        """See `pynector.Pynector.request`."""
    @overload
    def request(self, data: Any, timeout: float | None = None, **options: Unpack[HTTPRequestOptions]) -> Answer:
        """See `pynector.Pynector.request`."""
    @overload
    def stream(self: Pynector[Never], data: Any, timeout: float | None = None, **options: Any) -> Entering[Any]:
        """See `pynector.Pynector.stream`."""
    @overload
    def stream(
        self, data: Any, timeout: float | None = None, **options: Unpack[HTTPOptions]
    ) -> Entering[StreamedResponse]:
        """See `pynector.Pynector.stream`."""
    @overload
    def subscribe(
        self, *, max_queue: int = 1000, overflow: Literal["drop_oldest", "drop_newest", "wait"] = "drop_oldest"
    ) -> Entering[Subscription]:
        """See `pynector.Pynector.subscribe`."""
    @overload
    def subscribe(self, **options: Any) -> Entering[Any]:
        """See `pynector.Pynector.subscribe`."""
    @overload
    def request_with_retry(
        self: Pynector[Never], data: Any, max_retries: int = 3, retry_delay: float = 1.0, **options: Any
    ) -> Any:
        """See `pynector.Pynector.request_with_retry`."""
    @overload
    def request_with_retry(
        self,
        data: Any,
        max_retries: int = 3,
        retry_delay: float = 1.0,
        *,
        as_response: Literal[True],
        **options: Unpack[HTTPRetryOptions],
    ) -> Response:
        """See `pynector.Pynector.request_with_retry`."""
    @overload
    def request_with_retry(
        self,
        data: Any,
        max_retries: int = 3,
        retry_delay: float = 1.0,
        *,
        as_response: Literal[False],
        **options: Unpack[HTTPRetryOptions],
    ) -> bytes:
        """See `pynector.Pynector.request_with_retry`."""
    @overload
    def request_with_retry(
        self, data: Any, max_retries: int = 3, retry_delay: float = 1.0, **options: Unpack[HTTPRetryOptions]
    ) -> Answer:
        """See `pynector.Pynector.request_with_retry`."""
    @overload
    def batch_request(
        self: Pynector[Never],
        requests: Requests,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        raise_on_error: bool = False,
        *,
        into: list[Any] | None = None,
        **options: Any,
    ) -> list[Any]:
        """See `pynector.Pynector.batch_request`."""
    @overload
    def batch_request(
        self,
        requests: Requests,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        *,
        raise_on_error: Literal[True],
        as_response: Literal[True],
        into: list[Any] | None = None,
        **options: Unpack[HTTPBatchOptions],
    ) -> list[Response]:
        """See `pynector.Pynector.batch_request`."""
    @overload
    def batch_request(
        self,
        requests: Requests,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        raise_on_error: bool = False,
        *,
        as_response: Literal[True],
        into: list[Any] | None = None,
        **options: Unpack[HTTPBatchOptions],
    ) -> list[Response | PynectorError]:
        """See `pynector.Pynector.batch_request`."""
    @overload
    def batch_request(
        self,
        requests: Requests,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        *,
        raise_on_error: Literal[True],
        as_response: Literal[False],
        into: list[Any] | None = None,
        **options: Unpack[HTTPBatchOptions],
    ) -> list[bytes]:
        """See `pynector.Pynector.batch_request`."""
    @overload
    def batch_request(
        self,
        requests: Requests,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        raise_on_error: bool = False,
        *,
        as_response: Literal[False],
        into: list[Any] | None = None,
        **options: Unpack[HTTPBatchOptions],
    ) -> list[bytes | PynectorError]:
        """See `pynector.Pynector.batch_request`."""
    @overload
    def batch_request(
        self,
        requests: Requests,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        *,
        raise_on_error: Literal[True],
        into: list[Any] | None = None,
        **options: Unpack[HTTPBatchOptions],
    ) -> list[Answer]:
        """See `pynector.Pynector.batch_request`."""
    @overload
    def batch_request(
        self,
        requests: Requests,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        raise_on_error: bool = False,
        *,
        into: list[Any] | None = None,
        **options: Unpack[HTTPBatchOptions],
    ) -> list[Answer | PynectorError]:
        """See `pynector.Pynector.batch_request`."""
    @overload
    def batch_stream(
        self: Pynector[Never],
        requests: Requests,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        ordered: bool = False,
        **options: Any,
    ) -> Entering[BatchStream[Any]]:
        """See `pynector.Pynector.batch_stream`."""
    @overload
    def batch_stream(
        self,
        requests: Requests,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        ordered: bool = False,
        as_response: Literal[True],
        **options: Unpack[HTTPBatchOptions],
    ) -> Entering[BatchStream[Response]]:
        """See `pynector.Pynector.batch_stream`."""
    @overload
    def batch_stream(
        self,
        requests: Requests,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        ordered: bool = False,
        as_response: Literal[False],
        **options: Unpack[HTTPBatchOptions],
    ) -> Entering[BatchStream[bytes]]:
        """See `pynector.Pynector.batch_stream`."""
    @overload
    def batch_stream(
        self,
        requests: Requests,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        ordered: bool = False,
        **options: Unpack[HTTPBatchOptions],
    ) -> Entering[BatchStream[Answer]]:
        """See `pynector.Pynector.batch_stream`."""
    @overload
    def get(self: Pynector[Never], path_or_url: str, timeout: float | None = None, **options: Any) -> Any:
        """See `pynector.Pynector.get`."""
    @overload
    def get(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[True],
        **options: Unpack[HTTPMethodOptions],
    ) -> Response:
        """See `pynector.Pynector.get`."""
    @overload
    def get(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[False],
        **options: Unpack[HTTPMethodOptions],
    ) -> bytes:
        """See `pynector.Pynector.get`."""
    @overload
    def get(self, path_or_url: str, timeout: float | None = None, **options: Unpack[HTTPMethodOptions]) -> Answer:
        """See `pynector.Pynector.get`."""
    @overload
    def post(self: Pynector[Never], path_or_url: str, timeout: float | None = None, **options: Any) -> Any:
        """See `pynector.Pynector.post`."""
    @overload
    def post(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[True],
        **options: Unpack[HTTPMethodOptions],
    ) -> Response:
        """See `pynector.Pynector.post`."""
    @overload
    def post(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[False],
        **options: Unpack[HTTPMethodOptions],
    ) -> bytes:
        """See `pynector.Pynector.post`."""
    @overload
    def post(self, path_or_url: str, timeout: float | None = None, **options: Unpack[HTTPMethodOptions]) -> Answer:
        """See `pynector.Pynector.post`."""
    @overload
    def put(self: Pynector[Never], path_or_url: str, timeout: float | None = None, **options: Any) -> Any:
        """See `pynector.Pynector.put`."""
    @overload
    def put(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[True],
        **options: Unpack[HTTPMethodOptions],
    ) -> Response:
        """See `pynector.Pynector.put`."""
    @overload
    def put(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[False],
        **options: Unpack[HTTPMethodOptions],
    ) -> bytes:
        """See `pynector.Pynector.put`."""
    @overload
    def put(self, path_or_url: str, timeout: float | None = None, **options: Unpack[HTTPMethodOptions]) -> Answer:
        """See `pynector.Pynector.put`."""
    @overload
    def patch(self: Pynector[Never], path_or_url: str, timeout: float | None = None, **options: Any) -> Any:
        """See `pynector.Pynector.patch`."""
    @overload
    def patch(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[True],
        **options: Unpack[HTTPMethodOptions],
    ) -> Response:
        """See `pynector.Pynector.patch`."""
    @overload
    def patch(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[False],
        **options: Unpack[HTTPMethodOptions],
    ) -> bytes:
        """See `pynector.Pynector.patch`."""
    @overload
    def patch(self, path_or_url: str, timeout: float | None = None, **options: Unpack[HTTPMethodOptions]) -> Answer:
        """See `pynector.Pynector.patch`."""
    @overload
    def delete(self: Pynector[Never], path_or_url: str, timeout: float | None = None, **options: Any) -> Any:
        """See `pynector.Pynector.delete`."""
    @overload
    def delete(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[True],
        **options: Unpack[HTTPMethodOptions],
    ) -> Response:
        """See `pynector.Pynector.delete`."""
    @overload
    def delete(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[False],
        **options: Unpack[HTTPMethodOptions],
    ) -> bytes:
        """See `pynector.Pynector.delete`."""
    @overload
    def delete(self, path_or_url: str, timeout: float | None = None, **options: Unpack[HTTPMethodOptions]) -> Answer:
        """See `pynector.Pynector.delete`."""
    @overload
    def head(self: Pynector[Never], path_or_url: str, timeout: float | None = None, **options: Any) -> Any:
        """See `pynector.Pynector.head`."""
    @overload
    def head(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[True],
        **options: Unpack[HTTPMethodOptions],
    ) -> Response:
        """See `pynector.Pynector.head`."""
    @overload
    def head(
        self,
        path_or_url: str,
        timeout: float | None = None,
        *,
        as_response: Literal[False],
        **options: Unpack[HTTPMethodOptions],
    ) -> bytes:
        """See `pynector.Pynector.head`."""
    @overload
    def head(self, path_or_url: str, timeout: float | None = None, **options: Unpack[HTTPMethodOptions]) -> Answer:
        """See `pynector.Pynector.head`."""
    def download(
        self,
        request: Any,
        path: str | os.PathLike[str],
        timeout: float | None = None,
        *,
        resume: bool = True,
        progress: Callable[[int, int | None], object] | None = None,
        **options: Any,
    ) -> Path:
        """See `pynector.Pynector.download`."""
    def events(
        self,
        request: Any,
        timeout: float | None = None,
        *,
        reconnect: bool = True,
        idle_timeout: float | None = None,
        last_event_id: str = "",
        **options: Any,
    ) -> Entering[EventStream]:
        """See `pynector.Pynector.events`."""
