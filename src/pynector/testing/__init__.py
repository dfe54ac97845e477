"""A real HTTP server on loopback to test clients against, in a process of its own.

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
| `/close-delimited/N` | N bytes without Content-Length; the end of the connection ends them, or |
|                      | that of the stream over HTTP/2.                                         |
| `/extra`             | A valid response, and junk after its end in the same write.             |
| `/stats`, `/reset`   | The counts as JSON; sets them to zero and forgets `/flaky`. Neither     |
|                      | request is counted. `LoopbackServer.stats` and `reset` use them.        |
| anything else        | 404 with a list of the endpoints.                                       |

A parameter that cannot be used gets 400. A request that breaks the protocol gets 400 (431 if its
head exceeds 64 KiB), and then the connection is closed. The server is strict on purpose, so that
it finds the faults of a client: Host is required, a line ends with CRLF, Content-Length and
Transfer-Encoding exclude each other.
"""

from .process import LoopbackServer
from .state import ServerStats

__all__ = ["LoopbackServer", "ServerStats"]
