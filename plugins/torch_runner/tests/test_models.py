"""save and load: which format, what is said of it, what is refused, and trust."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
import torch
from sample_modules import Counting, FixedRows, Normed, Perceptron, Pictures, Tied

import jubako.models
import jubako.torch
from jubako.errors import InvalidArgument, ModelDigestMismatch, ModelNotTrusted, NotFound
from jubako.values.signature import Signature
from jubako.workspace import open_workspace, using_workspace
from jubako_torch_runner.comparison import first_difference

pytestmark = [
    pytest.mark.usefixtures("workspace"),
    pytest.mark.filterwarnings("ignore:model quiet"),
    # torch's own, of its compiler and of attention over masked rows.
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors"),
]

ROW = torch.linspace(-1, 1, 4)[None]


def format_of(tag):
    return jubako.models.get(tag).info.serializer


def test_the_warning_says_what_would_make_it_data():
    with pytest.warns(UserWarning, match="can run code") as caught:
        tag = jubako.torch.save("net", Perceptron())
    assert [str(one.message) for one in caught if "can run code" in str(one.message)] == [
        (
            f"model {tag} is stored as torch.save, which can run code when it is loaded. "
            "It would be data without what its data format refuses: safetensors: Perceptron cannot be kept as "
            "safetensors. init= is not given: the arguments that its class makes it with."
        )
    ]
    assert Path(caught[0].filename) == Path(__file__)


def test_a_class_of_this_process_alone_is_code():
    class Local(torch.nn.Module):
        def forward(self, rows):
            return rows * 2

    with pytest.warns(UserWarning, match=r"torch\.save.*Local is defined inside a function"):
        tag = jubako.torch.save("local", Local(), init={})
    assert jubako.torch.load(tag)(ROW).tolist() == (ROW * 2).tolist()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda module: setattr(module, "level", 2.0), "attribute level would come back changed"),
        (lambda module: setattr(module, "labels", ["a"]), "attribute labels would be missing, or new"),
        (lambda module: module.register_forward_hook(print), "hooks _forward_hooks would come back changed"),
        (lambda module: module.add_module("more", torch.nn.ReLU()), "submodule 'more' would be missing, or new"),
    ],
)
def test_what_the_constructor_would_not_bring_back_makes_it_code_and_is_named(change, words):
    module = Counting()
    change(module)
    with pytest.warns(UserWarning, match=words):
        tag = jubako.torch.save("changed", module, init={})
    assert format_of(tag) == "torch.save"


def test_a_changed_setting_of_a_layer_is_not_lost():
    module = Pictures()
    module.features[1].eps = 0.1
    with pytest.warns(UserWarning, match=r"attribute features\.1\.eps would come back changed"):
        tag = jubako.torch.save("cnn", module, init={})
    assert jubako.torch.load(tag).features[1].eps == 0.1


def test_wrong_arguments_of_the_class_make_it_code_and_are_named():
    with pytest.warns(UserWarning, match=r"module\.json does not fit sample_modules:Perceptron"):
        tag = jubako.torch.save("net", Perceptron(5), init={"width": 4})
    assert format_of(tag) == "torch.save"


def test_a_parametrised_layer_is_data_if_the_constructor_makes_it():
    module = Normed()
    module.layer.weight = torch.ones(2, 4)
    tag = jubako.torch.save("normed", module, init={})
    assert format_of(tag) == "safetensors"
    assert torch.equal(jubako.torch.load(tag)(ROW), module(ROW))


def test_a_module_that_was_parametrised_afterwards_is_kept_as_a_graph_only():
    module = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(4, 2))
    tag = jubako.torch.save("quiet", module, example_inputs=ROW)
    assert format_of(tag) == "torch.export"
    assert torch.allclose(jubako.torch.load(tag)(ROW), module(ROW))
    with pytest.raises(InvalidArgument, match="Serialization of parametrized modules"):
        jubako.torch.save("quiet", module)


def test_a_module_that_no_graph_describes_falls_to_the_next_format():
    with pytest.warns(UserWarning, match="stored as torch.save"):
        tag = jubako.torch.save("fixed", FixedRows(), example_inputs=ROW)
    assert format_of(tag) == "torch.save"
    with pytest.raises(
        InvalidArgument, match=r"FixedRows cannot be kept as torch\.export\. Traced for any number of rows"
    ):
        jubako.torch.save("fixed", FixedRows(), example_inputs=ROW, serializer="torch.export")


class Remembering(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)
        self.register_buffer("calls", torch.zeros(()))
        self.shapes = []

    def forward(self, row):
        self.calls.add_(1)
        self.shapes.append(1)
        return self.layer(row)


def test_a_module_that_remembers_calls_is_not_changed_by_being_saved():
    module = Remembering()
    jubako.torch.save("quiet", module, example_inputs=ROW)
    assert module.training
    assert (module.calls, module.shapes) == (0, [])


def test_other_methods_than_the_call_cannot_be_kept_as_a_graph():
    tag = jubako.torch.save("quiet", Perceptron(), example_inputs=ROW, signatures={"classify": Signature()})
    assert format_of(tag) == "torch.save"


@pytest.mark.parametrize("name", ["safetensors", "torch.export", "torch.save"])
def test_a_chosen_format_is_the_only_one_that_is_tried(name):
    tag = jubako.torch.save("quiet", Perceptron(), init={}, example_inputs=ROW, serializer=name)
    assert format_of(tag) == name


def test_a_chosen_format_that_does_not_take_the_module_is_an_error():
    with pytest.raises(InvalidArgument) as caught:
        jubako.torch.save("net", Perceptron(), serializer="safetensors")
    assert str(caught.value).startswith(
        "Perceptron cannot be stored as safetensors.\n"
        "safetensors: Perceptron cannot be kept as safetensors. init= is not given"
    )
    assert jubako.models.list() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"serializer": "onnx"},
            "serializer='onnx' is not known.\nDo: give one of safetensors, torch.export, torch.save",
        ),
        ({"init": {"sizes": (1, 2)}}, "init={'sizes': (1, 2)} cannot be stored.\ninit['sizes'] is a tuple, which JSON"),
        ({"init": {"scale": float("nan")}}, "cannot be stored.\nOut of range float values are not JSON compliant"),
        ({"init": [1]}, "init=[1] cannot be stored.\nit is no dictionary of keyword arguments"),
        ({"signatures": {"predict": Signature()}}, "a Perceptron has no method 'predict'."),
        ({"example_inputs": "row"}, "example_inputs must hold tensors"),
    ],
)
def test_wrong_arguments_are_refused(arguments, words):
    with pytest.raises(InvalidArgument) as caught:
        jubako.torch.save("net", Perceptron(), **arguments)
    assert words in str(caught.value)


def test_what_is_no_module_is_refused_with_what_to_give():
    script = torch.jit.script(torch.nn.Linear(2, 2))
    lazy = torch.nn.LazyLinear(2)
    program = torch.export.export(torch.nn.Linear(2, 2), (torch.zeros(1, 2),))
    for model, words in [
        (Perceptron, "Perceptron is a class.\nDo: give a module, such as Perceptron(…)"),
        ({"weight": 1}, "a dict is no torch.nn.Module.\nDo: give the module, not its weights or its output"),
        (script, "is TorchScript, and cannot be saved.\nTorchScript is no longer developed"),
        (program, "an ExportedProgram cannot be saved."),
        (Perceptron().to("meta"), "'layers.0.weight' has no values.\nIt is on the meta device."),
        (lazy, "'weight' has no values.\nIt is lazy and was never run."),
    ]:
        with pytest.raises(InvalidArgument) as caught:
            jubako.torch.save("net", model)
        assert words in str(caught.value)


def compiled(module):
    return torch.compile(module, backend="eager")  # the one that is quick to import


@pytest.mark.parametrize("wrap", [compiled, torch.nn.DataParallel, lambda one: compiled(torch.nn.DataParallel(one))])
def test_wrappers_that_compute_the_same_are_taken_off(wrap):
    module = Perceptron()
    read = jubako.torch.load(jubako.torch.save("net", wrap(module), init={}))
    assert type(read) is Perceptron
    assert first_difference(module, read) == ""


def test_signatures_are_recorded_beside_that_of_the_call():
    tag = jubako.torch.save("net", Perceptron(), init={}, signatures={"classify": {"batchable": False}})
    signatures = jubako.models.get(tag).info.signatures
    assert signatures == {"__call__": Signature(), "classify": Signature(batchable=False)}


def test_the_manifest_pins_what_can_be_installed():
    info = jubako.models.get(jubako.torch.save("net", Perceptron(), init={})).info
    assert info.context.framework_versions["torch"] == torch.__version__
    pinned = dict(one.split("==") for one in info.context.pip_requirements)
    # No index has the builds for one kind of device, such as 2.13.0+cpu.
    assert pinned["torch"] == torch.__version__.partition("+")[0]


@pytest.mark.parametrize("name", ["torch.export", "torch.save"])
def test_code_loads_on_another_machine_only_after_its_digest_is_trusted(workspace, tmp_path, name):
    tag = jubako.torch.save("quiet", Perceptron(), example_inputs=ROW, serializer=name)
    stores = attrs.evolve(workspace.settings.stores, home=tmp_path / "other", model_store=workspace.model_store.url)
    settings = attrs.evolve(workspace.settings, stores=stores)
    with using_workspace(open_workspace(settings)):
        with pytest.raises(ModelNotTrusted, match=r"trust\.digests") as caught:
            jubako.torch.load(tag)
        digest = jubako.models.get(tag).digest
        assert digest in str(caught.value)
        assert f"It is stored as {name}, a format that can run any code" in str(caught.value)
    trusting = attrs.evolve(settings, trust=attrs.evolve(settings.trust, digests=(digest,)))
    with using_workspace(open_workspace(trusting)):
        assert jubako.torch.load(tag)(ROW).shape == (1, 3)


def test_data_loads_on_another_machine_without_trust(workspace, tmp_path):
    tag = jubako.torch.save("net", Perceptron(), init={})
    stores = attrs.evolve(workspace.settings.stores, home=tmp_path / "other", model_store=workspace.model_store.url)
    with using_workspace(open_workspace(attrs.evolve(workspace.settings, stores=stores))):
        assert jubako.torch.load(tag)(ROW).shape == (1, 3)


@pytest.mark.parametrize("name", ["safetensors", "torch.export", "torch.save"])
def test_a_file_that_is_not_what_the_manifest_says_is_refused(name):
    tag = jubako.torch.save("quiet", Perceptron(), init={}, example_inputs=ROW, serializer=name)
    model = jubako.models.get(tag)
    for entry in model.info.files:
        path = model.path_of(entry.path)
        content = path.read_bytes()
        path.chmod(0o600)
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        with pytest.raises(ModelDigestMismatch):
            jubako.torch.load(tag)
        path.write_bytes(content)


def test_a_device_that_there_is_not_is_an_error_that_names_it():
    tag = jubako.torch.save("net", Tied(), init={})
    assert next(jubako.torch.load(tag, device_id="cpu").parameters()).device.type == "cpu"
    for device in ("gpu-7", "cuda:99", "meta:x"):
        with pytest.raises(InvalidArgument, match=f"device_id='{device}' cannot be used"):
            jubako.torch.load(tag, device)
    with pytest.raises(NotFound, match="missing"):
        jubako.torch.load("missing")


@pytest.mark.parametrize("name", ["safetensors", "torch.export", "torch.save"])
def test_a_module_is_loaded_to_the_device_that_is_asked_for(name):
    tag = jubako.torch.save("quiet", Perceptron(), init={}, example_inputs=ROW, serializer=name)
    module = jubako.torch.load(tag, device_id="meta")
    assert {tensor.device.type for tensor in module.parameters()} == {"meta"}
    assert module(ROW.to("meta").repeat(3, 1)).shape == (3, 3)


PROGRAM = """
import jubako.torch, torch

class Doubled(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, rows):
        return scale * self.layer(rows)

scale = 2
print(jubako.torch.save("doubled", Doubled()))
"""


def test_a_module_of_a_program_loads_in_another_process(workspace, tmp_path):
    program = tmp_path / "train.py"
    program.write_text(PROGRAM)
    home = str(workspace.settings.stores.home)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(program)],
        env={**os.environ, "JUBAKO_HOME": home},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    module = jubako.torch.load(done.stdout.strip())
    expected = 2 * module.layer(torch.ones(1, 2))
    assert torch.equal(module(torch.ones(1, 2)), expected)
