"""`jubako list` and `jubako models list`: one row a version, also where some cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import click

from jubako.cli._output import show
from jubako.cli._progress import format_bytes
from jubako.cli._stores import has_labels, local_time
from jubako.cli._tables import UNLIMITED, format_table, printable
from jubako.cli._verbosity import tell
from jubako.contracts.store import Store, StoreKind
from jubako.errors import InvalidManifest, NotFound, StoreError
from jubako.stores.choosing import choose
from jubako.stores.summaries import Summary, summarize_stored
from jubako.values.tag import Tag

SORTS = ("newest", "tag")


@attrs.frozen
class _Broken:
    """A version that cannot be read, and why."""

    tag: Tag
    error: InvalidManifest | StoreError


def show_list(store: Store, name: str | None, labels: Sequence[str], sort: str, output: str) -> None:
    """Write the versions of a store, or of one name; those that cannot be read are told on stderr.

    Raises:
        NotFound: a name or tag was given, and there is none.
    """
    tags = choose(store, name) or ([] if name is None else [store.resolve(Tag.from_taglike(name))])
    found = list(_read(store, tags))
    broken = [each for each in found if isinstance(each, _Broken)]
    chosen = [each for each in found if isinstance(each, Summary) and has_labels(each.labels, labels)]
    if sort == "newest":
        chosen.sort(key=lambda each: (each.creation_time, each.tag), reverse=True)
    if output == "path":  # what is elsewhere is fetched: nothing else has a path
        chosen = [attrs.evolve(each, path=each.path or store.open(each.tag)) for each in chosen]
    data = [_data(each, store.kind) for each in chosen]
    unreadable = [{"tag": str(each.tag), "error": _reason(each.error)} for each in broken]
    show(
        data + unreadable if output != "path" else data,
        output,
        lambda width: _table(chosen, store.kind, width),
        ids=lambda: (str(each.tag) for each in chosen),
    )
    if not found:
        tell(f"There are no {store.kind.noun}s in {store.url}.")
    for each in broken:
        click.echo(f"Warning: {store.kind.noun} {each.tag} cannot be read: {printable(_reason(each.error))}", err=True)


def _read(store: Store, tags: Sequence[Tag]) -> Iterator[Summary | _Broken]:
    for tag in tags:
        try:
            yield summarize_stored(store, tag)
        except NotFound:  # deleted just now
            continue
        except (InvalidManifest, StoreError) as error:
            try:
                store.resolve(tag)
            except (NotFound, StoreError):  # deleted while it was read
                continue
            yield _Broken(tag, error)


def _reason(error: InvalidManifest | StoreError) -> str:
    return " ".join(part for part in (error.message, error.why) if part)


def _data(summary: Summary, kind: StoreKind) -> dict[str, Any]:
    source = "module" if kind is StoreKind.MODELS else "service"
    return {
        "tag": str(summary.tag),
        source: summary.source,
        "size_bytes": summary.size_bytes,
        "creation_time": summary.creation_time.isoformat(),
        "labels": dict(summary.labels),
        "path": None if summary.path is None else os.fspath(summary.path),
    }


def _table(summaries: Sequence[Summary], kind: StoreKind, width: int) -> str:
    headings = ["TAG", "MODULE" if kind is StoreKind.MODELS else "SERVICE", "SIZE", "CREATED"]
    rows = [
        [str(each.tag), each.source, format_bytes(each.size_bytes), local_time(each.creation_time)]
        for each in summaries
    ]
    # Whole or not at all: half a path is of no use, and a tag is there to be copied.
    paths = [str(each.path or "") for each in summaries]
    with_paths = [[*row, path] for row, path in zip(rows, paths, strict=True)]
    if width == UNLIMITED or _width_of([[*headings, "PATH"], *with_paths]) <= width:
        return format_table([*headings, "PATH"], with_paths, width)
    return format_table(headings, rows, width)


def _width_of(rows: Sequence[Sequence[str]]) -> int:
    return sum(max(map(len, column)) for column in zip(*rows, strict=True)) + 2 * (len(rows[0]) - 1)
