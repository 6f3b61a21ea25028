"""`Service`: runners, and functions that HTTP requests reach."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from jubako._references import load_reference
from jubako.contracts.descriptor import Descriptor
from jubako.errors import InvalidArgument
from jubako.runners import Runner, SimpleRunner
from jubako.services.api import InferenceAPI
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
        input: Descriptor,
        output: Descriptor,
        name: str | None = None,
        doc: str | None = None,
        route: str | None = None,
    ) -> Callable[[_Function], _Function]:
        """Decorate a function so that `POST /<route>` calls it; the function itself is returned unchanged.

        A coroutine function is awaited on the event loop and must not block; any other runs in a pool of threads.

        Args:
            input: what a request's body holds; the function gets it as its one argument.
            output: what the function returns.
            name: the API's name; the function's if None.
            doc: what the documentation says; the function's docstring if None.
            route: the path, with or without a leading slash; the name if None.

        Raises:
            InvalidArgument: the name is no identifier, is taken or reserved; the route is no fixed path, is taken or
                reserved; a descriptor or the function cannot be used.
        """

        def add(func: _Function) -> _Function:
            chosen = name if name is not None else getattr(func, "__name__", type(func).__name__)
            text = doc if doc is not None else getattr(func, "__doc__", None) or ""
            self._add(InferenceAPI(chosen, chosen if route is None else route, text, func, input, output))
            return func

        return add

    def openapi_doc(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document of this Service, JSON-like; a new one each time."""
        return describe_service(self.name, self.version, self.doc, self.apis.values())

    def __repr__(self) -> str:
        if self.tag is not None:
            return f"jubako.Service(tag={str(self.tag)!r})"
        if self.import_string is not None:
            return f"jubako.Service(name={self.name!r}, import_string={self.import_string!r})"
        return f"jubako.Service(name={self.name!r}, runners=[{', '.join(self.runners)}])"

    def _add(self, api: InferenceAPI) -> None:
        if api.name in self.apis:
            raise InvalidArgument(
                f"Service {self.name!r} has an API {api.name!r} already.", do="give one of them another name=…"
            )
        for other in self.apis.values():
            if other.route == api.route:
                raise InvalidArgument(
                    f"APIs {other.name!r} and {api.name!r} of Service {self.name!r} have one route, '/{api.route}'.",
                    do="give one of them another route=…",
                )
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
                why=f"It is a {type(runner).__name__}.",
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
