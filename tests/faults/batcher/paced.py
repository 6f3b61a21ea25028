"""A service whose one runner takes as long as the environment says; see `Paced`."""

from __future__ import annotations

import itertools

import numpy as np

import jubako
from jubako.io import JSON
from tests.faults.batcher.runners import Paced

runner = Paced("paced")
svc = jubako.Service("paced", runners=[runner])
_numbers = itertools.count()


@svc.api(input=JSON(), output=JSON())
async def ask(number):
    """Give a number back, from the model."""
    return float((await runner.async_run(np.array([float(number)])))[0])


@svc.api(input=JSON(), output=JSON())
async def queue_up(number):
    """Say as the how many-th the call was made; the model is given the same."""
    place = next(_numbers)
    return float((await runner.async_run(np.array([float(place)])))[0])
