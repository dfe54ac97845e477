"""For tests: a real HTTP server on loopback in a process of its own, fake answers, recordings, a guard, virtual time.

    from pynector.testing import LoopbackServer

    with LoopbackServer() as server:
        print(server.url)      # http://127.0.0.1:49152
        ...
        print(server.stats())  # ServerStats(requests=1, in_flight=0, ...)

`python -m pynector.testing --port 8000` runs the same server by hand until Ctrl-C.

An endpoint answers any method. HEAD gets the head of the answer that GET gets. On one connection
requests are answered one after the other: what is pipelined behind a delayed one waits. Seconds
may have a fraction, sizes are in bytes.

With `http2=True` it speaks HTTP/2, too (`pip install 'pynector[http2]'`), with the same endpoints:
over TLS with a client that agrees on it by ALPN, in clear text with one that begins with HTTP/2's
preface. `http2="only"` speaks nothing else, and `http2_settings={"max_concurrent_streams": 10}`
says how a connection begins.

| Path                 | Answer                                                                  |
|----------------------|-------------------------------------------------------------------------|
| `/id/N`              | N, any text, as it stands in the path. `delay=S` waits S seconds,       |
|                      | `delay=A-B` a random time from A to B seconds. With `fail=P` the status |
|                      | is 503 if N is a multiple of P (of text that is no number, its CRC-32). |
| `/echo`              | The body of the request with its Content-Type.                          |
| `/inspect`           | JSON with what the server understood: `method`, `target`, `path` (not   |
|                      | decoded), `query` (decoded pairs), `headers` (pairs as received),       |
|                      | `body` (as latin-1), `http_version`, `connection` (a number from 1).    |
|                      | Over HTTP/2 also `stream`, and `never_indexed`: the names of the fields |
|                      | that are not to be indexed (RFC 7541, 6.2.3).                           |
| `/delay/SECONDS`     | SECONDS, after that time; `A-B` as for `/id`.                           |
| `/status/CODE`       | That status (200 to 999). `retry_after=V` adds Retry-After.             |
| `/bytes/N`           | N bytes, `0123456789abcdef` repeated. `chunked=1` sends them chunked,   |
|                      | or without Content-Length over HTTP/2.                                  |
| `/flaky`             | `key=K&failures=F&status=S` (empty, 2, 503): S for the first F requests |
|                      | with that key, then 200. The body is the number of the attempt.         |
| `/redirect/N`        | 302 to `/redirect/N-1` with the same query; 0 answers `done`. `to=URL`  |
|                      | redirects there instead. `status=CODE` replaces 302.                    |
| `/compressed/CODING` | JSON `{"coding": CODING, "text": "pynector pynector ..."}`. CODING is   |
|                      | `gzip`, `x-gzip`, `deflate`, `raw-deflate` (without the zlib wrapper),  |
|                      | `gzip-members` (two of them), `stacked` (deflate, then gzip) or         |
|                      | `truncated` (half of a gzip body, its length announced as such).        |
|                      | `size=N` makes the text N zeros, at most 1 GiB: a bomb.                 |
| `/headers`           | `headers`, with the header fields named in the query, as they are.      |
| `/hang`              | Nothing, ever.                                                          |
| `/close`             | Nothing; the connection is closed.                                      |
| `/truncate/N`        | Announces N bytes, sends half of them and closes.                       |
| `/drip/N`            | N bytes, one every `interval` seconds (0.05).                           |
| `/endless`           | A body without an end, in pieces of `size=N` bytes (16384), one every   |
|                      | `interval` seconds (0).                                                 |
| `/events/N`          | Server-sent events with the ids 1 to N, from the one after the header   |
|                      | field Last-Event-ID, `each=K` an answer; 204 when there are no more.    |
| `/close-delimited/N` | N bytes without Content-Length; the end of the connection ends them, or |
|                      | that of the stream over HTTP/2.                                         |
| `/extra`             | A valid response, and junk after its end in the same write.             |
| `/stats`, `/reset`   | The counts as JSON; sets them to zero and forgets `/flaky`. Neither     |
|                      | request is counted. `LoopbackServer.stats` and `reset` use them.        |
| anything else        | 404 with a list of the endpoints.                                       |

Over HTTP/2, any path with `early=1` is answered when the head of the request has come, before its
body. These are for HTTP/2 alone, and answer 421 over HTTP/1.1. With `delay=S` they wait before; with
`times=N` the first N requests of `key=K` get what the table says, and later ones 200 with the number
of the attempt. They go on to a usual answer with their name where nothing else is said. Fields,
frames and blocks are sent as they are given, whatever the rules say, and whatever the windows.

| Path                 | Answer                                                                  |
|----------------------|-------------------------------------------------------------------------|
| `/h2-reset`          | RST_STREAM with `code=C`, by name or number (`cancel`), at `at=start`,  |
|                      | `head`, `body` (`after=N` bytes of it, 1000) or `end`. With `early=1`,  |
|                      | `at=end` and `code=no_error`: an upload that was not needed.            |
| `/h2-goaway`         | GOAWAY with `last=this`, `below` (this request was not looked at),      |
|                      | `none`, `all` or a number, `code=C` and `debug=TEXT`. What is not above |
|                      | it is answered, then the connection ends; at once with `close=1`.       |
|                      | `graceful=S`: first with the largest number, again S seconds later.     |
| `/h2-die`            | The connection ends at `at=start`, `head`, `body`, `end` or `frame`, in |
|                      | the middle of one. `how=reset`: by TCP's reset.                         |
| `/h2-settings`       | SETTINGS `count=N` times (1), as in `max_concurrent_streams=0`; with    |
|                      | `for=S` the old values again S seconds later. Then the answer.          |
| `/h2-mute/WHAT`      | From now on no acknowledgement of `ping` or `settings`, no              |
|                      | `window_update`, or nothing whatever (`all`).                           |
| `/h2-hold`           | No window for the request's body, ever or for `for=S` seconds. Then the |
|                      | size of the body.                                                       |
| `/h2-length`         | `content-length: says` (10), and a body of `size=M` bytes (5).          |
| `/h2-frame`          | A frame of `type=T` (by name or number: `data`), `flags=F`, `stream=N`  |
|                      | (`this`, `next`; 0 for SETTINGS, PING, GOAWAY) and `payload=HEX` or     |
|                      | `size=N` zeros, `count=N` times (0: without end, one every `interval`), |
|                      | at `at=start`, `head`, `body` or `end`.                                 |
| `/h2-fields`         | A response with the fields of the query in their order; `:status: 200`  |
|                      | comes first if no name begins with a colon.                             |
| `/h2-trailers`       | A response with the fields of the query as its trailers.                |
| `/h2-informational`  | `count=N` heads (1) with `status=CODE` (103) before the response. They  |
|                      | end the stream with `end=1`.                                            |
| `/h2-push`           | PUSH_PROMISE of `path=P` (/id/1) as stream `promised=N` (2) before the  |
|                      | response; with `answer=1` what it promises, too.                        |
| `/h2-continuation`   | A head in `count=N` CONTINUATION frames (1000), each with a field of    |
|                      | `size=M` bytes (0 for nothing in it). With `end=1` it ends.             |
| `/h2-large`          | A head with `count=N` fields (100) of `size=M` bytes (1000).            |
| `/h2-bomb`           | A head of `size=N` bytes (64 MiB), of which one byte comes for 4 KiB.   |
|                      | The server's own compression does not work on the connection any more.  |
| `/h2-block/HEX`      | A head that is these bytes of HPACK, and no body.                       |
| `/h2-padded`         | A response of `size=N` bytes (1000), with `padding=P` (255) in each     |
|                      | frame.                                                                  |

Frames to send with `/h2-frame`: `stream=0&size=1` is DATA on the connection, `stream=99&size=1` on a
stream that nobody has opened, `at=end&size=1` on one that has ended; `size=16385` is larger than
allowed, `at=head&count=10000` a flood of empty ones. `type=window_update&size=4` grants nothing,
`type=window_update&payload=7fffffff&count=2` too much. `type=ping&size=8&count=10000` is a flood,
`type=settings&flags=1` an acknowledgement of nothing, `type=250` of an unknown type.

A parameter that cannot be used gets 400. A request that breaks the protocol gets 400 (431 if its
head exceeds 64 KiB), and then the connection is closed. The server is strict on purpose, so that
it finds the faults of a client: Host is required, a line ends with CRLF, Content-Length and
Transfer-Encoding exclude each other. Over HTTP/2 it answers as RFC 9113 says, by RST_STREAM or GOAWAY.
"""

import importlib
import typing

from .process import LoopbackServer
from .state import ServerStats

if typing.TYPE_CHECKING:
    from .fake.answers import Answer, NoAnswer
    from .fake.asked import Asked
    from .fake.clock import VirtualTime, virtual_time
    from .fake.guard import no_network
    from .fake.replay import Replay
    from .fake.transport import FakeTransport

# The server's process has no need of these.
_LATE = {
    "Answer": "answers",
    "Asked": "asked",
    "FakeTransport": "transport",
    "NoAnswer": "answers",
    "Replay": "replay",
    "VirtualTime": "clock",
    "no_network": "guard",
    "virtual_time": "clock",
}

__all__ = [
    "Answer",
    "Asked",
    "FakeTransport",
    "LoopbackServer",
    "NoAnswer",
    "Replay",
    "ServerStats",
    "VirtualTime",
    "no_network",
    "virtual_time",
]


def __getattr__(name: str) -> typing.Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".fake.{_LATE[name]}", __name__), name)
    globals()[name] = value
    return value
