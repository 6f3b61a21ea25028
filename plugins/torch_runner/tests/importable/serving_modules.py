"""Modules that answer in all kinds of ways."""

from __future__ import annotations

import dataclasses

import torch
from torch import nn


class Doubling(nn.Module):
    """Twice the input; `same` is the input itself, and `ones` as many as are asked for."""

    def forward(self, rows):
        return rows * 2

    def ones(self, of):
        return {"ones": torch.ones(of), "of": of}

    def same(self, rows):
        return rows


class Weighted(nn.Module):
    """Rows times weights, which lie in a dictionary."""

    def forward(self, rows, weights):
        return rows * weights["of"]


class UsingAgain(nn.Module):
    """Twice the input, in a buffer that is kept for all batches; `table` is its weights."""

    def __init__(self):
        super().__init__()
        self.kept = None
        self.weights = nn.Parameter(torch.zeros(1, 3))

    def forward(self, rows):
        if self.kept is None:
            self.kept = rows.new_zeros(256, 3)
        torch.mul(rows, 2, out=self.kept[: len(rows)])
        return self.kept[: len(rows)]

    def table(self, rows):
        return self.weights.expand(len(rows), 3)


@dataclasses.dataclass
class Output:
    """As libraries of models answer."""

    logits: torch.Tensor
    loss: torch.Tensor | None = None


class Answers(nn.Module):
    """The rows, in the kind of answer that is asked for."""

    def forward(self, rows, kind):
        answers = {
            "list": [rows, rows],
            "pair with none": (rows, None),
            "dataclass": Output(rows),
            "mean": rows.mean(),
            "first": rows[:1],
            "dict with loss": {"loss": rows.mean(), "rows": rows},
            "text": "rows",
        }
        return answers[kind]


class Pooled(nn.Module):
    """The mean of what the mask keeps, and the input."""

    def forward(self, rows, mask=None):
        weights = torch.ones(rows.shape[:2]) if mask is None else mask
        return (rows * weights[..., None]).sum(1) / weights.sum(1, keepdim=True), rows


class Kept(nn.Module):
    """What the mask keeps, which it cannot be called without; two numbers for each position, on a third axis."""

    def forward(self, rows, mask):
        return torch.stack([rows * mask, rows], dim=2)


class Failing(nn.Module):
    """Fails, unless all numbers are 0."""

    def forward(self, rows):
        if rows.any():
            raise ValueError("this is the module's own mistake")
        return rows
