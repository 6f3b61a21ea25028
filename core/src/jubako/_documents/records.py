"""`structure`: parsed data made into attrs records, without coercion, with every mistake named by its path."""

from __future__ import annotations

import difflib
import functools
import types
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin

import attrs
import cattrs
from cattrs.errors import (
    BaseValidationError,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn

from jubako.errors import ConfigurationError, JubakoError

_T = TypeVar("_T")
_Hook = Callable[[Any, Any], Any]


def structure(data: object, cls: type[_T], where: str, *, error: type[JubakoError] = ConfigurationError) -> _T:
    """Make an attrs record, with the records inside it, of parsed data; nothing is coerced.

    A field with a converter of its own gets the raw value. Texts become `Path` and `datetime` (ISO 8601) where the
    field is one; a whole number is accepted for a float.

    Args:
        data: what `parse_yaml` returned; it must be a mapping.
        cls: an attrs class.
        where: what was read, for messages.
        error: the class of errors to raise.

    Raises:
        JubakoError: of the class `error`; lists every mistake with its path, and suggestions for unknown keys.
    """
    if not isinstance(data, Mapping):
        raise error(f"{where} cannot be used.", why=f"It holds {_describe(data)}, not a mapping of keys to values.")
    try:
        return _converter().structure(data, cls)
    except (ClassValidationError, IterableValidationError, _Mistake) as mistake:
        raise error(f"{where} cannot be used.", why=" ".join(_explain(mistake, ""))) from mistake


def suggest(name: str, known: list[str]) -> str:
    """Return `Did you mean 'x'?` for the nearest of the known names, or list them if none is near."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(sorted(known)) or 'none'}."


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, prefer_attrib_converters=True)
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, _exactly)
    converter.register_structure_hook(float, _float)
    converter.register_structure_hook(Path, lambda value, _: Path(_exactly(value, str)))
    converter.register_structure_hook(datetime, _datetime)
    converter.register_structure_hook_func(_is_union_of_scalars, _one_of)
    converter.register_structure_hook_factory(attrs.has, lambda cls: _record_hook(converter, cls))
    converter.register_structure_hook_factory(_is_sequence, lambda kind: _sequence_hook(converter, kind))
    return converter


def _record_hook(converter: cattrs.Converter, cls: Any) -> _Hook:
    read_fields = make_dict_structure_fn(
        cls, converter, _cattrs_forbid_extra_keys=True, _cattrs_prefer_attrib_converters=True
    )

    def read_record(value: Any, kind: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _WrongKind(value, dict)
        for key in value:
            if not isinstance(key, str):
                raise _Mistake(f"unknown key {key!r}, which is not text")
        return read_fields(value, kind)

    return read_record


def _is_sequence(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is tuple or origin is list


def _sequence_hook(converter: cattrs.Converter, kind: Any) -> _Hook:
    # cattrs would also take a text, and make a tuple of its letters.
    item_kind = get_args(kind)[0]

    def read_items(value: Any, _: Any) -> Any:
        items: list[Any] = []
        mistakes: list[Exception] = []
        for index, item in enumerate(_exactly(value, list)):
            try:
                items.append(converter.structure(item, item_kind))
            except (ValueError, TypeError, KeyError, BaseValidationError, JubakoError) as mistake:
                mistake.add_note(IterableValidationNote(f"at index {index}", index, item_kind))
                mistakes.append(mistake)
        if mistakes:
            raise IterableValidationError("while reading a list", mistakes, kind)
        return get_origin(kind)(items)

    return read_items


def _exactly(value: object, kind: type[_T]) -> _T:
    if type(value) is not kind:
        raise _WrongKind(value, kind)
    return value


def _float(value: object, _: object) -> float:
    return float(_exactly(value, int)) if type(value) is int else _exactly(value, float)


def _datetime(value: object, _: object) -> datetime:
    # YAML reads an unquoted time itself; quoted ones and JSON's are text.
    return value if isinstance(value, datetime) else datetime.fromisoformat(_exactly(value, str))


def _is_union_of_scalars(kind: Any) -> bool:
    scalars = (str, int, float, bool, type(None))
    return get_origin(kind) in (Union, types.UnionType) and all(part in scalars for part in get_args(kind))


def _one_of(value: object, kind: Any) -> object:
    parts = get_args(kind)
    if type(value) in parts:
        return value
    if type(value) is int and float in parts:
        return float(value)
    raise _WrongKind(value, kind)


class _Mistake(TypeError):
    """A mistake whose text is ours."""


class _WrongKind(_Mistake):
    """A value of another kind than the field's."""

    def __init__(self, value: object, kind: object) -> None:
        parts = [_KINDS.get(part, str(part)) for part in get_args(kind) or (kind,)]
        super().__init__(f"expected {' or '.join(parts)}, not {_describe(value)}")


_KINDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a mapping",
    type(None): "nothing",
}


def _describe(value: object) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else repr(value)[:80]


def _explain(mistake: BaseException, path: str) -> list[str]:
    """Sentences, one for each mistake in a tree of cattrs errors."""
    if not isinstance(mistake, ClassValidationError | IterableValidationError):
        return [f"{path or 'the document'}: {_sentence(mistake)}"]
    with_notes, without = mistake.group_exceptions()
    sentences: list[str] = []
    for inner, note in with_notes:
        name = getattr(note, "name", None)
        step = f".{name}" if name is not None else f"[{note.index!r}]"
        sentences += _explain(inner, f"{path}{step}".removeprefix("."))
    for inner in without:
        sentences += _explain(inner, path)
    return sentences


def _sentence(mistake: BaseException) -> str:
    if isinstance(mistake, ForbiddenExtraKeysError):
        known = [field.name for field in attrs.fields(mistake.cl)]
        return " ".join(
            f"unknown key {name!r}. {suggest(str(name), known)}" for name in sorted(mistake.extra_fields, key=str)
        )
    if isinstance(mistake, KeyError):
        return f"the key {mistake.args[0]!r} is missing."
    if isinstance(mistake, JubakoError):
        return " ".join(part for part in (mistake.message, mistake.why, mistake.do and f"({mistake.do})") if part)
    if isinstance(mistake, TypeError | AttributeError) and not isinstance(mistake, _Mistake):
        return "expected a mapping."
    return f"{mistake}."
