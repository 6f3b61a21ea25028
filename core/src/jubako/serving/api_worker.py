"""An API worker: the process that imports the user's Service and answers HTTP; started by the supervisor.

`python -m jubako.serving.api_worker LINK …`, where LINK is the number of an inherited descriptor. The first worker of a
generation makes its Plan; every other one, and every later one, is given it.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import socket
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from jubako.backends.process.backend import RunnerChannels, current_channels
from jubako.contracts.backend import Backend
from jubako.contracts.http_server import HttpServer
from jubako.contracts.offers import BackendType, HttpServerType
from jubako.errors import InternalServerError, JubakoError
from jubako.plugins import Composition
from jubako.server import Application, make_application
from jubako.server.metrics_page import OneOfMany
from jubako.services import Service
from jubako.services.targets import Target, import_target, resolve_target
from jubako.serving.control import (
    Cut,
    Failed,
    Metrics,
    Planned,
    Prepare,
    Ready,
    Record,
    RunnerState,
    Serve,
    Silent,
    StartWorker,
    Stop,
    Warm,
)
from jubako.serving.links import ProcessLink
from jubako.serving.logs import configure_logging, warn_of_unused_names
from jubako.serving.metrics_reports import MetricsReports
from jubako.serving.planning import compose_planned, find_target, make_plan, pinned_workspace
from jubako.serving.signals import end_process_after
from jubako.serving.system import (
    WORKER_MEMORY_POINTS,
    die_with_supervisor,
    leave_signals_to_supervisor,
    name_process,
    offer_memory,
    settle_memory,
)
from jubako.workspace import Workspace, open_workspace, using_workspace

_logger = logging.getLogger(__name__)

# How long the interpreter may take to end; threads of user code may keep it from doing so.
_CLOSING_S = 2.0


def main() -> None:
    """Run one API worker; returns when it is told to stop."""
    leave_signals_to_supervisor()
    connected = socket.socket(fileno=int(sys.argv[1]))
    die_with_supervisor(connected)
    offer_memory(WORKER_MEMORY_POINTS)
    # What native code does before it takes the process along is told by its Python stack.
    faulthandler.enable()
    link = ProcessLink(connected)
    start = link.receive()
    if not isinstance(start, StartWorker):
        raise SystemExit(f"an API worker was sent {start!r}")
    name_process(f"jubako-api-{start.slot}")
    configure_logging(start.settings.server.logging.format, sys.stderr, "api", start.slot)
    exit_code = 0
    try:
        ApiWorker(start, link).run()
    except JubakoError as error:
        link.send(Failed.of(error))
        exit_code = 1
    except Exception as error:
        _logger.exception("API worker %d failed", start.slot)
        link.send(Failed.of(error))
        exit_code = 1
    end_process_after(_CLOSING_S, exit_code)
    raise SystemExit(exit_code)


class ApiWorker:
    """One API worker's life: import, plan, prepare, serve, drain.

    Args:
        start: what to serve.
        link: to the supervisor.
    """

    def __init__(self, start: StartWorker, link: ProcessLink) -> None:
        self._start = start
        self._link = link
        self._sockets = [socket.socket(fileno=number) for number in start.listening]
        self._prepare = asyncio.Event()
        self._serve = asyncio.Event()
        self._stop = asyncio.Event()
        self._plan = start.plan
        self._channels: Mapping[str, tuple[str, ...]] = {}
        self._joins = False
        self._states: list[RunnerState] = []
        self._application: Application | None = None
        self._backend: Backend | None = None
        self._serving: asyncio.Task[None] | None = None
        self._reports: MetricsReports | None = None

    def run(self) -> None:
        """Serve until the supervisor says stop.

        Raises:
            JubakoError: the Service cannot be imported or started.
        """
        settings = self._start.settings
        if self._plan is None:
            outer = open_workspace(settings)
            _tell_of_faults(outer.composition)
        else:
            outer = open_workspace(settings, compose_planned(settings.plugins, self._plan.plugins))
        server = outer.composition.find(HttpServerType, settings.server.http_server)
        target = self._find_target(outer)
        workspace = pinned_workspace(target.workspace(outer), self._start.plan, self._link.agree)
        with using_workspace(workspace):
            service = import_target(target)
            if self._plan is None:
                warn_of_unused_names(settings.runners, service.runners)
            self._plan = self._plan or make_plan(service, target, workspace, self._start.generation)
            self._link.send(Planned(self._plan))
            http_server: HttpServer = outer.composition.resolve(server, "serve")
            try:
                asyncio.run(self._live(service, workspace, http_server))
            finally:
                if self._reports is not None:
                    self._reports.close()

    def _find_target(self, outer: Workspace) -> Target:
        if self._start.plan is not None:
            return find_target(self._start.plan.target)
        return resolve_target(self._start.text, workspace=outer, working_dir=Path(self._start.working_dir))

    async def _live(self, service: Service, workspace: Workspace, http_server: HttpServer) -> None:
        self._link.deliver_to(asyncio.get_running_loop(), self._take, self._overhear)
        await self._prepare.wait()
        self._backend = self._open_backend(service, workspace)
        for state in self._states:
            self._set_state(state)
        application = make_application(
            service,
            workspace=workspace,
            backend=self._backend,
            one_of=OneOfMany(self._start.slot, self._gather_metrics),
        )
        try:
            await application.start()
        except JubakoError as error:
            raise InternalServerError(
                f"The service did not start: {error.message}", why=error.why, do=error.do
            ) from error
        self._application = application
        if application.registries:
            self._reports = MetricsReports(application.registries, self._link.send)
        settle_memory()
        self._link.send(Warm())
        await self._serve.wait()
        self._serving = asyncio.create_task(
            http_server(application, self._sockets, workspace.settings.server, self._announce, self._stop)
        )
        await asyncio.wait((self._serving,))
        if not self._serving.cancelled():
            self._serving.result()

    async def _gather_metrics(self) -> str | None:
        return None if self._reports is None else await self._reports.ask()

    def _announce(self) -> None:
        self._link.send(Ready())

    def _open_backend(self, service: Service, workspace: Workspace) -> Backend | None:
        if not service.runners:
            return None
        composition, settings = workspace.composition, workspace.settings
        open_backend = composition.resolve(
            composition.find(BackendType, settings.runners.backend or "inline"), "backend"
        )
        token = current_channels.set(self._open_channels())
        try:
            backend: Backend = open_backend(composition, settings)
        finally:
            current_channels.reset(token)
        return backend

    def _open_channels(self) -> dict[str, RunnerChannels] | None:
        runners = () if self._plan is None else self._plan.runners
        if not self._channels:
            return None
        return {
            runner.name: RunnerChannels(
                self._channels[runner.name],
                runner.batch_options,
                is_optional=self._joins,
                tell_silence=partial(self._tell_silence, runner.name),
            )
            for runner in runners
        }

    def _tell_silence(self, runner: str, index: int, held_until_s: float | None) -> None:
        self._link.send(Silent(runner, index, held_until_s))

    def _take(self, record: Record) -> None:
        match record:
            case Prepare():
                self._channels, self._joins = record.channels, record.joins
                self._prepare.set()
            case Serve():
                self._serve.set()
            case RunnerState():
                self._set_state(record)
            case Metrics():
                if self._reports is not None:
                    self._reports.take_answer(record)
            case Stop():
                self._begin_stop()
            case Cut():
                if self._serving is not None:
                    self._serving.cancel()

    def _overhear(self, record: Record) -> None:
        """Take note in the link's thread: user code that blocks the loop may wait for the runner."""
        note: Any = getattr(self._backend, "note_runner_state", None)
        if isinstance(record, RunnerState) and note is not None:
            note(record.runner, record.is_serving, record.reason)

    def _begin_stop(self) -> None:
        if self._application is not None:
            self._application.begin_drain()
        # The server accepts from a duplicate; while these are open, the system would take connections for nobody.
        for each in self._sockets:
            each.close()
        self._stop.set()

    def _set_state(self, state: RunnerState) -> None:
        # Of the process backend; others know by themselves how their replicas are.
        set_runner_state: Any = getattr(self._backend, "set_runner_state", None)
        if self._backend is None:
            self._states.append(state)
        elif set_runner_state is not None:
            set_runner_state(state.runner, state.is_serving, state.reason)


def _tell_of_faults(composition: Composition) -> None:
    for report in composition.reports:
        if report.status.is_fault:
            _logger.warning("plugin %s is %s: %s", report.candidate.name, report.status, report.reason)


if __name__ == "__main__":
    main()
