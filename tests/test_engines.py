"""What is not asked of HTTP/2 is asked of HTTP/1.1."""

from __future__ import annotations

import re
from pathlib import Path

from engines import NOT_ASKED_OF_HTTP2


def test_what_is_not_asked_of_http2_is_there() -> None:
    texts = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.rglob("test_*.py")]
    known = {name for text in texts for name in re.findall(r"def (test_\w+)\(", text)}
    named = [test.partition(": ")[0] for tests in NOT_ASKED_OF_HTTP2.values() for test in tests]
    assert set(named) <= known
