"""A module of torch that a row can make fail by itself: a token beyond its vocabulary."""

from __future__ import annotations

import torch

VOCABULARY = 100
LENGTH = 4


class Tokens(torch.nn.Module):
    """Texts of four tokens to three numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = torch.nn.Embedding(VOCABULARY, 8)
        self.head = torch.nn.Linear(8 * LENGTH, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.tokens(tokens).flatten(start_dim=1))
