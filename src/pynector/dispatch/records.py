"""What a result is in the file of a checkpoint, and what is made of that again: equal to it in type and in content."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ..errors import ConfigurationError, PynectorError

if TYPE_CHECKING:
    from ..transport.http.response import Response

Record: TypeAlias = "tuple[int, bytes | None, bytes | None]"
"""The kind of a result, what is said of its body, and its body."""

NOTHING, BYTES, TEXT, VALUE, RESPONSE, MESSAGE, ERROR = range(7)

# SQLite takes no row of more than 10 ** 9 bytes (https://sqlite.org/limits.html).
MOST_BYTES = 999_000_000

# A str may have half of a surrogate pair in it, and a JSON value two halves that are not to become one.
UTF8: Any = ("utf-8", "surrogatepass")

# Before the head of a Response.
_LINES = 5

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_ERRORS = sys.modules[PynectorError.__module__]
_SCALARS = frozenset({str, int, float, bool, type(None)})


def recorded(result: Any) -> Record:
    """Return what stands for a result in the file.

    Raises:
        ConfigurationError: If it is of a type that would not come back as it was, or is too long.
    """
    record = _record_of(result)
    if record[2] is not None and len(record[2]) + len(record[1] or b"") > MOST_BYTES:
        raise ConfigurationError(f"a checkpoint keeps no result of more than {MOST_BYTES} bytes")
    return record


def restored(kind: int, about: bytes | None, body: bytes | None) -> Any:
    """Return the result that a record stands for.

    Raises:
        Exception: If it is no record.
    """
    if kind == NOTHING:
        return None
    assert body is not None
    if kind == BYTES:
        return body
    if kind == TEXT:
        return body.decode(*UTF8)
    if kind == VALUE:
        return json.loads(body.decode(*UTF8))
    assert about is not None
    if kind == RESPONSE:
        return _restored_response(about, body)
    if kind == MESSAGE:
        return _transports().Message(body, about == b"text")
    return _restored_error(about.decode(*UTF8), body)


class _Transports(NamedTuple):
    Headers: Any
    Response: Any
    Message: Any


@cache
def _transports() -> _Transports:
    """Return the types of results that transports have of their own."""
    # Only when they are asked for, because they are much to import for whoever has no use for them.
    from ..transport.http.headers import Headers
    from ..transport.http.response import Response
    from ..transport.websocket.messages import Message

    return _Transports(Headers, Response, Message)


def _record_of(result: Any) -> Record:
    kind = type(result)
    if kind is bytes:
        return BYTES, None, result
    if result is None:
        return NOTHING, None, None
    if kind is str:
        return TEXT, None, result.encode(*UTF8)
    if kind in _SCALARS or kind is dict or kind is list:
        return VALUE, None, _json_of(result).encode(*UTF8)
    if isinstance(result, PynectorError):
        return _record_of_error(result)
    known = _transports()
    if kind is known.Response:
        return RESPONSE, _about(result), _body(result)
    if kind is known.Message:
        return MESSAGE, b"text" if result.is_text else b"binary", _body(result)
    raise _no_result(kind)


def _body(answer: Any) -> bytes:
    content = answer.content
    if type(content) is not bytes:
        raise _no_result(type(content), f" in a {type(answer).__name__}")
    return content


def _about(response: Response) -> bytes:
    """Return what a Response has beside its body: a line each, which costs a fourth of JSON, and then its head."""
    headers = response.headers
    if type(headers) is not _transports().Headers:
        raise _no_result(type(headers), " in a Response")
    said = (
        f"{response.status_code}\n{response.attempts}\n{response.elapsed!r}\n{response.http_version}\n{response.url}\n"
    )
    if said.count("\n") != _LINES:
        raise ConfigurationError("a checkpoint keeps no Response with a line break in its URL or its HTTP version")
    return said.encode(*UTF8) + (headers.read_from or _to_json(headers.pairs()).encode(*UTF8))


def _restored_response(about: bytes, body: bytes) -> Response:
    known = _transports()
    *said, head = about.split(b"\n", _LINES)
    status, attempts, elapsed, version, url = (line.decode(*UTF8) for line in said)
    # A head begins with the version of HTTP.
    if head.startswith(b"["):
        headers = known.Headers((name, value) for name, value in json.loads(head.decode(*UTF8)))
    else:
        headers = known.Headers.of_head(head)
    response: Response = known.Response(int(status), headers, body, url, version, float(elapsed), int(attempts))
    return response


def _record_of_error(error: PynectorError) -> Record:
    name = type(error).__name__
    if getattr(_ERRORS, name, None) is not type(error):
        raise _no_result(type(error)) from error
    its_own = dict(vars(error))
    response = its_own.get("response")
    about, body = None, b""
    if response is not None:
        kind, of_response, content = _record_of(response)
        if kind != RESPONSE or of_response is None or content is None:
            raise _no_result(type(response), " in an error") from error
        about, body = of_response.decode("latin-1"), content
        del its_own["response"]
    return ERROR, _json_of([name, list(error.args), its_own, about]).encode(*UTF8), body


def _restored_error(about: str, body: bytes) -> PynectorError:
    name, args, its_own, of_response = json.loads(about)
    kind: type[PynectorError] = getattr(_ERRORS, name)
    error = kind.__new__(kind)
    error.args = tuple(args)
    vars(error).update(its_own)
    if of_response is not None:
        vars(error)["response"] = _restored_response(of_response.encode("latin-1"), body)
    return error


def _json_of(value: Any) -> str:
    """Return a value as JSON, if that gives the same value again."""
    try:
        text = _to_json(value)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"a checkpoint cannot keep a {type(value).__name__} as JSON: {error}") from error
    except TypeError:
        _refuse_others([value])
        raise
    _refuse_others([value])
    return text


def _refuse_others(values: list[Any]) -> None:
    """Raise the error of a value in a list, or in what is in it, that would not come back from JSON as it was."""
    ahead: list[Iterable[Any]] = [values]
    while ahead:
        for item in ahead.pop():
            kind = type(item)
            if kind is dict:
                for name in item:
                    if type(name) is not str:
                        raise _no_result(type(name), " as a key of a dict")
                ahead.append(item.values())
            elif kind is list:
                ahead.append(item)
            elif kind not in _SCALARS:
                raise _no_result(kind)


def _no_result(kind: type, where: str = "") -> ConfigurationError:
    return ConfigurationError(
        f"a checkpoint keeps bytes, str, JSON values, Response, Message and Pynector's own errors, "
        f"not {kind.__module__}.{kind.__qualname__}{where}"
    )
