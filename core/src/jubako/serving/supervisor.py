"""The supervisor: starts generations, stops them, and turns signals into both. Imports no user code.

`serve_target` is `jubako serve`: it returns when everything that it started has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import attrs

from jubako.errors import JubakoError
from jubako.server.limits import is_open_to_all
from jubako.server.tls import open_tls_context
from jubako.serving.children import Reaper
from jubako.serving.generation import Generation, GenerationPlace
from jubako.serving.listening import address_of, open_listening_socket
from jubako.serving.logs import configure_logging
from jubako.serving.metrics_desk import MetricsDesk
from jubako.serving.reload import watching_sources
from jubako.serving.runtime_folder import open_runtime_folder
from jubako.serving.signals import StopSignals
from jubako.serving.system import adopt_orphans, occupy_standard_streams
from jubako.settings import Settings

_logger = logging.getLogger(__name__)

_DEFAULT_BACKEND = "process"
_KILLED_BY_SIGNAL = 128


@attrs.frozen
class ServeOptions:
    """What `jubako serve` was asked for.

    Args:
        text: the target, see `services.targets.resolve_target`.
        working_dir: what a relative target starts from.
        reload: True takes a new generation when a source file below the working directory changes.
        reload_delay_s: seconds without a further change before it is taken.
    """

    text: str
    working_dir: Path
    reload: bool = False
    reload_delay_s: float = 0.25


def serve_target(options: ServeOptions, *, settings: Settings, announce: Callable[[str], None]) -> int:
    """Serve until a signal stops it; call it once, in a process's main thread.

    SIGINT and SIGTERM end it in order: not ready, no new connections, everything in flight answered within
    `server.drain_s`. Another one more than a second later cuts that short. SIGHUP starts a new generation.

    Args:
        options: what to serve.
        settings: in force for every process; without a backend they mean `process`.
        announce: called with lines for people: the address once it is served, and a warning if it is open to all.

    Returns:
        The exit code: 0 after a stop in order, 1 after one that had to be forced, 128 and the signal's number after one
        that was cut short.

    Raises:
        JubakoError: the target cannot be found or imported, the address cannot be bound, or the service does not start.
    """
    occupy_standard_streams()
    configure_logging(settings.server.logging.format, sys.stderr, "supervisor", 0)
    settings = _with_backend(settings)
    adopt_orphans()
    server = settings.server
    # Only to tell of a wrong file before anything is loaded; the workers read it for themselves.
    open_tls_context(server.ssl)
    with contextlib.closing(open_listening_socket(server.host, server.port, server.backlog)) as listening:
        if is_open_to_all(server):
            announce(
                f"Warning: whoever reaches {server.host} can use this service, for it asks for no API key. "
                "Set server.api_keys if that is not meant."
            )
        with open_runtime_folder() as folder:
            return asyncio.run(_Supervisor(options, settings, announce, listening, folder).run())


def _with_backend(settings: Settings) -> Settings:
    backend = settings.runners.backend or _DEFAULT_BACKEND
    return attrs.evolve(settings, runners=attrs.evolve(settings.runners, backend=backend))


class _Supervisor:
    """The generations of one server, one after the other, and the signals that are meant for them."""

    def __init__(
        self,
        options: ServeOptions,
        settings: Settings,
        announce: Callable[[str], None],
        listening: socket.socket,
        folder: Path,
    ) -> None:
        self._options = options
        self._settings = settings
        self._announce = announce
        self._listening = listening
        self._folder = folder
        self._number = 0
        self._desk = MetricsDesk()
        self._current: Generation | None = None
        self._retiring: set[asyncio.Task[bool]] = set()
        self._stopping = asyncio.Event()
        self._cutting = asyncio.Event()
        self._renewing = asyncio.Event()

    async def run(self) -> int:
        """Serve until a signal comes; see `serve_target`."""
        loop = asyncio.get_running_loop()
        self._reaper = Reaper()
        self._reaper.open()

        # An asyncio handler would do for these two as well, but not tell one wish to stop from two.
        with StopSignals(_soon(self._stopping), _soon(self._cutting)) as signals:
            # Ignored by who started this, as by nohup, it stays ignored.
            if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
                loop.add_signal_handler(signal.SIGHUP, self._renewing.set)
            try:
                # Before the first generation reads its sources, so that no change goes unseen.
                with self._watching_sources():
                    is_orderly = await self._serve()
            finally:
                self._reaper.close()
                loop.remove_signal_handler(signal.SIGHUP)
                # A second one would end the process before it has cleaned up.
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if signals.cut_by is not None:
            return _KILLED_BY_SIGNAL + signals.cut_by
        return 0 if is_orderly else 1

    async def _serve(self) -> bool:
        self._current = generation = self._new_generation()
        try:
            if not await self._until_stopped(generation.start()):
                return await self._stop(generation)
        except BaseException:
            await generation.kill()
            raise
        address = address_of(self._listening, is_secure=self._settings.server.ssl.is_enabled)
        self._announce(f"Serving {generation.service} at {address} (Ctrl-C stops)")
        while await self._next_wish():
            await self._renew()
        return await self._stop(self._current)

    async def _next_wish(self) -> bool:
        """Wait for a signal; True if it asks for a new generation, False if it asks to stop."""
        if not await self._until_stopped(self._renewing.wait()):
            return False
        self._renewing.clear()
        return True

    async def _renew(self) -> None:
        """Start a generation beside the current one, and let that drain; if it fails, all stays as it is."""
        _logger.info("a new generation is started")
        generation = self._new_generation()
        try:
            if not await self._until_stopped(generation.start()):
                await generation.kill()
                return
        # The system may have no memory, descriptor or room left for it.
        except (JubakoError, OSError) as error:
            await generation.kill()
            _logger.error("the new generation did not start, and the old one goes on: %s", error)
            return
        old, self._current = self._current, generation
        _logger.info("generation %d serves", generation.number)
        if old is not None:
            task = asyncio.create_task(old.stop(self._cutting))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _stop(self, generation: Generation) -> bool:
        # The workers have inherited it; while it is open here, the system takes connections for nobody.
        self._listening.close()
        results = await asyncio.gather(generation.stop(self._cutting), *self._retiring)
        return all(results)

    async def _until_stopped(self, work: Awaitable[object]) -> bool:
        """Await some work; False if a signal to stop comes first, and the work is cancelled then."""
        working = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
                return True
            return False
        finally:
            stopping.cancel()
            if not working.done():
                working.cancel()
                await asyncio.wait((working,))

    def _new_generation(self) -> Generation:
        self._number += 1
        return Generation(
            GenerationPlace(
                number=self._number,
                text=self._options.text,
                working_dir=self._options.working_dir.resolve(),
                workers=self._settings.server.workers,
                settings=self._settings,
                listening=self._listening,
                folder=self._folder / str(self._number),
                reaper=self._reaper,
                desk=self._desk,
            )
        )

    def _watching_sources(self) -> contextlib.AbstractContextManager[None]:
        if not self._options.reload:
            return contextlib.nullcontext()
        options = self._options
        return watching_sources(options.working_dir, _soon(self._renewing), delay_s=options.reload_delay_s)


def _soon(event: asyncio.Event) -> Callable[[], None]:
    """A function that sets an event of this loop from any thread, or between two steps of Python."""
    loop = asyncio.get_running_loop()

    def set_soon() -> None:
        loop.call_soon_threadsafe(event.set)

    return set_soon
