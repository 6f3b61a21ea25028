"""Annotations of API functions → descriptors: `flowers: np.ndarray` is `NumpyNdarray()`, `-> str` is `Text()`.

Packages are recognized by the names that types say they are defined under; none is imported for it.
"""

from __future__ import annotations

import enum
import types
from collections import abc
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from jubako.contracts.descriptor import Descriptor
from jubako.contracts.offers import DescriptorType
from jubako.descriptors._aliases import resolve_alias
from jubako.descriptors._json_type_of import KNOWN
from jubako.descriptors.json import JSON
from jubako.errors import InvalidArgument
from jubako.plugins import Composition

_STREAMS = (
    abc.AsyncGenerator,
    abc.AsyncIterable,
    abc.AsyncIterator,
    abc.Generator,
    abc.Iterable,
    abc.Iterator,
)


def descriptor_of(annotation: Any, composition: Composition) -> Descriptor:
    """Return the descriptor that an annotation of a parameter or a result stands for.

    In this order: a descriptor, which may stand in `Annotated[…]`; of an iterator or a generator its items; a class
    that an offer names in `python_types`, or a subclass of it; whatever JSON can be checked against.

    Args:
        annotation: an object, not text; see `read_annotations`.
        composition: the plugins in use.

    Raises:
        InvalidArgument: nothing stands for it; names what is known.
        PluginError: what stands for it comes from a plugin that cannot be used.
    """
    annotation = resolve_alias(annotation)
    declared = _declared(annotation)
    if declared is not None:
        return declared
    plain = resolve_alias(get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation)
    origin = get_origin(plain)
    if origin in _STREAMS:
        return descriptor_of(get_args(plain)[0], composition)
    offer = _offer_for(origin or plain, composition)
    if offer is not None:
        descriptor: Descriptor = composition.resolve(offer, "descriptor").from_annotation(plain)
        return descriptor
    try:
        return JSON.from_annotation(annotation)
    except InvalidArgument as error:
        raise _unknown(annotation, composition, error) from error


def read_annotations(func: Callable[..., Any]) -> dict[str, Any]:
    """Return a function's annotations as objects, those of its result under `return`.

    Text is read with the names of the function's module. One that cannot be read, such as the name of a class that is
    defined in another function, stays text: whoever needs it tells, by `unreadable`.
    """
    func = _plain_function(func)
    found: dict[str, Any] = {}
    for name, annotation in getattr(func, "__annotations__", {}).items():
        # One by one: a single one that cannot be read would spoil all.
        holder = types.SimpleNamespace(__annotations__={name: annotation})
        try:
            hints = get_type_hints(holder, globalns=getattr(func, "__globals__", {}), include_extras=True)
        except (NameError, AttributeError, SyntaxError, TypeError):
            hints = {}
        found[name] = hints.get(name, annotation)
    return found


def unreadable(annotation: str) -> InvalidArgument:
    """The error for an annotation that stayed text."""
    return InvalidArgument(
        f"the annotation {annotation!r} cannot be read.",
        why="It names something that the function's module does not have at run time.",
        do="import it there, outside of functions and of `if TYPE_CHECKING:`, or give input=… and output=…",
    )


def _plain_function(func: Any) -> Any:
    while hasattr(func, "__wrapped__"):
        func = func.__wrapped__
    if isinstance(func, types.MethodType):
        return func.__func__
    return func if hasattr(func, "__globals__") else getattr(type(func), "__call__", func)  # noqa: B004


def _declared(annotation: Any) -> Descriptor | None:
    candidates = [annotation]
    if get_origin(annotation) is Annotated:
        candidates = list(get_args(annotation)[1:])
    for candidate in candidates:
        if isinstance(candidate, Descriptor):
            return candidate
        if isinstance(candidate, type) and issubclass(candidate, Descriptor):
            return candidate()
    return None


def _offer_for(cls: Any, composition: Composition) -> DescriptorType | None:
    # An enum is its members, whatever class it mixes in.
    if not isinstance(cls, type) or issubclass(cls, enum.Enum):
        return None
    offers: dict[str, DescriptorType] = {}
    for offer in composition.offers(DescriptorType):
        for python_type in offer.python_types:
            offers.setdefault(python_type, offer)
    names = (f"{base.__module__}:{base.__qualname__}" for base in cls.__mro__)
    return next((offers[name] for name in names if name in offers), None)


def _unknown(annotation: Any, composition: Composition, error: InvalidArgument) -> InvalidArgument:
    if isinstance(annotation, str):
        return unreadable(annotation)
    named = ", ".join(_named_types(composition))
    return InvalidArgument(
        f"no descriptor is known for the annotation {annotation!r}: {error.message}",
        why=f"Known are {named}; and as JSON {KNOWN}.",
        do="give input=… and output=… with descriptors of jubako.io",
    )


def _named_types(composition: Composition) -> list[str]:
    """The types of the offers: one that versions of its package define in several modules once, our own by name."""
    names: dict[str, str] = {}
    for offer in composition.offers(DescriptorType):
        for python_type in offer.python_types:
            module, _, name = python_type.partition(":")
            is_plain = module == "builtins" or module.startswith("jubako.")
            names.setdefault(f"{offer.name}:{name}", name if is_plain else f"{module}.{name}")
    return list(dict.fromkeys(names.values()))
