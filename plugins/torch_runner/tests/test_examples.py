"""Example inputs: what is taken, kept and read back."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sample_modules import Perceptron

import jubako.models
import jubako.torch
from jubako.errors import InvalidArgument, InvalidManifest, JubakoError, ModelDigestMismatch
from jubako_torch_runner.comparison import same_tensor
from jubako_torch_runner.device import HostBatch
from jubako_torch_runner.examples import as_example, load_example, read_example, repeat_rows, write_example

ROW = torch.arange(4.0)[None]


def kept(given, folder, axis=0):
    write_example(as_example(given, axis), axis, folder)
    return read_example(folder)


def test_a_tensor_an_array_a_tuple_a_dictionary_and_a_pair_are_taken(tmp_path):
    given = [ROW, ROW.numpy(), (ROW,), {"rows": ROW}, ((ROW,), {"rows": ROW})]
    expected = [(1, []), (1, []), (1, []), (0, ["rows"]), (1, ["rows"])]
    for index, (one, (args, kwargs)) in enumerate(zip(given, expected, strict=True)):
        folder = tmp_path / str(index)
        folder.mkdir()
        read = kept(one, folder)
        assert (len(read.args), list(read.kwargs)) == (args, kwargs)
        assert all(same_tensor(value, ROW) for value in (*read.args, *read.kwargs.values()))


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.bool, torch.float16, torch.bfloat16, torch.uint8])
def test_every_type_comes_back_as_it_is(tmp_path, dtype):
    row = torch.ones(1, 3, dtype=dtype)
    assert same_tensor(kept(row, tmp_path).args[0], row)


def test_only_the_first_row_is_kept(tmp_path):
    assert kept(np.arange(6).reshape(3, 2), tmp_path).args[0].tolist() == [[0, 1]]


def test_rows_are_counted_along_the_axis_that_is_given(tmp_path):
    read = kept(torch.arange(6).reshape(2, 3), tmp_path, axis=1)
    assert read.args[0].tolist() == [[0], [3]]
    assert repeat_rows(read, 2, 1).args[0].tolist() == [[0, 0], [3, 3]]


def test_nested_arguments_and_constants_come_back(tmp_path):
    read = kept(([ROW, (ROW, None)], {"deep": {"rows": ROW, "scale": 2.5, "on": True, "mode": "x"}}), tmp_path)
    assert type(read.args[0]) is list
    assert type(read.args[0][1]) is tuple
    assert read.args[0][1][1] is None
    deep = read.args[1]["deep"]
    assert (deep["scale"], deep["on"], deep["mode"]) == (2.5, True, "x")
    assert repeat_rows(read, 3).args[1]["deep"]["rows"].shape == (3, 4)


def test_the_example_is_a_copy():
    row = torch.zeros(1, 2, requires_grad=True)
    example = as_example(row).args[0]
    assert not example.requires_grad
    assert example.data_ptr() != row.data_ptr()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((), "must hold tensors of as many rows each, at least one, not of shapes none"),
        (torch.zeros(0, 4), r"not of shapes \(0, 4\)"),
        (torch.tensor(1.0), "not of shapes none"),
        ((torch.zeros(1, 3), torch.zeros(5, 5)), r"not of shapes \(1, 3\), \(5, 5\)"),
        (object(), "holds a object"),
        ((ROW, {1, 2}), "holds a set"),
        (np.array([["a"]]), "holds an array of <U1"),
        (np.array([[None]]), "holds an array of object"),
    ],
)
def test_what_is_no_row_is_refused(given, words):
    with pytest.raises(InvalidArgument, match=words):
        as_example(given)


def test_other_kinds_of_dictionaries_are_refused_when_they_are_written(tmp_path):
    with pytest.raises(InvalidArgument, match="holds a dict"):
        kept(({1: ROW},), tmp_path)


def test_a_model_has_its_example_or_none(workspace):
    with_one = jubako.torch.save("one", Perceptron(), init={}, example_inputs=ROW.repeat(3, 1))
    without = jubako.torch.save("none", Perceptron(), init={})
    example = load_example(jubako.models.get(with_one))
    assert isinstance(example, HostBatch)
    assert same_tensor(example.args[0], ROW)
    assert load_example(jubako.models.get(without)) is None


@pytest.mark.filterwarnings("ignore:model one")
def test_every_format_keeps_the_example(workspace):
    for name in ("torch.export", "torch.save"):
        model = jubako.models.get(jubako.torch.save("one", Perceptron(), example_inputs=ROW, serializer=name))
        assert model.info.serializer == name
        assert same_tensor(load_example(model).args[0], ROW)


def test_an_example_that_was_changed_is_refused(workspace):
    model = jubako.models.get(jubako.torch.save("one", Perceptron(), init={}, example_inputs=ROW))
    path = model.path_of("example.safetensors")
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelDigestMismatch):
        load_example(model)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 9},
        {"batch_axis": -1},
        {"batch_axis": "0"},
        {"args": [{"tensor": "input7"}]},
        {"args": [{"pickle": "input0"}]},
        {"args": [{"value": {"a": 1}}]},
        {"args": [3]},
        {"args": [{}]},
        {"args": None},
        {"kwargs": []},
    ],
)
def test_damaged_examples_are_our_errors(tmp_path, changes):
    kept(ROW, tmp_path)
    path = tmp_path / "example.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(InvalidManifest, match=r"example\.json cannot be read"):
        read_example(tmp_path)


def test_an_example_without_its_tensors_is_our_error(tmp_path):
    kept(ROW, tmp_path)
    (tmp_path / "example.safetensors").unlink()
    with pytest.raises(JubakoError, match=r"example\.safetensors cannot be read"):
        read_example(tmp_path)
