"""Files of the build context that an option names."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from jubako.bentos.confined import open_below, resolve_link
from jubako.errors import BuildError


def open_named(context: Path, path: str, field: str) -> BinaryIO:
    """Open a file of the context, or the file of the context that a link leads to.

    Args:
        context: the build context, absolute.
        path: with forward slashes, without `..`.
        field: the option, for messages, such as `python.wheels`.

    Raises:
        BuildError: it leads out of the context, is no plain file, or cannot be read; it names the field.
    """
    try:
        return open_below(context, resolve_link(context, path) if (context / path).is_symlink() else path)
    except BuildError as error:
        raise BuildError(
            f"{field} cannot be {path!r}.",
            why=f"{error.message} {error.why}".rstrip(),
            do="give a plain file of the build context",
        ) from error
