"""Text references, "package.module:Name", to objects that are imported only when they are used.

What is heavy, or stands on a higher floor, is named by such a text. Nothing is imported until `load_reference`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from jubako.errors import InvalidArgument, MissingDependency

_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")

# What modules of the core import without requiring it, and the extra that brings it in a version that they work with.
_EXTRAS: Mapping[str, str] = MappingProxyType(
    {
        "PIL": "image",
        "httpx": "testing",
        "hypothesis": "testing",
        "pandas": "pandas",
        "pyarrow": "parquet",
        "pydantic": "pydantic",
        "pynvml": "gpu",
        "pytest": "testing",
        "watchfiles": "reload",
    }
)


def check_reference(reference: str) -> str:
    """Return `reference` unchanged if it reads `package.module:Name`.

    Raises:
        InvalidArgument: it does not.
    """
    if not _REFERENCE.fullmatch(reference):
        raise InvalidArgument(f"{reference!r} is not a reference.", do='write "package.module:Name"')
    return reference


def load_reference(reference: str) -> Any:
    """Import the module a reference names and return the object; blocks for as long as the import takes.

    Raises:
        InvalidArgument: the text is not a reference, or the module has no such name.
        MissingDependency: the module, or one that it imports, is not installed; the message says what to install.
    """
    module_name, _, path = check_reference(reference).partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = (error.name or module_name).partition(".")[0]
        raise MissingDependency(
            f"{reference!r} cannot be loaded.",
            why=f"The package {missing!r} is not installed.",
            do=_install_command(missing, module_name),
        ) from error
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise InvalidArgument(
                f"{reference!r} cannot be loaded.", why=f"{module_name} has no {path!r}.", do="correct the reference"
            ) from error
    return found


def _install_command(missing: str, module_name: str) -> str:
    if module_name.startswith("jubako.") and missing in _EXTRAS:
        return f"pip install 'jubako[{_EXTRAS[missing]}]'"
    return f"pip install {missing}"
