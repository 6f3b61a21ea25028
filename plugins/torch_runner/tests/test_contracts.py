"""The contracts of `jubako.testing`, with real modules."""

from __future__ import annotations

import threading

import pytest
import torch
from sample_modules import Counting, Perceptron, Pictures, Sentences, Tied, TwoInTwoOut, WithExtraState

from jubako.testing import PluginTests, RunnerTypeTests, SerializerTests
from jubako.values.signature import Signature
from jubako_torch_runner.device import HostBatch
from jubako_torch_runner.examples import as_example
from jubako_torch_runner.saved_module import SavedModule
from jubako_torch_runner.saving import is_same

ROWS = torch.linspace(-1, 1, 28).reshape(7, 4)


class OfAProgram(torch.nn.Module):
    """Defined in a function's or test's scope, as in a notebook; no file may name it."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)

    def forward(self, rows):
        return self.layer(rows)


class TestTorchRunnerPlugin(PluginTests):
    name = "torch_runner"


# Only the warning that it is code.
@pytest.mark.filterwarnings("ignore:model contract")
class TestTorch(RunnerTypeTests):
    name = "torch"

    def make_model(self):
        return Perceptron()

    def batch(self):
        return ROWS

    def predict(self, model, batch):
        with torch.inference_mode():
            return model(batch)

    def signatures(self):
        return {"classify": Signature(batchable=False)}


class ModuleFormatTests(SerializerTests):
    def same(self, written, read):
        if (written.example_inputs is None) is not (read.example_inputs is None):
            return False
        return is_same(written, read)


class TestSafetensors(ModuleFormatTests):
    name = "safetensors"

    def objects(self):
        return [
            SavedModule(Perceptron(5), example_inputs=HostBatch((torch.zeros(1, 5),), {}), init={"width": 5}),
            SavedModule(Pictures(), init={}),
            SavedModule(Sentences().half(), init={}),
            SavedModule(Tied(is_tied=True).to(torch.bfloat16), init={"is_tied": True}),
            SavedModule(Counting(), init={}),
            SavedModule(torch.nn.Linear(2, 3), init={"in_features": 2, "out_features": 3}),
        ]

    def refused(self):
        return [
            SavedModule(Perceptron()),
            SavedModule(WithExtraState(), init={}),
            SavedModule(type("Made", (torch.nn.Module,), {})(), init={}),
            Perceptron(),
            {"weights": 1},
        ]


class TestExport(ModuleFormatTests):
    name = "torch.export"

    def objects(self):
        left, right = torch.ones(1, 3), torch.ones(1, 2)
        return [
            SavedModule(Perceptron(), example_inputs=as_example(ROWS)),
            SavedModule(TwoInTwoOut(), example_inputs=as_example(((left, right), {"scale": torch.full((1, 1), 2.0)}))),
        ]

    def refused(self):
        return [
            SavedModule(Perceptron()),
            SavedModule(Perceptron(), example_inputs=as_example(ROWS), methods=("__call__", "classify")),
            SavedModule(Perceptron(), example_inputs=as_example(torch.zeros(1, 5))),
            Perceptron(),
        ]


class TestTorchSave(ModuleFormatTests):
    name = "torch.save"

    def objects(self):
        return [
            SavedModule(OfAProgram(), example_inputs=as_example(ROWS)),
            SavedModule(Sentences()),
            SavedModule(WithExtraState()),
        ]

    def refused(self):
        locked = Perceptron()
        locked.lock = threading.Lock()
        return [SavedModule(locked), Perceptron()]
