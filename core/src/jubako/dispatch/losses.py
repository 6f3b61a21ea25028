"""What becomes of a call whose replica died while it had it."""

from __future__ import annotations

from jubako.dispatch.messages import SentCall
from jubako.errors import JubakoError, RunnerFailed, ServiceUnavailable


def error_of_loss(
    runner_name: str, call: SentCall, reason: str, *, is_blamed: bool, is_idempotent: bool
) -> JubakoError | None:
    """The error that ends the call, or None if it is tried again.

    Args:
        runner_name: for messages.
        call: the call.
        reason: how the replica was lost.
        is_blamed: True if the replica may have been computing the call.
        is_idempotent: False if the call must not be computed twice.
    """
    if not is_idempotent:
        return ServiceUnavailable(
            f"the replica of runner {runner_name!r} that had the call is gone: {reason}.",
            why="The runner is declared not idempotent, so the call is not tried again.",
            do="find out whether it took effect, then try again",
        )
    if is_blamed and call.tries > 0:
        return RunnerFailed(
            f"two replicas of runner {runner_name!r} died while they computed the call: {reason}.",
            why="The second one computed nothing else.",
            do="look for what the input does to the model; the log has how the replicas ended",
        )
    return None
