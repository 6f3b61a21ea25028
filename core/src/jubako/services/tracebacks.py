"""Where in a user's files an error came up while they were imported, as Python would show it."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Iterable
from pathlib import Path

_MOST_FRAMES = 8
_IMPORTLIB = ("<frozen importlib", "importlib/__init__.py")


def traceback_below(error: BaseException, folders: Iterable[Path]) -> str:
    """The end of an error's traceback, from the first line in one of the folders on; empty if there is none.

    What Jubako and Python's import system did is left out: it says nothing of the user's mistake.

    Args:
        error: as it was raised.
        folders: of the user's files.
    """
    places = tuple(str(folder) for folder in folders)
    frames = itertools.dropwhile(
        lambda frame: not frame.filename.startswith(places), traceback.extract_tb(error.__traceback__)
    )
    # Without the columns: what is marked by them differs from Python to Python.
    shown = [
        (frame.filename, frame.lineno or 0, frame.name, frame.line)
        for frame in frames
        if not any(name in frame.filename for name in _IMPORTLIB)
    ]
    # Of a syntax error the file and line are its own, and stand in no frame.
    own = traceback.format_exception_only(error)[:-1] if isinstance(error, SyntaxError) else []
    return "".join([*traceback.format_list(shown[-_MOST_FRAMES:]), *own]).rstrip()


def line_below(error: BaseException, folders: Iterable[Path]) -> str:
    """The last place in one of the folders that an error went through, as `file, line n`; empty if there is none."""
    places = tuple(str(folder) for folder in folders)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(places)]
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else ""
