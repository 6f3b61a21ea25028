"""The same with a model of torch, through its own runner: on the processor, and on a simulated device."""

from __future__ import annotations

import math
import random

import pytest

from jubako.settings import load_settings
from jubako.workspace import open_workspace, using_workspace
from tests.faults.watched import Request

pytestmark = pytest.mark.needs("torch")

ASK = Request("/ask", "1")
ROOM = 37
"""Rows, of `torch_models.ROOM`, which imports no sooner than a service may."""
BACKENDS = pytest.mark.parametrize("backend", ["inline", "process"])


@pytest.fixture
def serve_torch(serve_here, tmp_path):
    """Return a function that serves a model of tokens."""
    import torch

    import jubako.torch
    from tests.faults.batcher.tokens import Tokens

    torch.manual_seed(3)
    with using_workspace(open_workspace(load_settings(environment={"JUBAKO_HOME": str(tmp_path / "home")}))):
        # Without example inputs nothing is measured beforehand: what fits is learned from batches that do not.
        jubako.torch.save("tokens", Tokens(), init={})
    return lambda *arguments: serve_here("torch_models", ASK, *arguments, JUBAKO_PLUGINS="torch_runner")


@BACKENDS
@pytest.mark.row("poison-row")
def test_bad_rows_cost_the_others_of_a_torch_model_nothing(serve_torch, figures, backend):
    served = serve_torch("--backend", backend)
    random_ = random.Random(11)
    good, worst = 0, 0.0
    for kind in ("beyond the vocabulary", "too few tokens", "floats"):
        for count in (1, 2, 5, 64):
            positions = sorted(random_.sample(range(64), count))
            found = served.answer_to("/bad_rows", {"kind": kind, "positions": positions})
            assert found["wrong"] == [], (kind, positions)
            assert set(found["bad"]) <= {"BadInput", "RunnerFailed"}, (kind, found)
            if kind == "beyond the vocabulary":
                assert found["first_batch"] == 64
                worst = max(worst, (found["model_calls"] - 1) / (2 * count * math.log2(64)))
            good += 64 - count
    assert worst <= 1
    figures(**{f"{backend}, torch: equal to solo runs within 1e-6": f"{good:,} of {good:,}"})


@pytest.mark.row("batch-too-large")
def test_a_simulated_gpu_without_room_loses_nothing_and_its_limit_is_found(serve_torch, figures):
    served = serve_torch("--backend", "process")
    found = served.answer_to("/small_device", 6)
    assert found["lost"] == 0
    # Half of what did not fit is tried, and then between that and the least that did not.
    assert found["largest"][0] == 64
    assert found["largest"][-1] == ROOM, found
    figures(
        **{
            f"process, simulated GPU with room for {ROOM}: lost": "0 of 384",
            f"process, simulated GPU with room for {ROOM}: largest batches of 6 bursts": found["largest"],
        }
    )
