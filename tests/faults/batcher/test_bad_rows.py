"""A call that makes its batch fail, in every way and at every position."""

from __future__ import annotations

import json
import math
import random

import pytest

from tests.faults.batcher.runners import KINDS
from tests.faults.watched import Request

ASK = Request("/ask", "1")
BACKENDS = pytest.mark.parametrize("backend", ["inline", "process"])
OWN_KINDS = ("another shape", "another dtype", "objects")
"""What fits no good row, and so is in no batch with one."""


def extra_calls_allowed(bad: int) -> float:
    return 2 * bad * math.log2(64)


@BACKENDS
@pytest.mark.row("poison-row")
def test_a_bad_row_at_any_position_costs_the_others_nothing(serve_here, figures, backend):
    served = serve_here("steered", ASK, "--backend", backend)
    most = 0
    for position in range(64):
        found = served.answer_to("/bad_rows", {"kind": "raises", "positions": [position]})
        assert found["wrong"] == []
        assert found["bad"] == ["RunnerFailed"]
        assert found["first_batch"] == 64
        most = max(most, found["model_calls"] - 1)
    assert most <= extra_calls_allowed(1)
    figures(**{f"{backend}: good rows wrong": f"0 of {64 * 63:,}", f"{backend}: extra calls for 1 bad": most})


@BACKENDS
@pytest.mark.row("poison-row")
def test_several_bad_rows_of_every_kind_cost_the_others_nothing(serve_here, figures, backend, length):
    served = serve_here("steered", ASK, "--backend", backend)
    random_ = random.Random(7)
    good = 0
    worst = 0.0
    for kind in (*KINDS, "not a number", *OWN_KINDS):
        for count in (1, 2, 7, 32, 64) if length(0, 1) else (1, 7, 64):
            positions = sorted(random_.sample(range(64), count))
            found = served.answer_to("/bad_rows", {"kind": kind, "positions": positions})
            assert found["wrong"] == [], (kind, positions)
            expected = {"refuses": {"BadInput"}}.get(kind, {"RunnerFailed", "WrongRowCount"})
            assert set(found["bad"]) <= expected, kind
            if kind not in OWN_KINDS:
                # In one batch with the others, so that they could have been harmed.
                assert found["first_batch"] == 64
                assert found["model_calls"] - 1 <= extra_calls_allowed(count)
                worst = max(worst, (found["model_calls"] - 1) / extra_calls_allowed(count))
            good += 64 - count
    figures(
        **{f"{backend}: good rows wrong": f"0 of {good:,}", f"{backend}: extra calls of those allowed": f"{worst:.0%}"}
    )


@pytest.mark.parametrize("optimize", ["", "1"], ids=["python", "python -O"])
@pytest.mark.row("wrong-answers")
def test_a_model_that_answers_with_the_wrong_rows_is_told_so(serve_here, figures, optimize):
    served = serve_here("steered", ASK, PYTHONOPTIMIZE=optimize)
    kinds = [kind for kind, number in KINDS.items() if number >= KINDS["one row too few"]]
    for kind in kinds:
        status, body = served.post("/ask_badly", json.dumps(kind), "application/json")
        assert status == 500, (kind, body)
    assert served.get("/readyz")[0] == 200
    told = [line for line in served.lines if "runner 'steered' returned" in line]
    assert len(told) >= len(kinds), served.text
    assert any("returned 0 rows from 'run' for 1 rows of input" in line for line in told)
    assert any("returned no batch from 'run', but a NoneType" in line for line in told)
    assert any("returned no batch from 'run', but a int" in line for line in told)
    figures(**{f"{'python -O' if optimize else 'python'}: named": f"{len(kinds)} of {len(kinds)}"})


@BACKENDS
@pytest.mark.row("batch-too-large")
def test_a_device_without_room_is_found_out_once_and_loses_nothing(serve_here, figures, backend):
    served = serve_here("steered", ASK, "--backend", backend)
    found = served.answer_to("/small_device", 5)
    assert found["lost"] == 0
    # 64, 32 and 16 do not fit; then eights. 12 and 11 are tried and do not fit, and tens are kept.
    assert found["passes"][0] == 3 + 8
    assert found["largest"] == [64, 12, 10, 10, 10], found
    assert found["passes"][-1] == 7
    figures(**{f"{backend}: lost": "0 of 320", f"{backend}: model calls of 5 bursts": found["passes"]})


@BACKENDS
@pytest.mark.row("mixed-calls")
def test_calls_that_do_not_fit_are_answered_as_alone(serve_here, figures, backend, length):
    served = serve_here("steered", ASK, "--backend", backend)
    seeds, count = range(int(length(2, 20))), 300
    batches = 0
    for seed in seeds:
        found = served.answer_to("/mixed", {"seed": seed, "count": count})
        assert found["wrong"] == []
        batches += found["batches"]
    # Some fit each other, or the test would show nothing.
    assert batches < 0.9 * len(seeds) * count
    figures(**{f"{backend}: answered as others": f"0 of {len(seeds) * count:,}, in {batches:,} batches"})
