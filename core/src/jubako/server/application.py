"""`Application`: one ASGI callable that serves one Service, whatever HTTP server stands under it.

The request path, outermost first: limits and Host check ▸ access log and metrics ▸ CORS ▸ API keys ▸ plugins'
middleware ▸ the service's middleware ▸ inference routes ▸ Quart, plugins' routes and mounts. Layers are wrapped round
each other once, when the application starts; one that is switched off is not there.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any, cast

from prometheus_client import CollectorRegistry

from jubako.contracts.backend import Backend
from jubako.contracts.http_server import ASGIApp, ASGIReceive, ASGISend
from jubako.contracts.offers import BackendType
from jubako.errors import InternalServerError, JubakoError
from jubako.server.access_log import AccessLog
from jubako.server.api_keys import ApiKeys
from jubako.server.bounds import Bounds
from jubako.server.cors import Cors
from jubako.server.endpoints import PATHS, make_endpoints
from jubako.server.entrance import Entrance, RequestFinished
from jubako.server.extensions import Extensions, PluginRoute, collect_extensions
from jubako.server.held_bytes import HeldBytes
from jubako.server.inference import Workplace
from jubako.server.limits import HostCheck
from jubako.server.log_lines import choose_format
from jubako.server.metrics import ServiceMetrics
from jubako.server.metrics_page import ALONE, MetricsPage, OneOfMany
from jubako.server.middleware import wrap_in_middleware
from jubako.server.mounts import Mounted, OtherRoutes
from jubako.server.readiness import Readiness
from jubako.server.request_watch import RequestWatch
from jubako.server.routes import InferenceRoutes
from jubako.server.startup import StartAndStop
from jubako.server.thread_pool import ThreadPool
from jubako.server.wsgi import WsgiAdapter
from jubako.services import Service
from jubako.services.mounting import Mount, WsgiApp
from jubako.services.routes import RouteTable
from jubako.settings import ServerSettings
from jubako.workspace import Workspace, using_workspace

_logger = logging.getLogger(__name__)

# A test's transport runs no lifespan, and so nothing would ever stop the processes of another backend.
_BACKEND_WITHOUT_LIFESPAN = "inline"
_DEFAULT_BACKEND = "inline"

_DECODERS = 4
_DECODES_WAITING = 1024


def make_application(
    service: Service, *, workspace: Workspace, backend: Backend | None = None, one_of: OneOfMany = ALONE
) -> Application:
    """Make the ASGI application of a service; nothing is started yet.

    Args:
        service: what is served; APIs added later are not seen.
        workspace: the plugins, settings and stores it works with.
        backend: where its runners run; None opens the one that `runners.backend` names, when the application starts.
        one_of: what this process is among the API workers of one server.
    """
    return Application(service, workspace, backend, one_of)


class Application:
    """An ASGI application with a lifespan; one that gets a request without it (a test's transport) starts itself.

    Args:
        service: what is served.
        workspace: the plugins, settings and stores.
        backend: see `make_application`.
        one_of: see `make_application`.
    """

    def __init__(
        self, service: Service, workspace: Workspace, backend: Backend | None, one_of: OneOfMany = ALONE
    ) -> None:
        settings = workspace.settings.server
        self._service = service
        self._workspace = workspace
        self._given_backend = backend
        self._start_lock = asyncio.Lock()
        self._threads = ThreadPool("sync", settings.sync_threads, settings.sync_waiting)
        self._decoders = ThreadPool("decode", _DECODERS, _DECODES_WAITING)
        self._readiness = Readiness(self._threads)
        self._metrics = ServiceMetrics(service.name, self._queued_rows) if settings.metrics.enabled else None
        self._access_log = _open_access_log(settings, one_of.slot)
        page = None if self._metrics is None else MetricsPage(self._metrics, self._decoders, one_of)
        self._quart = make_endpoints(service, settings, self._readiness, page)
        held = HeldBytes(settings.max_held_bytes)
        self._workplace = Workplace(settings, self._threads, self._decoders, RequestWatch(), held)
        self._mounts = tuple(self._open_mount(mount) for mount in service.mount_apps)
        self._api_names = RouteTable((api.path, api.name) for api in service.apis.values())
        self._start_and_stop = StartAndStop(service, self._mounts, self._threads)
        self._entrance: Entrance

    @property
    def registries(self) -> tuple[CollectorRegistry, ...]:
        """What `/metrics` tells of this process; empty if that is switched off."""
        return () if self._metrics is None else self._metrics.registries

    async def __call__(self, scope: dict[str, Any], receive: ASGIReceive, send: ASGISend) -> None:
        """Answer one request, or run the lifespan."""
        scope_type = scope["type"]
        if scope_type == "http":
            if not self._readiness.has_started:
                await self.start(_BACKEND_WITHOUT_LIFESPAN)
            await self._entrance(scope, receive, send)
        elif scope_type == "lifespan":
            await self._live(receive, send)
        elif scope_type == "websocket":
            if not self._readiness.has_started:
                await self.start(_BACKEND_WITHOUT_LIFESPAN)
            await self._entrance.converse(scope, receive, send)
        else:
            raise InternalServerError(f"an ASGI server asked for {str(scope_type)[:40]!r}, which is not known here.")

    async def start(self, backend_name: str | None = None) -> None:
        """Start all there is; a second call waits for the first, or does nothing.

        The runners come first and are warm then, the functions of `on_startup` next, the lifespans of mounted
        applications last. What has been started is stopped again if one fails.

        Args:
            backend_name: where the runners run, unless a backend was given; None is what the settings name.

        Raises:
            JubakoError: a runner or its backend cannot start, middleware cannot be made, or one of the service's own
                functions or mounted applications fails.
        """
        async with self._start_lock:
            if self._readiness.has_started:
                return
            with using_workspace(self._workspace):
                extensions = collect_extensions(
                    self._workspace.composition,
                    self._service,
                    lambda path: path in PATHS or self._label_of_api(path) is not None,
                    is_strict=self._workspace.settings.plugins.strict,
                )
                self._entrance = self._wrap(extensions)
                await self._quart.startup()
                try:
                    await self._start_runners(backend_name, extensions)
                    await self._start_and_stop.start()
                except BaseException:
                    await self._stop_runners()
                    raise
            self._readiness.has_started = True

    async def stop(self) -> None:
        """Answer what the runners have queued, stop them, and write what was logged; may be called twice."""
        async with self._start_lock:
            if not self._readiness.has_started:
                return
            self._readiness.has_started = False
            try:
                try:
                    with using_workspace(self._workspace):
                        await self._start_and_stop.stop()
                finally:
                    await self._stop_runners()
            finally:
                self._threads.close()
                self._decoders.close()
                if self._access_log is not None:
                    self._access_log.close()

    def begin_drain(self) -> None:
        """Say on `/readyz` that no new requests should come; those that do are answered still."""
        self._readiness.is_draining = True

    async def _start_runners(self, backend_name: str | None, extensions: Extensions) -> None:
        if not self._service.runners:
            return
        backend = self._given_backend or self._open_backend(backend_name)
        observers = [observer for observer in extensions.observers if observer.hears_batches]
        own = () if self._metrics is None else (self._metrics,)
        await backend.start(tuple(self._service.runners.values()), (*own, *observers))
        self._readiness.backend = backend

    async def _stop_runners(self) -> None:
        backend, self._readiness.backend = self._readiness.backend, None
        if backend is not None:
            await backend.stop()
        await self._quart.shutdown()

    def _open_mount(self, mount: Mount) -> Mounted:
        workplace = self._workplace
        app = WsgiAdapter(mount.app, workplace) if isinstance(mount.app, WsgiApp) else mount.app
        return Mounted(mount, Bounds(app, f"the application mounted at {mount.path}", workplace))

    def _wrap(self, extensions: Extensions) -> Entrance:
        settings, workplace = self._workplace.settings, self._workplace
        apis = tuple(self._service.apis.values())
        finished: list[RequestFinished] = []
        started: list[Callable[[str], None]] = []
        if self._metrics is not None:
            started.append(self._metrics.request_started)
            finished.append(self._metrics.request_finished)
        if self._access_log is not None:
            finished.append(self._access_log.request_finished)
        finished += [observer.request_finished for observer in extensions.observers if observer.hears_requests]

        routes: dict[str, ASGIApp] = {
            path: Bounds(PluginRoute(route, self._threads), f"route {path} of {plugin}", workplace)
            for path, (plugin, route) in extensions.routes.items()
        }
        quart = Bounds(cast("ASGIApp", self._quart), "the built-in pages", workplace)
        built_in = {*PATHS, *(rule.rule for rule in self._quart.url_map.iter_rules())}
        app: ASGIApp = InferenceRoutes(OtherRoutes(quart, built_in, routes, self._mounts), apis, workplace)
        app = wrap_in_middleware(app, self._service, extensions.middleware)
        if settings.api_keys:
            app = ApiKeys(app, settings.api_keys)
        if settings.cors.enabled:
            app = Cors(app, settings.cors)
        origins = settings.cors.access_control_allow_origin if settings.cors.enabled else ()
        hosts = HostCheck(settings.host, settings.allowed_hosts, origins)
        label_of = self._labels(extensions)
        return Entrance(app, hosts, label_of, tuple(started), tuple(finished), workplace.held)

    def _label_of_api(self, path: str) -> str | None:
        name = self._api_names.fixed.get(path)
        if name is None and (template := self._api_names.find_template(path)) is not None:
            name = template[0]
        return name

    def _labels(self, extensions: Extensions) -> Callable[[str], str]:
        labels = {path: path for path in PATHS}
        labels |= {path: route.name for path, (_, route) in extensions.routes.items()}
        labels |= self._api_names.fixed
        mounts = sorted(self._service.mount_apps, key=lambda mount: len(mount.path), reverse=True)

        def label_of(path: str) -> str:
            label = labels.get(path)
            if label is None:
                label = self._label_of_api(path)
            if label is None:
                label = next((mount.label for mount in mounts if mount.holds(path)), "other")
            return label

        return label_of

    def _open_backend(self, name: str | None) -> Backend:
        composition, settings = self._workspace.composition, self._workspace.settings
        chosen = name or settings.runners.backend or _DEFAULT_BACKEND
        open_backend = composition.resolve(composition.find(BackendType, chosen), "backend")
        backend: Backend = open_backend(composition, settings)
        return backend

    def _queued_rows(self) -> dict[str, int]:
        backend = self._readiness.backend
        if backend is None:
            return {}
        return {name: backend.handle(name).queued_rows for name in self._service.runners}

    async def _live(self, receive: ASGIReceive, send: ASGISend) -> None:
        await receive()
        try:
            await self.start()
        except Exception as error:
            if not isinstance(error, JubakoError):
                _logger.exception("the service did not start")
            await send({"type": "lifespan.startup.failed", "message": f"The service did not start: {error}"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        try:
            await self.stop()
        except Exception as error:
            _logger.exception("the service did not stop cleanly")
            await send({"type": "lifespan.shutdown.failed", "message": str(error)})
            return
        await send({"type": "lifespan.shutdown.complete"})


def _open_access_log(settings: ServerSettings, slot: int) -> AccessLog | None:
    if not settings.logging.access.enabled:
        return None
    line_format = choose_format(settings.logging.format, sys.stderr)
    return AccessLog(sys.stderr, line_format, slot=slot, fields=settings.logging.access)
