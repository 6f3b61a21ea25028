"""`CallRouter`: where a runner's calls go, to the server that is running it or, without one, to the runner in place."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import attrs

from jubako.contracts.backend import RunnerCall, RunnerHandle
from jubako.payloads import PayloadTable
from jubako.runners.arguments import prepare_arguments
from jubako.runners.definition import LoadableRunner
from jubako.runners.execution import run_calls, set_up
from jubako.runners.options import effective_batch_options
from jubako.runners.placing import Placer
from jubako.workspace import current_workspace


@attrs.frozen(eq=False)
class Binding:
    """A server that runs the runner.

    Args:
        loop: on which it serves.
        handle: to the runner's replicas.
        default_timeout_s: of the options that are in force there, the operator's settings included.
    """

    loop: asyncio.AbstractEventLoop
    handle: RunnerHandle
    default_timeout_s: float


class CallRouter:
    """The calls of one runner object; safe for several threads.

    Several servers in one process may run the same runner object: a caller on the loop of one of them reaches that one,
    any other caller the server that started last.
    """

    def __init__(self, runner: LoadableRunner) -> None:
        self._runner = runner
        self._bindings: tuple[Binding, ...] = ()
        self._in_place: _InPlace | None = None
        self._lock = threading.Lock()

    @property
    def default_timeout_s(self) -> float:
        """Seconds that a call may take which was made outside a request."""
        binding = self._find_binding()
        # In place nothing waits, and no deadline is looked at.
        return self._runner.batch_options.timeout_s if binding is None else binding.default_timeout_s

    def bind(self, binding: Binding) -> None:
        """Send calls to this server from now on."""
        with self._lock:
            self._bindings = (*self._bindings, binding)

    def unbind(self, binding: Binding) -> None:
        """Send no more calls there."""
        with self._lock:
            self._bindings = tuple(other for other in self._bindings if other is not binding)

    async def call(self, call: RunnerCall) -> Any:
        """Answer the call; see `RunnerMethod` for the errors. In place, the model runs in a thread, not on the loop."""
        binding = self._find_binding()
        if binding is not None:
            return await binding.handle.call(call)
        return await asyncio.to_thread(self._run_in_place, call)

    def call_blocking(self, call: RunnerCall) -> Any:
        """The same, and wait; in place, in the calling thread."""
        binding = self._find_binding()
        return self._run_in_place(call) if binding is None else binding.handle.call_blocking(call)

    def _find_binding(self) -> Binding | None:
        bindings = self._bindings
        if not bindings:
            return None
        if len(bindings) > 1:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return bindings[-1]
            for binding in bindings:
                if binding.loop is loop:
                    return binding
        return bindings[-1]

    def _run_in_place(self, call: RunnerCall) -> Any:
        with self._lock:
            if self._in_place is None:
                self._in_place = _InPlace(self._runner)
        return self._in_place.run(call)


class _InPlace:
    """The runner without a server: set up at the first call, then one call at a time."""

    def __init__(self, runner: LoadableRunner) -> None:
        self._runner = runner
        self._lock = threading.Lock()
        self._table = PayloadTable(current_workspace().composition)
        self._is_set_up = False

    def run(self, call: RunnerCall) -> Any:
        settings = current_workspace().settings
        options = effective_batch_options(self._runner, settings)
        spec = self._runner.find_method(call.method, options)
        arguments = prepare_arguments(call, spec, self._table)
        with self._lock:
            if not self._is_set_up:
                set_up(self._runner, Placer(current_workspace().composition, settings).place_here(self._runner))
                self._is_set_up = True
            shares, _ = run_calls(self._runner, spec, [arguments], self._table)
        return shares[0].take()
