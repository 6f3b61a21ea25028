"""The one error of this package."""

from __future__ import annotations


class BenchmarkError(Exception):
    """Something that the measurement needs is missing, wrong or too slow; the text says what to do."""
