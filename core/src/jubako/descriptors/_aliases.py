"""Names that stand for types: `type Rows = …`, since Python 3.12, and `typing_extensions.TypeAliasType` before."""

from __future__ import annotations

from typing import Any, get_args, get_origin


def resolve_alias(annotation: Any) -> Any:
    """Return what an alias stands for, with its arguments put in; everything else as it is.

    Since numpy 2.5 `numpy.typing.NDArray` is one.
    """
    seen = set()
    while True:
        alias = annotation if get_origin(annotation) is None else get_origin(annotation)
        if not is_alias(alias) or alias in seen:
            return annotation
        seen.add(alias)
        arguments = get_args(annotation)
        annotation = alias.__value__[arguments] if arguments else alias.__value__


def is_alias(annotation: Any) -> bool:
    """True of a name that stands for a type, without its arguments."""
    return type(annotation).__name__ == "TypeAliasType"
