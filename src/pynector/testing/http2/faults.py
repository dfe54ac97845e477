"""Endpoints that misbehave over HTTP/2 within its rules: resets, GOAWAYs, settings, silence, lies."""

from __future__ import annotations

from ..registry import BadParameterError
from ..response import BLOCK, Response
from .acting import Faults, choice, error_code, number, wait
from .exchange import Exchange, Steps
from .frames import PING, SETTINGS, SETTINGS_IDS, WINDOW_UPDATE, frame

FAULTS = Faults()
"""The endpoints of this module."""

_AT = ("start", "head", "body", "end")


def come_to(exchange: Exchange, at: str) -> None:
    """Answer as far as is asked for: not at all, the head, `after=N` (1000) bytes of the body too, or all of it."""
    if at == "end":
        exchange.send(Response(body=b"end"))
    elif at != "start":
        exchange.send_head(200)
    if at == "body":
        exchange.send_data(BLOCK[: number(exchange, "after", 1000, high=len(BLOCK))])
    exchange.wire.flush()


@FAULTS.act("/h2-reset", "RST_STREAM with ?code=C (cancel) at ?at=start, head, body or end")
def _reset(exchange: Exchange) -> None:
    code = error_code(exchange, "cancel")
    at = choice(exchange, "at", _AT)
    come_to(exchange, at)
    exchange.reset(code)


@FAULTS.act("/h2-goaway", "GOAWAY with ?last=this, below, none, all or N, ?code=C&debug=TEXT&close=1&graceful=S")
def _goaway(exchange: Exchange) -> Steps:
    h2, this = exchange.wire.h2, exchange.stream
    known = {"this": this, "below": max(this - 2, 0), "none": 0, "all": 2**31 - 1}
    text = exchange.request.parameter("last", "this")
    last = known[text] if text in known else number(exchange, "last", 0, high=2**31 - 1)
    code = error_code(exchange, "no_error")
    debug = exchange.request.parameter("debug", "").encode()
    graceful = wait(exchange, "graceful")
    if graceful:
        h2.send_shutdown_notice()
        yield graceful
        h2.send_goaway(code, debug_data=debug)
    else:
        h2.send_goaway(code, last_stream_id=last, debug_data=debug)
    exchange.wire.flush()
    if number(exchange, "close", 0):
        exchange.wire.close()
    elif last >= this:
        exchange.send(Response(body=b"goaway"))


@FAULTS.act("/h2-die", "the connection ends at ?at=start, head, body, end or frame (within one), ?how=close or reset")
def _die(exchange: Exchange) -> None:
    at = choice(exchange, "at", (*_AT, "frame"))
    how = choice(exchange, "how", ("close", "reset"))
    come_to(exchange, "head" if at == "frame" else at)
    if at == "frame":
        exchange.wire.raw(frame(0, 0, exchange.stream, bytes(1000))[:500])
    if how == "reset":
        exchange.wire.abort()
    else:
        exchange.wire.close()


@FAULTS.act("/h2-settings", "SETTINGS with ?NAME=VALUE ..., ?count=N times; what was before ?for=S seconds later")
def _settings(exchange: Exchange) -> Steps:
    h2 = exchange.wire.h2
    names = {name for name, _ in exchange.request.query}
    new = {
        identifier: number(exchange, name, 0, high=2**32 - 1)
        for name, identifier in SETTINGS_IDS.items()
        if name in names
    }
    before = {identifier: h2.local_settings[identifier] for identifier in new}
    back = wait(exchange, "for")
    for _ in range(number(exchange, "count", 1)):
        h2.update_settings(new)
    if back:
        yield back
        h2.update_settings(before)
    exchange.send(Response(body=b"settings"))


@FAULTS.act("/h2-mute/WHAT", "from now on no acks of settings or ping, no new window_update, or nothing at all (all)")
def _mute(exchange: Exchange) -> None:
    kinds = {"settings": SETTINGS, "ping": PING, "window_update": WINDOW_UPDATE}
    what = exchange.request.argument
    if what not in kinds and what != "all":
        raise BadParameterError(f"expected one of all, {', '.join(kinds)}, got {what!r}")
    exchange.send(Response(body=b"mute"))
    exchange.wire.flush()
    if what == "all":
        exchange.wire.dead = True
    else:
        exchange.wire.mute |= {kinds[what]}


@FAULTS.act("/h2-hold", "no new window for the body until ?for=S seconds have gone (never), then its size", early=True)
def _hold(exchange: Exchange) -> Steps:
    exchange.held = True
    if not exchange.request.parameter("for", ""):
        return
    yield wait(exchange, "for")
    exchange.read_on()
    yield None
    exchange.send(Response(body=str(len(exchange.request.body)).encode()))


@FAULTS.act("/h2-length", "a content-length that ?says=N (10) before a body of ?size=M (5) bytes")
def _length(exchange: Exchange) -> None:
    size = number(exchange, "size", 5, high=len(BLOCK))
    exchange.send_head(200, [("content-length", exchange.request.parameter("says", "10"))])
    exchange.send_data(BLOCK[:size], end=True)
