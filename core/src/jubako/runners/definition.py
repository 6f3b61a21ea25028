"""What the rest of this package needs of a runner, so that `runner.py` stands on it and not the other way round."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from jubako.contracts.backend import RunnerCall
from jubako.contracts.runner import CallJoiner
from jubako.runners.specs import MethodSpec
from jubako.values.batch_profile import BatchProfile
from jubako.values.placement import Placement
from jubako.values.resources import BatchOptions, ResourceQuota


class LoadableRunner(Protocol):
    """A runner object as those see it that load it and compute with it; `RunnerDefinition` is one.

    Attributes:
        name: unique in a Service.
        placement: the device and threads of the replica; set before `_setup` is called.
        surroundings: makes the context that `_setup` is called in.
        call_joiner: joins the calls of batchable methods in the runner's own way; None if their payload types do.
    """

    name: str
    placement: Placement
    surroundings: Callable[[], AbstractContextManager[object]]
    call_joiner: CallJoiner | None

    @property
    def batch_options(self) -> BatchOptions:
        """The runner's own, before the operator's settings."""

    @property
    def resource_quota(self) -> ResourceQuota:
        """The runner's own, before the operator's settings."""

    @property
    def num_replica(self) -> int:
        """How many replicas it has on the CPU, or on fractions of GPUs."""

    def _setup(self) -> None: ...

    def _shutdown(self) -> None: ...

    def batch_profile(self, method: str) -> BatchProfile | None:
        """What the runner knows of its device once it is set up."""

    def find_method(self, name: str, options: BatchOptions) -> MethodSpec:
        """One method by name.

        Raises:
            InvalidArgument: there is no such method.
        """


class CallTarget(Protocol):
    """Where the calls of a runner's methods go; `CallRouter` is one."""

    @property
    def default_timeout_s(self) -> float:
        """Seconds that a call may take which was made outside a request."""

    async def call(self, call: RunnerCall) -> Any:
        """Answer the call."""

    def call_blocking(self, call: RunnerCall) -> Any:
        """The same, and wait."""
