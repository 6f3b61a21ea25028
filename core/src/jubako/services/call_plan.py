"""`CallPlan`: how a request becomes a call of an API's function; made once, when the API is defined.

Parameters are told apart by the route and by annotation: those of the route's template, the `Context`, and the input.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from jubako.contracts.descriptor import Descriptor
from jubako.descriptors.annotations import read_annotations
from jubako.errors import InvalidArgument
from jubako.services._path_values import Converter, converter_for
from jubako.services.context import Context
from jubako.services.routes import RoutePath

CallKind = Literal["sync", "coroutine", "generator", "async generator"]

_BY_POSITION = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
)
_BY_KEYWORD = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

NO_INPUT = object()
"""Stands for the input of an API that takes none."""


@attrs.frozen
class CallPlan:
    """Which parameter of a function gets what.

    Args:
        kind: what a call of the function gives: a result, a coroutine, or items one by one.
        takes_input: False if the function has no parameter left for an input.
        is_input_first: True if the input is passed by position, else by name.
        input_name: the parameter that gets the input; empty if it goes to no single one.
        input_annotation: of that parameter; text if it cannot be read, `inspect.Parameter.empty` without one.
        spreads_input: True if the input is a dictionary of arguments.
        context_name: the parameter that gets the `Context`; empty if none asks for it.
        path_converters: how the texts of the route's parameters are read.
        path_names: those of the route's parameters that the function takes; the others are in the context alone.
        return_annotation: as `input_annotation`.
    """

    kind: CallKind
    takes_input: bool = True
    is_input_first: bool = True
    input_name: str = ""
    input_annotation: Any = inspect.Parameter.empty
    spreads_input: bool = False
    context_name: str = ""
    path_converters: Mapping[str, Converter] = attrs.field(factory=dict)
    path_names: tuple[str, ...] = ()
    return_annotation: Any = inspect.Parameter.empty

    @property
    def is_plain(self) -> bool:
        """True if the function gets its input, by position, and nothing else."""
        return self.takes_input and self.is_input_first and not self.context_name and not self.path_converters

    @property
    def is_stream(self) -> bool:
        """True if the function gives items one by one."""
        return self.kind in ("generator", "async generator")

    def read_path(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """Convert what stands in the path.

        Raises:
            BadInput: a text is not what the function's annotation says.
        """
        return {name: convert(name, texts[name]) for name, convert in self.path_converters.items()}

    def call(
        self, func: Callable[..., Any], value: Any, path_values: Mapping[str, Any], context: Context | None
    ) -> Any:
        """Call the function; a value is passed on only if the function takes an input."""
        keywords = {name: path_values[name] for name in self.path_names}
        if self.context_name:
            keywords[self.context_name] = context
        if not self.takes_input:
            return func(**keywords)
        if self.spreads_input:
            return func(**value, **keywords)
        if self.is_input_first:
            return func(value, **keywords)
        keywords[self.input_name] = value
        return func(**keywords)


def plan_call(func: Callable[..., Any], route: RoutePath, owner: str, input: Descriptor | None) -> CallPlan:
    """Find out what each parameter of a function gets.

    Args:
        func: the function.
        route: where its API is served.
        owner: the API, for errors: `API 'predict'`.
        input: what requests hold; None if nothing says so but the function.

    Raises:
        InvalidArgument: it is no function, or cannot be called with what a request brings.
    """
    if not callable(func):
        raise InvalidArgument(f"{owner} is no function, but {type(func).__name__}.", do="decorate a function")
    kind = _kind_of(func)
    try:
        signature = inspect.signature(func)
    except (TypeError, ValueError):
        # Some functions written in C tell nothing: they are called with an input, as most are.
        if route.parameters:
            raise InvalidArgument(
                f"{owner} has a route with parameters, and tells nothing of its own.", do="wrap it in a function"
            ) from None
        return CallPlan(kind)
    planner = _Planner(func, signature, owner)
    context_name = planner.find_context()
    converters, path_names = planner.find_path_parameters(route, context_name)
    taken = {context_name, *path_names}
    plan = CallPlan(
        kind,
        context_name=context_name,
        path_converters=converters,
        path_names=path_names,
        return_annotation=planner.annotations.get("return", inspect.Parameter.empty),
    )
    if input is not None and input.passes_keywords:
        planner.check_spread(taken, input.keywords)
        return attrs.evolve(plan, is_input_first=False, spreads_input=True)
    found = planner.find_input(taken, has_input=input is not None)
    if found is None:
        return attrs.evolve(plan, takes_input=False, is_input_first=False)
    return attrs.evolve(
        plan,
        is_input_first=planner.is_first(found),
        input_name=found.name,
        input_annotation=planner.annotation_of(found),
    )


class _Planner:
    """Tells the parameters of one function apart."""

    def __init__(self, func: Callable[..., Any], signature: inspect.Signature, owner: str) -> None:
        self._parameters = list(signature.parameters.values())
        self._owner = owner
        self._shown = f"{getattr(func, '__name__', type(func).__name__)}{signature}"
        self.annotations = read_annotations(_without_partials(func))

    def annotation_of(self, parameter: inspect.Parameter) -> Any:
        """The annotation of a parameter; text if it cannot be read, `inspect.Parameter.empty` without one."""
        return self.annotations.get(parameter.name, inspect.Parameter.empty)

    def find_context(self) -> str:
        """The name of the parameter that is annotated with `Context`, or nothing."""
        asking = [each for each in self._parameters if self.annotation_of(each) is Context]
        if len(asking) > 1:
            raise self._refused("Two of its parameters are a jubako.Context.", "take one")
        for each in asking:
            if each.kind not in _BY_KEYWORD:
                raise self._refused(f"{each.name} cannot be passed by name.", "make it an ordinary parameter")
            return each.name
        return ""

    def find_path_parameters(self, route: RoutePath, context_name: str) -> tuple[dict[str, Converter], tuple[str, ...]]:
        """How the route's parameters are read, and which of them the function takes."""
        converters: dict[str, Converter] = {}
        names: list[str] = []
        takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in self._parameters)
        by_name = {each.name: each for each in self._parameters if each.kind in _BY_KEYWORD}
        for parameter in route.parameters:
            name = parameter.name
            if name == context_name or (name not in by_name and not takes_any and not context_name):
                raise self._refused(
                    f"The route '/{route.text}' has a parameter {name!r}, which the function does not take.",
                    f"add a parameter {name}: str, or one annotated jubako.Context",
                )
            annotation = self.annotations.get(name, inspect.Parameter.empty)
            converter = converter_for(annotation, takes_all=parameter.takes_all)
            if converter is None:
                raise self._refused(
                    f"{name} stands in the route '/{route.text}', and its annotation is none that a path can be read "
                    "as.",
                    "annotate it str, int, float or uuid.UUID (str, where it takes slashes)",
                )
            converters[name] = converter
            if name in by_name or takes_any:
                names.append(name)
        return converters, tuple(names)

    def find_input(self, taken: set[str], *, has_input: bool) -> inspect.Parameter | None:
        """The parameter that gets the input; None if the API takes none."""
        left = [each for each in self._parameters if each.name not in taken]
        positional = [each for each in left if each.kind in _BY_POSITION]
        required = [each for each in left if _is_required(each)]
        if not has_input:
            # Without a descriptor it is the annotation that makes an input of a parameter with a default.
            says_something = (*required, *(each for each in positional if _may_be_input(each)))
            candidates = [each for each in left if each in says_something]
            if not candidates:
                return None
        else:
            candidates = [each for each in left if each in required or each in positional]
        if not candidates or any(each is not candidates[0] for each in required):
            raise self._refused(
                "It is called with what is read from a request's body, beside the route's parameters and the context.",
                "take exactly one argument for it; for several values, a JSON object or io.Multipart(…)",
            )
        found = candidates[0]
        if not self.is_first(found) and found.kind not in _BY_KEYWORD:
            raise self._refused(f"{found.name} can be passed neither first nor by name.", "make it the first parameter")
        return found

    def check_spread(self, taken: set[str], keywords: tuple[str, ...]) -> None:
        """Refuse a function that cannot take the parts of its input by name.

        Args:
            taken: the parameters that get something else.
            keywords: the parts' names; empty if they are not known.
        """
        left = [each for each in self._parameters if each.name not in taken]
        takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in left)
        names = {each.name for each in left if each.kind in _BY_KEYWORD}
        required = {each.name for each in left if _is_required(each)}
        wrong = [name for name in keywords if name in taken or (name not in names and not takes_any)]
        if keywords:
            wrong += sorted(required - set(keywords))
        if wrong or (not names and not takes_any) or not required <= names:
            raise self._refused(
                f"The parts of its input are passed by name{': ' * bool(keywords)}{', '.join(keywords)}.",
                "take a parameter for each part"
                + (f", and no other without a default; see {', '.join(dict.fromkeys(wrong))}" if wrong else ""),
            )

    def is_first(self, parameter: inspect.Parameter) -> bool:
        """True if the parameter gets what a call passes by position."""
        return parameter is next((each for each in self._parameters if each.kind in _BY_POSITION), None)

    def _refused(self, why: str, do: str) -> InvalidArgument:
        unknown = [name for name, annotation in self.annotations.items() if isinstance(annotation, str)]
        hint = f" The annotation of {', '.join(unknown)} cannot be read." if unknown else ""
        return InvalidArgument(f"{self._owner} cannot be called: {self._shown}.", why=why + hint, do=do)


def _without_partials(func: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(func, functools.partial):
        func = func.func
    return func


def _is_required(parameter: inspect.Parameter) -> bool:
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return parameter.default is inspect.Parameter.empty and parameter.kind not in kinds


def _may_be_input(parameter: inspect.Parameter) -> bool:
    # `*args` hides what is taken, often that of a function which a decorator wraps: it is not taken for nothing.
    return parameter.annotation is not inspect.Parameter.empty or parameter.kind is inspect.Parameter.VAR_POSITIONAL


def _kind_of(func: Callable[..., Any]) -> CallKind:
    for call in (func, getattr(func, "__call__", None)):  # noqa: B004 - an object may be called, too
        if inspect.iscoroutinefunction(call):
            return "coroutine"
        if inspect.isasyncgenfunction(call):
            return "async generator"
        if inspect.isgeneratorfunction(call):
            return "generator"
    return "sync"
