"""Texts that can name no Service, told by how they are written: nothing but a colon, a URL, an archive."""

from __future__ import annotations

import re
from pathlib import Path

from jubako.errors import ImportServiceError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.*", re.DOTALL)
_ARCHIVES = (".bento", ".jubako-model", ".tar", ".tgz", ".gz", ".xz", ".bz2", ".zip")
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


def refuse_elsewhere(text: str, base: Path) -> None:
    """Refuse a URL, and a file that is an archive: a Service is loaded from folders, files and the Bento store.

    Args:
        text: not the path of a folder.
        base: what a relative path starts from.

    Raises:
        ImportServiceError: it is one of these.
    """
    if _URL.fullmatch(text):
        raise ImportServiceError(
            f"{text!r} cannot be served or loaded.",
            why="It is a URL, and a Service is loaded from a folder, a source file, or the Bento store.",
            do="bring the Bento here, and give its folder or its tag",
        )
    if text.lower().endswith(_ARCHIVES) and _is_file(base, text):
        raise ImportServiceError(
            f"{text!r} cannot be served or loaded.",
            why="It is an archive, and a Service is loaded from a folder, a source file, or the Bento store.",
            do="unpack it, and give the folder that has bento.yaml",
        )


def _is_file(base: Path, text: str) -> bool:
    try:
        return (base / Path(text).expanduser()).is_file()
    except (OSError, RuntimeError, ValueError):  # no path at all
        return False
