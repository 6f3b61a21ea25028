"""Modules of every kind, saved in each format and loaded: they answer as they did."""

from __future__ import annotations

import pytest
import torch
from sample_modules import NeedsList, Perceptron, Pictures, Sentences, TwoInTwoOut
from torch.utils import _pytree as pytree

import jubako.models
import jubako.torch
from jubako_torch_runner.comparison import first_difference

pytestmark = [
    pytest.mark.usefixtures("workspace"),
    pytest.mark.filterwarnings("ignore:model quiet"),
    # torch's own, of its compiler and of attention over masked rows.
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors"),
]

ROW = torch.linspace(-1, 1, 4)[None]
TOKENS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6, 0, 0]])
PADDING = torch.tensor([[False] * 8 + [True] * 2])
PICTURE = torch.linspace(-1, 1, 3 * 8 * 8).reshape(1, 3, 8, 8)
LEFT, RIGHT, SCALE = torch.linspace(-1, 1, 3)[None], torch.linspace(0, 1, 2)[None], torch.tensor([[3.0]])
# Module, arguments of its class, one row of its inputs, and which positions of the answer count.
KINDS = {
    "mlp": (Perceptron, {}, ((ROW,), {})),
    "cnn": (Pictures, {}, ((PICTURE,), {})),
    "transformer": (Sentences, {}, ((TOKENS, PADDING), {})),
    "tokens": (Sentences, {"tokens": 12}, ((TOKENS,), {})),
    "several": (TwoInTwoOut, {}, ((LEFT, RIGHT), {"scale": SCALE})),
    "list": (NeedsList, {"sizes": [4, 5, 2]}, ((ROW,), {})),
}


def leaves(answer):
    return pytree.tree_leaves(answer)


def repeated(inputs, rows):
    return pytree.tree_map(lambda tensor: torch.cat([tensor] * rows), inputs)


def assert_answers_as(module, read, inputs, *, tolerance=None):
    for rows in (1, 2, 5):
        args, kwargs = repeated(inputs, rows)
        with torch.inference_mode():
            expected, answered = leaves(module(*args, **kwargs)), leaves(read(*args, **kwargs))
        assert [one.dtype for one in expected] == [one.dtype for one in answered]
        for one, other in zip(expected, answered, strict=True):
            if tolerance is None:
                assert torch.equal(one, other)
            else:
                kept = slice(0, 8) if one.ndim == 3 else slice(None)  # positions that the mask keeps
                assert torch.allclose(one[:, kept], other[:, kept], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_a_module_whose_class_and_arguments_are_known_is_data_and_answers_to_the_last_bit(kind, recwarn):
    cls, init, inputs = KINDS[kind]
    module = cls(**init)
    tag = jubako.torch.save(kind, module, init=init, example_inputs=inputs)
    assert jubako.models.get(tag).info.serializer == "safetensors"
    assert not [warning for warning in recwarn if "can run code" in str(warning.message)]
    read = jubako.torch.load(tag)
    assert first_difference(module, read) == ""
    assert module.training
    assert_answers_as(module.eval(), read, inputs)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "transformer", "several"])
def test_a_module_with_example_inputs_is_a_graph_for_any_number_of_rows(kind):
    cls, init, inputs = KINDS[kind]
    module = cls(**init)
    with pytest.warns(UserWarning, match=f"model {kind}:.* is stored as torch.export, which can run code"):
        tag = jubako.torch.save(kind, module, example_inputs=inputs)
    read = jubako.torch.load(tag)
    assert isinstance(read, torch.fx.GraphModule)
    assert module.training
    assert read.eval() is read
    assert not read.training
    assert_answers_as(module.eval(), read, inputs, tolerance=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_any_module_is_a_pickle_that_answers_to_the_last_bit(kind):
    cls, init, inputs = KINDS[kind]
    module = cls(**init)
    read = jubako.torch.load(jubako.torch.save("quiet", module, serializer="torch.save"))
    assert first_difference(module, read) == ""
    assert_answers_as(module.eval(), read, inputs)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", ["mlp", "transformer"])
def test_half_precision_stays_what_it_is_in_every_format(kind, dtype):
    cls, init, inputs = KINDS[kind]
    module = cls(**init).to(dtype)
    inputs = pytree.tree_map(lambda one: one.to(dtype) if one.is_floating_point() else one, inputs)
    for name in ("safetensors", "torch.save", "torch.export")[: 3 if kind == "mlp" else 2]:
        tag = jubako.torch.save("quiet", module, init=init, example_inputs=inputs, serializer=name)
        read = jubako.torch.load(tag)
        assert_answers_as(module.eval(), read, inputs, tolerance=1e-2)
        state = module.state_dict()
        for key, tensor in read.state_dict().items():
            if key in state:
                assert tensor.dtype == state[key].dtype
                assert torch.equal(tensor, state[key])


@pytest.mark.parametrize("layer", [torch.nn.RNN, torch.nn.GRU, torch.nn.LSTM])
@torch.inference_mode()
def test_recurrent_layers_are_data(layer):
    init = {"input_size": 4, "hidden_size": 3, "num_layers": 2, "bidirectional": True}
    module, rows = layer(**init), torch.randn(5, 2, 4)
    tag = jubako.torch.save("recurrent", module, init=init, serializer="safetensors")
    assert torch.equal(jubako.torch.load(tag)(rows)[0], module(rows)[0])
