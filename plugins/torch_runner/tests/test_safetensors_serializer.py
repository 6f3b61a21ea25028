"""Modules as data: what comes back, what is refused, and what planted files do."""

from __future__ import annotations

import copy
import json

import pytest
import safetensors.torch
import torch
from sample_modules import Counting, NeedsList, Perceptron, Pictures, Sentences, Tied, WithExtraState

from jubako.errors import InvalidArgument, InvalidManifest, JubakoError, MissingDependency, ModelNotTrusted
from jubako_torch_runner.comparison import first_difference
from jubako_torch_runner.safetensors_serializer import SafetensorsSerializer
from jubako_torch_runner.saved_module import SavedModule

SERIALIZER = SafetensorsSerializer()


def through(module, folder, **init):
    SERIALIZER.dump(SavedModule(module, init=init), folder)
    return SERIALIZER.load(folder).module


def structure_of(folder):
    return json.loads((folder / "module.json").read_text())


def plant(folder, **changes):
    (folder / "module.json").write_text(json.dumps({**structure_of(folder), **changes}))


@pytest.fixture
def folder(tmp_path):
    """A folder with a stored module."""
    SERIALIZER.dump(SavedModule(Perceptron(), init={}), tmp_path)
    return tmp_path


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_every_tensor_keeps_its_type_and_bits(tmp_path, dtype):
    module = Sentences().to(dtype)
    read = through(module, tmp_path)
    assert first_difference(module, read) == ""
    assert {tensor.dtype for tensor in (*read.parameters(), read.positions)} == {dtype}


def test_a_module_in_training_comes_back_in_evaluation_and_is_left_as_it_was(tmp_path):
    module = Pictures().train()
    module(torch.randn(8, 3, 8, 8))  # batch normalisation has moved
    read = through(module, tmp_path)
    assert not any(part.training for part in read.modules())
    assert all(part.training for part in module.modules())
    picture = torch.randn(1, 3, 8, 8)
    assert torch.equal(read(picture), copy.deepcopy(module).eval()(picture))


def test_buffers_that_a_state_dict_leaves_out_come_back_with_their_values(tmp_path):
    module = Counting()
    module.scale += 4
    module.whole *= -1
    read = through(module, tmp_path)
    assert read.scale.tolist() == [5, 5]
    assert read.whole.tolist() == [0, -1, -2]
    assert read.flags.tolist() == [True, False]
    assert "scale" not in read.state_dict()


@pytest.mark.parametrize("init", [{}, {"is_tied": True}])
def test_shared_tensors_are_kept_once_and_are_shared_again(tmp_path, init):
    module = Tied(**init)
    module.other.weight = module.one.weight
    read = through(module, tmp_path, **init)
    assert read.other.weight is read.one.weight
    assert list(safetensors.torch.load_file(tmp_path / "module.safetensors")) == [
        "one.bias",
        "one.weight",
        "other.bias",
    ]


def test_what_the_constructor_shares_and_was_taken_apart_comes_back_apart(tmp_path):
    module = Tied(is_tied=True)
    module.other.weight = torch.nn.Parameter(module.one.weight.detach().clone() + 1)
    read = through(module, tmp_path, is_tied=True)
    assert first_difference(module, read) == ""
    assert read.other.weight is not read.one.weight


def test_a_part_that_stands_twice_in_a_module_is_kept_once(tmp_path):
    module = Tied()
    module.other = module.one
    read = through(module, tmp_path)
    assert read.other.weight is read.one.weight
    assert read.other.bias is read.one.bias


def test_views_of_one_tensor_are_kept_apart_each_with_its_values(tmp_path):
    module = Tied()
    both = torch.randn(8, 4)
    module.one.weight, module.other.weight = (torch.nn.Parameter(part) for part in (both[:4], both[4:]))
    read = through(module, tmp_path)
    assert torch.equal(read.one.weight, both[:4])
    assert torch.equal(read.other.weight, both[4:])


def test_tensors_keep_the_order_of_their_axes_in_memory(tmp_path):
    module = Pictures().to(memory_format=torch.channels_last)
    read = through(module, tmp_path)
    assert read.features[0].weight.stride() == module.features[0].weight.stride()
    assert first_difference(module, read) == ""


def test_frozen_parameters_stay_frozen(tmp_path):
    module = Tied()
    module.one.requires_grad_(False)
    read = through(module, tmp_path)
    assert [name for name, parameter in read.named_parameters() if not parameter.requires_grad] == [
        "one.weight",
        "one.bias",
    ]


def test_the_files_may_go_when_a_module_was_read(folder):
    module = SERIALIZER.load(folder).module
    before = module.layers[0].weight.clone()
    tensors = folder / "module.safetensors"
    tensors.write_bytes(bytes(tensors.stat().st_size))
    assert torch.equal(module.layers[0].weight, before)


def test_reading_leaves_the_programs_random_numbers_alone(folder):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    SERIALIZER.load(folder)
    assert torch.equal(torch.rand(1), expected)


def test_arguments_of_lists_and_texts_make_the_module(tmp_path):
    read = through(NeedsList([2, 3, 4], "tanh"), tmp_path, sizes=[2, 3, 4], activation="tanh")
    assert read(torch.zeros(1, 2)).shape == (1, 4)


@pytest.mark.parametrize(
    ("saved", "words"),
    [
        (
            SavedModule(Perceptron()),
            "Perceptron cannot be kept as safetensors.\ninit= is not given: the arguments that",
        ),
        (SavedModule(WithExtraState(), init={}), "'_extra_state' in its state dict is no parameter or buffer"),
    ],
)
def test_what_tensors_cannot_hold_is_refused_with_the_reason(tmp_path, saved, words):
    with pytest.raises(InvalidArgument) as caught:
        SERIALIZER.dump(saved, tmp_path)
    assert words in str(caught.value)


def test_sparse_tensors_are_refused(tmp_path):
    module = Tied()
    module.one.weight = torch.nn.Parameter(torch.eye(4).to_sparse())
    with pytest.raises(InvalidArgument, match=r"'one\.weight' cannot be stored.*\nIt is a sparse_coo Parameter"):
        SERIALIZER.dump(SavedModule(module, init={}), tmp_path)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("os:system", ModelNotTrusted),
        ("subprocess:Popen", ModelNotTrusted),
        ("sample_modules:NotAModule", ModelNotTrusted),
        ("sample_modules:make_perceptron", ModelNotTrusted),
        ("torch:load", ModelNotTrusted),
        ("planted_in_cwd:Net", MissingDependency),
        ("not a name", InvalidManifest),
    ],
)
def test_a_planted_class_is_refused_and_not_called(folder, tmp_path, monkeypatch, name, error):
    ran = tmp_path / "ran"
    (tmp_path / "planted_in_cwd.py").write_text(f"open({str(ran)!r}, 'w')\nclass Net: pass")
    monkeypatch.chdir(tmp_path)
    plant(folder, **{"class": name, "init": {"args": f"touch {ran}", "shell": True}})
    with pytest.raises(error):
        SERIALIZER.load(folder)
    assert not ran.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"class": 3},
        {"class": None},
        {"init": []},
        {"init": {"unknown": 1}},
        {"init": {"width": 10**18}},
        {"tied": {"layers.0.weight": "layers.7.weight"}},
        {"tied": {"layers.0.weight": 1}},
        {"tied": {"forward": "layers.0.weight"}},
        {"passing": ["layers.0.weight"]},
        {"passing": [["a"]]},
        {"passing": "layers"},
        {"frozen": [1]},
        {"layouts": {"layers.0.weight": [0, 0]}},
        {"layouts": {"layers.0.weight": [2, 1, 0]}},
        {"layouts": {"layers.0.weight": 7}},
        {"layouts": []},
        {"more": 1},
    ],
)
def test_damaged_structures_are_our_errors(folder, changes):
    plant(folder, **changes)
    with pytest.raises(JubakoError):
        SERIALIZER.load(folder)


def test_tensors_of_another_module_are_refused_with_their_names(folder):
    safetensors.torch.save_file({"layers.0.weight": torch.zeros(1)}, folder / "module.safetensors")
    with pytest.raises(InvalidManifest) as caught:
        SERIALIZER.load(folder)
    assert str(caught.value).startswith("module.json does not fit sample_modules:Perceptron.\n")
    assert 'Missing key(s) in state_dict: "layers.0.bias"' in str(caught.value)
    assert "Do: give init= the arguments that make the same module" in str(caught.value)


def test_a_constructor_that_fails_is_named_with_its_arguments(folder):
    plant(folder, init={"width": "wide"})
    with pytest.raises(
        InvalidManifest, match=r"sample_modules:Perceptron cannot be made with the arguments \['width'\]"
    ):
        SERIALIZER.load(folder)


def test_huge_or_deep_json_is_refused(folder):
    (folder / "module.json").write_text("[" * 100_000)
    with pytest.raises(InvalidManifest, match=r"module\.json cannot be read"):
        SERIALIZER.load(folder)
