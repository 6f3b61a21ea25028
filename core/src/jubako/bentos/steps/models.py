"""The models step: every model that the Service needs, to `models/<name>/<version>/`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jubako._progress import tracking
from jubako.contracts.build_step import BuildDraft
from jubako.contracts.store import Store, StoreKind
from jubako.errors import ModelDigestMismatch
from jubako.runners import Runner, SimpleRunner
from jubako.stores.digests import verify_files
from jubako.stores.linking import link_or_copy
from jubako.stores.manifests import read_model_info
from jubako.values.tag import Tag
from jubako.workspace import current_workspace


def copy_models(draft: BuildDraft) -> None:
    """Copy the models that the Service needs, each version once, and check the digest of every file.

    These are the `required_models` of its runners, those that its import asked for, and the additional ones. Files are
    hard links to the store's where the system allows it, for stored files never change. Each is read once: the digests
    in `bento.yaml` are those that are computed here.

    Raises:
        NotFound: a model is not in its store.
        ModelDigestMismatch: a file of it is damaged, or its manifest is not the one that was stored.
    """
    stores: dict[Tag, Store] = {}
    for tag, store in _wanted(draft):
        stores.setdefault(store.resolve(tag), store)
    for tag, store in sorted(stores.items(), key=lambda item: item[0]):
        store.verify_manifest(tag)
        _copy(tag, store.open(tag), draft.folder / StoreKind.MODELS.value / tag.path())


def store_of(runner: Runner | SimpleRunner) -> Store:
    """Where a runner's models are: one that was made with a store of its own loads them from there."""
    own: Store | None = getattr(runner, "model_store", None)
    return own or current_workspace().model_store


def _wanted(draft: BuildDraft) -> Iterator[tuple[Tag, Store]]:
    for runner in draft.service.runners.values():
        for tag in runner.required_models:
            yield Tag.from_taglike(tag), store_of(runner)
    # The import in the Bento asks for them again.
    yield from draft.asked_models.items()
    for text in draft.options["additional_models"]:
        yield Tag.from_str(text), current_workspace().model_store


def _copy(tag: Tag, source: Path, place: Path) -> None:
    info = read_model_info(source)
    try:
        for relative in (StoreKind.MODELS.manifest_name, *(entry.path for entry in info.files)):
            copy = place / relative
            copy.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(source / relative, copy)
        with tracking(f"packing model {tag}", sum(entry.size_bytes for entry in info.files)) as advance:
            # What is packed, not what it was made from: nothing can come between looking and packing.
            verify_files(place, info.files, advance)
    except (ModelDigestMismatch, OSError):
        # Said of the stored file, which can be put right; the draft is gone in a moment.
        verify_files(source, info.files)
        raise
