"""The readme step: `README.md`, from the description or generated."""

from __future__ import annotations

import os
from pathlib import Path

from jubako.bentos.confined import open_below, shown
from jubako.bentos.ignoring import is_never_packed
from jubako.bentos.secrets import find_secret
from jubako.contracts.build_step import BuildDraft
from jubako.errors import BuildError

_FILE_PREFIX = "file:"
_MAX_BYTES = 4 * 1024 * 1024


def write_readme(draft: BuildDraft) -> None:
    """Write the description, the file below the context that `file: path` names, or a list of the Service's APIs.

    Raises:
        BuildError: the file does not exist, lies elsewhere, seems to hold a secret, or is no text in UTF-8.
    """
    description = draft.options["description"]
    if description is None:
        text = str(draft.service.doc)
    elif description.startswith(_FILE_PREFIX):
        text = _read(draft.context, description.removeprefix(_FILE_PREFIX).strip())
    else:
        text = description
    (draft.folder / "README.md").write_text(text, encoding="utf-8")


def _read(context: Path, path: str) -> str:
    file = Path(os.path.normpath(context / path))
    if not path or "\0" in path or file == context or not file.is_relative_to(context):
        raise _refused(path, f"It is outside of the build context {context}.", "copy the file there")
    relative = file.relative_to(context).as_posix()
    if is_never_packed(relative):
        raise _refused(path, "It is one of the files that are never packed.", "write the README in another file")
    try:
        with open_below(context, relative) as opened:
            content = opened.read(_MAX_BYTES + 1)
    except BuildError as error:
        raise _refused(path, error.why or error.message, "name a plain text file below the build context") from error
    if len(content) > _MAX_BYTES:
        raise _refused(path, f"It has more than {_MAX_BYTES:,} bytes.", "shorten it")
    found = find_secret(content)
    if found:
        raise _refused(path, f"It seems to hold {found}; whoever gets the Bento could read it.", "take it out")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise _refused(path, "It is not text in UTF-8.", "convert it to UTF-8") from error


def _refused(path: str, why: str, do: str) -> BuildError:
    return BuildError(f"the description 'file: {shown(path)[1:-1]}' cannot be read.", why=why, do=do)
