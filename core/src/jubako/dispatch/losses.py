"""What becomes of a call whose replica died while it had it, or that there is no replica for."""

from __future__ import annotations

from jubako.dispatch.messages import SentCall
from jubako.errors import JubakoError, RunnerFailed, ServiceUnavailable

# How long a supervisor waits at most between two tries to start a replica.
_RETRY_AFTER_S = 30.0


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


def error_of_outage(runner_name: str, reason: str) -> ServiceUnavailable:
    """The error of calls while no replica serves and none is being started, for the reason given."""
    return ServiceUnavailable(
        f"no replica of runner {runner_name!r} can be started.",
        why=reason,
        do="try again later; the server's log has how they ended",
        retry_after_s=_RETRY_AFTER_S,
    )
