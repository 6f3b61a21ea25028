"""`NpySerializer`: one numpy array in `array.npy`; never a Python object."""

from __future__ import annotations

import io
import math
import tokenize
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from jubako.contracts.serializer import Serializer
from jubako.errors import InvalidArgument, InvalidManifest

FILE_NAME = "array.npy"
_HEAD_BYTES = 64 * 1024
# A header is read as a Python literal, hence the tokenizer's errors; its numbers are of any size.
_REFUSALS = (
    *(OSError, ValueError, TypeError, SyntaxError, OverflowError, MemoryError, RecursionError),
    tokenize.TokenError,
)


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
                _check_size(path, file)
                array = np.lib.format.read_array(_Stream(file), allow_pickle=False)
        except _REFUSALS as error:
            raise InvalidManifest(f"{path} cannot be read as npy.", why=f"{type(error).__name__}: {error}.") from error
        return array


def _check_size(path: Path, file: BinaryIO) -> None:
    """Refuse a header that claims more or fewer bytes than there are, before room is made for them."""
    # A header can say that it is 4 GiB long; numpy refuses those over 10,000 bytes, once it has read them.
    head = io.BytesIO(file.read(_HEAD_BYTES))
    version = np.lib.format.read_magic(head)
    # Version 3 differs from 2 in how the names of fields are encoded, which is nothing to their sizes.
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(head)
    claimed = math.prod(shape) * dtype.itemsize
    present = path.stat().st_size - head.tell()
    if claimed != present and not dtype.hasobject:
        raise InvalidManifest(
            f"{path} cannot be read as npy.", why=f"Its header says {claimed:,} bytes; there are {present:,}."
        )
    file.seek(0)


class _Stream:
    """A file that numpy does not know for one: it would read and write it by itself, and say of errors only that."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.write = file.write
