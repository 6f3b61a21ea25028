"""The readme step: `README.md`, from the description or generated."""

from __future__ import annotations

import os
from pathlib import Path

from jubako.bentos.confined import open_below
from jubako.contracts.build_step import BuildDraft
from jubako.errors import BuildError

_FILE_PREFIX = "file:"


def write_readme(draft: BuildDraft) -> None:
    """Write the description, the file below the context that `file: path` names, or a list of the Service's APIs.

    Raises:
        BuildError: the file does not exist, lies elsewhere, or is no text in UTF-8.
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
    if file == context or not file.is_relative_to(context):
        raise BuildError(f"the description {path!r} is outside of the build context {context}.", do="copy it there")
    try:
        with open_below(context, file.relative_to(context).as_posix()) as opened:
            return opened.read().decode()
    except UnicodeDecodeError as error:
        raise BuildError(f"the description {path!r} is not text in UTF-8.", do="convert it to UTF-8") from error
