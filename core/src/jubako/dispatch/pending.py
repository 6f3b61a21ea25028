"""`Pending`: a call that has no answer yet, and `Waiter`: where its answer goes."""

from __future__ import annotations

from typing import Any, Protocol

import attrs

from jubako.dispatch.admission import Amount
from jubako.dispatch.messages import Answer, SentCall
from jubako.dispatch.replica_end import ReplicaEnd


class Waiter(Protocol):
    """Where an answer goes; both kinds of Python's futures are waiters."""

    def done(self) -> bool:
        """True if nobody waits any more."""

    def set_result(self, result: Any, /) -> None:
        """Give the answer."""

    def set_exception(self, exception: BaseException, /) -> None:
        """Give the error."""


@attrs.define(eq=False)
class Pending:
    """A call that has no answer yet.

    Args:
        call: what is sent.
        waiter: gets the answer or the error, once, unless it is done before.
        replica: that the call was sent to; None while it waits here.
        is_started: True once the replica took it into a batch.
        batch: that batch, as `ReplicaEnd` counts it.
        losses: replicas that were lost while they had it.
    """

    call: SentCall
    waiter: Waiter
    replica: ReplicaEnd | None = None
    is_started: bool = False
    batch: Amount | None = None
    losses: int = 0

    def try_alone(self) -> None:
        """Have it computed alone from now on: joined with others, it could take them along to its next replica."""
        arguments = attrs.evolve(self.call.arguments, fit_key=None)
        self.call = attrs.evolve(self.call, tries=self.call.tries + 1, arguments=arguments)

    def settle(self, answer: Answer) -> None:
        """Give the answer to who waits, if somebody does."""
        if self.waiter.done():
            return
        if answer.share is None:
            give_error(self.waiter, answer.error or RuntimeError("an answer has a share or an error"))
            return
        try:
            value = answer.share.take()
        # Foreign code: a payload type. Its failure is the call's, and must not keep the other answers of the batch.
        except (Exception, SystemExit) as error:  # noqa: BLE001  # raised again where the caller waits
            give_error(self.waiter, error)
        else:
            self.waiter.set_result(value)

    def fail(self, error: BaseException) -> None:
        """Give the error to who waits, if somebody does."""
        if not self.waiter.done():
            give_error(self.waiter, error)


def give_error(waiter: Waiter, error: BaseException) -> None:
    """Give an error to a waiter that is not done, whatever error it is."""
    if isinstance(error, StopIteration):
        # A future refuses it, for it would end the generator that waits; PEP 479 turns it into the same.
        stopped = error
        error = RuntimeError("the code that answers a call raised StopIteration")
        error.__cause__ = stopped
    waiter.set_exception(error)
