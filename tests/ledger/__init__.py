"""A server that keeps a ledger of what arrived and what it executed, and clients whose claims are held against it.

See `python -m tests.ledger --help`.
"""
