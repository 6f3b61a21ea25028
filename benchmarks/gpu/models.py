"""The models that are served: small enough to be made on the spot, each with another kind of input."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from benchmarks.inprocess.mlp import FEATURES, Mlp

Rows = tuple[np.ndarray, ...]

_TOKENS = 1000
_LENGTH = 64


class Cnn(torch.nn.Module):
    """Images of 3 x 64 x 64 to ten numbers."""

    def __init__(self) -> None:
        """Make it with the weights that torch draws."""
        super().__init__()
        widths = (3, 64, 128, 256)
        blocks = [
            torch.nn.Sequential(torch.nn.Conv2d(before, after, 3, stride=2, padding=1), torch.nn.ReLU())
            for before, after in itertools.pairwise(widths)
        ]
        self.blocks = torch.nn.Sequential(*blocks)
        self.head = torch.nn.Linear(widths[-1], 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Ten numbers an image."""
        scores: torch.Tensor = self.head(self.blocks(images).mean(dim=(2, 3)))
        return scores


class Encoder(torch.nn.Module):
    """Tokens and the mask of those that count, to ten numbers of a text: a small transformer."""

    def __init__(self, width: int = 128, layers: int = 2) -> None:
        """Make it with the weights that torch draws."""
        super().__init__()
        self.tokens = torch.nn.Embedding(_TOKENS, width)
        layer = torch.nn.TransformerEncoderLayer(width, width // 32, 4 * width, batch_first=True)
        self.encoder = torch.nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = torch.nn.Linear(width, 10)

    def forward(self, tokens: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        """Ten numbers a text; of tokens whose `counts` is False nothing is in them."""
        encoded = self.encoder(self.tokens(tokens), src_key_padding_mask=~counts)
        kept = counts.unsqueeze(-1).to(encoded.dtype)
        scores: torch.Tensor = self.head((encoded * kept).sum(dim=1) / kept.sum(dim=1))
        return scores


class Row(torch.nn.Module):
    """Sixteen numbers to four: next to nothing, for a device that only pretends to compute."""

    def __init__(self) -> None:
        """Make it with the weights that torch draws."""
        super().__init__()
        self.layer = torch.nn.Linear(16, 4)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Four numbers a row."""
        numbers: torch.Tensor = self.layer(rows)
        return numbers


@dataclass(frozen=True)
class Case:
    """A model, what it is asked, and how near its answers have to be.

    Args:
        name: of the model that is saved; letters, digits and dashes.
        module: its class.
        make_rows: so many random rows of each of its arguments.
        tolerance: of answers: absolute, or relative for numbers above 1.
        init: arguments of the class.
        load: arguments of `load_runner`.
        max_batch_size: the option, in rows; a device may have room for fewer.
    """

    name: str
    module: type[torch.nn.Module]
    make_rows: Callable[[np.random.Generator, int], Rows]
    tolerance: float = 1e-5
    init: Mapping[str, Any] = field(default_factory=dict)
    load: Mapping[str, Any] = field(default_factory=dict)
    max_batch_size: int = 64

    def make_module(self) -> torch.nn.Module:
        """The module, with the same weights every time."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(7)
            return self.module(**self.init).eval()


def floats(*shape: int) -> Callable[[np.random.Generator, int], Rows]:
    """Makes rows of float32 between -1 and 1, of one argument."""
    return lambda random, rows: (random.uniform(-1, 1, (rows, *shape)).astype(np.float32),)


def texts(random: np.random.Generator, rows: int) -> Rows:
    """Tokens and masks; every text has at least one token that counts."""
    lengths = random.integers(1, _LENGTH + 1, rows)
    return random.integers(0, _TOKENS, (rows, _LENGTH)), np.arange(_LENGTH) < lengths[:, None]


MLP = Case("mlp", Mlp, floats(FEATURES))
CNN = Case("cnn", Cnn, floats(3, 64, 64))
ENCODER = Case("encoder", Encoder, texts)
ROW = Case("row", Row, floats(16), max_batch_size=128)
