"""What one exchange makes of its answer, whoever is behind it."""

from __future__ import annotations

from typing import Any

import pytest

from pynector.transport.http.native.exchange import Exchange, target_of


class Owner:
    """Fails at each answer."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []

    def conclude(self, *arguments: Any) -> None:
        raise RuntimeError("not concluded")

    def failed(self, exchange: Exchange, error: Exception) -> None:
        self.failures.append(error)


class Completion:
    """Fails at each answer, too."""

    def succeed(self, token: int, answer: Any) -> None:
        raise RuntimeError("not taken")


def test_an_exchange_whose_answer_cannot_be_made_fails_with_that() -> None:
    owner = Owner()
    exchange = Exchange(owner, None, None, 0.0, Completion(), 0, 0.0)
    exchange.answered(404, b"HTTP/1.1 404 x", b"", False, "1.1", 0.0)
    assert [str(failure) for failure in owner.failures] == ["not concluded"]


def test_what_fails_after_the_end_is_not_the_exchanges_failure() -> None:
    owner = Owner()
    exchange = Exchange(owner, None, None, 0.0, Completion(), 0, 0.0)
    with pytest.raises(RuntimeError, match="not taken"):
        exchange.answered(200, b"", b"", False, "", 0.0)
    assert (exchange.completion, owner.failures) == (None, [])


@pytest.mark.parametrize("target", [b"/", b"/items?page=1&q=a%20b", b"*"])
def test_the_target_of_an_encoded_request(target: bytes) -> None:
    assert target_of(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n body with spaces") == target
