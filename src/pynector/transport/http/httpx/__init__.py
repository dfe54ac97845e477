"""The engine over httpx, or httpx2, for where the native one cannot run."""
