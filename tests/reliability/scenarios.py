"""All scenarios: importing a module of them puts its own into the table."""

from __future__ import annotations

import scenarios_http
import scenarios_user
import scenarios_websocket
from stage import SCENARIOS

MODULES = (scenarios_http, scenarios_websocket, scenarios_user)

__all__ = ["MODULES", "SCENARIOS"]
