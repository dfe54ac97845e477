"""Fuzzing: what comes from outside, against other implementations and against what was meant.

Each target is a function that takes a `Source` of choices and raises if what it sees is wrong. Hypothesis draws the
choices in the test suite; `python -m tests.fuzz TARGET --seconds N` reads them from bytes that atheris makes, where it
is installed, or that are made of the corpus at random.
"""
