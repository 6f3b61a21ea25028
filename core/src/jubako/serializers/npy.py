"""`NpySerializer`: one numpy array in `array.npy`; never a Python object."""

from __future__ import annotations

import tokenize
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from jubako.contracts.serializer import Serializer
from jubako.errors import InvalidArgument, InvalidManifest

FILE_NAME = "array.npy"


class NpySerializer(Serializer):
    """Numpy's own format, for plain arrays of any shape, order and dtype without Python objects."""

    def can_dump(self, model: Any) -> bool:
        """True for arrays that are no subclass and hold no Python objects."""
        return type(model) is np.ndarray and not model.dtype.hasobject

    def dump(self, model: Any, folder: Path) -> None:
        """Write `array.npy`."""
        if not self.can_dump(model):
            raise InvalidArgument(
                f"{type(model).__name__} cannot be written as npy.",
                why="The format holds plain numpy arrays without Python objects.",
            )
        with (folder / FILE_NAME).open("xb") as file:
            np.lib.format.write_array(_Stream(file), model, allow_pickle=False)

    def load(self, folder: Path) -> Any:
        """Read `array.npy` into memory of its own."""
        path = folder / FILE_NAME
        try:
            with path.open("rb") as file:
                array = np.lib.format.read_array(_Stream(file), allow_pickle=False)
                if file.read(1):
                    raise InvalidManifest(f"{path} holds more than one array.")
        # A header is read as a Python literal, hence the tokenizer's errors; MemoryError: it claims a vast shape.
        except (OSError, ValueError, TypeError, SyntaxError, MemoryError, tokenize.TokenError, RecursionError) as error:
            raise InvalidManifest(f"{path} cannot be read as npy.", why=f"{type(error).__name__}: {error}.") from error
        return array


class _Stream:
    """A file that numpy does not know for one: it would read and write it by itself, and say of errors only that."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.write = file.write
