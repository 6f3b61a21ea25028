"""Reading a file of the build context that an option names, and that goes into the image."""

from __future__ import annotations

from pathlib import Path

from jubako.bentos.confined import open_below
from jubako.bentos.secrets import find_secret
from jubako.errors import BuildError

MAX_BYTES = 1024 * 1024


def read_named_file(context: Path, path: str, field: str) -> bytes:
    """The content of a file below the build context; no link is followed on the way to it.

    Args:
        context: the build context, absolute.
        path: checked by `grammar.check_context_path`.
        field: the option, for messages, such as `docker.setup_script`.

    Raises:
        BuildError: it cannot be read, is no plain file, is too large, or seems to hold a secret; it names the field.
    """
    try:
        with open_below(context, path) as file:
            content = file.read(MAX_BYTES + 1)
    except BuildError as error:
        raise BuildError(
            f"{field} cannot be {path!r}.",
            why=f"{error.message} {error.why}".rstrip(),
            do="give a plain file of the build context, which no link leads to",
        ) from error
    if len(content) > MAX_BYTES:
        raise BuildError(f"{field} cannot be {path!r}.", why=f"It has more than {MAX_BYTES:,} bytes.")
    secret = find_secret(content)
    if secret:
        raise BuildError(
            f"{field} {path!r} seems to hold a secret: {secret}.",
            why="Whoever has the Bento or its image could read it.",
            do="take it out; give it to the container when it is started",
        )
    return content
