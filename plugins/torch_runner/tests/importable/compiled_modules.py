"""A module that says whether it was compiled."""

from __future__ import annotations

import torch
from torch import nn


class Telling(nn.Module):
    """Scores of rows, and whether a compiler has traced what computes them."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 16), nn.GELU(), nn.Linear(16, 3))

    def forward(self, rows):
        is_compiled = torch.compiler.is_compiling()
        return self.layers(rows), torch.full_like(rows[:, 0], float(is_compiled))
