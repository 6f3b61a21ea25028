"""A service of a torch model whose runners write down what they compute: on the processor and a simulated device."""

from __future__ import annotations

import numpy as np

import jubako
from jubako.contracts.runner import CallJoiner
from jubako.io import JSON
from jubako_torch_runner.runner import TorchRunner
from tests.faults.batcher import experiments
from tests.faults.batcher.runners import Watched
from tests.faults.batcher.tokens import LENGTH, VOCABULARY

TOLERANCE = 1e-6
ROOM = 37


class WatchedJoiner(Watched, CallJoiner):
    """The runner's joiner, watched."""

    def __init__(self, joiner):
        self._joiner = joiner

    def fit_key(self, method, call):
        return self._joiner.fit_key(method, call)

    def run(self, method, calls):
        self.begin(np.zeros((sum(call.rows for call in calls), 1)))
        return self._joiner.run(method, calls)


class WatchedTorch(TorchRunner):
    """The runner of `jubako.torch`, watched."""

    def _setup(self):
        super()._setup()
        self.call_joiner = WatchedJoiner(self.call_joiner)


def _open_small_device(placement):
    # Only where a replica is: workers import no torch.
    from jubako_torch_runner.devices.simulated import SimulatedDevice

    return SimulatedDevice(limit_rows=ROOM)


model = WatchedTorch("tokens:latest", name="tokens")
small = WatchedTorch("tokens:latest", name="small")
small.open_device = _open_small_device
# The limit is the dispatcher's; the policy for devices may like smaller batches better than the largest.
small.batch_options.policy = "adaptive"
for _runner in (model, small):
    _runner.batch_options.max_batch_size = 64
    _runner.resource_quota.cpu = 1
svc = jubako.Service("torch_models", runners=[model, small])

_BAD = {
    "beyond the vocabulary": np.full(LENGTH, VOCABULARY),
    "too few tokens": np.zeros(LENGTH - 1, dtype=np.int64),
    "floats": np.zeros(LENGTH),
}


def _rows() -> list[np.ndarray]:
    return list(np.random.default_rng(5).integers(0, VOCABULARY, (64, LENGTH)))


@svc.api(input=JSON(), output=JSON())
async def ask(_):
    """One good row."""
    return np.asarray(await model.async_run(_rows()[0])).tolist()


@svc.api(input=JSON(), output=JSON())
async def bad_rows(what):
    """64 rows at once, some of which are bad."""
    bad = dict.fromkeys(what["positions"], _BAD[what["kind"]])
    return await experiments.with_bad_rows(model, _rows(), bad, TOLERANCE)


@svc.api(input=JSON(), output=JSON())
async def small_device(bursts):
    """64 rows at once, several times."""
    expected = await experiments.alone(small, _rows())
    return await experiments.with_a_small_device(small, bursts, _rows(), expected, TOLERANCE)
