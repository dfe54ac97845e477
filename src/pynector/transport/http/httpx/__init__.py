"""The engine over httpx, or httpx2, for what the native one leaves to it."""
