"""What plugins add to an application by the hook `jubako_extend_application`: collected, guarded, and told of."""

from __future__ import annotations

import inspect
import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import attrs

from jubako.contracts.backend import BatchRecord
from jubako.contracts.extensions import Middleware, Observer, RequestRecord, Route, RouteRequest, RouteResponse
from jubako.contracts.http_server import ASGIReceive, ASGISend
from jubako.errors import PluginError
from jubako.plugins import Composition, PluginReport, extend_application
from jubako.server.bodies import read_body
from jubako.server.exchange import SCOPE_KEY, Exchange
from jubako.server.problems import problem_of_status, send_problem
from jubako.server.thread_pool import ThreadPool
from jubako.services import Service
from jubako.services.headers import check_header, is_header_value

_logger = logging.getLogger(__name__)

# In a row; then an observer hears no more.
_MOST_ERRORS = 10


@attrs.frozen
class Extensions:
    """What the plugins add to one application.

    Args:
        routes: by path.
        middleware: outermost first, each with its plugin.
        observers: guarded.
    """

    routes: dict[str, tuple[PluginReport, Route]] = attrs.field(factory=dict)
    middleware: tuple[tuple[PluginReport, Middleware], ...] = ()
    observers: tuple[GuardedObserver, ...] = ()


def collect_extensions(
    composition: Composition, service: Service, is_taken: Callable[[str], bool], *, is_strict: bool
) -> Extensions:
    """Ask the plugins, and log what cannot be added.

    Args:
        composition: the plugins.
        service: what is served.
        is_taken: True for paths that are the server's or an API's.
        is_strict: True makes every fault an error.

    Raises:
        PluginError: `is_strict` and something cannot be added; all of it is told.
    """
    faults: list[tuple[str, str, str]] = []
    routes: dict[str, list[tuple[PluginReport, Route]]] = defaultdict(list)
    middleware: list[tuple[PluginReport, Middleware]] = []
    observers: list[GuardedObserver] = []
    for extended in extend_application(composition, service):
        if extended.fault:
            faults.append((f"{extended.fault}; nothing that it adds is there", extended.remedy, extended.trace))
        for extension in extended.extensions:
            match extension:
                case Route():
                    routes[extension.path].append((extended.plugin, extension))
                case Middleware():
                    middleware.append((extended.plugin, extension))
                case Observer():
                    observers.append(GuardedObserver(extended.plugin, extension))
    usable = {}
    for path, claims in routes.items():
        holders = " and ".join(str(plugin) for plugin, _ in claims)
        if is_taken(path):
            faults.append((f"the route {path} of {holders} is the service's own", "take another path", ""))
        elif len(claims) > 1:
            faults.append((f"the route {path} is claimed by {holders}", "disable one of them", ""))
        else:
            usable[path] = claims[0]
    _tell(faults, is_strict=is_strict)
    # Stable: of equal orders, those of the plugin that comes first by name.
    middleware.sort(key=lambda pair: pair[1].order)
    return Extensions(usable, tuple(middleware), tuple(observers))


def _tell(faults: list[tuple[str, str, str]], *, is_strict: bool) -> None:
    if faults and is_strict:
        raise PluginError(
            "the application cannot be extended by every plugin, and strict loading was asked for.",
            why=" ".join(f"{what}." for what, _, _ in faults),
            do="; ".join(dict.fromkeys(do for _, do, _ in faults)),
        )
    for what, do, trace in faults:
        _logger.error("%s. Do: %s%s", what, do, f"\n{trace}" if trace else "")


class GuardedObserver:
    """An observer of a plugin, which can neither fail a request nor a batch; also a `DispatchObserver`.

    Args:
        plugin: whose it is.
        observer: what it hears with.
    """

    def __init__(self, plugin: PluginReport, observer: Observer) -> None:
        self._plugin = plugin
        self._observer = observer
        self._errors = 0

    @property
    def hears_requests(self) -> bool:
        """True if it asks for requests."""
        return self._observer.request_finished is not None

    @property
    def hears_batches(self) -> bool:
        """True if it asks for batches."""
        return self._observer.batch_finished is not None

    def request_finished(self, exchange: Exchange, duration_s: float) -> None:
        """Tell it of a request."""
        if self._observer.request_finished is not None:
            record = RequestRecord(
                exchange.id, exchange.method, exchange.label, exchange.status, duration_s, exchange.sent_bytes
            )
            self._call(self._observer.request_finished, record)

    def batch_returned(self, record: BatchRecord) -> None:
        """Tell it of a batch."""
        if self._observer.batch_finished is not None:
            self._call(self._observer.batch_finished, record)

    def _call(self, function: Callable[[Any], None], record: RequestRecord | BatchRecord) -> None:
        if self._errors >= _MOST_ERRORS:
            return
        try:
            function(record)
        except Exception:
            self._errors += 1
            _logger.exception("the observer %r of %s failed", self._observer.name, self._plugin)
            if self._errors == _MOST_ERRORS:
                _logger.error(
                    "the observer %r of %s failed %d times in a row and is switched off",
                    self._observer.name,
                    self._plugin,
                    _MOST_ERRORS,
                )
        else:
            self._errors = 0


class PluginRoute:
    """A route of a plugin as an ASGI application; `Bounds` must stand outside.

    Args:
        route: the route.
        threads: where a sync endpoint runs.
    """

    def __init__(self, route: Route, threads: ThreadPool) -> None:
        self._route = route
        self._threads = threads
        self._is_async = inspect.iscoroutinefunction(route.endpoint) or inspect.iscoroutinefunction(
            getattr(route.endpoint, "__call__", None)  # noqa: B004 - an object with a coroutine function of that name
        )

    async def __call__(self, scope: dict[str, Any], receive: ASGIReceive, send: ASGISend) -> None:
        """Answer one request."""
        exchange: Exchange = scope[SCOPE_KEY]
        if exchange.method not in self._route.methods:
            allowed = ", ".join(self._route.methods)
            problem = problem_of_status(
                405, f"{exchange.path} takes {allowed}.", headers=((b"allow", allowed.encode("ascii")),)
            )
            await send_problem(send, problem, exchange.id)
            return
        body = await read_body(receive)
        if body is None:
            return
        request = RouteRequest(
            exchange.method,
            exchange.path,
            scope.get("query_string", b"").decode("latin-1"),
            {name.decode("latin-1"): value.decode("latin-1") for name, value in exchange.headers.items()},
            body,
            exchange.id,
        )
        answer: Any = self._route.endpoint
        response = await (answer(request) if self._is_async else self._threads.run(answer, request))
        if not isinstance(response, RouteResponse):
            raise TypeError(f"route {self._route.name!r} returned {type(response).__name__}, and no RouteResponse")
        if not is_header_value(response.content_type):
            raise ValueError(f"route {self._route.name!r} has a content type that HTTP forbids")
        headers = [(b"content-type", response.content_type.encode("latin-1"))]
        for name, value in response.headers.items():
            headers.append((check_header(name, value).encode("ascii"), value.encode("latin-1")))
        headers.append((b"content-length", b"%d" % len(response.body)))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})
