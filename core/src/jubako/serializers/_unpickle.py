"""The one module of the core that may unpickle: unpickling runs whatever code the pickle names.

Callers answer for where the bytes came from: files of a model whose digest is trusted on this machine, or frames of the
private channel between processes of one server.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def unpickle(body: bytes | bytearray | memoryview, buffers: Iterable[Any] = ()) -> Any:
    """Read a pickle, with the buffers that were kept outside of it; raises whatever the pickled code raises."""
    return pickle.loads(body, buffers=buffers)  # noqa: S301  # see the module's docstring


def unpickle_file(path: Path) -> Any:
    """Read a file that holds one pickle; raises whatever the pickled code raises."""
    with path.open("rb") as file:
        return pickle.load(file)  # noqa: S301  # see the module's docstring
