"""What is taken for a loss when a module is read back."""

from __future__ import annotations

import copy
import functools
import threading

import pytest
import torch
from sample_modules import Counting, Perceptron, Tied

from jubako_torch_runner.comparison import first_difference, same_tensor


class Setting:
    """An object without equality of its own."""

    def __init__(self, value):
        self.value = value


def doubled(rows, *, by=2):
    return rows * by


def with_attribute(value):
    module = Counting()
    module.extra = value
    return module


@pytest.mark.parametrize(
    "make",
    [
        *(lambda: 1.5, lambda: float("nan"), lambda: {"a": [1, (2, None)]}, lambda: Setting([1, 2]), lambda: doubled),
        *(lambda: functools.partial(doubled, by=3), lambda: torch.tensor([1.0, float("nan")]), lambda: lambda x: x + 1),
        *(lambda: [torch.nn.ReLU()], threading.Lock, lambda: torch.float16, lambda: torch.device("cpu"), set, bytes),
        *(lambda: torch.Generator().manual_seed(3), lambda: Tied),
    ],
)
def test_equal_attributes_are_no_difference(make):
    assert first_difference(with_attribute(make()), with_attribute(make())) == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *((1, 2), (1, 1.0), (1, True), ([1], [2]), ({"a": 1}, {"b": 1}), (Setting(1), Setting(2)), (doubled, print)),
        *((functools.partial(doubled, by=3), functools.partial(doubled, by=4)), (lambda x: x + 1, lambda x: x + 2)),
        *(([torch.nn.Linear(2, 2)], [torch.nn.Linear(2, 2)]), (torch.zeros(2), torch.zeros(2, dtype=torch.float64))),
        *((torch.float16, torch.float32), (Tied, Perceptron), (None, 0), ((1,), [1]), (float("nan"), 1.0)),
    ],
)
def test_other_attributes_are_a_difference(one, other):
    assert first_difference(with_attribute(one), with_attribute(other)) == "attribute extra would come back changed"


def test_objects_that_refer_to_each_other_are_compared_to_the_end():
    def circle(value):
        one, other = Setting(value), Setting(None)
        other.value = [one, other]
        one.more = other
        return with_attribute(one)

    assert first_difference(circle(1), circle(1)) == ""
    assert first_difference(circle(1), circle(2)) != ""


def test_a_module_that_is_held_in_a_list_is_compared():
    module = with_attribute([Perceptron()])
    other = copy.deepcopy(module)
    assert first_difference(module, other) == ""
    with torch.no_grad():
        other.extra[0].layers[0].weight += 1
    assert first_difference(module, other) == "attribute extra would come back changed"
    assert first_difference(module, other, with_attributes=False) == ""


def test_state_is_compared_by_names_types_and_bits():
    module = Tied()
    for change, words in [
        (lambda other: other.half(), "tensor 'one.weight' would come back changed"),
        (lambda other: other.one.register_buffer("more", torch.zeros(1)), "tensor 'one.more' would be missing, or new"),
        (
            lambda other: setattr(other.other, "weight", other.one.weight),
            "tensor 'other.weight' would come back changed",
        ),
        (lambda other: setattr(other, "one", torch.nn.Identity()), "'one' would be a Identity, not a Linear"),
        (lambda other: delattr(other, "one"), "submodule 'one' would be missing, or new"),
    ]:
        other = copy.deepcopy(module)
        change(other)
        assert first_difference(module, other) == words


def test_equal_tensors_that_are_no_longer_shared_are_a_difference():
    module = Tied(is_tied=True)
    other = copy.deepcopy(module)
    other.other.weight = torch.nn.Parameter(other.one.weight.detach().clone())
    assert first_difference(module, other) == "tensor 'other.weight' would no longer be shared as it is"


def test_tensors_are_the_same_to_the_bit():
    assert same_tensor(torch.tensor([float("nan"), -0.0]), torch.tensor([float("nan"), -0.0]))
    assert not same_tensor(torch.tensor([0.0]), torch.tensor([-0.0]))
    assert not same_tensor(torch.tensor([1.0]), torch.tensor([[1.0]]))
    assert same_tensor(torch.tensor([1 + 2j]).conj(), torch.tensor([1 - 2j]))
    assert same_tensor(torch.eye(2).to_sparse(), torch.eye(2).to_sparse())
    assert not same_tensor(torch.eye(2).to_sparse(), torch.eye(2))
    assert not same_tensor(torch.eye(2).to_sparse(), (2 * torch.eye(2)).to_sparse())
