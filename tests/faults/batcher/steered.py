"""A service whose routes are experiments on runners of this folder."""

from __future__ import annotations

import numpy as np

import jubako
from jubako.io import JSON
from tests.faults.batcher import experiments
from tests.faults.batcher.runners import KINDS, Small, Steered, Telling

steered = Steered("steered")
steered.batch_options.max_batch_size = 64
small = Small("small")
telling = Telling("telling")
svc = jubako.Service("steered", runners=[steered, small, telling])

_BAD = {
    **{kind: np.array([7.0, number]) for kind, number in KINDS.items()},
    "not a number": np.array([np.nan, 0.0]),
    "another shape": np.array([7.0]),
    "another dtype": np.array(["7", "x"]),
    "objects": np.array([None, None]),
}


def _rows(count: int = 64) -> list[np.ndarray]:
    return [np.array([float(number) / 7, 0.0]) for number in range(count)]


@svc.api(input=JSON(), output=JSON())
async def ask(number):
    """One good row."""
    return (await steered.async_run(np.array([float(number), 0.0]))).tolist()


@svc.api(input=JSON(), output=JSON())
async def ask_badly(kind):
    """One bad row, alone."""
    return (await steered.async_run(_BAD[kind])).tolist()


@svc.api(input=JSON(), output=JSON())
async def bad_rows(what):
    """64 rows at once, some of which are bad."""
    bad = dict.fromkeys(what["positions"], _BAD[what["kind"]])
    return await experiments.with_bad_rows(steered, _rows(), bad)


@svc.api(input=JSON(), output=JSON())
async def one_cancelled(what):
    """64 rows at once, of which one is withdrawn."""
    return await experiments.with_one_cancelled(steered, _rows(), what["phase"], what["victim"], _BAD["raises"])


@svc.api(input=JSON(), output=JSON())
async def small_device(bursts):
    """64 rows at once on a device for ten."""
    rows = [np.array([float(number)]) for number in range(64)]
    return await experiments.with_a_small_device(small, bursts, rows, [row * 2 for row in rows])


@svc.api(input=JSON(), output=JSON())
async def mixed(what):
    """Calls that do not fit each other."""
    return await experiments.with_mixed_calls(telling, what["seed"], what["count"])
