"""`BatchOutcome`: what came of one batch."""

from __future__ import annotations

import attrs

from jubako.dispatch.messages import Answer


@attrs.define(eq=False)
class BatchOutcome:
    """What came of one batch.

    Args:
        answers: position of the call in the batch to its answer; a call that was dropped has none.
        compute_s: seconds in the runner's own code, retries included.
        computed_rows: rows that were computed; those of late and dropped calls were not.
        is_clean: True if the batch ran whole at the first try, so that its time tells what such a batch costs.
        too_many_rows: the fewest rows that did not fit the device; None if all did.
        fitting_rows: the most rows that were computed at once; 0 if none were.
    """

    answers: dict[int, Answer] = attrs.field(factory=dict)
    compute_s: float = 0.0
    computed_rows: int = 0
    is_clean: bool = True
    too_many_rows: int | None = None
    fitting_rows: int = 0

    def note_computed(self, rows: int, compute_s: float) -> None:
        """Count rows that were computed at once."""
        self.compute_s += compute_s
        self.computed_rows += rows
        self.fitting_rows = max(self.fitting_rows, rows)

    def add_pieces(self, pieces: BatchOutcome) -> None:
        """Count what was computed of one call in pieces; their answers are joined elsewhere."""
        self.compute_s += pieces.compute_s
        self.computed_rows += pieces.computed_rows
        self.too_many_rows = pieces.too_many_rows
        self.fitting_rows = max(self.fitting_rows, pieces.fitting_rows)
