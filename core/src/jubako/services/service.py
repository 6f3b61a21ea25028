"""`Service`: runners, and functions that HTTP requests reach."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from jubako._references import load_reference
from jubako.contracts.descriptor import Descriptor
from jubako.contracts.http_server import ASGIApp
from jubako.errors import InvalidArgument
from jubako.runners import Runner, SimpleRunner
from jubako.services.api import InferenceAPI, define_api
from jubako.services.mounting import AddedMiddleware, Mount, checked_hook, checked_middleware, checked_mount
from jubako.services.openapi import describe_service
from jubako.values.tag import Tag
from jubako.workspace import Workspace, current_workspace

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Service:
    """A web service: a name, the runners it needs, and the APIs that are added to it.

    Example::

        svc = jubako.Service("iris", runners=[runner])


        @svc.api(input=NumpyNdarray(shape=(-1, 4)), output=NumpyNdarray())
        async def classify(flowers):
            return await runner.async_run_batch(flowers)

    Args:
        name: by the rules of tags (upper case is lowered with a warning).
        runners: every `Runner` and `SimpleRunner` that the APIs call; their names differ.

    Attributes:
        name: the name.
        runners: the runners by name.
        apis: the APIs by name, in the order they were added; of this Service alone.
        mount_apps: the mounted applications, as tuples of application, path and name, in the order they were added.
        middlewares: the ASGI middleware, as tuples of class and options; the first is outermost.
        startup_functions: what `on_startup` was given.
        shutdown_functions: what `on_shutdown` was given.
        tag: the Bento's exact tag, if the Service was loaded from one; else None.
        bento: that Bento; else None.
        import_string: where the Service was loaded from, `module:attribute`; None for one that was only made.
        working_dir: the folder that `import_string` counts from; None likewise.
        workspace: the Bento's models and what else it is served with, if the Service was loaded from one; else None.

    Raises:
        InvalidArgument: the name breaks the rules, two runners have one name, or something else than a runner is given.
    """

    def __init__(self, name: str, runners: Sequence[Runner | SimpleRunner] | None = None) -> None:
        if isinstance(name, str) and name != name.lower():
            warnings.warn(f"Service {name!r} is named in lower case: {name.lower()!r}", stacklevel=2)
        self.name = Tag(name.lower() if isinstance(name, str) else name).name
        self.runners = _by_name(name, runners)
        self.apis: dict[str, InferenceAPI] = {}
        self.mount_apps: list[Mount] = []
        self.middlewares: list[AddedMiddleware] = []
        self.startup_functions: list[Callable[[], Any]] = []
        self.shutdown_functions: list[Callable[[], Any]] = []
        self.tag: Tag | None = None
        self.bento: Any = None
        self.import_string: str | None = None
        self.working_dir: Path | None = None
        self.workspace: Workspace | None = None

    @property
    def version(self) -> str | None:
        """The Bento's version, if the Service was loaded from one; else None."""
        return None if self.tag is None else self.tag.version

    @property
    def doc(self) -> str:
        """What the documentation says of the Service, in Markdown: its Bento's README, or its APIs in a list."""
        if self.bento is not None:
            return str(self.bento.doc)
        lines = [f"- `POST /{api.route}`{_first_line(api.doc)}" for api in self.apis.values()]
        return "\n".join([f"# {self.name}", "", *lines, ""])

    @property
    def asgi_app(self) -> Any:
        """A new ASGI application of this Service, with the inline backend; of a Bento, with the Bento's models."""
        make_application = load_reference("jubako.server:make_application")
        return make_application(self, workspace=self.workspace or current_workspace())

    def api(
        self,
        input: Descriptor | None = None,
        output: Descriptor | None = None,
        name: str | None = None,
        doc: str | None = None,
        route: str | None = None,
    ) -> Callable[[_Function], _Function]:
        """Decorate a function so that `POST /<route>` calls it; the function itself is returned unchanged.

        A coroutine function is awaited on the event loop and must not block; any other runs in a pool of threads. What
        a generator yields, of either kind, is sent item by item. A parameter that is annotated `jubako.Context` gets
        the request and the response.

        Args:
            input: what a request's body holds; the function gets it as its one argument. None takes it from that
                argument's annotation; a function without one takes no body.
            output: what the function returns, or each item that it yields; None takes it from the return annotation.
            name: the API's name; the function's if None.
            doc: what the documentation says; the function's docstring if None.
            route: the path, with or without a leading slash; the name if None. `{name}` in the place of a segment is a
                parameter of the function, `{name:path}` at the end takes all segments that are left.

        Raises:
            InvalidArgument: the name is no identifier, is taken or reserved; the route is no path, is taken or
                reserved; a descriptor, an annotation or the function cannot be used.
        """

        def add(func: _Function) -> _Function:
            self._add(define_api(func, input=input, output=output, name=name, doc=doc, route=route))
            return func

        return add

    def mount_asgi_app(self, app: ASGIApp, path: str = "/", name: str | None = None) -> None:
        """Serve an ASGI application below a path: HTTP, WebSocket, and its lifespan, after the Service's own start.

        Built-in routes and APIs are looked up first, then the mount with the longest path.

        Args:
            app: the application; it gets the path as `root_path`.
            path: with or without a leading slash; `/` is all that nothing else answers.
            name: for log and metrics; the path's if None.

        Raises:
            InvalidArgument: the application cannot be called; the path is none, is taken, or the server's own.
        """
        self._mount(checked_mount(self.name, app, path, name, is_wsgi=False))

    def mount_wsgi_app(self, app: Callable[..., Any], path: str = "/", name: str | None = None) -> None:
        """Serve a WSGI application, such as Flask's, below a path; see `mount_asgi_app`.

        It is called in the pool of threads of sync APIs, where `runner.run` works, with the whole body of the request.

        Args:
            app: the application; it gets the path as `SCRIPT_NAME`.
            path: with or without a leading slash; `/` is all that nothing else answers.
            name: for log and metrics; the path's if None.

        Raises:
            InvalidArgument: the application cannot be called; the path is none, is taken, or the server's own.
        """
        self._mount(checked_mount(self.name, app, path, name, is_wsgi=True))

    def add_asgi_middleware(self, middleware_cls: Callable[..., ASGIApp], **options: Any) -> None:
        """Wrap the application in ASGI middleware: every route, mount and page, HTTP and WebSocket, probes included.

        The one that was added first is outermost. Limits, Host check, access log and metrics, CORS and API keys stay
        outside, so what a middleware rejects is logged and counted. A lifespan is not passed through middleware.

        Args:
            middleware_cls: called once, when the application starts, as `middleware_cls(app, **options)`; if it raises,
                the application does not start.
            options: keyword arguments.

        Raises:
            InvalidArgument: it cannot be called.
        """
        self.middlewares.append(checked_middleware(self.name, middleware_cls, options))

    def on_startup(self, function: _Function) -> _Function:
        """Decorate a function so that it is called in each API worker when it starts; it is returned unchanged.

        The runners can be called by then, and no request has come yet. Functions are called one after the other, in the
        order they were added; a coroutine function is awaited, any other runs in a thread. One that raises keeps the
        worker from starting.

        Raises:
            InvalidArgument: it cannot be called without arguments.
        """
        self.startup_functions.append(checked_hook(self.name, "on_startup", function))
        return function

    def on_shutdown(self, function: _Function) -> _Function:
        """Decorate a function so that it is called in each API worker that stops, after the last answer.

        The runners can still be called. What was added last is called first. One that raises is logged, and the others
        are called all the same; none is called where the start failed.

        Raises:
            InvalidArgument: it cannot be called without arguments.
        """
        self.shutdown_functions.append(checked_hook(self.name, "on_shutdown", function))
        return function

    def on_asgi_app_startup(self) -> Any:
        """Called before the functions of `on_startup`; does nothing unless a subclass overrides it."""

    def on_asgi_app_shutdown(self) -> Any:
        """Called after the functions of `on_shutdown`; does nothing unless a subclass overrides it."""

    def openapi_doc(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document of this Service, JSON-like; a new one each time."""
        return describe_service(self.name, self.version, self.doc, self.apis.values())

    def __repr__(self) -> str:
        if self.tag is not None:
            return f"jubako.Service(tag={str(self.tag)!r})"
        if self.import_string is not None:
            return f"jubako.Service(name={self.name!r}, import_string={self.import_string!r})"
        return f"jubako.Service(name={self.name!r}, runners=[{', '.join(self.runners)}])"

    def _mount(self, mount: Mount) -> None:
        for other in self.mount_apps:
            if other.path == mount.path:
                raise InvalidArgument(
                    f"Service {self.name!r} has an application mounted at {mount.path!r} already.",
                    do="give one of them another path",
                )
        self.mount_apps.append(mount)

    def _add(self, api: InferenceAPI) -> None:
        if api.name in self.apis:
            raise InvalidArgument(
                f"Service {self.name!r} has an API {api.name!r} already.", do="give one of them another name=…"
            )
        for other in self.apis.values():
            api.check_beside(other, self.name)
        self.apis[api.name] = api


def _by_name(service_name: str, runners: Sequence[Runner | SimpleRunner] | None) -> dict[str, Runner | SimpleRunner]:
    if runners is None:
        return {}
    if isinstance(runners, Runner | SimpleRunner):
        raise InvalidArgument(
            f"runners of Service {service_name!r} is a runner, not a list.", do=f"write [{runners.name}]"
        )
    named: dict[str, Runner | SimpleRunner] = {}
    for runner in runners:
        if not isinstance(runner, Runner | SimpleRunner):
            raise InvalidArgument(
                f"{runner!r} cannot be a runner of Service {service_name!r}.",
                why=f"It is of type {type(runner).__name__}.",
                do="give what load_runner(…) returns, or an instance of a subclass of jubako.Runner",
            )
        if runner.name in named:
            raise InvalidArgument(
                f"Service {service_name!r} has two runners named {runner.name!r}.", do="give one of them another name=…"
            )
        named[runner.name] = runner
    return named


def _first_line(doc: str) -> str:
    line = doc.strip().partition("\n")[0].strip()
    return f": {line}" if line else ""
