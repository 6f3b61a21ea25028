"""`InferenceAPI`: one function of a Service and how HTTP reaches it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import attrs

from jubako.contracts.descriptor import Descriptor
from jubako.descriptors.annotations import descriptor_of
from jubako.errors import InvalidArgument
from jubako.services.call_plan import CallPlan, plan_call
from jubako.services.routes import RESERVED_ROUTES, RoutePath
from jubako.workspace import current_workspace


def define_api(
    func: Callable[..., Any],
    *,
    input: Descriptor | None = None,
    output: Descriptor | None = None,
    name: str | None = None,
    doc: str | None = None,
    route: str | None = None,
) -> InferenceAPI:
    """Make an API of a function; what is not said is taken from the function.

    Args:
        func: the function.
        input: what requests hold; None takes it from the annotation of the parameter that is left for it. A function
            without such a parameter takes no body.
        output: what the function returns, or yields; None takes it from its return annotation.
        name: the function's if None.
        doc: the function's docstring if None.
        route: the name if None.

    Raises:
        InvalidArgument: one of them cannot be used, or the annotations do not say what is left out.
    """
    chosen = _checked_name(name if name is not None else getattr(func, "__name__", type(func).__name__))
    owner = f"API {chosen!r}"
    for side, descriptor in (("input", input), ("output", output)):
        if descriptor is not None:
            _check_descriptor(descriptor, side, owner)
    path = RoutePath.parse(chosen if route is None else route, owner)
    plan = plan_call(func, path, owner, input)
    if input is None and plan.takes_input:
        input = _described(plan.input_annotation, owner, f"its parameter {plan.input_name!r}", "input")
        if input.passes_keywords:
            plan = plan_call(func, path, owner, input)
    if output is None:
        output = _described(plan.return_annotation, owner, "its result", "output")
    if plan.is_stream and output.passes_keywords:
        raise InvalidArgument(
            f"{owner} cannot yield {output!r}.",
            why="A form is sent as a whole.",
            do="return it, or give another output",
        )
    text = doc if doc is not None else getattr(func, "__doc__", None) or ""
    return InferenceAPI(chosen, path, text, func, input, output, plan)


@attrs.frozen
class InferenceAPI:
    """One API of a Service; made by `Service.api`, checked when it is made.

    Args:
        name: an identifier, unique in its Service.
        path: where it is served.
        doc: what the documentation says of it.
        func: the user's function.
        input: what requests hold; None if it takes no body.
        output: what the function returns; of a stream, what it yields.
        plan: how a request becomes a call of the function.
    """

    name: str
    path: RoutePath
    doc: str
    func: Callable[..., Any]
    input: Descriptor | None
    output: Descriptor
    plan: CallPlan

    @property
    def route(self) -> str:
        """The path, or the template of paths, at which it is served, without a leading slash."""
        return self.path.text

    @property
    def is_async(self) -> bool:
        """True if the function runs on the event loop; a sync one runs in a thread."""
        return self.plan.kind in ("coroutine", "async generator")

    @property
    def is_stream(self) -> bool:
        """True if the answer is sent item by item."""
        return self.plan.is_stream

    def check_beside(self, other: InferenceAPI, service_name: str) -> None:
        """Refuse to stand beside another API of one Service.

        Raises:
            InvalidArgument: some path is that of both.
        """
        if not self.path.collides(other.path):
            return
        fix = "give one of them another route=…"
        both = f"APIs {other.name!r} and {self.name!r} of Service {service_name!r}"
        if self.route == other.route:
            raise InvalidArgument(f"{both} have one route, '/{self.route}'.", do=fix)
        raise InvalidArgument(
            f"{both} have routes that fit the same paths, '/{other.route}' and '/{self.route}'.",
            why="Of two templates neither goes before the other.",
            do=fix,
        )


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not name.isidentifier():
        raise InvalidArgument(
            f"an API cannot be named {name!r}.", why="A name is a Python identifier.", do="give @svc.api(name=…)"
        )
    if name in RESERVED_ROUTES:
        raise InvalidArgument(
            f"an API cannot be named {name!r}.", why="The server uses that name itself.", do="give @svc.api(name=…)"
        )
    return name


def _check_descriptor(descriptor: object, side: str, owner: str) -> None:
    if isinstance(descriptor, Descriptor):
        return
    if isinstance(descriptor, type) and issubclass(descriptor, Descriptor):
        fix = f"write {side}={descriptor.__name__}()"
    else:
        fix = "give a descriptor of jubako.io, such as JSON()"
    raise InvalidArgument(f"the {side} of {owner} is no descriptor: {descriptor!r}.", do=fix)


def _described(annotation: Any, owner: str, what: str, side: str) -> Descriptor:
    if annotation is inspect.Parameter.empty:
        raise InvalidArgument(
            f"the {side} of {owner} is not known.",
            why=f"There is no annotation of {what}, and no {side}=….",
            do=f"annotate it, or give {side}= a descriptor of jubako.io, such as JSON()",
        )
    try:
        return descriptor_of(annotation, current_workspace().composition)
    except InvalidArgument as error:
        raise InvalidArgument(
            f"the {side} of {owner} is not known: {error.message}",
            why=f"That is the annotation of {what}. {error.why}",
            do=error.do,
        ) from error
