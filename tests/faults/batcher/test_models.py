"""The same with models of scikit-learn, through their own runner."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from jubako.settings import load_settings
from jubako.workspace import open_workspace, using_workspace
from tests.faults.batcher.experiments import PHASES
from tests.faults.watched import Request

ASK = Request("/ask", '"forest"')
BACKENDS = pytest.mark.parametrize("backend", ["inline", "process"])
MODELS = pytest.mark.parametrize("model", ["forest", "linear"])


@pytest.fixture
def serve_models(serve_here, tmp_path):
    """Return a function that serves a forest and a linear model."""
    ensemble = pytest.importorskip("sklearn.ensemble")
    linear_model = pytest.importorskip("sklearn.linear_model")
    import jubako.sklearn

    random_ = np.random.default_rng(3)
    rows = random_.normal(size=(200, 4))
    classes = (rows[:, 0] + 0.3 * random_.normal(size=200) > 0).astype(int)
    with using_workspace(open_workspace(load_settings(environment={"JUBAKO_HOME": str(tmp_path / "home")}))):
        jubako.sklearn.save("forest", ensemble.RandomForestClassifier(20, random_state=0).fit(rows, classes))
        jubako.sklearn.save("linear", linear_model.LogisticRegression().fit(rows, classes))
    return lambda *arguments: serve_here("models", ASK, *arguments, JUBAKO_PLUGINS="sklearn_runner")


@BACKENDS
@pytest.mark.row("poison-row")
def test_bad_rows_cost_the_others_of_a_model_nothing(serve_models, figures, backend):
    served = serve_models("--backend", backend)
    random_ = random.Random(11)
    for model in ("forest", "linear"):
        good, worst = 0, 0.0
        for kind in ("infinite", "too few columns", "text"):
            for count in (1, 2, 5, 64):
                positions = sorted(random_.sample(range(64), count))
                found = served.answer_to("/bad_rows", {"model": model, "kind": kind, "positions": positions})
                assert found["wrong"] == [], (kind, positions)
                assert set(found["bad"]) == {"BadInput"}
                if kind == "infinite":
                    assert found["first_batch"] == 64
                    worst = max(worst, (found["model_calls"] - 1) / (2 * count * math.log2(64)))
                good += 64 - count
        assert worst <= 1
        equal = "to the last bit" if model == "forest" else "within 1e-6"
        figures(**{f"{backend}, {model}: equal to solo runs {equal}": f"{good:,} of {good:,}"})


@BACKENDS
@pytest.mark.row("cancelled-call")
def test_one_caller_of_a_model_who_leaves_costs_the_others_nothing(serve_models, figures, backend):
    served = serve_models("--backend", backend)
    for model in ("forest", "linear"):
        answered = 0
        for phase in PHASES:
            found = served.answer_to("/one_cancelled", {"model": model, "phase": phase, "victim": 31})
            is_split = phase == PHASES[4]
            assert found["victim"] == "CancelledError", phase
            assert found["answered"] == 63 - is_split, (phase, found)
            assert found["bad"] == ("BadInput" if is_split else "")
            assert found["next_is_right"]
            answered += found["answered"]
        figures(**{f"{backend}, {model}: answered": f"{answered:,} of {answered:,}"})
