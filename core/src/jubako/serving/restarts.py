"""`Restarts`: when a process that died is started again. The clock is an argument."""

from __future__ import annotations

import attrs

# A process that was ready for less has not shown that it can work.
_PROVEN_S = 1.0


@attrs.frozen
class RestartRule:
    """How patient the supervisor is with one process.

    Args:
        first_s: the wait after the first start that failed; doubled after each further one.
        longest_s: the longest wait.
        breaker_after: failed starts in a row after which nobody waits for the process any more.
    """

    first_s: float = 0.1
    longest_s: float = 30.0
    breaker_after: int = 5


class Restarts:
    """The starts of one process.

    Only starts that fail count: those that never became ready, or died within a second of it. One that was ready for
    longer is replaced at once, however often that happens.

    Args:
        rule: how patient to be.
    """

    def __init__(self, rule: RestartRule) -> None:
        self._rule = rule
        self._failures = 0

    @property
    def is_broken(self) -> bool:
        """True while so many starts in a row have failed that calls should not wait for the next."""
        return self._failures >= self._rule.breaker_after

    def died(self, ready_for_s: float | None) -> float:
        """Note a death.

        Args:
            ready_for_s: for how long the process had been ready; None if it never was.

        Returns:
            Seconds until it should be started again.
        """
        if ready_for_s is not None and ready_for_s >= _PROVEN_S:
            self._failures = 0
            return 0.0
        self._failures += 1
        if self.is_broken:
            return self._rule.longest_s
        return min(self._rule.longest_s, self._rule.first_s * 2.0 ** (self._failures - 1))
