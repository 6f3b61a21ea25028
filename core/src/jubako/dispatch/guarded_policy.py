"""`GuardedPolicy`: a batch policy that outlives what it wraps, and holds no call for longer than the options allow."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import TypeVar

from jubako.contracts.batch_policy import BatchPolicy, CostModel, Decision, QueueView
from jubako.dispatch.immediate import ImmediatePolicy
from jubako.errors import InvalidArgument
from jubako.values.batch_profile import BatchProfile
from jubako.values.resources import BatchOptions

_log = logging.getLogger("jubako.dispatch")

MakePolicy = Callable[[BatchOptions, CostModel], BatchPolicy]
_Result = TypeVar("_Result")


class GuardedPolicy(BatchPolicy):
    """Asks a policy, which may be a plugin's, and goes on without it when it fails.

    A policy that raises, or decides something that is no decision, is named in the log and not asked any more: from
    then on batches are sent as soon as the model is free. A hold ends after `max_wait_ms` even if the policy would go
    on with it, and never waits for an arrival that may not come.

    Args:
        make: makes the policy.
        options: limits and waits.
        cost: what batches are expected to take.
        name: the policy's, and whose it is, for the log.
        runner_name: for the log.
    """

    def __init__(
        self, make: MakePolicy, options: BatchOptions, cost: CostModel, *, name: str, runner_name: str
    ) -> None:
        self._name = name
        self._runner_name = runner_name
        self._max_wait_s = options.max_wait_ms / 1000
        self._held_since_s: float | None = None
        self._fallback = ImmediatePolicy(options, cost)
        self._policy: BatchPolicy = self._fallback
        self._policy = self._guarded("its constructor", lambda: make(options, cost), lambda: self._fallback)

    def decide(self, queue: QueueView, now_s: float) -> Decision:
        """What the policy decides, or what can be done without it."""
        decision = self._guarded(
            "decide", lambda: _checked(self._policy.decide(queue, now_s)), lambda: self._fallback.decide(queue, now_s)
        )
        if decision.send or queue.running_batches > 0:
            # While a batch runs nothing is lost by waiting for it: its return asks again.
            self._held_since_s = None
            return decision
        if self._held_since_s is None:
            self._held_since_s = now_s
        ends_s = self._held_since_s + self._max_wait_s
        if now_s >= ends_s:
            return Decision(send=True)
        if decision.look_again_s is None or decision.look_again_s > ends_s:
            return Decision(send=False, look_again_s=ends_s)
        return decision

    def batch_sent(self, rows: int, now_s: float) -> None:
        """Tell the policy."""
        self._held_since_s = None
        self._guarded("batch_sent", lambda: self._policy.batch_sent(rows, now_s), lambda: None)

    def batch_returned(self, rows: int, seconds: float, waiting_rows: int, now_s: float) -> None:
        """Tell the policy."""
        self._guarded(
            "batch_returned", lambda: self._policy.batch_returned(rows, seconds, waiting_rows, now_s), lambda: None
        )

    def profile_known(self, profile: BatchProfile) -> None:
        """Tell the policy."""
        self._guarded("profile_known", lambda: self._policy.profile_known(profile), lambda: None)

    def _guarded(self, where: str, ask: Callable[[], _Result], otherwise: Callable[[], _Result]) -> _Result:
        try:
            return ask()
        # Foreign code. SystemExit too: a policy must not end the process that computes for everybody.
        except (Exception, SystemExit):  # noqa: BLE001  # foreign code, named in the log
            _log.exception(
                "batch policy %s of runner %r failed in %s and is not asked any more; "
                "batches are sent as soon as the model is free",
                self._name, self._runner_name, where,
            )  # fmt: skip
            self._policy = self._fallback
            return otherwise()


def _checked(decision: Decision) -> Decision:
    if type(decision) is not Decision:
        raise InvalidArgument(f"{decision!r} is no Decision.")
    if decision.look_again_s is not None and math.isnan(decision.look_again_s):
        raise InvalidArgument("a decision to look again at no time.", do="give a time, or None")
    if decision.max_rows is not None and decision.max_rows < 1:
        raise InvalidArgument(f"a decision to send at most {decision.max_rows} rows.", do="give at least 1, or None")
    return decision
