"""`jubako verify` and `jubako models verify`: one line a version as soon as it is done, and every file that is bad."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from jubako.cli._output import show
from jubako.cli._progress import format_bytes, showing_progress
from jubako.cli._stores import count_of, read_targets
from jubako.cli._tables import printable
from jubako.cli._verbosity import is_quiet, tell
from jubako.contracts.store import Store
from jubako.errors import NotFound, StoreError
from jubako.stores.choosing import choose_doomed
from jubako.stores.collecting import find_strays
from jubako.stores.layout import tag_or_none
from jubako.stores.local import LocalStore
from jubako.stores.verifying import Fault, Verification, inspect
from jubako.values.tag import Tag


def verify_targets(store: Store, texts: Sequence[str], output: str) -> bool:
    """Verify names and tags, or the whole store if there are none; return True if all is as it was stored.

    Raises:
        NotFound: one of them is not there.
        StoreError: the store cannot be read.
    """
    done: list[dict[str, Any]] = []
    seen = damaged = 0
    with showing_progress():
        for verification in _verify(store, texts):
            damaged += bool(verification.faults)
            if output == "table":
                _echo(verification)
            else:
                done.append(_data(verification))
            seen += 1
    if output != "table":
        show(done, output)
    elif not seen:
        tell(f"There are no {store.kind.noun}s in {store.url}.")
    elif damaged:
        tell(f"{count_of(damaged, store.kind)} damaged. Delete each, and {store.kind.verb} or import it again.")
    return not damaged


def _verify(store: Store, texts: Sequence[str]) -> Iterator[Verification]:
    if texts:
        for tag in dict.fromkeys(tag for target in read_targets(texts) for tag in choose_doomed(store, target)):
            yield _inspect(store, tag)
        return
    for tag in store.list():
        try:
            yield _inspect(store, tag)
        except NotFound:  # deleted meanwhile
            continue
    if isinstance(store, LocalStore):
        yield from _verify_strays(store)


def _inspect(store: Store, tag: Tag) -> Verification:
    try:
        return inspect(store, tag)
    except StoreError as error:
        # One version that cannot be read does not end the verification of the others.
        return Verification(tag, Path(), 0, 0, (Fault("", f"cannot be read: {error.message} {error.why}".rstrip()),))


def _verify_strays(store: LocalStore) -> Iterator[Verification]:
    """A folder in the place of a version that has no manifest is a version that has lost it."""
    root = store.layout.root
    for path in find_strays(store):
        tag = tag_or_none(path.parent.name, path.name) if path.parent.parent == root else None
        if tag is None or path.is_symlink() or not path.is_dir():
            tell(f"Note: {printable(str(path))} is no {store.kind.noun}, and passed over.")
        else:
            yield Verification(tag, path, 0, 0, (Fault(store.kind.manifest_name, "is missing"),))


def _echo(verification: Verification) -> None:
    if verification.faults:
        click.echo(f"{verification.tag}: damaged")
        for fault in verification.faults:
            click.echo(f"  {printable(str(fault))}")
    elif not is_quiet():
        files = f"{verification.files:,} file{'' if verification.files == 1 else 's'}"
        click.echo(f"{verification.tag}: ok, {files}, {format_bytes(verification.size_bytes)}")
    for path in verification.writable:
        tell(f"Note: {printable(path)} of {verification.tag} is not read-only any more; its content is right.")


def _data(verification: Verification) -> dict[str, Any]:
    return {
        "tag": str(verification.tag),
        "ok": not verification.faults,
        "files": verification.files,
        "size_bytes": verification.size_bytes,
        "faults": [{"path": fault.path, "problem": fault.problem} for fault in verification.faults],
        "writable": list(verification.writable),
    }
