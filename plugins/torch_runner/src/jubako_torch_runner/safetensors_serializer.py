"""`SafetensorsSerializer`: tensors, and the class they belong to. Reading it runs nothing that the files bring: `data`.

`module.safetensors` holds the tensors; `module.json` names the class, which has to be importable, and the arguments to
make it with.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from jubako.contracts.serializer import Serializer
from jubako.errors import InvalidArgument, InvalidManifest, JubakoError
from jubako_torch_runner.class_lookup import find_class, name_of_class
from jubako_torch_runner.examples import read_example_and_axis, write_example
from jubako_torch_runner.module_state import ModuleState, put_state, take_state
from jubako_torch_runner.saved_module import SavedModule
from jubako_torch_runner.tensor_file import read_json, read_tensors, write_json, write_tensors

TENSORS_FILE = "module.safetensors"
STRUCTURE_FILE = "module.json"
_VERSION = 1
_KEYS = {"version", "class", "init", "tied", "passing", "frozen", "layouts"}


class SafetensorsSerializer(Serializer):
    """Writes the state of a module whose class can be imported; see `SavedModule` for what it takes and gives."""

    def can_dump(self, model: Any) -> bool:
        """Any saved module."""
        return isinstance(model, SavedModule)

    def dump(self, model: Any, folder: Path) -> None:
        """Write tensors and structure.

        Raises:
            InvalidArgument: `init` is not given, the class cannot be imported elsewhere, or part of the state is no
                dense tensor.
        """
        mistake = f"{_name(model)} cannot be kept as safetensors."
        if not isinstance(model, SavedModule):
            raise InvalidArgument(mistake, do="save it with jubako.torch.save")
        if model.init is None:
            raise InvalidArgument(
                mistake,
                why="init= is not given: the arguments that its class makes it with.",
                do=f"give init=, the keyword arguments of {_name(model)}(…), as a dictionary",
            )
        try:
            name = name_of_class(type(model.module))
        except JubakoError as error:
            raise InvalidArgument(
                mistake, why=" ".join(filter(None, (error.message, error.why))), do=error.do
            ) from error
        state = take_state(model.module)
        write_tensors(state.tensors, folder / TENSORS_FILE)
        structure = {
            "version": _VERSION,
            "class": name,
            "init": dict(model.init),
            "tied": dict(state.tied),
            "passing": list(state.passing),
            "frozen": list(state.frozen),
            "layouts": {key: list(order) for key, order in state.layouts.items()},
        }
        write_json(structure, folder / STRUCTURE_FILE)
        write_example(model.example_inputs, model.batch_axis, folder)

    def load(self, folder: Path) -> Any:
        """Make the class anew and give it its tensors.

        Raises:
            ModelNotTrusted: the class is none that a file may name.
            MissingDependency: there is no such class here.
            InvalidManifest: the files are damaged, or the class is another one by now.
        """
        structure = read_json(folder / STRUCTURE_FILE, _KEYS)
        _check_types(structure)
        tensors = read_tensors(folder / TENSORS_FILE)
        example, axis = read_example_and_axis(folder)
        module = _make(find_class(structure["class"]), structure["init"])
        state = ModuleState(tensors, structure["tied"], structure["passing"], structure["frozen"], structure["layouts"])
        try:
            put_state(module, state)
        except InvalidManifest as error:
            raise InvalidManifest(
                f"{STRUCTURE_FILE} does not fit {structure['class']}.",
                why=f"{error.message} {error.why}".strip(),
                do="give init= the arguments that make the same module, or install the version it was saved with",
            ) from error
        return SavedModule(module.eval(), example_inputs=example, batch_axis=axis, init=structure["init"])


def _make(cls: type[torch.nn.Module], init: Mapping[str, Any]) -> torch.nn.Module:
    try:
        # The values it starts with are replaced; the program's random numbers go on as if it had drawn none.
        with torch.device("cpu"), torch.random.fork_rng(devices=[]):
            return cls(**init)
    # The class is the user's own code, or that of a package.
    except Exception as error:
        raise InvalidManifest(
            f"{cls.__module__}:{cls.__qualname__} cannot be made with the arguments {sorted(init)}.",
            why=f"{type(error).__name__}: {error}",
            do="save it with the keyword arguments of its class as init=, or install the version it was saved with",
        ) from error


def _check_types(structure: Mapping[str, Any]) -> None:
    lists = (structure["passing"], structure["frozen"], *_values(structure["layouts"]))
    is_right = (
        structure["version"] == _VERSION
        and isinstance(structure["class"], str)
        and all(isinstance(structure[key], dict) for key in ("init", "tied", "layouts"))
        and all(isinstance(one, str) for one in structure["tied"].values())
        and all(isinstance(one, list) for one in lists)
        and all(isinstance(name, str) for name in (*structure["passing"], *structure["frozen"]))
        and all(type(axis) is int for order in _values(structure["layouts"]) for axis in order)
    )
    if not is_right:
        raise InvalidManifest(
            f"{STRUCTURE_FILE} cannot be read.",
            why=f"Its version is {structure['version']!r}, or its values are of other types.",
            do="save the model again, or install a newer jubako-torch-runner",
        )


def _values(value: Any) -> tuple[Any, ...]:
    return tuple(value.values()) if isinstance(value, dict) else (None,)


def _name(model: Any) -> str:
    return type(model.module if isinstance(model, SavedModule) else model).__name__
