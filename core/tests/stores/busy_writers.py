"""Many processes that save, delete and read in one store at once; run by the tests as a program: `<home>`.

Any error that the store's contract does not name ends a process with a traceback, and the program with a failure.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from jubako.contracts.store import StoreKind
from jubako.errors import AlreadyExists, NotFound
from jubako.stores.local import LocalStore
from jubako.testing.store_tests import write_version
from jubako.values.tag import Tag

SAVERS, VERSIONS, ROUNDS = 8, 12, 25


def save(store: LocalStore, tag: Tag) -> None:
    with store.draft(tag) as folder:
        write_version(folder, store.kind, tag, datetime.now(UTC), {"content": str(tag).encode() * 100})


def save_many(store: LocalStore, saver: int) -> None:
    """Save versions of one name; the latest is never one that this process saved before its newest."""
    for number in range(VERSIONS):
        # Sorted backwards, so that an order by name would be wrong.
        tag = Tag("shared", f"s{saver}-{VERSIONS - number:02}")
        save(store, tag)
        latest = store.resolve(Tag("shared"))
        assert latest == tag or not str(latest.version).startswith(f"s{saver}-"), (latest, tag)


def save_and_delete(store: LocalStore, _: int) -> None:
    """Take turns with others at creating and removing the only version of a name, and so the name's folders."""
    for _ in range(ROUNDS):
        with contextlib.suppress(AlreadyExists):
            save(store, Tag("fleeting", "v1"))
        with contextlib.suppress(NotFound):
            store.delete(Tag("fleeting", "v1"))


def read(store: LocalStore, _: int) -> None:
    """What can be seen is whole: its content is complete, or it was deleted and is gone."""
    for _ in range(ROUNDS):
        for tag in store.list():
            try:
                content = (store.open(tag) / "content").read_bytes()
                assert store.resolve(Tag(tag.name)).name == tag.name
            except (NotFound, FileNotFoundError):
                assert tag.name == "fleeting", tag
            else:
                assert content == str(tag).encode() * 100, tag


def start(work: Callable[[LocalStore, int], None], store: LocalStore, number: int) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work(store, number)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    shared = LocalStore(Path(sys.argv[1]), StoreKind.MODELS)
    children = [start(save_many, shared, number) for number in range(SAVERS)]
    children += [start(save_and_delete, shared, number) for number in range(3)]
    children += [start(read, shared, number) for number in range(2)]
    statuses = [os.waitpid(child, 0)[1] for child in children]
    sys.exit(any(statuses))
