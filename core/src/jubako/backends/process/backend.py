"""`ProcessBackend`: what an API worker starts to reach replicas that run in processes of their own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any

import attrs

from jubako.backends.process.answer_codec import AnswerCodec
from jubako.backends.process.blocking import BlockingCaller
from jubako.backends.process.call_codec import CallCodec
from jubako.backends.process.worker_side import ReplicaLink
from jubako.contracts.backend import Backend, DispatchObserver, RunnerHandle, RunnerStatus
from jubako.dispatch.caller import CallerQueue
from jubako.dispatch.handle import MethodQueue, QueueHandle
from jubako.dispatch.messages import SentCall
from jubako.dispatch.observing import BatchObservers
from jubako.errors import ConfigurationError, NotFound, RunnerFailed
from jubako.payloads import PayloadTable
from jubako.plugins import Composition
from jubako.runners.router import Binding
from jubako.runners.runner import RunnerDefinition
from jubako.runners.specs import MethodSpec
from jubako.settings import Settings
from jubako.values.resources import BatchOptions


@attrs.frozen
class RunnerChannels:
    """How one runner's replicas are reached.

    Args:
        sockets: the path of each replica's listening Unix socket, in order; at least one.
        options: how calls are joined, the same as in the replicas.
        is_optional: True if the server serves already, so that a start does not depend on this runner.
        tell_silence: called with the index of a replica that shows no sign of life, and the last deadline of the calls
            that it has, on the clock of `time.monotonic()`; 0 if it has none. Called again when that changes, and with
            None once it is heard or lost.
    """

    sockets: tuple[str, ...] = attrs.field(validator=attrs.validators.min_len(1))
    options: BatchOptions = attrs.field(factory=BatchOptions)
    is_optional: bool = False
    tell_silence: Callable[[int, float | None], None] = lambda _index, _held_until_s: None


# So long a worker that joins a running server waits for replicas that it could reach at once if they were there.
_JOIN_WITHIN_S = 1.0

current_channels: ContextVar[Mapping[str, RunnerChannels] | None] = ContextVar("jubako_channels", default=None)
"""Runner name to its channels; None where nobody has started replicas. Set by what runs an API worker."""


def open_backend(composition: Composition, settings: Settings) -> Backend:
    """Make the process backend of this API worker; nothing is connected yet.

    Raises:
        ConfigurationError: nobody has started replicas for this process.
    """
    channels = current_channels.get()
    if channels is None:
        raise ConfigurationError(
            "the process backend runs under `jubako serve` only.",
            why="Something has to start the replicas, watch over them and replace those that die.",
            do="serve with `jubako serve`, or set runners.backend to inline",
        )
    return ProcessBackend(channels, composition)


class ProcessBackend(Backend):
    """Connects to replicas that something else starts and replaces; lives on the event loop that starts it.

    Args:
        channels: runner name to its channels.
        composition: where payload types come from.
    """

    def __init__(self, channels: Mapping[str, RunnerChannels], composition: Composition) -> None:
        self._channels = channels
        self._table = PayloadTable(composition)
        self._runners: dict[str, _RemoteRunner] = {}
        self._outages: dict[str, str] = {}

    async def start(self, runners: Sequence[RunnerDefinition], observers: Sequence[DispatchObserver] = ()) -> None:
        """See `Backend`; waits until each runner has a replica, for as long as models take to load.

        A runner that is optional is not waited for once it has an outage, nor for longer than a moment: its calls wait
        for a replica, or are refused, as they are in the workers that serve already.
        """
        heard_by = BatchObservers(observers)
        try:
            for runner in runners:
                if runner.name not in self._channels:
                    raise NotFound(
                        f"runner {runner.name!r} has no replicas.",
                        why=f"There are replicas of {sorted(self._channels)}.",
                    )
                remote = _RemoteRunner(runner, self._channels[runner.name], self._table, heard_by)
                self._runners[runner.name] = remote
                remote.set_outage(self._outages.get(runner.name))
            for remote in self._runners.values():
                await remote.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """See `Backend`; the replicas go on until whoever started them stops them."""
        runners, self._runners = list(self._runners.values()), {}
        await asyncio.gather(*(remote.stop() for remote in runners))

    def statuses(self) -> tuple[RunnerStatus, ...]:
        """See `Backend`."""
        return tuple(remote.status() for remote in self._runners.values())

    def handle(self, runner_name: str) -> RunnerHandle:
        """See `Backend`."""
        if runner_name not in self._runners:
            raise NotFound(f"runner {runner_name!r} was not started.", why=f"Started are {sorted(self._runners)}.")
        return self._runners[runner_name].handle

    def set_runner_state(self, name: str, is_serving: bool, reason: str = "") -> None:
        """Say whether the replicas of a runner are being started.

        While they are not, its calls are answered 503 as soon as no replica is left, `start` fails unless the runner is
        optional, and the runner is not ready. May be called before `start`; called on the backend's loop.

        Args:
            name: the runner's; a name that nobody has is remembered and changes nothing.
            is_serving: False once tries to start a replica have been given up for a while.
            reason: why, for people.
        """
        if is_serving:
            self._outages.pop(name, None)
        else:
            self._outages[name] = _reason(reason)
        if name in self._runners:
            self._runners[name].set_outage(self._outages.get(name))

    def note_runner_state(self, name: str, is_serving: bool, reason: str = "") -> None:
        """Say the same for calls that block the backend's loop now; called before `set_runner_state`, in any thread."""
        remote = self._runners.get(name)
        if remote is not None:
            remote.note_outage(None if is_serving else _reason(reason))


def _reason(reason: str) -> str:
    return reason or "its replicas do not start"


class _RemoteRunner:
    """One runner: a queue for each of its methods, and a link to each of its replicas."""

    def __init__(
        self, runner: RunnerDefinition, channels: RunnerChannels, table: PayloadTable, observers: BatchObservers
    ) -> None:
        loop = asyncio.get_running_loop()
        options = channels.options
        specs = runner.methods(options)
        self._runner = runner
        self._outage: str | None = None
        self._is_optional = channels.is_optional
        self._changed = asyncio.Event()
        calls, answers = CallCodec(runner.name, specs, table), AnswerCodec(runner.name, table)
        self._blocking = BlockingCaller(calls, answers, is_idempotent=runner.is_idempotent)
        self._queues = {
            name: CallerQueue(
                runner.name,
                options,
                joins_calls=spec.signature.batchable,
                is_idempotent=runner.is_idempotent,
                observers=observers,
            )
            for name, spec in specs.items()
        }
        self.handle = QueueHandle(
            runner_name=runner.name,
            loop=loop,
            methods={name: MethodQueue(spec, self._queues[name]) for name, spec in specs.items()},
            options=options,
            table=table,
            run_past_queue=self._run_past_queue,
        )
        self._binding = Binding(loop, self.handle, options.timeout_s)
        self._links = [
            ReplicaLink(path, calls, answers, self._queues, self._changed.set, partial(channels.tell_silence, index))
            for index, path in enumerate(channels.sockets)
        ]

    async def start(self) -> None:
        """Wait for a replica, and send the runner's calls to it and to those that come later.

        One is enough: another one may fail again and again, and an API worker that is replaced is not to wait for it.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_JOIN_WITHIN_S if self._is_optional else None):
                await self._connected()
        self._runner.router.bind(self._binding)

    async def _connected(self) -> None:
        while not any(link.is_connected for link in self._links):
            if self._outage is not None:
                if self._is_optional:
                    return
                raise RunnerFailed(f"runner {self._runner.name!r} cannot be started.", why=self._outage)
            self._changed.clear()
            await self._changed.wait()

    async def stop(self) -> None:
        """Answer what is queued, and end the connections."""
        await asyncio.gather(*(queue.drain() for queue in self._queues.values()))
        self._runner.router.unbind(self._binding)
        await asyncio.gather(*(link.close() for link in self._links))

    def set_outage(self, reason: str | None) -> None:
        """See `ProcessBackend.set_runner_state`."""
        self._outage = reason
        self.note_outage(reason)
        for queue in self._queues.values():
            queue.set_outage(reason)
        self._changed.set()

    def note_outage(self, reason: str | None) -> None:
        """See `ProcessBackend.note_runner_state`."""
        self._blocking.outage = reason

    def status(self) -> RunnerStatus:
        """Ready if a replica is connected."""
        if any(link.is_connected for link in self._links):
            return RunnerStatus(self._runner.name, is_ready=True)
        reason = "no replica is connected" if self._outage is None else self._outage
        return RunnerStatus(self._runner.name, is_ready=False, reason=reason)

    def _run_past_queue(self, spec: MethodSpec, call: SentCall) -> concurrent.futures.Future[Any]:
        # Done when it returns: the loop's own thread has nothing else to do but to wait.
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        paths = [link.path for link in sorted(self._links, key=lambda link: not link.is_connected)]
        try:
            self._queues[spec.name].check_replicas()
            future.set_result(self._blocking.call(paths, spec.name, call))
        except Exception as error:  # noqa: BLE001  # raised again where the caller waits, a few lines on
            future.set_exception(error)
        return future
