"""TLS on any transport, by memory BIOs: a protocol to the transport below, and a transport to the protocol above."""

import ssl
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

COMPILED = not __file__.endswith(".py")

# How much is encrypted before it goes down (bytes): less would be more system calls, more would be held twice.
BATCH = 1 << 17

# Pieces that are written together and come to no more than this go as one record (bytes).
ONE_RECORD = 1 << 14

# The most that may wait to leave of what TLS itself says (bytes): a peer can ask for it, and read nothing.
MOST_UNASKED = 1 << 20


class TLSLayer:
    """The client's side of TLS. It knows no event loop and no clock, and so waits for nothing.

    It has what asyncio's transports have, and the transport below, which may be any that is like asyncio's, calls it as
    one of asyncio's protocols. The protocol is told of an end that the peer has given its word for (close_notify); if
    the connection ends without, it is lost: anybody may have cut it off (RFC 9112 section 9.8).

    Args:
        context: Its context.
        server_hostname: The name that is asked for, and verified where the context says so.
        protocol: Connected when the handshake is over; an asyncio.Protocol or asyncio.BufferedProtocol.
        call_soon: Calls a function when those that are called before it have returned.
        scratch: What it reads into.
        on_connected: Told once of the handshake's end: with None when the protocol is connected, else, when the
            transport below is gone, with why it was not.

    Raises:
        ValueError: If the name can be none.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        server_hostname: str,
        protocol: Any,
        call_soon: Callable[..., object],
        scratch: memoryview,
        on_connected: Callable[[Exception | None], None],
    ) -> None:
        self._context = context
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)
        # What it stands for takes the same, and for each record a call of Python's less.
        records: Any = getattr(self._tls, "_sslobj", self._tls)
        self._decrypt, self._encrypt = records.read, records.write
        self._put_in, self._take_out = self._incoming.write, self._outgoing.read
        self._call_soon = call_soon
        self._scratch = memoryview(scratch)
        self._on_connected: Callable[[Exception | None], None] | None = on_connected
        self._lower: Any = None
        self._write_below: Any = None
        # What is to be encrypted next, and what after it.
        self._next: Any = None
        self._backlog: deque[bytes | memoryview] = deque()
        self._size = 0
        self._paused = self._full = self._is_stuck = self._is_told_full = False
        self._eof = self._cut_off = self._closing = self._is_said = self._is_open = self._lost = False
        self._error: Exception | None = None
        self._protocol: Any = None
        self._get_buffer: Any = None
        self._buffer_updated: Any = None
        self.set_protocol(protocol)

    # What the transport below calls it for

    def connection_made(self, transport: Any) -> None:
        """Begin the handshake; see asyncio.BaseProtocol."""
        self._lower = transport
        self._write_below = transport.write
        self._shake_hands()

    def get_buffer(self, sizehint: int) -> memoryview:
        """See asyncio.BufferedProtocol."""
        return self._scratch

    def buffer_updated(self, count: int) -> None:
        """See asyncio.BufferedProtocol."""
        if self._closing:
            return
        if COMPILED:
            self._put_in(first_of(self._scratch, count))  # type: ignore[name-defined] # noqa: F821
        else:
            self._put_in(self._scratch[:count])
        if self._is_open:
            self._read()
        else:
            self._shake_hands()

    def eof_received(self) -> bool:
        """See asyncio.BaseProtocol. What the protocol has not read yet is kept for it."""
        self._cut_off = True
        if self._is_open:
            self._read()
        else:
            self.abort()
        # What was written before a close has yet to go, and then this closes the transport below.
        return self._paused or not self._is_said

    def pause_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self._full = True
        self._tell_whether_full()

    def resume_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self._full = False
        if self._closing:
            # asyncio's own transport would be lost twice if it were closed in this call.
            self._call_soon(self._send_on)
        else:
            self._send_on()

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.BaseProtocol."""
        # What becomes of the transport below after all is said is nobody's trouble.
        error = self._error or (None if self._is_said else error)
        self._closing = self._is_said = self._lost = True
        self._drop()
        # It may go on to refer to this object.
        self._lower = self._write_below = None
        protocol, self._protocol = self._protocol, None
        self._get_buffer = self._buffer_updated = None
        if self._on_connected is not None:
            self._tell(error or ConnectionResetError("the connection ended in the handshake"))
        else:
            protocol.connection_lost(error)

    # What the protocol above calls it for

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See asyncio.WriteTransport."""
        self._put(data)
        self._send()

    def writelines(self, parts: Iterable[bytes | bytearray | memoryview]) -> None:
        """See asyncio.WriteTransport."""
        parts = tuple(parts)
        if sum(map(len, parts)) <= ONE_RECORD:
            self._put(b"".join(parts))
        else:
            for part in parts:
                self._put(part)
        self._send()

    def get_write_buffer_size(self) -> int:
        """See asyncio.WriteTransport: what waits to be encrypted counts, and what waits below."""
        return 0 if self._lost else self._size + int(self._lower.get_write_buffer_size())

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See asyncio.WriteTransport."""
        if not self._lost:
            self._lower.set_write_buffer_limits(high, low)

    def can_write_eof(self) -> bool:
        """See asyncio.WriteTransport."""
        return False

    def pause_reading(self) -> None:
        """See asyncio.ReadTransport."""
        if not (self._paused or self._closing):
            self._paused = True
            self._lower.pause_reading()

    def resume_reading(self) -> None:
        """See asyncio.ReadTransport; what is there already comes soon."""
        if self._paused:
            self._paused = False
            self._call_soon(self._read_on)

    def is_reading(self) -> bool:
        """See asyncio.ReadTransport."""
        return not (self._paused or self._closing)

    def is_closing(self) -> bool:
        """See asyncio.BaseTransport."""
        return self._closing or bool(self._lower.is_closing())

    def close(self) -> None:
        """Send what was written, say that it is the end, and go. The peer's word for it is not waited for."""
        if self._closing:
            return
        if not self._is_open:
            self.abort()
            return
        self._closing = True
        self._send()

    def abort(self) -> None:
        """See asyncio.WriteTransport."""
        # Nothing is said any more, not even that this is the end.
        self._closing = self._is_said = True
        self._drop()
        if not self._lost:
            self._lower.abort()

    def get_protocol(self) -> Any:
        """See asyncio.BaseTransport."""
        return self._protocol

    def set_protocol(self, protocol: Any) -> None:
        """See asyncio.BaseTransport."""
        self._protocol = protocol
        self._get_buffer = getattr(protocol, "get_buffer", None)
        self._buffer_updated = getattr(protocol, "buffer_updated", None)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what asyncio's TLS has by that name, else what the transport below has."""
        if name == "ssl_object":
            return self._tls
        if name == "sslcontext":
            return self._context
        if name in ("peercert", "cipher", "compression"):
            ask: Callable[[], Any] = getattr(self._tls, "getpeercert" if name == "peercert" else name)
            return ask()
        return default if self._lower is None else self._lower.get_extra_info(name, default)

    # Inside

    def _tell(self, error: Exception | None) -> None:
        tell, self._on_connected = self._on_connected, None
        if tell is not None:
            tell(error)

    def _fail(self, error: Exception) -> None:
        """End it with an error, of which the peer is told where TLS has a word for it."""
        self._error = self._error or error
        self._flush()
        self.abort()

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except (OSError, ValueError) as error:
            self._fail(error)
            return
        self._flush()
        self._is_open = True
        try:
            self._protocol.connection_made(self)
        except Exception as error:
            self._fail(error)
            return
        self._tell(None)
        self._tell_whether_full()
        self._read()

    def _tell_whether_full(self) -> None:
        is_full = self._full or self._is_stuck
        if not self._is_open or is_full is self._is_told_full or self._protocol is None:
            return
        self._is_told_full = is_full
        if is_full:
            self._protocol.pause_writing()
        else:
            self._protocol.resume_writing()

    def _read(self) -> None:
        """Decrypt what there is, as long as the protocol takes it."""
        is_more = True
        while is_more and not (self._paused or self._closing):
            is_buffered = self._get_buffer is not None
            room = self._get_buffer(-1) if is_buffered else self._scratch
            size = len(room)
            if size == 0:
                # As asyncio has it: this would go on for ever.
                raise RuntimeError("get_buffer() returned an empty buffer")
            count = self._fill(room, size)
            is_more = count == size
            if count and is_buffered:
                self._buffer_updated(count)
            elif count:
                self._protocol.data_received(bytes(room[:count]))
        if self._closing:
            return
        self._flush_unasked()
        if self._error is not None:
            self.abort()
        elif self._paused:
            return
        elif self._eof:
            self._protocol.eof_received()
            self.close()
        elif self._cut_off:
            self.abort()

    def _fill(self, room: Any, size: int) -> int:
        """Decrypt into a room of a size, and return how much is in it: less than there may be if nothing is left."""
        filled = 0
        while filled < size:
            asked = size - filled
            try:
                count = self._decrypt(asked, room[filled:] if filled else room)
            except ssl.SSLWantReadError:
                break
            except OSError as error:
                self._error = error
                break
            if not count:
                self._eof = True
                break
            filled += count
            # A read ends with its record: there is no more of that, and to read on would raise.
            if count < asked and not self._incoming.pending:
                break
            if filled == count:
                room = memoryview(room)
        return filled

    def _read_on(self) -> None:
        if self._paused or self._closing:
            return
        try:
            self._read()
        except Exception as error:
            # No transport below is there to be told.
            self._fail(error)
        if self.is_reading():
            self._lower.resume_reading()

    def _put(self, data: bytes | bytearray | memoryview) -> None:
        if type(data) is not bytes:
            view = memoryview(data)
            # What of it has to wait may be something else by then; and what is counted and cut are bytes.
            is_bytes = isinstance(view.obj, bytes) and view.ndim == view.itemsize == 1 and view.c_contiguous
            data = view if is_bytes else bytes(view)
        size = len(data)
        if size > 0 and not self._closing:
            if self._size:
                self._backlog.append(data)
            else:
                self._next = data
            self._size += size

    def _drop(self) -> None:
        self._next = None
        self._backlog.clear()
        self._size = 0

    def _send(self) -> None:
        """Encrypt what was written, as long as the transport below takes it, and then close if that was asked for."""
        while self._size and not self._full:
            if not self._encrypt_some():
                return
            self._take_down()
            if self._is_stuck:
                self._is_stuck = False
                self._tell_whether_full()
        if self._closing and not (self._size or self._is_said):
            # Of the peer's own word for it, which is asked for, there is none yet; or it has already failed.
            with suppress(OSError):
                self._tls.unwrap()
            self._flush()
            self._is_said = True
            self._lower.close()

    def _send_on(self) -> None:
        self._send()
        self._tell_whether_full()

    def _encrypt_some(self) -> bool:
        """Encrypt some of it; say whether that goes on."""
        taken = 0
        while self._size and taken < BATCH:
            data = self._next
            size = len(data)
            try:
                count = self._encrypt(data if size <= BATCH else memoryview(data)[:BATCH])
            except ssl.SSLWantReadError:
                self._await_peer()
                return False
            except OSError as error:
                self._fail(error)
                return False
            taken += count
            self._size -= count
            if count < size:
                self._next = memoryview(data)[count:]
            elif self._size:
                self._next = self._backlog.popleft()
            else:
                self._next = None
        return True

    def _await_peer(self) -> None:
        """Wait for the peer, who has asked for another handshake (TLS 1.2), and may never go on with it."""
        self._flush()
        if self._closing:
            # Nothing is read any more.
            self.abort()
        else:
            self._is_stuck = True
            self._tell_whether_full()

    def _flush(self) -> None:
        if self._outgoing.pending and not self._lost:
            self._take_down()

    def _take_down(self) -> None:
        data = self._take_out()
        # What is left of bytes would be copied before it is put by.
        self._write_below(data if len(data) <= ONE_RECORD else memoryview(data))

    def _flush_unasked(self) -> None:
        """Send what TLS has to say of its own after a read, and what had to wait for that read."""
        self._flush()
        if self._full and self._lower.get_write_buffer_size() > MOST_UNASKED:
            self._error = ssl.SSLError("the peer asks for more than it reads")
        elif self._size:
            self._send()
