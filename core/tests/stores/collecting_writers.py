"""Processes that save, build on what they saved, delete and die while others collect; run by the tests: `<home>`.

Any error that the store's contract does not name ends a process with a traceback, and the program with a failure.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from jubako.contracts.store import StoreKind
from jubako.errors import AlreadyExists, NotFound
from jubako.stores.collecting import find_old, find_store_debris, find_strays, remove_store_debris, remove_versions
from jubako.stores.local import LocalStore
from jubako.stores.verifying import inspect
from jubako.testing.store_tests import write_version
from jubako.values.tag import Tag

SAVERS, VERSIONS, ROUNDS = 4, 12, 20


def save(store: LocalStore, tag: Tag) -> None:
    with store.draft(tag) as folder:
        write_version(folder, store.kind, tag, datetime.now(UTC), {"content": str(tag).encode() * 100})


def save_many(store: LocalStore, saver: int) -> None:
    """Save versions of a name of one's own: each is there when the save has returned, and stays."""
    for number in range(VERSIONS):
        tag = Tag(f"kept-{saver}", f"v{number:02}")
        save(store, tag)
        assert store.resolve(Tag(tag.name)) == tag
        assert store.list(tag.name) == [Tag(tag.name, f"v{earlier:02}") for earlier in range(number + 1)]


def save_and_delete(store: LocalStore, _: int) -> None:
    """Create and remove the only version of a name, and so the name's folders."""
    for _ in range(ROUNDS):
        with contextlib.suppress(AlreadyExists):
            save(store, Tag("fleeting", "v1"))
        with contextlib.suppress(NotFound):
            store.delete(Tag("fleeting", "v1"))


def save_and_die(store: LocalStore, number: int) -> None:
    """Be killed in the middle of a draft, again and again, in processes of one's own."""
    for round_ in range(ROUNDS):
        child = os.fork()
        if child == 0:
            with store.draft(Tag("killed", f"v{number}-{round_}")) as folder:
                (folder / "content").write_bytes(b"x" * 1000)
                os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)


def collect(store: LocalStore, _: int) -> None:
    """Collect until whoever started this says stop; what is verified meanwhile is whole, or was deleted."""
    while not (store.home / "stop").exists():
        remove_store_debris(store, find_store_debris(store))
        remove_versions(store, find_old(store, 5, "aging"))
        list(find_strays(store))
        for tag in store.list():
            with contextlib.suppress(NotFound):
                faults = inspect(store, tag).faults
                assert not faults, (tag, faults)


def age(store: LocalStore, _: int) -> None:
    for number in range(ROUNDS):
        save(store, Tag("aging", f"v{number:02}"))
        # The newest five are never collected.
        assert store.resolve(Tag("aging")) == Tag("aging", f"v{number:02}")


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
    collectors = [start(collect, shared, number) for number in range(2)]
    writers = [start(save_many, shared, number) for number in range(SAVERS)]
    writers += [start(save_and_delete, shared, number) for number in range(2)]
    writers += [start(save_and_die, shared, 0), start(age, shared, 0)]
    statuses = [os.waitpid(child, 0)[1] for child in writers]
    shared.home.joinpath("stop").touch()
    statuses += [os.waitpid(child, 0)[1] for child in collectors]
    sys.exit(any(statuses))
