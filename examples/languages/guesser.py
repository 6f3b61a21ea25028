"""The model: which language a text is written in, from its bytes."""

from __future__ import annotations

import torch
from torch import nn

LANGUAGES = ("English", "German", "French", "Spanish")
LONGEST = 256


class LanguageGuesser(nn.Module):
    """Looks at groups of three bytes, wherever they stand, and at the most telling of them.

    Args:
        width: of what it knows of a byte.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(256, width)
        self.groups = nn.Conv1d(width, 2 * width, kernel_size=3, padding=1)
        self.out = nn.Linear(2 * width, len(LANGUAGES))

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Scores of the languages, a row a text.

        Args:
            tokens: whole numbers below 256, texts by positions.
            mask: True where a text goes on, False where it was padded; None if nothing was.
        """
        known = self.embed(tokens)
        if mask is not None:
            # Beyond its end a text looks as if there were nothing, so that what it is padded to changes no score.
            known = known * mask.unsqueeze(-1)
        found = self.groups(known.transpose(1, 2)).relu()
        if mask is not None:
            found = found * mask.unsqueeze(1)
        scores: torch.Tensor = self.out(found.amax(dim=-1))
        return scores
