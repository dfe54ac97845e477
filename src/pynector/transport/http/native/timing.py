"""When what waits, and what is on a connection, is looked through."""

NEVER = float("inf")

# A timer may go off by its own resolution too soon (seconds).
EARLY = 0.001

# Those that wait, or are on one connection, are not looked through more often than this (seconds).
RESOLUTION = 0.005
