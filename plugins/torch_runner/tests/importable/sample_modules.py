"""Modules of the kinds that are served, small, with constructor arguments that JSON can hold."""

from __future__ import annotations

import itertools

import torch
from torch import nn


class Perceptron(nn.Module):
    """An MLP, with a method beside its call."""

    def __init__(self, width: int = 4, *, hidden: int = 8, classes: int = 3) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, classes))

    def forward(self, rows):
        return self.layers(rows)

    def classify(self, rows):
        return self.layers(rows).argmax(-1)


class Pictures(nn.Module):
    """A CNN with batch normalisation and dropout, which differ in training, and a buffer of whole numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(4 * 4 * 4, 2))

    def forward(self, pictures):
        return self.head(self.features(pictures).flatten(1))


class Sentences(nn.Module):
    """A transformer encoder over token numbers, with a mask, tied weights, and positions in a passing buffer."""

    def __init__(self, tokens: int = 20, width: int = 16, length: int = 12) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        layer = nn.TransformerEncoderLayer(width, 2, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(width, tokens, bias=False)
        self.head.weight = self.embedding.weight
        self.register_buffer("positions", torch.linspace(0, 1, length)[:, None].expand(length, width).clone(), False)

    def forward(self, tokens, is_padding=None):
        embedded = self.embedding(tokens) + self.positions[: tokens.shape[1]]
        return self.head(self.encoder(embedded, src_key_padding_mask=is_padding))


class TwoInTwoOut(nn.Module):
    """Several inputs, one of them by keyword, and a dictionary of outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(3, 2)
        self.right = nn.Linear(2, 2)

    def forward(self, left, right, *, scale=None):
        total = self.left(left) + self.right(right)
        return {"total": total if scale is None else total * scale, "parts": (self.left(left), right)}


class Tied(nn.Module):
    """A module whose two layers share a weight if it is asked to."""

    def __init__(self, *, is_tied: bool = False) -> None:
        super().__init__()
        self.one = nn.Linear(4, 4)
        self.other = nn.Linear(4, 4)
        if is_tied:
            self.other.weight = self.one.weight

    def forward(self, rows):
        return self.other(self.one(rows))


class Counting(nn.Module):
    """Buffers of every kind of number, and one that a state dict leaves out and callers change."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("whole", torch.arange(3, dtype=torch.int64))
        self.register_buffer("flags", torch.tensor([True, False]))
        self.register_buffer("nothing", None)
        self.register_buffer("scale", torch.ones(2), persistent=False)
        self.level = 1.0

    def forward(self, rows):
        return rows * self.scale.sum() * self.level


class WithExtraState(nn.Module):
    """A module with state that is no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def get_extra_state(self):
        return {"steps": 3}

    def set_extra_state(self, state):
        self.steps = state["steps"]

    def forward(self, rows):
        return self.layer(rows)


class FixedRows(nn.Module):
    """Computes something that depends on the number of rows in a way that no graph has."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, rows):
        return self.layer(rows).reshape(2, 4) if len(rows) == 2 else self.layer(rows) + len(str(rows.tolist()))


class NeedsList(nn.Module):
    """Its arguments are a list and a text."""

    def __init__(self, sizes: list[int], activation: str = "relu") -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(sizes))
        self.activation = getattr(torch, activation)

    def forward(self, rows):
        for layer in self.layers:
            rows = self.activation(layer(rows))
        return rows


class Normed(nn.Module):
    """A parametrised layer, whose class torch makes anew for each."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.utils.parametrizations.weight_norm(nn.Linear(4, 2))

    def forward(self, rows):
        return self.layer(rows)


class NotAModule:
    """Importable, and no module."""


def make_perceptron(**arguments):
    """A function that answers a module."""
    return Perceptron(**arguments)
