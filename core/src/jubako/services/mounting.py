"""What a Service carries beside its APIs: mounted applications, middleware, and functions of its start and stop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import attrs

from jubako.contracts.extensions import check_path
from jubako.contracts.http_server import ASGIApp
from jubako.errors import InvalidArgument

# Exact paths that the server answers itself, whatever is mounted.
BUILT_IN_PATHS = frozenset({"/docs.json", "/metrics", "/healthz", "/livez", "/readyz"})


@attrs.frozen
class WsgiApp:
    """A WSGI application; the server calls it in its pool of threads.

    Args:
        app: called as `app(environ, start_response)` (PEP 3333).
    """

    app: Callable[..., Any]


class Mount(NamedTuple):
    """An application that is served below a path.

    Attributes:
        app: an ASGI application, or a WSGI one in a `WsgiApp`.
        path: with a leading slash and none at its end; `/` for all that nothing else answers.
        name: for log and metrics; None is the path's.
    """

    app: ASGIApp | WsgiApp
    path: str
    name: str | None

    @property
    def label(self) -> str:
        """What log and metrics call it."""
        return self.name or self.path.strip("/") or "mount"

    def holds(self, path: str) -> bool:
        """True for the mount's own path and those below it."""
        return self.path == "/" or path == self.path or path.startswith(f"{self.path}/")


class AddedMiddleware(NamedTuple):
    """A middleware of a Service.

    Attributes:
        factory: called as `factory(app, **options)` when the application starts.
        options: keyword arguments.
    """

    factory: Callable[..., ASGIApp]
    options: Mapping[str, Any]


def checked_mount(service: str, app: object, path: object, name: object, *, is_wsgi: bool) -> Mount:
    """Make the record of a mounted application.

    Raises:
        InvalidArgument: the application cannot be called, the path is no path or the server's own, the name is no text.
    """
    noun = "WSGI" if is_wsgi else "ASGI"
    if not callable(app):
        raise InvalidArgument(
            f"Service {service!r} cannot mount {app!r}.",
            why=f"It is of type {type(app).__name__}, and no {noun} application.",
        )
    checked = check_path(path, f"the {noun} application mounted by Service {service!r}")
    if checked in BUILT_IN_PATHS:
        raise InvalidArgument(
            f"Service {service!r} cannot mount an application at {checked!r}.",
            why="The server answers there itself.",
            do="give another path",
        )
    if name is not None and (not isinstance(name, str) or not name.strip()):
        raise InvalidArgument(f"a mounted application cannot be named {name!r}.", do="give text, or nothing")
    return Mount(WsgiApp(app) if is_wsgi else app, checked, name)


def checked_middleware(service: str, factory: object, options: Mapping[str, Any]) -> AddedMiddleware:
    """Make the record of a middleware.

    Raises:
        InvalidArgument: it cannot be called with an application.
    """
    if not callable(factory):
        raise InvalidArgument(
            f"Service {service!r} cannot add the middleware {factory!r}.",
            why=f"It is of type {type(factory).__name__}.",
            do="give an ASGI middleware class, which is called as cls(app, **options)",
        )
    return AddedMiddleware(factory, dict(options))


def checked_hook(service: str, when: str, function: object) -> Callable[[], Any]:
    """Return a function of a Service's start or stop.

    Args:
        service: its name.
        when: `on_startup` or `on_shutdown`.
        function: what was decorated.

    Raises:
        InvalidArgument: it cannot be called without arguments.
    """
    if not callable(function):
        raise InvalidArgument(
            f"@{when} of Service {service!r} was given {function!r}, which cannot be called.",
            do=f"write @svc.{when} above a function, without parentheses",
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise InvalidArgument(
            f"the {when} function {hook_name(function)} of Service {service!r} is a generator.",
            do="write one function for @svc.on_startup and another for @svc.on_shutdown",
        )
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise InvalidArgument(
            f"the {when} function {hook_name(function)} of Service {service!r} cannot be called without arguments.",
            why=f"{error}.",
        ) from error
    except ValueError:
        pass  # Some functions written in C tell nothing.
    return function


def hook_name(function: object) -> str:
    """What errors call a function."""
    return str(getattr(function, "__qualname__", None) or type(function).__name__)
