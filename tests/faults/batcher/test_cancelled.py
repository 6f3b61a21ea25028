"""One of 64 callers leaves, in each phase of its call."""

from __future__ import annotations

import json

import pytest

from tests.faults.batcher.experiments import PHASES
from tests.faults.watched import Request

ASK = Request("/ask", "1")


@pytest.mark.parametrize("backend", ["inline", pytest.param("process", marks=pytest.mark.quick)])
@pytest.mark.row("cancelled-call")
def test_the_other_63_are_answered_whenever_one_of_64_leaves(serve_here, figures, backend):
    served = serve_here("steered", ASK, "--backend", backend)
    answered = 0
    for phase in PHASES:
        is_split = phase == "while its batch is split for a bad row"
        # Row 0 is the bad one then; the others are in the piece that waits, in a later one, and last.
        for victim in (1, 31, 63) if is_split else (0 if phase != PHASES[-1] else 1, 31, 63):
            status, body = served.post(
                "/one_cancelled", json.dumps({"phase": phase, "victim": victim}), "application/json"
            )
            assert status == 200, served.text
            found = json.loads(body)
            assert found["victim"] == "CancelledError", (phase, victim)
            assert found["answered"] == 63 - is_split, (phase, victim, found)
            assert found["bad"] == ("RunnerFailed" if is_split else "")
            assert found["next_is_right"]
            assert found["next_s"] < 45
            answered += found["answered"]
    figures(**{f"{backend}: answered": f"{answered:,} of {answered:,}", "phases": len(PHASES)})
