"""Mixed load through the ledger server for as long as one likes. See `python -m tests.soak --help`."""
