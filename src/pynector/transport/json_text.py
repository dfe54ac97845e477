"""JSON as transports send it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def _encoder() -> Callable[[Any], str]:
    encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    # What json.dumps makes anew at each call. Without markers a circle ends in a RecursionError.
    pieces = make(None, encoder.default, json.encoder.encode_basestring, None, ":", ",", False, False, False)
    return lambda value: "".join(pieces(value, 0))


to_json = _encoder()
"""Give a value as JSON, without spaces; it raises TypeError, ValueError or RecursionError for what JSON cannot say."""
