"""`TorchSaveSerializer`: any module as one pickle with its tensors. Reading it can run code, so its trust is `code`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cloudpickle
import torch

from jubako.contracts.serializer import Serializer
from jubako.errors import InvalidArgument, InvalidManifest, MissingDependency
from jubako.stores.failures import find_disk_error
from jubako_torch_runner._unpickle import unpickle_module
from jubako_torch_runner.examples import read_example_and_axis, write_example
from jubako_torch_runner.saved_module import SavedModule

FILE = "module.pt"
# 2, which torch.save takes by default, cannot hold keyword-only arguments of __new__, nor large objects at full speed.
_PROTOCOL = 5


class TorchSaveSerializer(Serializer):
    """Writes `module.pt`. Classes of a program or notebook go into it, those of importable modules by name."""

    def can_dump(self, model: Any) -> bool:
        """Any saved module."""
        return isinstance(model, SavedModule)

    def dump(self, model: Any, folder: Path) -> None:
        """Write the pickle.

        Raises:
            InvalidArgument: part of the module cannot be pickled, such as a lock or an open file.
        """
        if not isinstance(model, SavedModule):
            raise InvalidArgument(
                f"{type(model).__name__} cannot be kept as torch.save.", do="save it with jubako.torch.save"
            )
        try:
            torch.save(model.module, folder / FILE, pickle_module=cloudpickle, pickle_protocol=_PROTOCOL)
        # Foreign code: any class in the module may define how it is pickled.
        except Exception as error:
            failure = find_disk_error(error)
            if failure is not None:
                raise failure from None
            raise InvalidArgument(
                f"{type(model.module).__name__} cannot be kept as torch.save.",
                why=f"{type(error).__name__}: {error}",
                do="take out of the module what cannot be pickled, such as locks, open files and connections",
            ) from error
        write_example(model.example_inputs, model.batch_axis, folder)

    def load(self, folder: Path) -> Any:
        """Unpickle the module; runs whatever code the file brings.

        Raises:
            MissingDependency: a module that the pickle names is not installed.
            InvalidManifest: there is no such file, or it cannot be read.
        """
        try:
            module = unpickle_module(folder / FILE)
        except ModuleNotFoundError as error:
            missing = error.name or str(error)
            raise MissingDependency(
                f"{FILE} cannot be read.",
                why=f"It was saved with the module {missing!r}, which cannot be imported here.",
                do=f"install what provides {missing!r}, or put it beside the service",
            ) from error
        # Foreign code, as above.
        except Exception as error:
            raise InvalidManifest(
                f"{FILE} cannot be read.",
                why=f"{type(error).__name__}: {error}"[:600],
                do="install the packages that the model was saved with; model.yaml lists them",
            ) from error
        if not isinstance(module, torch.nn.Module):
            raise InvalidManifest(f"{FILE} holds a {type(module).__name__}, no module.", do="save the model again")
        example, axis = read_example_and_axis(folder)
        return SavedModule(module.eval(), example_inputs=example, batch_axis=axis)
