"""The service of W3, which alone imports torch."""

from __future__ import annotations

import bentoml
import numpy as np
import torch

from benchmarks.inprocess.mlp import Mlp

WORKERS = 2


@bentoml.service(workers=WORKERS)
class Scoring:
    """The MLP, in each worker, with one thread for each of two cores."""

    saved = bentoml.models.BentoModel("mlp:latest")

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self.model = Mlp().eval()
        self.model.load_state_dict(torch.load(self.saved.path_of("mlp.pt"), weights_only=True))

    @bentoml.api(batchable=True, max_batch_size=64)
    def score(self, rows: np.ndarray) -> np.ndarray:
        """Ten numbers for each row."""
        with torch.inference_mode():
            return self.model(torch.from_numpy(np.asarray(rows, dtype=np.float32))).numpy()
