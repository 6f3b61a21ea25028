"""`PadTo`: how inputs of different lengths come to share a batch; imports no framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from jubako.errors import InvalidArgument
from jubako.values.checks import whole_number

ArgumentName = int | str
"""A positional argument by its position, from 0, or a keyword argument by its name."""

_MASK_TYPES = ("bool", "int32", "int64", "float16", "bfloat16", "float32")


def _names(given: Any) -> tuple[Any, ...]:
    return tuple(given) if isinstance(given, list | tuple) else (given,)


def _is_names(instance: object, attribute: Any, names: tuple[Any, ...]) -> None:
    if not names or not all(type(name) is str or (type(name) is int and name >= 0) for name in names):
        raise InvalidArgument(
            f"pad_to cannot have inputs={names!r}.", do="give positions and names of arguments, such as [0, 'segments']"
        )


def _sizes(given: Any) -> tuple[Any, ...]:
    return tuple(given) if isinstance(given, list | tuple) else (given,)


def _is_sizes(instance: PadTo, attribute: Any, sizes: tuple[Any, ...]) -> None:
    if any(type(size) is not int for size in sizes) or list(sizes) != sorted({*sizes}) or (sizes and sizes[0] < 1):
        raise InvalidArgument(f"pad_to cannot have sizes={sizes!r}.", do="give ascending lengths of at least 1")
    if sizes and sizes[-1] > instance.maximum:
        raise InvalidArgument(f"pad_to has the size {sizes[-1]}, over its maximum of {instance.maximum}.")


def _is_number(instance: object, attribute: Any, value: Any) -> None:
    values = value.values() if isinstance(value, Mapping) else (value,)
    if not all(type(one) in (int, float, bool) for one in values):
        raise InvalidArgument(
            f"pad_to cannot have value={value!r}.", do="give a number, or a mapping of arguments to numbers"
        )


def _is_mask(instance: object, attribute: Any, mask: Any) -> None:
    if mask is not None and not isinstance(mask, str):
        raise InvalidArgument(
            f"pad_to cannot have mask={mask!r}.", do="give the name of the keyword argument that takes the mask"
        )


def _one_of(*allowed: str) -> Any:
    def check(instance: object, attribute: Any, value: object) -> None:
        if value not in allowed:
            raise InvalidArgument(
                f"pad_to cannot have {attribute.name}={value!r}.", do=f"give one of {', '.join(map(repr, allowed))}"
            )

    return check


def _is_output_axis(instance: object, attribute: Any, given: Any) -> None:
    axes = given.values() if isinstance(given, Mapping) else (given,)
    if not all(axis is None or (type(axis) is int and axis >= 0) for axis in axes):
        raise InvalidArgument(
            f"pad_to cannot have output_axis={given!r}.",
            do="give the axis of the answer that has the inputs' length, None if none has it, or for an answer of "
            "several parts a mapping of their names or positions to axes",
        )


@attrs.frozen(kw_only=True)
class PadTo:
    """Inputs of different lengths share batches: each is padded at its end, and its answer is cut back.

    It holds for every method that a runner calls.

    Args:
        maximum: the longest input that is taken; a longer one is the caller's mistake (`BadInput`).
        output_axis: the axis of the answer that is as long as the inputs, and is cut back to each call's length; None
            if the answer has no such axis. Of answers of several parts a mapping of names or positions to axes.
        inputs: the arguments that are padded, by position or name; those of one call have one length.
        axis: their axis that is padded, counted with the batch axis.
        multiple: lengths are padded up to a multiple of it.
        sizes: the lengths that are padded up to, ascending, in place of `multiple`; up to `maximum` beyond the last.
        value: what is padded with: a number, or a mapping of arguments to numbers.
        mask: the keyword argument in which the module takes a mask. Where the caller gave none, it is made if something
            was padded, or if the module cannot be called without it; one that callers give is padded like an input.
        mask_marks: `values` if true in the mask means that a position counts, `padding` if it means that it does not.
        mask_dtype: the mask's type.

    Raises:
        InvalidArgument: a value is out of its range.
    """

    maximum: int = attrs.field(validator=whole_number(1))
    output_axis: int | Mapping[ArgumentName, int | None] | None = attrs.field(validator=_is_output_axis)
    inputs: tuple[ArgumentName, ...] = attrs.field(default=(0,), converter=_names, validator=_is_names)
    axis: int = attrs.field(default=1, validator=whole_number(0))
    multiple: int = attrs.field(default=1, validator=whole_number(1))
    sizes: tuple[int, ...] = attrs.field(default=(), converter=_sizes, validator=_is_sizes)
    value: float | Mapping[ArgumentName, float] = attrs.field(default=0, validator=_is_number)
    mask: str | None = attrs.field(default=None, validator=_is_mask)
    mask_marks: str = attrs.field(default="values", validator=_one_of("values", "padding"))
    mask_dtype: str = attrs.field(default="bool", validator=_one_of(*_MASK_TYPES))

    def padded(self, length: int) -> int:
        """The length that a batch gets whose longest input has `length`, which is at most the maximum."""
        if self.sizes:
            return next((size for size in self.sizes if size >= length), self.maximum)
        return min(self.maximum, -(-length // self.multiple) * self.multiple)

    def value_of(self, name: ArgumentName) -> float:
        """What an argument is padded with; a mask that a caller gave, with what marks padding."""
        if name == self.mask:
            return float(self.mask_marks == "padding")
        return self.value.get(name, 0) if isinstance(self.value, Mapping) else self.value

    def pads(self, name: ArgumentName) -> bool:
        """True for an input that is padded, and for the mask."""
        return name in self.inputs or name == self.mask

    def check_axes(self, input_batch_axis: int, output_batch_axis: int) -> None:
        """Check that no axis that is padded or cut back is the one that counts rows.

        Raises:
            InvalidArgument: one is.
        """
        output_axes = self.output_axis.values() if isinstance(self.output_axis, Mapping) else (self.output_axis,)
        for what, axis, is_taken in (
            ("axis", input_batch_axis, self.axis == input_batch_axis),
            ("output_axis", output_batch_axis, output_batch_axis in output_axes),
        ):
            if is_taken:
                raise InvalidArgument(
                    f"pad_to cannot have {what}={axis}.",
                    why="Along this axis rows are counted; axes of pad_to are counted with it.",
                    do="give the axis of the length, such as 1",
                )

    def cut_axis(self, path: tuple[ArgumentName, ...]) -> int | None:
        """The axis along which a part of the answer is cut back; None if it has no such axis.

        Args:
            path: names and positions from the whole answer to the part; empty for an answer of one part.
        """
        if isinstance(self.output_axis, Mapping):
            return self.output_axis.get(path[0]) if path else None
        return self.output_axis


def as_pad_to(given: PadTo | Mapping[str, Any] | None) -> PadTo | None:
    """Read `pad_to` as `load_runner` was given it: a mapping of what `PadTo` takes.

    Raises:
        InvalidArgument: it is no mapping, has an unknown key, lacks one, or has a wrong value.
    """
    if given is None or isinstance(given, PadTo):
        return given
    fields = attrs.fields_dict(PadTo)
    example = 'give for example {"maximum": 128, "output_axis": None, "mask": "attention_mask"}'
    if not isinstance(given, Mapping):
        raise InvalidArgument(f"pad_to cannot be {given!r}.", do=example)
    unknown = [key for key in given if key not in fields]
    if unknown:
        raise InvalidArgument(f"pad_to has no key {unknown[0]!r}.", why=f"It has {', '.join(fields)}.", do=example)
    missing = [key for key in ("maximum", "output_axis") if key not in given]
    if missing:
        raise InvalidArgument(
            f"pad_to needs {missing[0]!r}.",
            why="Without it a padded answer could not be told from one that was not.",
            do=example,
        )
    if isinstance(given.get("output_axis"), Mapping):
        # Keys of JSON are texts, also those that are positions.
        axes = {int(key) if str(key).isdigit() else key: axis for key, axis in given["output_axis"].items()}
        given = {**given, "output_axis": axes}
    if isinstance(given.get("value"), Mapping):
        values = {int(key) if str(key).isdigit() else key: value for key, value in given["value"].items()}
        given = {**given, "value": values}
    return PadTo(**given)
