"""The model of W3, the same weights in every server."""

from __future__ import annotations

import torch

FEATURES = 512
CLASSES = 10
_HIDDEN = 2048
_SEED = 7


class Mlp(torch.nn.Module):
    """512-2048-2048-10, in float32."""

    def __init__(self) -> None:
        """Make it with the weights that torch draws."""
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(FEATURES, _HIDDEN),
            torch.nn.ReLU(),
            torch.nn.Linear(_HIDDEN, _HIDDEN),
            torch.nn.ReLU(),
            torch.nn.Linear(_HIDDEN, CLASSES),
        )

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Ten numbers for each row."""
        scores: torch.Tensor = self.layers(rows)
        return scores


def make_mlp() -> Mlp:
    """The model with the weights that the answers in `workloads` belong to, ready to be asked."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        return Mlp().eval()
