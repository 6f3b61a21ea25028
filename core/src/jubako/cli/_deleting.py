"""`jubako delete` and `jubako models delete`: showing what will go, asking, and deleting it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from jubako.cli._confirm import confirm
from jubako.cli._progress import format_bytes
from jubako.cli._stores import count_of, local_time, read_targets
from jubako.contracts.store import Store
from jubako.errors import InvalidManifest, NotFound, StoreError
from jubako.stores.choosing import choose_doomed
from jubako.stores.manifests import parse_info
from jubako.stores.summaries import Summary, read_manifest, summarize_stored
from jubako.values.bento import BentoInfo
from jubako.values.tag import Tag


def delete_targets(store: Store, texts: Sequence[str], *, yes: bool, bento_store: Store | None = None) -> None:
    """Delete names and tags; all of them must be there, else nothing is deleted.

    Args:
        store: where they are.
        texts: as `read_targets` takes them.
        yes: do not ask.
        bento_store: of models, where Bentos are that may have copies of them.

    Raises:
        NotFound: one of them is not there.
        StoreError: the store cannot be written.
    """
    doomed = dict.fromkeys(tag for target in read_targets(texts) for tag in choose_doomed(store, target))
    if not yes:
        packed = _bentos_with(list(doomed), bento_store)
        confirm(
            f"Delete {count_of(len(doomed), store.kind)} from {store.url}?",
            [_describe(tag, store, packed.get(tag, [])) for tag in doomed],
            yes=yes,
        )
    for tag in doomed:
        try:
            store.delete(tag)
        except NotFound:  # of several, somebody else was faster with this one
            if len(doomed) == 1:
                raise
            continue
        click.echo(f"deleted {tag}")


def _describe(tag: Tag, store: Store, bentos: Sequence[Tag]) -> str:
    try:
        summary: Summary = summarize_stored(store, tag)
    except (InvalidManifest, NotFound, StoreError):
        return f"{tag}  (cannot be read)"
    copies = f"  (Bento {', '.join(map(str, bentos))} has a copy of its own)" if bentos else ""
    return f"{tag}  {format_bytes(summary.size_bytes)}  {local_time(summary.creation_time)}{copies}"


def _bentos_with(models: Sequence[Tag], store: Store | None) -> dict[Tag, list[Tag]]:
    """The Bentos that each model is packed in."""
    packed: dict[Tag, list[Tag]] = {}
    if store is None or not models:
        return packed
    wanted = {str(tag).encode(): tag for tag in models}
    for bento in store.list():
        try:
            text = read_manifest(store, bento)
            # Most Bentos have none of them, which shows sooner than their manifests are parsed.
            if any(tag in text for tag in wanted):
                info = parse_info(text, str(bento), store.kind)
                for model in info.models if isinstance(info, BentoInfo) else ():
                    packed.setdefault(model.tag, []).append(bento)
        except (InvalidManifest, NotFound, StoreError):
            continue
    return packed
