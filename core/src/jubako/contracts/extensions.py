"""What the hook `jubako_extend_application` hands over: routes, middleware and observers of one application.

They name no web framework: a route gets and gives plain records, middleware is ASGI, observers get records.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import attrs

from jubako.contracts.backend import BatchRecord
from jubako.contracts.http_server import ASGIApp
from jubako.errors import InvalidArgument

# In routes, mounts and templates, as a path stands after percent-decoding: what separates URLs, marks templates, spaces
# and control characters.
FORBIDDEN_IN_PATHS = re.compile(r"""[\x00-\x20\x7f-\xa0\\?#%{}<>"^`|\ud800-\udfff]""")
_METHOD = re.compile(r"[A-Z]{1,20}")


def check_path(path: object, words: str) -> str:
    """Return a fixed path with one leading slash and none at its end; a leading slash may be left out.

    Args:
        path: what was given.
        words: what it is the path of, for the error.

    Raises:
        InvalidArgument: it is no path of names with one '/' between them.
    """
    if not isinstance(path, str):
        raise InvalidArgument(f"{words} has no path, but {type(path).__name__}.", do='give text such as "/tools"')
    names = path.removeprefix("/").removesuffix("/")
    if FORBIDDEN_IN_PATHS.search(names) or (names and any(part in ("", ".", "..") for part in names.split("/"))):
        raise InvalidArgument(
            f"{words} cannot have the path {path!r}.",
            why="A path is names with one '/' between them, without spaces, '?', '#', '%' or '{…}'.",
            do='give one such as "/tools"',
        )
    return f"/{names}"


@attrs.frozen
class RouteRequest:
    """One request of a plugin's route.

    Args:
        method: upper case.
        path: percent-encoding undone, without the path under which the application is mounted.
        query: after the `?`, percent-encoded; empty if there is none.
        headers: names in lower case; of repeated ones the last.
        body: whole, and within the server's limits.
        id: the request's id, as in the log.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b""
    id: str = ""


@attrs.frozen
class RouteResponse:
    """What a plugin's route answers.

    Args:
        body: sent in one piece.
        status: 200 to 599.
        content_type: of the body.
        headers: further ones, none that the server sets itself, such as `content-length`.
    """

    body: bytes = b""
    status: int = attrs.field(default=200, validator=[attrs.validators.ge(200), attrs.validators.le(599)])
    content_type: str = "application/json"
    headers: Mapping[str, str] = attrs.field(factory=dict)


def _check_name(record: Any, attribute: Any, name: Any) -> None:
    if not isinstance(name, str) or not name.strip() or "\n" in name:
        raise InvalidArgument(f"a {type(record).__name__} needs a name of one line, not {name!r}.")


def _check_callable(record: Any, attribute: Any, value: Any) -> None:
    if not callable(value):
        raise InvalidArgument(
            f"{attribute.name} of {type(record).__name__} {record.name!r} cannot be called.",
            why=f"It is {value!r}.",
        )


def _route_path(path: object) -> str:
    return check_path(path, "a plugin's route")


def _methods(values: Any) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


@attrs.frozen(kw_only=True)
class Route:
    """A path that the plugin answers; never one that is the server's own or an API's.

    Args:
        name: for log and metrics.
        path: fixed, with or without a leading slash.
        endpoint: awaited on the event loop if it is a coroutine function, else called in a thread. A `JubakoError` that
            it raises is answered with its status; any other error is a 500.
        methods: that it takes; others are answered 405.
    """

    name: str = attrs.field(validator=_check_name)
    path: str = attrs.field(converter=_route_path)
    endpoint: Callable[[RouteRequest], RouteResponse | Awaitable[RouteResponse]] = attrs.field(
        validator=_check_callable
    )
    methods: tuple[str, ...] = attrs.field(default=("GET",), converter=_methods)

    @methods.validator
    def _check_methods(self, _: object, methods: tuple[str, ...]) -> None:
        if not methods or not all(isinstance(method, str) and _METHOD.fullmatch(method) for method in methods):
            raise InvalidArgument(f"route {self.name!r} has the methods {methods!r}.", do='give for example ("GET",)')


@attrs.frozen(kw_only=True)
class Middleware:
    """ASGI middleware round all routes, mounts and pages of the application, HTTP and WebSocket, probes included.

    Args:
        name: for errors.
        factory: called as `factory(app, **options)` when the application starts; gives an ASGI application. If it
            raises, the application does not start: what it was to keep out would come in.
        options: keyword arguments.
        order: the lowest is outermost; equal ones by the plugin's name. All of them are outside the service's own.
    """

    name: str = attrs.field(validator=_check_name)
    factory: Callable[..., ASGIApp] = attrs.field(validator=_check_callable)
    options: Mapping[str, Any] = attrs.field(factory=dict)
    order: int = 0


@attrs.frozen
class RequestRecord:
    """One request that was answered, or whose client left; a WebSocket when it has ended.

    Args:
        id: the request's id.
        method: upper case; `WEBSOCKET` for one.
        label: the API's name, a built-in path, the name of a route or mount, or `other`: never what a client sent.
        status: of the answer; 499 if the client left first, 101 for a WebSocket that was accepted.
        duration_s: from the headers to the end of the answer.
        sent_bytes: of the answer's body.
    """

    id: str
    method: str
    label: str
    status: int
    duration_s: float
    sent_bytes: int


class RequestFinished(Protocol):
    """Hears of each request, on the event loop; must not block."""

    def __call__(self, record: RequestRecord, /) -> None:
        """Take note of one request."""


class BatchFinished(Protocol):
    """Hears of each batch, on the event loop; must not block."""

    def __call__(self, record: BatchRecord, /) -> None:
        """Take note of one batch."""


@attrs.frozen(kw_only=True)
class Observer:
    """Hears of requests and batches. One that raises costs no request; after ten errors in a row it is switched off.

    Args:
        name: for errors.
        request_finished: called for each request; None for none.
        batch_finished: called for each batch; None for none.
    """

    name: str = attrs.field(validator=_check_name)
    request_finished: RequestFinished | None = attrs.field(
        default=None, validator=attrs.validators.optional(_check_callable)
    )
    batch_finished: BatchFinished | None = attrs.field(
        default=None, validator=attrs.validators.optional(_check_callable)
    )


Extension = Route | Middleware | Observer
"""What the hook `jubako_extend_application` hands over."""
