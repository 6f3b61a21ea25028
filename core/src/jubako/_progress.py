"""How long work says how far it is, without knowing who looks.

Work that moves bytes opens a `tracking` block and calls what that gives. Nobody hears it unless a command, or another
program, has said with `using_progress` who shows it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar

Advance = Callable[[int], None]
"""Called with the bytes that were done since it was last called."""

Show = Callable[[str, int | None], AbstractContextManager[Advance]]
"""Called with what is done, such as `exporting iris:latest`, and the bytes of it, or None if nobody knows them."""


def _advance_unseen(_: int) -> None:
    """Nobody looks."""


@contextlib.contextmanager
def _show_nothing(_: str, __: int | None) -> Iterator[Advance]:
    yield _advance_unseen


_shown_by: ContextVar[Show] = ContextVar("jubako_progress", default=_show_nothing)


def tracking(label: str, total_bytes: int | None) -> AbstractContextManager[Advance]:
    """Open a piece of work; the block gets a function that is called with the bytes of each part that is done.

    Args:
        label: what is done, for people, such as `exporting iris:latest`.
        total_bytes: of the whole; None if that is not known.
    """
    return _shown_by.get()(label, total_bytes)


@contextlib.contextmanager
def using_progress(show: Show) -> Iterator[None]:
    """Show the progress of what this block does; it holds for this thread and the tasks started in it."""
    token = _shown_by.set(show)
    try:
        yield
    finally:
        _shown_by.reset(token)
