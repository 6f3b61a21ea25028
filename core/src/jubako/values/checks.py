"""attrs validators whose errors are `InvalidArgument` and say what would have been right, and converters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from jubako.errors import InvalidArgument

_PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+_-]+)?")


def whole_number(minimum: int) -> Any:
    """Accept an int (no bool) of at least `minimum`."""

    def check(instance: object, attribute: Any, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise InvalidArgument(
                f"{type(instance).__name__}.{attribute.name} cannot be {value!r}.",
                do=f"give a whole number from {minimum}",
            )

    return check


def number(*, above: float | None = None, minimum: float | None = None) -> Any:
    """Accept a finite number that is more than `above`, or at least `minimum`."""

    def check(instance: object, attribute: Any, value: object) -> None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
        if not is_number or (above is not None and value <= above) or (minimum is not None and value < minimum):  # type: ignore[operator]
            bound = f"more than {above}" if above is not None else f"of at least {minimum}"
            raise InvalidArgument(
                f"{type(instance).__name__}.{attribute.name} cannot be {value!r}.", do=f"give a number {bound}"
            )

    return check


def flag(instance: object, attribute: Any, value: object) -> None:
    """Accept True and False."""
    if not isinstance(value, bool):
        raise InvalidArgument(
            f"{type(instance).__name__}.{attribute.name} cannot be {value!r}.", do="give True or False"
        )


def pinned_or_empty(instance: object, attribute: Any, value: object) -> None:
    """Accept a distribution's name and version, `name==version`, and the empty text."""
    if not isinstance(value, str) or not _PINNED.fullmatch(value):
        raise InvalidArgument(
            f"{type(instance).__name__}.{attribute.name} cannot be {value!r}.", do="give 'name==version', or nothing"
        )


def as_tuple(items: Iterable[Any]) -> tuple[Any, ...]:
    """Freeze a sequence; type checkers lose the item type of `tuple` itself as a converter."""
    return tuple(items)
