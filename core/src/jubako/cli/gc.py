"""`jubako gc`: what writers that died have left, what nobody refers to, and old versions if that is asked for."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import click

from jubako.cli._confirm import confirm, yes_option
from jubako.cli._help import examples
from jubako.cli._options import settings_options
from jubako.cli._output import output_option, show
from jubako.cli._progress import format_bytes
from jubako.cli._stores import count_of, opened_workspace, store_of
from jubako.cli._tables import format_table
from jubako.cli._verbosity import tell
from jubako.contracts.store import StoreKind
from jubako.models.trusted import find_unneeded_trust
from jubako.services.archived import UnusedArchive, remove_unused_archives, unused_archives
from jubako.serving.environments.cache import Environments, UnusedEnvironment
from jubako.stores.collecting import Debris, find_old, find_store_debris, remove_store_debris, remove_versions, size_of
from jubako.stores.local import LocalStore
from jubako.stores.trust import TrustEntry
from jubako.values.tag import Tag
from jubako.workspace import Workspace

_Unused = UnusedEnvironment | UnusedArchive
_KINDS = tuple(kind.value for kind in StoreKind)


@attrs.frozen
class _Rubbish:
    """What goes from one store.

    Args:
        store: the store.
        debris: what nobody needs.
        old: versions beyond those that stay, with the bytes that they give back.
    """

    store: LocalStore
    debris: Sequence[Debris]
    old: Sequence[tuple[Tag, Debris]]


@click.command("gc", epilog=examples("jubako gc --dry-run", "jubako gc --keep 5 --only bentos"))
@click.option("--dry-run", is_flag=True, help="Show what would go; remove nothing.")
@click.option(
    "--keep", type=click.IntRange(min=1), metavar="N", help="Also delete all but the newest N versions of each name."
)
@click.option("--only", type=click.Choice(_KINDS), help="Look after models, or after Bentos, alone.")
@click.option(
    "--unused-days",
    type=click.IntRange(min=0),
    default=30,
    show_default=True,
    metavar="N",
    help="Remove environments of `serve --isolated`, and what `serve ARCHIVE` unpacked, not used for N days.",
)
@click.option("--trust", is_flag=True, help="Also forget trusted digests that no model and no Bento here has.")
@yes_option
@output_option("table", "json", "yaml")
@settings_options
def command(
    dry_run: bool,
    keep: int | None,
    only: str | None,
    unused_days: int,
    trust: bool,
    yes: bool,
    output: str,
    config: Path | None,
    strict_plugins: bool | None,
) -> None:
    """Remove what nobody needs: what killed writers and deletions have left, unused environments and unpacked archives.

    Safe while others save, build and serve. No version goes unless --keep says so, and then only after asking. A Bento
    has copies of its models, so old models can go; a Bento that is served should stay.
    """
    with opened_workspace(config, strict_plugins) as workspace:
        found = [_find(store, keep) for store in _local_stores(workspace, only)]
        unneeded = find_unneeded_trust(workspace) if trust else []
        home = Path(workspace.settings.stores.home).expanduser().absolute()
        environments = Environments(home)
        unused_s = unused_days * 24 * 3600.0 if only != StoreKind.MODELS.value else math.inf
        unused: list[_Unused] = [*environments.unused(unused_s), *unused_archives(home, unused_s)]
        if not dry_run:
            old = [(each.store, tag) for each in found for tag, _ in each.old]
            if old:
                kinds = [count_of(len(each.old), each.store.kind) for each in found if each.old]
                confirm(f"Delete {' and '.join(kinds)}?", [f"{store.kind.noun} {tag}" for store, tag in old], yes=yes)
            found = [_remove(each) for each in found]
            unneeded = [entry for entry in unneeded if workspace.trust.distrust(entry.digest)]
            unused = [*environments.remove_unused(unused_s), *remove_unused_archives(home, unused_s)]
    rows = [*_rows(found), *map(_unused_row, unused), *map(_trust_row, unneeded)]
    data = {"dry_run": dry_run, "size_bytes": sum(row["size_bytes"] for row in rows), "removed": rows}
    show(data, output, lambda width: _table(rows, width, dry_run=dry_run), ids=lambda: (row["path"] for row in rows))


def _local_stores(workspace: Workspace, only: str | None) -> Iterator[LocalStore]:
    for kind in StoreKind:
        store = store_of(workspace, kind)
        if only not in (None, kind.value):
            continue
        if isinstance(store, LocalStore):
            yield store
        else:
            tell(f"Note: {store.url} is not on this machine, and left alone.")


def _find(store: LocalStore, keep: int | None) -> _Rubbish:
    old = [] if keep is None else find_old(store, keep)
    places = [(tag, store.layout.place(tag)) for tag in old]
    versions = [(tag, Debris(path, f"old {store.kind.noun} {tag}", size_of(path))) for tag, path in places]
    return _Rubbish(store, find_store_debris(store), versions)


def _remove(rubbish: _Rubbish) -> _Rubbish:
    remove_store_debris(rubbish.store, rubbish.debris)
    removed = remove_versions(rubbish.store, [tag for tag, _ in rubbish.old])
    debris = [each for each in rubbish.debris if not os.path.lexists(each.path)]
    return attrs.evolve(rubbish, debris=debris, old=[pair for pair in rubbish.old if pair[0] in removed])


def _rows(found: Sequence[_Rubbish]) -> Iterator[dict[str, Any]]:
    for rubbish in found:
        for each in (*rubbish.debris, *(debris for _, debris in rubbish.old)):
            yield {"what": each.what, "size_bytes": each.size_bytes, "path": os.fspath(each.path)}


def _unused_row(unused: _Unused) -> dict[str, Any]:
    noun = "environment of" if isinstance(unused, UnusedEnvironment) else "unpacked archive of"
    what = f"{noun} Bento {unused.made_for}, unused for {unused.unused_s / 86400:.0f} days"
    return {"what": what, "size_bytes": unused.size_bytes, "path": os.fspath(unused.path)}


def _trust_row(entry: TrustEntry) -> dict[str, Any]:
    return {"what": f"trust in {entry.note or 'a model'}", "size_bytes": 0, "path": entry.digest}


def _table(rows: Sequence[dict[str, Any]], width: int, *, dry_run: bool) -> str:
    if not rows:
        return "Nothing to remove."
    cells = [(row["what"], format_bytes(row["size_bytes"]), row["path"]) for row in rows]
    total = format_bytes(sum(row["size_bytes"] for row in rows))
    done = f"{'Would give' if dry_run else 'Gave'} back {total}."
    return f"{format_table(('WHAT', 'SIZE', 'PATH'), cells, width)}\n\n{done}"
