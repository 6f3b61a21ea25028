"""`InferenceAPI`: one function of a Service and how HTTP reaches it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import attrs

from jubako.contracts.descriptor import Descriptor
from jubako.errors import InvalidArgument

# Routes that the server itself answers, and names that its page and its documentation use.
RESERVED_NAMES = frozenset({"index", "swagger", "docs", "docs.json", "metrics", "healthz", "livez", "readyz"})
_STATIC_PREFIX = "static_content"
# A path as it stands after percent-decoding: no separators of URLs, no templates, no control characters, no spaces.
_FORBIDDEN = re.compile(r"""[\x00-\x20\x7f-\xa0\\?#%{}<>"^`|\ud800-\udfff]""")


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not name.isidentifier():
        raise InvalidArgument(
            f"an API cannot be named {name!r}.", why="A name is a Python identifier.", do="give @svc.api(name=…)"
        )
    if name in RESERVED_NAMES:
        raise InvalidArgument(
            f"an API cannot be named {name!r}.", why="The server uses that name itself.", do="give @svc.api(name=…)"
        )
    return name


def _without_leading_slash(route: object) -> str:
    if not isinstance(route, str):
        raise InvalidArgument(f"a route is text, not {type(route).__name__}.", do='give for example route="v1/predict"')
    return route.removeprefix("/")


@attrs.frozen
class InferenceAPI:
    """One API of a Service; made by `Service.api`, checked when it is made.

    Args:
        name: an identifier, unique in its Service.
        route: the path below which it is served, without a leading slash.
        doc: what the documentation says of it.
        func: the user's function, called with one argument.
        input: what requests hold.
        output: what the function returns.
    """

    name: str = attrs.field(converter=_checked_name)
    route: str = attrs.field(converter=_without_leading_slash)
    doc: str
    func: Callable[..., Any] = attrs.field()
    input: Descriptor = attrs.field()
    output: Descriptor = attrs.field()

    @property
    def is_async(self) -> bool:
        """True if the function is awaited on the event loop; a sync one runs in a thread."""
        call = self.func if inspect.isroutine(self.func) else getattr(self.func, "__call__", None)  # noqa: B004
        return inspect.iscoroutinefunction(self.func) or inspect.iscoroutinefunction(call)

    @route.validator
    def _check_route(self, _: object, route: str) -> None:
        first, *_rest = route.split("/")
        reason = ""
        if _FORBIDDEN.search(route):
            reason = "A route is a fixed path without spaces, '?', '#', '%' or '{…}'."
        elif any(part in ("", ".", "..") for part in route.split("/")) or route.startswith(":"):
            reason = "A route is a path of names with one '/' between them."
        elif route in RESERVED_NAMES or first == _STATIC_PREFIX:
            reason = "The server answers there itself."
        if reason:
            raise InvalidArgument(
                f"API {self.name!r} cannot have the route {route!r}.", why=reason, do="give another route"
            )

    @func.validator
    def _check_func(self, _: object, func: object) -> None:
        if not callable(func):
            raise InvalidArgument(f"API {self.name!r} is no function, but {type(func).__name__}.")
        if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
            raise InvalidArgument(
                f"API {self.name!r} is a generator.",
                why="An answer is sent in one piece.",
                do="return the whole answer",
            )
        try:
            signature = inspect.signature(func)
        except (TypeError, ValueError):
            return  # Some functions written in C tell nothing.
        try:
            signature.bind(object())
        except TypeError as error:
            raise InvalidArgument(
                f"API {self.name!r} cannot be called with one argument: {self.name}{signature}.",
                why="It is called with what its input descriptor reads from a request.",
                do="take exactly one argument",
            ) from error

    @input.validator
    @output.validator
    def _check_descriptor(self, attribute: Any, descriptor: object) -> None:
        if isinstance(descriptor, Descriptor):
            return
        if isinstance(descriptor, type) and issubclass(descriptor, Descriptor):
            fix = f"write {attribute.name}={descriptor.__name__}()"
        else:
            fix = "give a descriptor of jubako.io, such as JSON()"
        raise InvalidArgument(f"the {attribute.name} of API {self.name!r} is no descriptor: {descriptor!r}.", do=fix)
