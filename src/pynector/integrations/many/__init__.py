"""Requests of record batches in many processes: what engines such as Ray Data, Dask, Spark and Beam run in theirs."""

from .borrowing import Bank
from .lending import Asked, Lender, Loan
from .requests import Requests

__all__ = ["Asked", "Bank", "Lender", "Loan", "Requests"]
