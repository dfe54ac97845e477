"""Limits, retries and hedges, against servers that take note of what comes, and when."""
