"""Plays the scripts of a ScriptedServer over HTTP/2: answers in HTTP/1.1 go out in frames, requests come in as text."""

from __future__ import annotations

import logging
import re
import socket
import ssl
from contextlib import suppress
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
from scripted import PATIENCE, ScriptedServer

from pynector.testing.http2 import frames

# What it logs at DEBUG is every field.
logging.getLogger("hpack").setLevel(logging.INFO)

# RFC 9113 section 8.2.2.
CONNECTION_SPECIFIC = {b"connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"proxy-connection"}


class TranslatedServer(ScriptedServer):
    """A ScriptedServer whose connections speak HTTP/2, one stream at a time, so that a script means the same.

    A connection ends, with a GOAWAY, where the client resets its stream: what waits for another is played elsewhere.
    """

    def __init__(self, *scripts: Any, tls: ssl.SSLContext | None = None, **options: Any) -> None:
        if tls is not None:
            tls.set_alpn_protocols(["h2"])
        super().__init__(*scripts, tls=tls, **options)

    def _wire(self, sock: socket.socket) -> Any:
        return TranslatedSocket(sock)


class TranslatedSocket:
    """What looks like the socket of a connection of HTTP/1.1, over one of HTTP/2."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._is_over = False
        self._protocol = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=False,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._protocol.local_settings = h2.settings.Settings(
            client=False, initial_values={h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1}
        )
        self._protocol.initiate_connection()
        self._text = b""
        self._stream = 0
        self._is_head = self._is_chunked = False
        self._answer = Answer(self)
        self._flush()

    # What a script's player calls

    def recv(self, size: int) -> bytes:
        """Return what has come, as text; nothing at the end."""
        with suppress(ConnectionResetError):
            while not self._text:
                self._read()
        text, self._text = self._text[:size], self._text[size:]
        return text

    def sendall(self, data: bytes) -> None:
        """Send a part of an answer, given in HTTP/1.1."""
        if data:
            self._answer.feed(data)

    def setsockopt(self, *arguments: Any) -> None:
        """See socket.socket."""
        self._sock.setsockopt(*arguments)
        # It ends at once.
        self._is_over = True

    def close(self) -> None:
        """End the connection, when what was sent has been read."""
        with self._sock, suppress(OSError):
            if not self._is_over:
                self._answer.end()
                self._sock.shutdown(socket.SHUT_WR)
                self._sock.settimeout(PATIENCE)
                while self._sock.recv(65536):
                    pass

    # What an answer calls

    def go_away(self) -> None:
        """Say that no other stream is taken."""
        self._sock.sendall(frames.frame(frames.GOAWAY, 0, 0, self._stream.to_bytes(4, "big") + bytes(4)))

    def head(self, status: bytes, fields: list[tuple[bytes, bytes]], *, is_last: bool) -> None:
        """Send a head."""
        self._check()
        self._protocol.send_headers(self._stream, [(b":status", status), *fields], end_stream=is_last)
        self._flush()

    def data(self, data: bytes, *, is_last: bool) -> None:
        """Send a part of a body, as far as the client takes it."""
        rest = memoryview(data)
        while len(rest) > 0:
            self._check()
            room = min(self._protocol.local_flow_control_window(self._stream), self._protocol.max_outbound_frame_size)
            if room > 0:
                self._protocol.send_data(self._stream, bytes(rest[:room]))
                rest = rest[room:]
            else:
                self._read()
        if is_last:
            self._protocol.end_stream(self._stream)
        self._flush()

    @property
    def has_no_body(self) -> bool:
        """Whether an answer has none, whatever its head says."""
        return self._is_head

    # Inside

    def _check(self) -> None:
        if self._is_over:
            raise ConnectionResetError("the client has gone")

    def _flush(self) -> None:
        self._sock.sendall(self._protocol.data_to_send())

    def _read(self) -> None:
        try:
            self._flush()
            data = self._sock.recv(65536)
            for event in self._protocol.receive_data(data):
                if not self._is_over:
                    self._take(event)
            self._flush()
        except OSError:
            data = b""
        if not data:
            self._is_over = True
        self._check()

    def _take(self, event: Any) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self._take_head(event)
        elif isinstance(event, h2.events.DataReceived):
            if event.data:
                self._text += b"%x\r\n%b\r\n" % (len(event.data), event.data) if self._is_chunked else event.data
            self._protocol.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self._text += b"0\r\n\r\n" if self._is_chunked else b""
        elif isinstance(event, h2.events.StreamReset):
            # First, as a client that has gone takes no frame.
            self._is_over = True
            self.go_away()
        elif isinstance(event, h2.events.ConnectionTerminated):
            self._is_over = True

    def _take_head(self, event: Any) -> None:
        fields = dict(event.headers)
        self._stream = event.stream_id
        self._is_head = fields[b":method"] == b"HEAD"
        self._is_chunked = event.stream_ended is None and b"content-length" not in fields
        lines = [b"%b %b HTTP/1.1" % (fields[b":method"], fields[b":path"]), b"Host: " + fields[b":authority"]]
        lines += [b"%b: %b" % (name.title(), value) for name, value in event.headers if name[:1] != b":"]
        if self._is_chunked:
            lines.append(b"Transfer-Encoding: chunked")
        self._text += b"\r\n".join([*lines, b"", b""])


class Answer:
    """Reads answers in HTTP/1.1 as they come, and has them sent."""

    def __init__(self, wire: TranslatedSocket) -> None:
        self._wire = wire
        self._pending = b""
        self._read = self._read_head
        self._left = 0

    def feed(self, data: bytes) -> None:
        """Take a part of an answer."""
        self._pending += data
        while self._pending and self._read():
            pass

    def end(self) -> None:
        """Take the end of the connection, which ends a body that has no other."""
        if self._read == self._read_rest:
            self._wire.data(b"", is_last=True)

    def _cut(self, end: bytes) -> bytes | None:
        found, is_there, rest = self._pending.partition(end)
        if not is_there:
            return None
        self._pending = rest
        return found

    def _read_head(self) -> bool:
        head = self._cut(b"\r\n\r\n")
        if head is None:
            return False
        first, *lines = head.split(b"\r\n")
        status = first.split(b" ")[1]
        pairs = [(name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
        fields = [pair for pair in pairs if pair[0] not in CONNECTION_SPECIFIC]
        if status[:1] == b"1":
            self._wire.head(status, fields, is_last=False)
            return True
        length = dict(pairs).get(b"content-length")
        if dict(pairs).get(b"connection") == b"close":
            self._wire.go_away()
        if b"transfer-encoding" in dict(pairs):
            self._read = self._read_chunk
        elif length is None:
            self._read = self._read_rest
        else:
            self._left, self._read = int(length), self._read_body
        if self._wire.has_no_body or status in (b"204", b"304") or length == b"0":
            self._read = self._read_head
        self._wire.head(status, fields, is_last=self._read == self._read_head)
        return True

    def _read_body(self) -> bool:
        data, self._pending = self._pending[: self._left], self._pending[self._left :]
        self._left -= len(data)
        if self._left == 0:
            self._read = self._read_head
        self._wire.data(data, is_last=self._left == 0)
        return True

    def _read_rest(self) -> bool:
        data, self._pending = self._pending, b""
        self._wire.data(data, is_last=False)
        return True

    def _read_chunk(self) -> bool:
        found = re.match(rb"([0-9a-fA-F]+)[^\r\n]*\r\n", self._pending)
        if found is None:
            return False
        size = int(found[1], 16)
        if size == 0:
            if self._cut(b"\r\n\r\n") is None:
                return False
            self._read = self._read_head
            self._wire.data(b"", is_last=True)
            return True
        data, end = self._pending[found.end() : found.end() + size], found.end() + size + 2
        if len(self._pending) < end:
            return False
        self._pending = self._pending[end:]
        self._wire.data(data, is_last=False)
        return True
