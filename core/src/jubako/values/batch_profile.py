"""`BatchProfile`: what a runner knows of its device before the first call."""

from __future__ import annotations

import attrs

from jubako.errors import InvalidArgument
from jubako.values.checks import as_tuple, number, whole_number


@attrs.frozen
class SizeCost:
    """What a batch of one size takes.

    Args:
        rows: at least 1.
        seconds: that the device is busy with it.
    """

    rows: int = attrs.field(validator=whole_number(1))
    seconds: float = attrs.field(validator=number(minimum=0))


def _ascending(_: object, attribute: object, sizes: tuple[SizeCost, ...]) -> None:
    rows = [size.rows for size in sizes]
    if rows != sorted(set(rows)):
        raise InvalidArgument(f"sizes of {rows} rows are not in ascending order.")


@attrs.frozen
class BatchProfile:
    """What a runner measured while it was set up, for the dispatcher and the batch policy.

    Args:
        limit_rows: the largest batch that the device has memory for; None if that is not known.
        sizes: sizes that the device runs well, ascending, with their cost; empty if that is not known. A runner that
            pads computes no other sizes.
    """

    limit_rows: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole_number(1)))
    sizes: tuple[SizeCost, ...] = attrs.field(default=(), converter=as_tuple, validator=_ascending)
