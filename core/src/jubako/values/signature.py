"""`Signature`: how one method of a model is called in batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from jubako.errors import InvalidArgument
from jubako.values.checks import flag, whole_number


@attrs.frozen
class Signature:
    """Whether a method takes batches, and along which axes.

    Args:
        batchable: False for a method that looks across rows, or takes one item at a time: its calls are never joined.
        input_batch_axis: the axis of the arguments that counts rows, from 0.
        output_batch_axis: the axis of the result that counts rows, from 0.
    """

    batchable: bool = attrs.field(default=True, validator=flag)
    input_batch_axis: int = attrs.field(default=0, validator=whole_number(0))
    output_batch_axis: int = attrs.field(default=0, validator=whole_number(0))


SignatureLike = Signature | Mapping[str, Any]
"""A signature, or a mapping of its arguments; `batch_dim` stands for both axes, as one number or as (input, output)."""


def as_signatures(given: Mapping[str, SignatureLike] | None) -> dict[str, Signature]:
    """Read the signatures that a user gives with a model, by the names of its methods.

    Raises:
        InvalidArgument: one is neither a `Signature` nor a mapping of what a signature has.
    """
    return {_checked_name(name): _as_signature(name, one) for name, one in (given or {}).items()}


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise InvalidArgument(f"a signature cannot be of {name!r}.", do="give names of methods, such as 'predict'")
    return name


def _as_signature(name: str, given: object) -> Signature:
    if isinstance(given, Signature):
        return given
    mistake = f"the signature of {name!r} cannot be {given!r}."
    example = 'give for example {"batchable": True, "batch_dim": 0}'
    if not isinstance(given, Mapping):
        raise InvalidArgument(mistake, do=example)
    arguments = dict(given)
    if "batch_dim" in arguments:
        dims = arguments.pop("batch_dim")
        pair = tuple(dims) if isinstance(dims, tuple | list) else (dims, dims)
        if len(pair) != 2 or {"input_batch_axis", "output_batch_axis"} & arguments.keys():
            raise InvalidArgument(mistake, why="batch_dim is one axis, or those of input and output.", do=example)
        arguments["input_batch_axis"], arguments["output_batch_axis"] = pair
    known = attrs.fields_dict(Signature).keys()
    if not arguments.keys() <= known:
        unknown = ", ".join(repr(key) for key in arguments if key not in known)
        raise InvalidArgument(mistake, why=f"A signature has {', '.join(known)} and batch_dim, not {unknown}.")
    return Signature(**arguments)
