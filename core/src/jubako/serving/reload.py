"""Watching the user's source files, for `jubako serve --reload`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jubako._references import load_reference
from jubako.errors import CommandError, MissingDependency

_ENDING_S = 1.0
# An editor, or a checkout, that never rests for as long as the delay.
_LONGEST_GATHERING_MS = 1600


@contextlib.contextmanager
def watching_sources(folder: Path, changed: Callable[[], None], *, delay_s: float = 0.25) -> Iterator[None]:
    """While the block runs: call `changed`, in another thread, after Python files in or below a folder have changed.

    Folders that hold no sources (`.git`, `__pycache__`, `.venv`, …) are left out.

    Args:
        folder: what is watched.
        changed: called with nothing.
        delay_s: changes are told together, once none has come for this long, or for as long and 1.6 seconds.

    Raises:
        CommandError: the package that watches files is not installed.
    """
    watch, only_python = _load_watcher()
    ended = threading.Event()
    step_ms = max(1, round(delay_s * 1000))
    times = {"step": step_ms, "debounce": step_ms + _LONGEST_GATHERING_MS}

    def follow() -> None:
        for _ in watch(folder, watch_filter=only_python(), stop_event=ended, raise_interrupt=False, **times):
            changed()

    thread = threading.Thread(target=follow, name="jubako-reload", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_ENDING_S)


def _load_watcher() -> tuple[Any, Any]:
    try:
        return load_reference("watchfiles:watch"), load_reference("watchfiles:PythonFilter")
    except MissingDependency as error:
        raise CommandError(
            "--reload cannot be used.",
            why="The package 'watchfiles' is not installed.",
            do="pip install 'jubako[reload]'",
        ) from error
