"""`ImmediatePolicy`: send what waits whenever the replica is free."""

from __future__ import annotations

from jubako.contracts.batch_policy import BatchPolicy, CostModel, Decision, QueueView
from jubako.values.resources import BatchOptions


class ImmediatePolicy(BatchPolicy):
    """Never holds a call; batches are what arrives while one runs. Without state, so it suits tests and slow models."""

    def __init__(self, options: BatchOptions, cost: CostModel) -> None:
        self._options = options
        self._cost = cost

    def decide(self, queue: QueueView, now_s: float) -> Decision:
        """Send if nothing runs, or if the batch is full."""
        return Decision(send=queue.running_batches == 0 or queue.is_full)

    def batch_sent(self, rows: int, now_s: float) -> None:
        """Nothing to remember."""

    def batch_returned(self, rows: int, seconds: float, waiting_rows: int, now_s: float) -> None:
        """Nothing to remember."""
