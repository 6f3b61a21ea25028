"""The methods of a runner that can be called: `batch_method` declares one, `RunnerMethod` calls it."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, TypeVar, overload

import attrs

from jubako._origins import current_origin
from jubako.contracts.backend import RunnerCall
from jubako.runners.deadline import call_deadline
from jubako.runners.definition import CallTarget
from jubako.runners.specs import MethodSpec
from jubako.values.signature import Signature

_MARK = "__jubako_signature__"
_Function = TypeVar("_Function", bound=Callable[..., Any])


@overload
def batch_method(function: _Function, /) -> _Function: ...


@overload
def batch_method(
    input_batch_axis: int = 0, output_batch_axis: int = 0, *, batchable: bool = True
) -> Callable[[_Function], _Function]: ...


def batch_method(input_batch_axis: Any = 0, output_batch_axis: int = 0, *, batchable: bool = True) -> Any:
    """Declare a further method of a custom `Runner`, called by name: `runner.method("embed").run(x)`.

    The function gets batches, as `_run_batch` does, and returns as many rows. `@batch_method` alone is enough where all
    is as by default.

    Args:
        input_batch_axis: the axis of the arguments that counts rows.
        output_batch_axis: the axis of the result that counts rows.
        batchable: False for a method that looks across rows: its calls are never joined, nor cut.

    Raises:
        InvalidArgument: an axis is negative.
    """
    if callable(input_batch_axis):
        return batch_method()(input_batch_axis)
    signature = Signature(batchable, input_batch_axis, output_batch_axis)

    def mark(function: _Function) -> _Function:
        setattr(function, _MARK, signature)
        return function

    return mark


@functools.cache
def declared_methods(runner_class: type) -> dict[str, MethodSpec]:
    """Every function of a runner class that `batch_method` marks, by name."""
    found = {}
    for name in dir(runner_class):
        signature = getattr(getattr(runner_class, name, None), _MARK, None)
        if isinstance(signature, Signature):
            found[name] = MethodSpec(name, name, signature)
    return found


@attrs.frozen
class RunnerMethod:
    """One method of one runner, ready to be called from anywhere.

    `run` and `async_run` take one row without the batch axis; `run_batch` and `async_run_batch` a batch. The sync two
    block the calling thread; the async two the caller only. Answers may share memory with those of other calls'
    rows, never the same rows.

    All four raise `TooManyRequests`, `DeadlineExceeded`, `ServiceUnavailable` (see DESIGN of dispatch in the
    documentation), `RunnerFailed` if the runner's code raised, and whatever `JubakoError` the runner raised itself.
    """

    name: str
    _router: CallTarget

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Compute one row and wait for it."""
        return self._router.call_blocking(self._call(args, kwargs, is_single=True))

    def run_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Compute a batch and wait for it."""
        return self._router.call_blocking(self._call(args, kwargs, is_single=False))

    async def async_run(self, *args: Any, **kwargs: Any) -> Any:
        """Compute one row."""
        return await self._router.call(self._call(args, kwargs, is_single=True))

    async def async_run_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Compute a batch."""
        return await self._router.call(self._call(args, kwargs, is_single=False))

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any], *, is_single: bool) -> RunnerCall:
        deadline_s = call_deadline.get()
        if deadline_s is None:
            deadline_s = time.monotonic() + self._router.default_timeout_s
        return RunnerCall(self.name, args, kwargs, is_single, deadline_s, current_origin())
