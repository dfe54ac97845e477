"""Benchmarks: `python -m pytest benchmarks`. Every figure is a ratio to a reference measured in the same run."""
