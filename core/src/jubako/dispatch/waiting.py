"""`WaitingCalls`: the calls of a lane that are in no batch yet, in order and by what fits together."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Hashable, Sequence

import attrs

from jubako.contracts.runner import CallJoiner
from jubako.dispatch.messages import Receiver, SentCall
from jubako.runners.arguments import CallArguments

_log = logging.getLogger("jubako.dispatch")


@attrs.define(eq=False)
class LineState:
    """One caller queue, as a lane sees it.

    Args:
        receiver: hears of its calls.
        waiting: its calls that have no answer yet, by number.
    """

    receiver: Receiver
    waiting: dict[int, Waiting] = attrs.field(factory=dict)


@attrs.define(eq=False)
class Waiting:
    """A call in a lane.

    Args:
        call: what was sent.
        line: where it came from.
        arrived_s: when it came.
        fit_key: equal for calls that fit together; None if it fits nothing.
        is_dropped: True if nobody wants its answer.
        is_taken: True once it is in a batch.
    """

    call: SentCall
    line: LineState
    arrived_s: float
    fit_key: Hashable | None
    is_dropped: bool = False
    is_taken: bool = False

    @property
    def group_key(self) -> Hashable:
        """The key of its group: a call that fits nothing is a group of its own."""
        return self if self.fit_key is None else self.fit_key


@attrs.define(eq=False)
class Group:
    """Calls that fit together, oldest first."""

    key: Hashable
    calls: deque[Waiting] = attrs.field(factory=deque)
    rows: int = 0
    size_bytes: int = 0

    @property
    def must_be_alone(self) -> bool:
        """True for a call that a replica died of, perhaps: nothing else may be computed beside it."""
        return self.calls[0].call.tries > 0

    @property
    def is_open(self) -> bool:
        """False for a call that nothing can join."""
        return not isinstance(self.key, Waiting)


class WaitingCalls:
    """What waits in one lane; see `Lane` for who calls what.

    Args:
        runner_name: for the log.
        method: the method's name.

    Attributes:
        rows: of all calls that wait.
        joiner: says what fits together; None leaves that to the payload types.
    """

    def __init__(self, runner_name: str, method: str) -> None:
        self.rows = 0
        self.joiner: CallJoiner | None = None
        self._runner_name = runner_name
        self._method = method
        self._order: deque[Waiting] = deque()
        self._groups: dict[Hashable, Group] = {}
        self._has_joiner_failed = False

    @property
    def is_empty(self) -> bool:
        """True if nothing waits."""
        return not self._groups

    def add(self, line: LineState, calls: Sequence[SentCall], now_s: float) -> None:
        """Take calls in, in order."""
        joiner = self.joiner
        for call in calls:
            arguments = call.arguments
            fit_key = arguments.fit_key
            if joiner is not None and fit_key is not None:
                fit_key = self._joiners_key(joiner, arguments)
            waiting = Waiting(call, line, now_s, fit_key)
            line.waiting[call.number] = waiting
            key = waiting if fit_key is None else fit_key
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = Group(key)
            group.calls.append(waiting)
            group.rows += arguments.rows
            group.size_bytes += arguments.size_bytes
            self._order.append(waiting)
            self.rows += arguments.rows

    def oldest_group(self) -> Group | None:
        """The group of the call that waits longest."""
        order = self._order
        while order and (order[0].is_taken or order[0].is_dropped):
            order.popleft()
        return self._groups[order[0].group_key] if order else None

    def take(self, group: Group, max_rows: int, max_bytes: int) -> list[Waiting]:
        """Take calls for a batch, oldest first; the first is always taken, for waiting makes it no smaller."""
        batch: list[Waiting] = []
        rows = size_bytes = 0
        while group.calls:
            arguments = group.calls[0].call.arguments
            rows += arguments.rows
            size_bytes += arguments.size_bytes
            if batch and (rows > max_rows or size_bytes > max_bytes):
                break
            waiting = group.calls.popleft()
            self._subtract(group, waiting)
            waiting.is_taken = True
            batch.append(waiting)
        return batch

    def drop(self, waiting: Waiting) -> None:
        """Forget a call: if it waits it is not computed, if it runs its answer is thrown away."""
        waiting.is_dropped = True
        if not waiting.is_taken:
            group = self._groups[waiting.group_key]
            group.calls.remove(waiting)
            self._subtract(group, waiting)

    def _subtract(self, group: Group, waiting: Waiting) -> None:
        arguments = waiting.call.arguments
        group.rows -= arguments.rows
        group.size_bytes -= arguments.size_bytes
        self.rows -= arguments.rows
        if not group.calls:
            del self._groups[group.key]

    def _joiners_key(self, joiner: CallJoiner, arguments: CallArguments) -> Hashable | None:
        try:
            key = joiner.fit_key(self._method, arguments)
            hash(key)
        # Foreign code. The call stays alone, and what is wrong with it is said when it is computed.
        except (Exception, SystemExit):  # noqa: BLE001  # foreign code, named in the log
            if not self._has_joiner_failed:
                self._has_joiner_failed = True
                _log.exception(
                    "the call joiner of runner %r failed in fit_key for a call of %r, which is computed alone; "
                    "further failures are not logged",
                    self._runner_name, self._method,
                )  # fmt: skip
            return None
        return key
