"""A job with a checkpoint that is killed again and again. See `python -m tests.resume --help`."""
