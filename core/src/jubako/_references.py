"""Text references, "package.module:Name", to objects that are imported only when they are used.

What is heavy, or stands on a higher floor, is named by such a text. Nothing is imported until `load_reference`.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

from jubako.errors import InvalidArgument, MissingDependency

_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


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
            do=f"pip install {missing}",
        ) from error
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise InvalidArgument(
                f"{reference!r} cannot be loaded.", why=f"{module_name} has no {path!r}.", do="correct the reference"
            ) from error
    return found
