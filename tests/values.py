"""Values that the tests of several files give."""

from __future__ import annotations

import math
from typing import Any

WRONG_TIMEOUTS: list[Any] = [0, -1, 0.0, math.nan, -math.inf, "abc", True, [1], 10**400]
