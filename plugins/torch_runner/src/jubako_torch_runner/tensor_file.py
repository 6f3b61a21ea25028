"""Files of tensors (safetensors) and of JSON, read without running anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from jubako.errors import InvalidArgument, InvalidManifest

# Structure and names, not values: a model of 100,000 tensors has 10 MB of it.
_MAX_JSON_BYTES = 64 * 1024 * 1024


def write_tensors(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write tensors, each with values of its own.

    Args:
        tensors: contiguous or not, on any device; not changed.
        path: of a new file.

    Raises:
        InvalidArgument: one is sparse, quantised, or of a type of its own.
    """
    for name, tensor in tensors.items():
        if tensor.layout is not torch.strided or tensor.is_quantized or not _is_plain(tensor):
            kind = "quantised" if tensor.is_quantized else str(tensor.layout).removeprefix("torch.")
            raise InvalidArgument(
                f"tensor {name!r} cannot be stored as safetensors.",
                why=f"It is a {kind} {type(tensor).__name__}; only dense tensors of torch itself are kept.",
            )
    own: dict[str, torch.Tensor] = {}
    taken: set[int] = set()
    for name, tensor in tensors.items():
        # Conjugates and negatives are views that safetensors would write without what they do to the values.
        plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
        memory = plain.untyped_storage().data_ptr()
        # It refuses tensors that lie in one memory; the others need no copy.
        own[name] = plain.clone() if memory in taken else plain
        taken.add(memory)
    try:
        save_file(own, path)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise InvalidArgument("the tensors cannot be stored as safetensors.", why=f"{error}.") from error


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read tensors into memory of their own: the file may change or go afterwards.

    Raises:
        InvalidManifest: there is no such file, or it is not safetensors.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            # A tensor of the file lies in a map of it.
            return {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  # no mapping
    except (SafetensorError, OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise InvalidManifest(f"{path.name} cannot be read.", why=f"{error}.", do="save the model again") from error


def write_json(value: Mapping[str, Any], path: Path) -> None:
    """Write one JSON object as a new file."""
    with path.open("x", encoding="utf-8") as file:
        json.dump(value, file, allow_nan=False, indent=1)


def read_json(path: Path, keys: set[str]) -> dict[str, Any]:
    """Read one JSON object that has exactly these keys.

    Raises:
        InvalidManifest: it is none.
    """
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise ValueError(f"it is larger than {_MAX_JSON_BYTES} bytes")
        read = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(read, dict) or read.keys() != keys:
            raise ValueError(f"it has to hold {', '.join(sorted(keys))}, and nothing else")
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidManifest(f"{path.name} cannot be read.", why=f"{error}.", do="save the model again") from error
    return read


def _is_plain(tensor: torch.Tensor) -> bool:
    return type(tensor) in (torch.Tensor, torch.nn.Parameter) or type(tensor).__name__ == "Buffer"
