"""The one module of this plugin that may unpickle: reading these files runs whatever code they name.

Callers answer for where the files came from: those of a model whose digest is trusted on this machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram


def unpickle_module(path: Path) -> Any:
    """Read a file of `torch.save`, to the CPU; raises whatever the pickled code raises."""
    return torch.load(path, map_location="cpu", weights_only=False)  # see the module's docstring


def read_program(path: Path) -> ExportedProgram:
    """Read a file of `torch.export.save`; raises whatever is in it raises."""
    return torch.export.load(path)
