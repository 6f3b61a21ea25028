"""`ExactSum`: a sum of floats that does not depend on the order in which they were added."""

from __future__ import annotations

import math


class ExactSum:
    """Adds without rounding; only the value that is read is rounded, correctly.

    So a sum of numbers none of which falls does not fall either, however they are grouped. With plain addition it may,
    in its last digit, which Prometheus takes for a counter that began again at 0.

    Source: Shewchuk, Adaptive Precision Floating-Point Arithmetic (1997), as in Python's `math.fsum`.
    """

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[float] = []

    def copy(self) -> ExactSum:
        """A sum of the same value."""
        copied = ExactSum()
        copied._parts = self._parts.copy()
        return copied

    def add(self, number: float) -> None:
        """Add a number; infinity and NaN make it what they make of plain sums, for good."""
        parts = self._parts
        kept = 0
        for other in parts:
            large, small = (number, other) if abs(number) >= abs(other) else (other, number)
            number = large + small
            if not math.isfinite(number):
                parts[:] = [number]
                return
            rest = small - (number - large)
            if rest:
                parts[kept] = rest
                kept += 1
        parts[kept:] = [number]

    def value(self) -> float:
        """The sum, rounded once."""
        return math.fsum(self._parts)
