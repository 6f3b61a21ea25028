"""A service of scikit-learn models whose runners write down what they compute, and wait at the gate."""

from __future__ import annotations

import numpy as np

import jubako
from jubako.io import JSON
from jubako_sklearn_runner.runner import SklearnRunner
from tests.faults.batcher import experiments
from tests.faults.batcher.runners import Watched

COLUMNS = 4
FOREST, LINEAR = "forest", "linear"
TOLERANCES = {FOREST: 0.0, LINEAR: 1e-6}


class WatchedModel(Watched, SklearnRunner):
    """The runner of `jubako.sklearn`, watched."""

    def _run_batch(self, rows):
        self.begin(rows)
        return super()._run_batch(rows)


_RUNNERS = {
    FOREST: WatchedModel(f"{FOREST}:latest", "predict_proba"),
    LINEAR: WatchedModel(f"{LINEAR}:latest", "decision_function"),
}
for _runner in _RUNNERS.values():
    _runner.batch_options.max_batch_size = 64
svc = jubako.Service("models", runners=list(_RUNNERS.values()))

_BAD = {
    # Forests take what is not a number, and nothing that is infinite.
    "infinite": np.full(COLUMNS, np.inf),
    "too few columns": np.zeros(COLUMNS - 1),
    "text": np.array(["a"] * COLUMNS),
}


def _rows() -> list[np.ndarray]:
    return list(np.random.default_rng(5).normal(size=(64, COLUMNS)))


@svc.api(input=JSON(), output=JSON())
async def ask(model):
    """One good row."""
    return np.asarray(await _RUNNERS[model].async_run(_rows()[0])).tolist()


@svc.api(input=JSON(), output=JSON())
async def bad_rows(what):
    """64 rows at once, some of which are bad."""
    bad = dict.fromkeys(what["positions"], _BAD[what["kind"]])
    return await experiments.with_bad_rows(_RUNNERS[what["model"]], _rows(), bad, TOLERANCES[what["model"]])


@svc.api(input=JSON(), output=JSON())
async def one_cancelled(what):
    """64 rows at once, of which one is withdrawn."""
    runner = _RUNNERS[what["model"]]
    return await experiments.with_one_cancelled(
        runner, _rows(), what["phase"], what["victim"], _BAD["infinite"], TOLERANCES[what["model"]]
    )
