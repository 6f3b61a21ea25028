"""Which models user code has asked for, noted while a block runs: a build packs what its Service's import asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from jubako.contracts.store import Store
from jubako.values.tag import Tag

_ASKED: ContextVar[dict[Tag, Store] | None] = ContextVar("jubako_asked_models", default=None)


@contextlib.contextmanager
def noting_models() -> Iterator[dict[Tag, Store]]:
    """Note every model that is opened inside the block, by `get`, `load` or `load_runner`; not what is only listed.

    Of this context alone: threads started inside are not seen.

    Yields:
        Exact tags and the stores that they came from, in the order in which they were asked for; it grows meanwhile.
    """
    asked: dict[Tag, Store] = {}
    token = _ASKED.set(asked)
    try:
        yield asked
    finally:
        _ASKED.reset(token)


def note_model(tag: Tag, store: Store) -> None:
    """Note one model, if somebody wants to know.

    Args:
        tag: exact.
        store: where it is.
    """
    asked = _ASKED.get()
    if asked is not None:
        asked.setdefault(tag, store)
