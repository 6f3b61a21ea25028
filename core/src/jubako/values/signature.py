"""`Signature`: how one method of a model is called in batches."""

from __future__ import annotations

import attrs

from jubako.values._checks import flag, whole_number


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
