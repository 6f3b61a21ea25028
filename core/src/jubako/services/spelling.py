"""Texts that are told by how they are written: those that can name no Service, and archives."""

from __future__ import annotations

import re
from pathlib import Path

from jubako.errors import ImportServiceError
from jubako.stores.archives.formats import format_by_suffix

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.*", re.DOTALL)
_EXAMPLES = "give for example 'service.py:svc' or a Bento's tag"


def refuse_misspelled(text: str) -> None:
    """Refuse a text that is empty, has white space round it, or lacks what belongs on one side of its colon.

    Raises:
        ImportServiceError: it is one of these; the message says which, and what to write.
    """
    why, do = "", _EXAMPLES
    if not text.strip():
        why = "It is empty."
    elif "\0" in text:
        why = "It has a null character."
    elif text != text.strip():
        why, do = "There is white space round it.", f"write {text.strip()!r}"
    elif text.startswith(":"):
        why, do = "Nothing stands before its colon.", f"put the module or file there: {f'service.py{text}'!r}"
    elif text.endswith(":"):
        why, do = "Nothing stands behind its colon.", f"put the Service's name there, or write {text.rstrip(':')!r}"
    if why:
        raise ImportServiceError(f"{text!r} names no Service.", why=why, do=do)


def refuse_elsewhere(text: str) -> None:
    """Refuse a URL: a Service is loaded from folders, files and the Bento store.

    Raises:
        ImportServiceError: it is one.
    """
    if _URL.fullmatch(text):
        raise ImportServiceError(
            f"{text!r} cannot be served or loaded.",
            why="It is a URL, and a Service is loaded from a folder, a file, or the Bento store.",
            do="bring the Bento here, with `jubako pull TAG URL`, and give its tag",
        )


def archive_of(text: str, base: Path) -> Path | None:
    """The file that a text names, if its suffix is an archive's.

    Args:
        text: not the path of a folder.
        base: what a relative path starts from.
    """
    try:
        path = base / Path(text).expanduser()
        return path if format_by_suffix(path) is not None and path.is_file() else None
    except (OSError, RuntimeError, ValueError):  # no path at all
        return None
