"""Annotations → kinds of JSON values: records, enums, pydantic's models, and what `typing` builds of them."""

from __future__ import annotations

import contextlib
import dataclasses
import decimal
import enum
import inspect
import math
import types
import typing
from collections import abc
from collections.abc import Callable
from typing import Annotated, Any, Literal, NewType, NotRequired, Required, Union, get_args, get_origin, get_type_hints

import attrs

from jubako.descriptors._aliases import is_alias
from jubako.descriptors._json_containers import Dictionary, Field, FixedTuple, Listing, OneOf, Record
from jubako.descriptors._json_scalars import (
    TEXTUAL_TYPES,
    Anything,
    Choice,
    DecimalNumber,
    Integer,
    Number,
    Plain,
    Textual,
)
from jubako.descriptors._json_types import JsonType
from jubako.descriptors._pydantic import Validated, is_pydantics
from jubako.errors import InvalidArgument

KNOWN = (
    "pydantic models, attrs classes, dataclasses, TypedDicts, enums, dict, list, tuple, set, str, int, float, bool, "
    "None, Any, datetime, date, time, UUID, Decimal, and Literal, Optional, unions, lists and dictionaries of these"
)

_SCALARS: dict[Any, JsonType] = {
    Any: Anything(),
    object: Anything(),
    str: Plain(str),
    bool: Plain(bool),
    None: Plain(type(None)),
    type(None): Plain(type(None)),
    int: Integer(),
    float: Number(),
    decimal.Decimal: DecimalNumber(),
    list: Listing(Anything()),
    tuple: Listing(Anything(), tuple),
    set: Listing(Anything(), set, is_set=True),
    frozenset: Listing(Anything(), frozenset, is_set=True),
    dict: Dictionary(Anything()),
    **{kind: Textual(kind) for kind in TEXTUAL_TYPES},
}
_LISTS: dict[Any, tuple[Callable[[list[Any]], Any], bool]] = {
    list: (list, False),
    abc.Sequence: (list, False),
    abc.MutableSequence: (list, False),
    abc.Collection: (list, False),
    set: (set, True),
    abc.Set: (frozenset, True),
    abc.MutableSet: (set, True),
    frozenset: (frozenset, True),
}
_DICTIONARIES = (dict, abc.Mapping, abc.MutableMapping)
_MARKS = {Annotated, Required, NotRequired, getattr(typing, "ReadOnly", None)} - {None}
_CONSTANTS = (str, int, bool, type(None))


def json_type_of(annotation: Any) -> JsonType:
    """Return the kind of JSON values that an annotation stands for.

    Raises:
        InvalidArgument: it, or something in it, has no form in JSON.
    """
    return _Compiler().compile(annotation)


class _Compiler:
    """Knows the records it has met, for they may hold themselves."""

    def __init__(self) -> None:
        self._records: dict[int, JsonType] = {}
        self._open_aliases: set[Any] = set()

    def compile(self, annotation: Any) -> JsonType:
        with contextlib.suppress(TypeError):  # some annotations have no hash
            if annotation in _SCALARS:
                return _SCALARS[annotation]
        if is_pydantics(annotation):
            return Validated(annotation)
        if isinstance(annotation, NewType):
            return self.compile(annotation.__supertype__)
        origin = get_origin(annotation)
        if is_alias(annotation):
            return self._alias(annotation, annotation.__value__)
        if is_alias(origin):
            return self._alias(annotation, origin.__value__[get_args(annotation)])
        if origin is not None:
            return self._generic(annotation, origin, get_args(annotation))
        if isinstance(annotation, type):
            return self._class(annotation)
        raise _unknown(annotation)

    def _generic(self, annotation: Any, origin: Any, arguments: tuple[Any, ...]) -> JsonType:
        if origin in _MARKS:
            return self.compile(arguments[0])
        if origin in (Union, types.UnionType):
            return OneOf(tuple(self.compile(argument) for argument in arguments))
        if origin is Literal:
            return _literal(annotation, arguments)
        if origin in _LISTS:
            make, is_set = _LISTS[origin]
            return Listing(self.compile(arguments[0]), make, is_set)
        if origin is tuple:
            if len(arguments) == 2 and arguments[1] is Ellipsis:
                return Listing(self.compile(arguments[0]), tuple)
            return FixedTuple(tuple(self.compile(argument) for argument in arguments))
        if origin in _DICTIONARIES:
            if arguments[0] not in (str, Any):
                raise _unknown(annotation, "The names of a JSON object are text.")
            return Dictionary(self.compile(arguments[1]))
        raise _unknown(annotation)

    def _alias(self, alias: Any, meaning: Any) -> JsonType:
        if alias in self._open_aliases:
            raise _unknown(alias, "It stands for itself; a dataclass may, an alias not.")
        self._open_aliases.add(alias)
        try:
            return self.compile(meaning)
        finally:
            self._open_aliases.remove(alias)

    def _class(self, cls: type) -> JsonType:
        known = self._records.get(id(cls))
        if known is not None:
            return known
        if issubclass(cls, enum.Enum):
            return _enum(cls)
        if attrs.has(cls):
            return self._record(cls, cls, _attrs_fields)
        if dataclasses.is_dataclass(cls):
            return self._record(cls, cls, _dataclass_fields)
        # There are two: one of `typing`, one of `typing_extensions`.
        if issubclass(cls, dict) and hasattr(cls, "__required_keys__"):
            return self._record(cls, dict, _typed_dict_fields)
        raise _unknown(cls)

    def _record(self, cls: type, make: Callable[..., Any], fields_of: Callable[[type], list[_Plan]]) -> JsonType:
        # Of a class without a docstring, dataclasses write its signature; that is no help to anybody.
        doc = inspect.cleandoc(cls.__doc__ or "") if not (cls.__doc__ or "").startswith(f"{cls.__name__}(") else ""
        record = Record(cls.__name__, doc, make)
        self._records[id(cls)] = record
        try:
            hints = get_type_hints(cls, include_extras=True)
        except (NameError, TypeError, SyntaxError) as error:
            raise InvalidArgument(
                f"the annotations of {cls.__qualname__} cannot be read.",
                why=f"{error}.",
                do="import what they name in the module of the class, outside of functions",
            ) from error
        record.fields = tuple(
            Field(plan.name, plan.argument, self._field(cls, plan, hints), plan.is_required, plan.default)
            for plan in fields_of(cls)
        )
        return record

    def _field(self, cls: type, plan: _Plan, hints: dict[str, Any]) -> JsonType:
        try:
            return self.compile(hints.get(plan.name, Any))
        except InvalidArgument as error:
            raise InvalidArgument(
                f"{cls.__qualname__}.{plan.name}: {error.message}", why=error.why, do=error.do
            ) from error


@attrs.frozen
class _Plan:
    name: str
    argument: str
    is_required: bool
    default: Any = None


def _attrs_fields(cls: type) -> list[_Plan]:
    return [
        _Plan(field.name, field.alias or field.name, field.default is attrs.NOTHING, _shown(field.default))
        for field in attrs.fields(cls)
        if field.init
    ]


def _dataclass_fields(cls: Any) -> list[_Plan]:
    for name, hint in inspect.get_annotations(cls).items():
        if isinstance(hint, dataclasses.InitVar) or (isinstance(hint, str) and "InitVar" in hint):
            raise InvalidArgument(f"{cls.__qualname__}.{name} is an InitVar, which JSON has nothing for.")
    missing = dataclasses.MISSING
    return [
        _Plan(field.name, field.name, field.default is missing and field.default_factory is missing,
              _shown(field.default))
        for field in dataclasses.fields(cls)
        if field.init
    ]  # fmt: skip


def _typed_dict_fields(cls: Any) -> list[_Plan]:
    plans = []
    for name, hint in get_type_hints(cls, include_extras=True).items():
        # Where annotations are text, the class itself does not see what is not required (a known gap of Python).
        marks = _marks(hint)
        is_required = Required in marks or (NotRequired not in marks and name in cls.__required_keys__)
        plans.append(_Plan(name, name, is_required))
    return plans


def _marks(hint: Any) -> set[Any]:
    """What `Required`, `NotRequired` and the like stand round a hint."""
    marks = set()
    while (origin := get_origin(hint)) in _MARKS:
        marks.add(origin)
        hint = get_args(hint)[0]
    return marks


def _shown(default: Any) -> Any:
    """A default as the schema may show it; None for all that is no plain value."""
    if type(default) is float and math.isnan(default):
        return None
    return default if type(default) in (str, int, bool, float) else None


def _literal(annotation: Any, values: tuple[Any, ...]) -> JsonType:
    if any(type(value) not in _CONSTANTS for value in values):
        raise _unknown(annotation, "JSON has text, integers, booleans and null as constants.")
    return Choice(tuple((value, value) for value in values))


def _enum(cls: type[enum.Enum]) -> JsonType:
    choices = tuple((member.value, member) for member in cls)
    if any(type(value) not in (*_CONSTANTS, float) for value, _ in choices):
        raise _unknown(cls, "Its members have values that JSON has nothing for.")
    return Choice(choices, cls.__name__)


def _unknown(annotation: Any, why: str = "") -> InvalidArgument:
    name = annotation.__qualname__ if isinstance(annotation, type) else repr(annotation)
    return InvalidArgument(
        f"{name} has no form in JSON that Jubako knows.", why=why or f"Known are {KNOWN}.", do="use one of these"
    )
