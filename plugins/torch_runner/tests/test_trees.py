"""Trees of tensors."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import torch

from jubako_torch_runner.trees import map_tensors, rows_of, tensors_of


class _Pair(NamedTuple):
    left: Any
    right: Any


def test_tensors_are_replaced_in_the_containers_that_models_return():
    one = torch.ones(2)
    tree = {"a": [one, "text"], "b": _Pair(one, None), "c": OrderedDict(x=(one, 3))}
    doubled = map_tensors(lambda tensor: (tensor * 2).tolist(), tree)
    assert doubled == {"a": [[2, 2], "text"], "b": _Pair([2, 2], None), "c": OrderedDict(x=([2, 2], 3))}
    assert type(doubled["b"]) is _Pair
    assert len(list(tensors_of(tree))) == 3


def test_the_rows_of_a_tree_are_those_of_its_first_tensor_with_an_axis():
    assert rows_of(([torch.tensor(3.0)], {"x": torch.zeros(7, 2)})) == 7
    assert rows_of((1, "no tensor")) == 1
    assert map_tensors(torch.clone, torch.ones(1)).item() == 1
