"""Running a batch so that a fault stays with its call: split and retried until the failing call is alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextvars import Token
from typing import Protocol, TypeVar

import attrs

from jubako._origins import Origin, current_origins
from jubako.dispatch.compute import Begun
from jubako.dispatch.messages import Answer, SentCall
from jubako.dispatch.outcome import BatchOutcome
from jubako.errors import BatchTooLarge, DeadlineExceeded, JubakoError, RunnerFailed, status_of, text_of
from jubako.runners.arguments import CallArguments, cut_arguments
from jubako.runners.execution import RunningCalls, Share

_log = logging.getLogger("jubako.dispatch")

_Computed = tuple[list[Share], float]
Compute = Callable[[Sequence[CallArguments]], _Computed | RunningCalls]
_Result = TypeVar("_Result")


class Wait(Protocol):
    """Runs something where all that was begun before is waited for, and waits for it."""

    def __call__(self, work: Callable[[], _Result], /) -> _Result:
        """What `work` returns; raises what it raises."""


Join = Callable[[Sequence[Share]], Share]


@attrs.frozen(eq=False)
class _Item:
    """A call, or a piece of one, and the key of its answer; `position` is that of the whole call in the batch."""

    key: int
    position: int
    call: SentCall


@attrs.frozen(eq=False)
class IsolatedBatch:
    """Runs the calls of one batch; it blocks, and belongs to the thread that computes.

    Args:
        runner_name: for messages.
        compute: runs calls as one batch, or begins to, as `runners.execution.begin_calls` does.
        join: puts the shares of the pieces of one call together again.
        input_axis: the axis along which a call is cut that is too large alone.
        is_idempotent: False fails all calls of a failing batch instead of computing any of them again.
        wait: runs something, after what was begun before has ended, and waits for it.
    """

    runner_name: str
    compute: Compute
    join: Join
    input_axis: int = 0
    is_idempotent: bool = True
    wait: Wait = lambda work: work()

    def run(self, calls: Sequence[SentCall], limit_rows: int, is_dropped: Callable[[int], bool]) -> BatchOutcome:
        """Answer every call that is still wanted; a batch of n with k failing calls costs at most 2·k·log2(n) retries.

        Args:
            calls: of one `fit_key`.
            limit_rows: what is known to fit the device; a lone call of more rows is cut at once.
            is_dropped: True for the position of a call that needs no answer any more; asked before anything is
                computed for it.
        """
        begun = self.begin(calls, limit_rows, is_dropped)
        if isinstance(begun, BatchOutcome):
            return begun
        return self.wait(begun.wait) or begun.go_on()

    def begin(
        self, calls: Sequence[SentCall], limit_rows: int, is_dropped: Callable[[int], bool]
    ) -> BatchOutcome | BegunBatch:
        """As `run`, but leave waiting to the caller if the runner overlaps batches."""
        outcome = BatchOutcome()
        items = [_Item(position, position, call) for position, call in enumerate(calls)]
        if len(items) == 1 and _can_cut(items[0]) and calls[0].arguments.rows > limit_rows:
            outcome.is_clean = False
            self._run_pieces(items[0], limit_rows, is_dropped, outcome)
            return outcome
        return self._try(items, is_dropped, outcome) or outcome

    def _run(self, items: list[_Item], is_dropped: Callable[[int], bool], outcome: BatchOutcome) -> None:
        begun = self._try(items, is_dropped, outcome)
        if begun is not None and self.wait(begun.wait) is None:
            begun.go_on()

    def _try(self, items: list[_Item], is_dropped: Callable[[int], bool], outcome: BatchOutcome) -> BegunBatch | None:
        wanted = self._without_late([item for item in items if not is_dropped(item.position)], outcome)
        if not wanted:
            return None
        if len(wanted) > 1 and outcome.too_many_rows is not None and _rows_of(wanted) >= outcome.too_many_rows:
            # So many did not fit a moment ago; finding it out again costs a failure of the device.
            self._run_halves(wanted, is_dropped, outcome)
            return None
        token = _tell_origins(wanted)
        started_s = time.perf_counter()
        try:
            computed = self.compute([item.call.arguments for item in wanted])
        # What a runner raises was recorded under its name by `begin_calls`; a payload type is foreign code too.
        # Not Exception only: nothing that foreign code raises may end the thread that computes for everybody.
        except BaseException as error:  # noqa: BLE001  # answered to the callers whose batch it was
            outcome.compute_s += time.perf_counter() - started_s
            self._failed(error, wanted, is_dropped, outcome)
        else:
            if isinstance(computed, RunningCalls):
                return BegunBatch(self, computed, wanted, is_dropped, outcome)
            _note(computed, wanted, outcome)
        finally:
            current_origins.reset(token)
        return None

    def _failed(
        self, error: BaseException, items: list[_Item], is_dropped: Callable[[int], bool], outcome: BatchOutcome
    ) -> None:
        if isinstance(error, BatchTooLarge):
            self._run_smaller(items, is_dropped, outcome, error)
            return
        self._log_failure(error, items, outcome)
        outcome.is_clean = False
        if len(items) > 1 and self.is_idempotent:
            self._run_halves(items, is_dropped, outcome)
        else:
            for item in items:
                outcome.answers[item.key] = Answer(item.call.number, error=self._own_error(error, len(items)))

    def _log_failure(self, error: BaseException, items: list[_Item], outcome: BatchOutcome) -> None:
        """Say here, beside the model, what failed and for which requests; callers far away get no traceback.

        A batch that is split is told of once, and every call that fails in the end with its traceback. What a client
        did wrong is told to the client alone.
        """
        if status_of(error) < 500:
            return
        rows = _rows_of(items)
        batch = "1 row" if rows == 1 else f"{rows} rows"
        if len(items) == 1 or not self.is_idempotent:
            _log.error("runner %r failed with a batch of %s", self.runner_name, batch, exc_info=error)
        elif outcome.is_clean:
            _log.warning(
                "runner %r failed with a batch of %s, which is split: %s", self.runner_name, batch, text_of(error)
            )

    def _without_late(self, items: list[_Item], outcome: BatchOutcome) -> list[_Item]:
        now_s = time.monotonic()
        for item in items:
            if item.call.deadline_s <= now_s:
                outcome.answers[item.key] = Answer(item.call.number, error=late(self.runner_name))
        return [item for item in items if item.call.deadline_s > now_s]

    def _run_halves(self, items: list[_Item], is_dropped: Callable[[int], bool], outcome: BatchOutcome) -> None:
        middle = len(items) // 2
        self._run(items[:middle], is_dropped, outcome)
        self._run(items[middle:], is_dropped, outcome)

    def _own_error(self, error: BaseException, sharers: int) -> Exception:
        # One exception object must not be raised in several callers: each raise adds to its traceback.
        if isinstance(error, JubakoError) and sharers == 1:
            return error
        failure = RunnerFailed(f"runner {self.runner_name!r} failed.", why=text_of(error))
        failure.__cause__ = error
        return failure

    def _run_smaller(
        self, items: list[_Item], is_dropped: Callable[[int], bool], outcome: BatchOutcome, error: BatchTooLarge
    ) -> None:
        rows = _rows_of(items)
        outcome.is_clean = False
        outcome.too_many_rows = rows if outcome.too_many_rows is None else min(rows, outcome.too_many_rows)
        if len(items) > 1:
            self._run_halves(items, is_dropped, outcome)
        elif rows > 1 and _can_cut(items[0]):
            self._run_pieces(items[0], rows // 2, is_dropped, outcome)
        else:
            failure = RunnerFailed(
                f"runner {self.runner_name!r} cannot compute {rows} rows, and the batch cannot be made smaller.",
                why=text_of(error),
                do="give the runner a larger device, or smaller inputs",
            )
            failure.__cause__ = error
            outcome.answers[items[0].key] = Answer(items[0].call.number, error=failure)

    def _run_pieces(
        self, item: _Item, piece_rows: int, is_dropped: Callable[[int], bool], outcome: BatchOutcome
    ) -> None:
        try:
            self._compute_pieces(item, piece_rows, is_dropped, outcome)
        # A payload type is foreign code here too, and answers to pieces need not fit together.
        except BaseException as error:  # noqa: BLE001  # answered to the caller whose call it was
            outcome.answers[item.key] = Answer(item.call.number, error=self._own_error(error, 1))

    def _compute_pieces(
        self, item: _Item, piece_rows: int, is_dropped: Callable[[int], bool], outcome: BatchOutcome
    ) -> None:
        arguments = item.call.arguments
        starts = range(0, arguments.rows, piece_rows)
        pieces = BatchOutcome(too_many_rows=outcome.too_many_rows)
        for key, start in enumerate(starts):
            piece = cut_arguments(arguments, start, min(start + piece_rows, arguments.rows), self.input_axis)
            self._run([_Item(key, item.position, attrs.evolve(item.call, arguments=piece))], is_dropped, pieces)
        outcome.add_pieces(pieces)
        number = item.call.number
        answers = [answer for _, answer in sorted(pieces.answers.items())]
        errors = [answer.error for answer in answers if answer.error is not None]
        if errors:
            outcome.answers[item.key] = Answer(number, error=errors[0])
        elif len(answers) == len(starts):
            outcome.answers[item.key] = Answer(number, self.join([answer.share for answer in answers if answer.share]))


class BegunBatch(Begun):
    """A batch that the runner has begun to compute, whole and for the first time."""

    def __init__(
        self,
        batch: IsolatedBatch,
        running: RunningCalls,
        items: list[_Item],
        is_dropped: Callable[[int], bool],
        outcome: BatchOutcome,
    ) -> None:
        self._batch = batch
        self._running = running
        self._items = items
        self._is_dropped = is_dropped
        self._outcome = outcome
        self._error: BaseException | None = None

    def wait(self) -> BatchOutcome | None:
        """See `Begun`."""
        token = _tell_origins(self._items)
        try:
            computed = self._running.finish()
        # As above.
        except BaseException as error:  # noqa: BLE001  # answered to the callers whose batch it was
            self._error = error
            return None
        finally:
            current_origins.reset(token)
        _note(computed, self._items, self._outcome)
        return self._outcome

    def go_on(self) -> BatchOutcome:
        """See `Begun`: split what failed, or answer that it did."""
        # Not kept: it refers to this object, by the frames that it was raised in.
        error, self._error = self._error, None
        if error is not None:
            token = _tell_origins(self._items)
            try:
                self._batch._failed(error, self._items, self._is_dropped, self._outcome)
            finally:
                current_origins.reset(token)
        return self._outcome


def late(runner_name: str) -> DeadlineExceeded:
    """The error of a call whose deadline passed before it was computed, or before its answer came."""
    return DeadlineExceeded(
        f"a call of runner {runner_name!r} was not answered within its deadline.",
        do="allow it more time (runners.batching.timeout_s, server.timeout_s), or serve more replicas",
    )


def _tell_origins(items: Sequence[_Item]) -> Token[tuple[Origin, ...]]:
    """Name the requests, for what the runner itself logs and for what is logged of it here."""
    return current_origins.set(tuple([item.call.origin for item in items if item.call.origin.request_id]))


def _note(computed: _Computed, items: Sequence[_Item], outcome: BatchOutcome) -> None:
    shares, compute_s = computed
    outcome.note_computed(_rows_of(items), compute_s)
    for item, share in zip(items, shares, strict=True):
        outcome.answers[item.key] = Answer(item.call.number, share)


def _rows_of(items: Sequence[_Item]) -> int:
    return sum(item.call.arguments.rows for item in items)


def _can_cut(item: _Item) -> bool:
    return item.call.arguments.fit_key is not None
