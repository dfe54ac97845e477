"""What a client's requests are answered with, for type checkers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import TypeVar

    Answer = TypeVar("Answer", covariant=True, default=Any)
else:
    from typing import TypeVar

    Answer = TypeVar("Answer", covariant=True)
