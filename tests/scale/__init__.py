"""What batches at scale are to show, each with its figure. See `python -m tests.scale --help`."""
