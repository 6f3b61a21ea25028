"""`MethodSpec`: one method of a runner, as the dispatcher needs it."""

from __future__ import annotations

import attrs

from jubako.values.signature import Signature

RUN = "run"
"""The name of a runner's own method, `_run_batch` or `_run`."""


@attrs.frozen
class MethodSpec:
    """One method of a runner, as the dispatcher needs it.

    Args:
        name: what callers use.
        attribute: the function's name on the runner.
        signature: axes, and whether calls may be joined.
        takes_batches: False for `SimpleRunner._run`, which gets the arguments as they are.
        leading: what the function gets before the caller's arguments.
    """

    name: str
    attribute: str
    signature: Signature
    takes_batches: bool = True
    leading: tuple[str, ...] = ()
