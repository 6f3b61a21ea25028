"""Serving in one process: API functions, the HTTP server and, with the inline backend, the runners."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from jubako.contracts.http_server import HttpServer
from jubako.contracts.offers import HttpServerType
from jubako.server import Application, make_application
from jubako.server.limits import is_open_to_all
from jubako.server.tls import open_tls_context
from jubako.services.targets import import_target, resolve_target
from jubako.serving.listening import address_of, open_listening_socket
from jubako.serving.logs import configure_logging, warn_of_unused_names
from jubako.serving.signals import StopSignals, end_process_after
from jubako.settings import ServerSettings, Settings
from jubako.workspace import open_workspace, using_workspace

_logger = logging.getLogger(__name__)

# How long the process may take beyond the drain before it is ended from within.
_OVERTIME_S = 5.0
_KILLED_BY_SIGNAL = 128


def serve_target(text: str, *, settings: Settings, working_dir: Path, announce: Callable[[str], None]) -> int:
    """Serve what a text names until a signal stops it; call it once, in a process's main thread.

    SIGINT and SIGTERM end it in order: not ready, no new connections, everything in flight answered within
    `server.drain_s`. Another one more than a second later cuts that short.

    Args:
        text: see `services.targets.resolve_target`.
        settings: in force for everything in this process.
        working_dir: what a relative target starts from.
        announce: called with lines for people: the address once it is served, and a warning if it is open to all.

    Returns:
        The exit code: 0 after a stop in order, 128 and the signal's number after one that was cut short.

    Raises:
        JubakoError: the target cannot be found or imported, the address cannot be bound, or the service does not start.
    """
    configure_logging(settings.server.logging.format, sys.stderr, "api", 0)
    outer = open_workspace(settings)
    for report in outer.composition.reports:
        if report.status.is_fault:
            _logger.warning("plugin %s is %s: %s", report.candidate.name, report.status, report.reason)
    http_server = outer.composition.resolve(
        outer.composition.find(HttpServerType, settings.server.http_server), "serve"
    )
    # Only to tell of a wrong file before anything is loaded; the HTTP server reads it for itself.
    open_tls_context(settings.server.ssl)
    target = resolve_target(text, workspace=outer, working_dir=working_dir)
    workspace = target.workspace(outer)
    server = settings.server
    with (
        contextlib.closing(open_listening_socket(server.host, server.port, server.backlog)) as listening,
        using_workspace(workspace),
    ):
        service = import_target(target)
        warn_of_unused_names(settings.runners, service.runners)
        application = make_application(service, workspace=workspace)

        def ready() -> None:
            address = address_of(listening, is_secure=server.ssl.is_enabled)
            announce(f"Serving {service.name} at {address} (Ctrl-C stops)")

        if is_open_to_all(server):
            announce(
                f"Warning: whoever reaches {server.host} can use this service, for it asks for no API key. "
                "Set server.api_keys if that is not meant."
            )
        exit_code = asyncio.run(_serve(application, http_server, listening, server, ready))
    # What was started by user code may keep the interpreter from ending.
    end_process_after(_OVERTIME_S, exit_code)
    return exit_code


async def _serve(
    application: Application,
    http_server: HttpServer,
    listening: socket.socket,
    settings: ServerSettings,
    ready: Callable[[], None],
) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    serving = loop.create_task(http_server(application, [listening], settings, ready, stop))

    def begin_stop() -> None:
        application.begin_drain()
        # The server accepts from a duplicate; while this one is open, the system would take connections for nobody.
        listening.close()
        stop.set()

    def receive_stop() -> None:
        end_process_after(settings.drain_s + _OVERTIME_S, 1)
        loop.call_soon_threadsafe(begin_stop)

    def receive_cut() -> None:
        loop.call_soon_threadsafe(serving.cancel)

    with StopSignals(receive_stop, receive_cut) as signals:
        try:
            await serving
        except asyncio.CancelledError:
            if signals.cut_by is None:
                raise
    return 0 if signals.cut_by is None else _KILLED_BY_SIGNAL + signals.cut_by
