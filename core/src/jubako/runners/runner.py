"""`Runner` and `SimpleRunner`: the abstract classes of which users and runner types make their runners."""

from __future__ import annotations

import contextlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, final

import attrs

from jubako.contracts.runner import CallJoiner
from jubako.errors import InvalidArgument
from jubako.runners._absent import AbsentBatches, AbsentName
from jubako.runners.methods import RunnerMethod, declared_methods
from jubako.runners.router import CallRouter
from jubako.runners.specs import RUN, MethodSpec
from jubako.values.batch_profile import BatchProfile
from jubako.values.placement import Placement
from jubako.values.resources import BatchOptions, ResourceQuota, as_batch_options, as_resource_quota
from jubako.values.signature import Signature
from jubako.values.tag import Tag


class RunnerDefinition(ABC):
    """What `Runner` and `SimpleRunner` share: a name, models, resources, set-up.

    A subclass with an `__init__` of its own calls `super().__init__(name)`.

    Args:
        name: unique in a Service; the class's own `default_name` if None. Characters that no identifier may have become
            underscores.
        batch_options: how calls are joined: `BatchOptions`, or a mapping of what differs from their defaults.
        resource_quota: what the runner may use: a `ResourceQuota`, or a mapping likewise.

    Attributes:
        name: as above.
        placement: the device and threads of the replica; set before `_setup` is called.
        is_idempotent: False if a call must not be computed twice; then a failing batch is not split and retried, and
            every call in it fails.
        surroundings: makes the context that `_setup` is called in; `jubako.load` sets it, so that the modules and
            stores of the Service are there again.
        call_joiner: joins calls in the runner's own way; None, the default, leaves that to their payload types. Set
            by `_setup`, or before.

    Raises:
        InvalidArgument: the name is empty, or an option is unknown or wrong.
    """

    is_idempotent: ClassVar[bool] = True
    name: str = AbsentName()  # type: ignore[assignment]  # hidden by the name that __init__ sets
    placement: Placement
    surroundings: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext
    call_joiner: CallJoiner | None = None

    def __init__(
        self,
        name: str | None = None,
        *,
        batch_options: BatchOptions | Mapping[str, Any] | None = None,
        resource_quota: ResourceQuota | Mapping[str, Any] | None = None,
    ) -> None:
        given = self.default_name if name is None else name
        if not isinstance(given, str) or not given:
            raise InvalidArgument(f"a runner cannot be named {given!r}.", do="give a text that is not empty")
        name = re.sub(r"\W", "_", given)
        self.name = name if name.isidentifier() else f"_{name}"
        if batch_options is not None:
            self.batch_options = batch_options
        if resource_quota is not None:
            self.resource_quota = resource_quota

    @property
    def default_name(self) -> str:
        """The class's name."""
        return type(self).__name__

    @property
    def num_replica(self) -> int:
        """How many replicas the process backend starts; 1 unless a subclass says otherwise."""
        return 1

    @property
    def required_models(self) -> Sequence[Tag]:
        """Exact tags of the models that the runner loads; they are packed into every Bento that has the runner."""
        return ()

    @property
    def resource_quota(self) -> ResourceQuota:
        """What the runner may use; assign to its attributes before serving, or a mapping of them to itself."""
        quota: ResourceQuota = self.__dict__.setdefault("resource_quota", ResourceQuota())
        return quota

    @resource_quota.setter
    def resource_quota(self, given: ResourceQuota | Mapping[str, Any]) -> None:
        self.__dict__["resource_quota"] = as_resource_quota(given)

    @property
    def batch_options(self) -> BatchOptions:
        """How calls are joined; assign to its attributes before serving, or a mapping of them to itself."""
        options: BatchOptions = self.__dict__.setdefault("batch_options", BatchOptions())
        return options

    @batch_options.setter
    def batch_options(self, given: BatchOptions | Mapping[str, Any]) -> None:
        self.__dict__["batch_options"] = as_batch_options(given)

    @abstractmethod
    def _setup(self) -> None:
        """Load what the runner needs; called once in each replica before its first call, and may block."""

    def _shutdown(self) -> None:  # noqa: B027 - optional by contract: most runners have nothing to close
        """Close what `_setup` opened; called once when the replica ends."""

    def batch_profile(self, method: str) -> BatchProfile | None:
        """What was measured of the device by `_setup`; asked once a method after it, in the same thread.

        None, the default, lets the dispatcher find out by itself.
        """
        return None

    @final
    def method(self, name: str) -> RunnerMethod:
        """One of the runner's methods by name: `run`, or one that `batch_method` declares.

        Raises:
            InvalidArgument: there is no such method; the message lists those there are.
        """
        self.find_method(name, self.batch_options)
        return RunnerMethod(name, self.router)

    @final
    @cached_property
    def router(self) -> CallRouter:
        """Where this runner's calls go; a server binds its handle here."""
        return CallRouter(self)

    @abstractmethod
    def methods(self, options: BatchOptions) -> dict[str, MethodSpec]:
        """Every method by name, under the given options."""

    def _further_methods(self) -> Mapping[str, MethodSpec]:
        """The methods beside `run`: those that `batch_method` declares."""
        return declared_methods(type(self))

    @final
    def find_method(self, name: str, options: BatchOptions) -> MethodSpec:
        """One method by name.

        Raises:
            InvalidArgument: there is no such method.
        """
        methods = self.methods(options)
        if name not in methods:
            known = ", ".join(repr(known) for known in methods)
            raise InvalidArgument(
                f"runner {self.name!r} has no method {name!r}.",
                why=f"It has {known}.",
                do="declare it with @jubako.batch_method, or correct the name",
            )
        return methods[name]

    @cached_property
    def _run_method(self) -> RunnerMethod:
        return RunnerMethod(RUN, self.router)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"


class Runner(RunnerDefinition):
    """A unit of serving logic that computes batches; calls of many requests are joined into one.

    A subclass defines `_setup` and `_run_batch`, and may define `_shutdown`, `num_replica`, `required_models`, and
    further methods marked with `batch_method`. Arguments of `_run_batch` are arrays, frames or lists; it returns an
    array, a frame, a series, a list, or a tuple of these, one row for each row it was given.

    Args:
        name: see `RunnerDefinition`.
    """

    @abstractmethod
    def _run_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Compute a batch; runs in the replica's own thread, one batch at a time.

        May return a `jubako.contracts.runner.PendingBatch` instead of rows: the batch is begun, and the next one may be
        begun before it has ended.

        Raises:
            BatchTooLarge: the batch does not fit the device; it is split and tried again.
            BadInput: a row is wrong; the caller of that row is answered 400.
        """

    @final
    def methods(self, options: BatchOptions) -> dict[str, MethodSpec]:
        """`run` and all that `batch_method` declares."""
        signature = Signature(
            batchable=options.enabled,
            input_batch_axis=options.input_batch_axis,
            output_batch_axis=options.output_batch_axis,
        )
        return {RUN: MethodSpec(RUN, "_run_batch", signature), **_under(options, self._further_methods())}

    @final
    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Compute one row, given without the batch axis, and wait for its answer. See `RunnerMethod`."""
        return self._run_method.run(*args, **kwargs)

    @final
    def run_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Compute a batch and wait for its answer. See `RunnerMethod`."""
        return self._run_method.run_batch(*args, **kwargs)

    @final
    async def async_run(self, *args: Any, **kwargs: Any) -> Any:
        """Compute one row, given without the batch axis. See `RunnerMethod`."""
        return await self._run_method.async_run(*args, **kwargs)

    @final
    async def async_run_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Compute a batch. See `RunnerMethod`."""
        return await self._run_method.async_run_batch(*args, **kwargs)


class SimpleRunner(RunnerDefinition):
    """A runner without batching: `_run` gets the arguments of one call as they are, and answers one call at a time.

    A subclass defines `_setup` and `_run`. Only `run` and `async_run` exist.

    Args:
        name: see `RunnerDefinition`, as for the others.
    """

    run_batch = AbsentBatches()
    async_run_batch = AbsentBatches()

    @abstractmethod
    def _run(self, *args: Any, **kwargs: Any) -> Any:
        """Compute one call; runs in the replica's own thread, one call at a time."""

    @final
    def methods(self, options: BatchOptions) -> dict[str, MethodSpec]:
        """`run`, and the batchable ones that a runner of a model adds."""
        spec = MethodSpec(RUN, "_run", Signature(batchable=False), takes_batches=False)
        return {RUN: spec, **_under(options, self._further_methods())}

    @final
    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Compute one call and wait for its answer. See `RunnerMethod`."""
        return self._run_method.run(*args, **kwargs)

    @final
    async def async_run(self, *args: Any, **kwargs: Any) -> Any:
        """Compute one call. See `RunnerMethod`."""
        return await self._run_method.async_run(*args, **kwargs)


def _under(options: BatchOptions, methods: Mapping[str, MethodSpec]) -> Mapping[str, MethodSpec]:
    """The methods as they are, or each with its calls kept apart where the options join none."""
    if options.enabled:
        return methods
    return {
        name: attrs.evolve(spec, signature=attrs.evolve(spec.signature, batchable=False))
        for name, spec in methods.items()
    }
