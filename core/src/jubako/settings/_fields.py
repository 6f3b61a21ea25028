"""The kinds of values that settings are made of, beside those of `values.checks`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from jubako.errors import InvalidArgument
from jubako.values.checks import flag, number, whole_number
from jubako.values.resources import parse_memory


def names(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """Read several names: a text with commas, or a list; empty ones are dropped. None has none.

    Raises:
        InvalidArgument: it is neither, or something in it is not text.
    """
    parts = value.split(",") if isinstance(value, str) else () if value is None else value
    if not isinstance(parts, Sequence) or not all(isinstance(part, str) for part in parts):
        raise InvalidArgument(f"{value!r} is no list of names.", do='write ["a", "b"] or "a,b"')
    return tuple(part.strip() for part in parts if part.strip())


def secret_names(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """Read several names that are not to be shown, in errors neither.

    Raises:
        InvalidArgument: see `names`; or all that is given is empty, as a variable is that nobody has filled in.
    """
    try:
        found = names("" if value is None else value)
    except InvalidArgument:
        raise InvalidArgument("a setting that is secret is no list of texts.", do='write ["a", "b"] or "a,b"') from None
    if not found and (value is None or isinstance(value, str) or value):
        raise InvalidArgument(
            "a setting that is secret is set, and empty.",
            why="Without a secret the server would be open to everybody, which an empty text may not mean.",
            do="give the secret, or leave the setting out",
        )
    return found


def size(value: int | str) -> int:
    """Read bytes: a number, or a text such as `"16Mi"`.

    Raises:
        InvalidArgument: it is neither, or less than 1.
    """
    size_bytes = None if isinstance(value, bool) else parse_memory(value)
    if size_bytes is None:
        raise InvalidArgument(f"{value!r} is no size.", do='write bytes, or "512Ki", "16Mi", "2Gi"')
    return size_bytes


def text(instance: object, attribute: Any, value: object) -> None:
    """Accept text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidArgument(f"{type(instance).__name__}.{attribute.name} cannot be {value!r}.", do="give a text")


def section(instance: object, attribute: Any, value: object) -> None:
    """Accept an instance of the class that makes the default."""
    expected = attribute.default.factory
    if not isinstance(value, expected):
        raise InvalidArgument(
            f"{type(instance).__name__}.{attribute.name} cannot be {value!r}.", do=f"give {expected.__name__}(…)"
        )


def flag_field(default: bool) -> bool:
    """A setting that is on or off."""
    is_on: bool = attrs.field(default=default, validator=flag)
    return is_on


def names_field(
    *, is_secret: bool = False, validator: Callable[[Any, Any, tuple[str, ...]], None] | None = None
) -> tuple[str, ...]:
    """A setting that is a list of names, empty by default; a secret one is left out of `repr` and of errors."""
    listed: tuple[str, ...] = attrs.field(
        default=(), converter=secret_names if is_secret else names, repr=not is_secret, validator=validator
    )
    return listed


def size_field(default: int) -> int:
    """A setting in bytes."""
    size_bytes: int = attrs.field(default=default, converter=size)
    return size_bytes


def text_field(default: str) -> str:
    """A setting that is text and not empty."""
    content: str = attrs.field(default=default, validator=text)
    return content


def time_field(default: float) -> float:
    """A setting in seconds, more than 0."""
    seconds: float = attrs.field(default=default, validator=number(above=0))
    return seconds


def whole_field(default: int, minimum: int = 1) -> int:
    """A setting that is a whole number of at least `minimum`."""
    count: int = attrs.field(default=default, validator=whole_number(minimum))
    return count
