"""What the plugin offers, what it says without torch, and what it costs an API worker to make a runner."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sample_modules import Perceptron

import jubako.torch

HEAVY = ("torch", "safetensors", "numpy")

# torch is taken away from the import system, as if it was not installed.
WITHOUT_TORCH = """
import importlib.machinery, sys

class Without(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] == "torch" else super().find_spec(name, path, target)

sys.meta_path[:] = [Without if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path]

from jubako.contracts.offers import RunnerType
from jubako.plugins import compose
composition = compose()
report = next(one for one in composition.reports if one.name == "torch_runner")
print(report.status, *sorted({name for missing in report.missing for name in missing.imports}))
import jubako.torch, jubako.pytorch
for module in (jubako.torch, jubako.pytorch):
    for function in ("save", "load", "load_runner"):
        try:
            getattr(module, function)("net", None)
        except Exception as error:
            print(type(error).__name__, str(error), sep="\\n")
"""


def run(program, home):
    return subprocess.run(
        [sys.executable, "-c", program],
        env={"JUBAKO_HOME": str(home), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", ["torch", "pytorch"])
def test_making_a_runner_imports_no_framework(workspace, name):
    tag = jubako.torch.save("net", Perceptron(), init={})
    program = f"""
import sys
import jubako.{name}
runner = jubako.{name}.load_runner({str(tag)!r}, predict_fn_name="__call__", name="net")
assert runner.batch_options.enabled
print(*sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    done = run(program, workspace.settings.stores.home)
    assert done.stderr == ""
    assert done.stdout.strip() == ""


def test_without_torch_the_plugin_composes_and_every_function_says_what_to_install(tmp_path):
    done = run(WITHOUT_TORCH, tmp_path)
    assert done.returncode == 0, done.stderr
    first, *said = done.stdout.splitlines()
    assert first == "ok torch"
    assert len(said) == 24
    for at in range(0, 24, 4):
        assert said[at] == "MissingDependency"
        assert said[at + 3] == "Do: pip install torch"
