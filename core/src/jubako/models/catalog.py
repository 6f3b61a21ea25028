"""`create`, `get`, `list` and `delete`: the models of a store."""

from __future__ import annotations

import builtins
import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs

from jubako._documents import plain
from jubako.contracts.offers import SerializerType
from jubako.contracts.store import Store, StoreKind
from jubako.errors import InvalidArgument, InvalidManifest, ModelDigestMismatch, NotFound
from jubako.models.asked import note_model
from jubako.models.context import describe_context, with_serializer
from jubako.models.model import CUSTOM_OBJECTS_FILE, Model
from jubako.serializers.cloudpickle import dump_file
from jubako.stores.choosing import choose, delete_chosen
from jubako.stores.digests import digest_folder
from jubako.stores.failures import store_failure
from jubako.stores.manifests import write_model_info
from jubako.stores.opened import path_inside
from jubako.stores.places import path_of_url
from jubako.stores.verifying import Verification, verify_version
from jubako.values.model import ModelInfo
from jubako.values.signature import SignatureLike, as_signatures
from jubako.values.tag import Tag
from jubako.workspace import Workspace, current_workspace


@attrs.define
class ModelDraft:
    """A model being written; it is stored when the block of `create` ends without an error.

    Args:
        tag: name and exact version that it will have.
        path: an empty folder for its files.
        serializer: the name of the format of its object; a runner type may choose it inside the block.
    """

    tag: Tag = attrs.field(on_setattr=attrs.setters.frozen)
    path: Path = attrs.field(on_setattr=attrs.setters.frozen)
    serializer: str = ""

    def path_of(self, item: str) -> Path:
        """Where to write one file, given relative to the model's folder with forward slashes.

        Raises:
            InvalidArgument: it leads out of the folder.
        """
        return path_inside(self.path, item)


@contextlib.contextmanager
def create(
    name: str,
    *,
    module: str = "",
    signatures: Mapping[str, SignatureLike] | None = None,
    labels: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    framework_name: str = "",
    framework_distributions: Sequence[str] = (),
    _model_store: Store | None = None,
) -> Iterator[ModelDraft]:
    """Store a new version of a model: write its files inside the block, and it is published when the block ends.

    A block that raises stores nothing. Files are read-only afterwards. A model with `custom_objects`, or whose format
    can run code, is declared trusted on this machine. Blocks while files are written to the disk.

    Args:
        name: the model's name; its version is made now.
        module: the runner type that loads it; empty for a model of your own.
        signatures: method name to how that method is called in batches: a `Signature`, or a mapping such as
            `{"batchable": True, "batch_dim": 0}`.
        labels: text to text, for people and queries.
        options: the runner type's settings, JSON-like.
        custom_objects: name to any Python object that is saved beside the model, as a pickle.
        metadata: your own facts, JSON-like.
        framework_name: the framework's name, for people.
        framework_distributions: distributions whose installed versions are needed to load it.
        _model_store: where to store it; the current workspace's store if None.

    Raises:
        InvalidArgument: the name has a version or breaks the grammar, or an argument cannot be written.
        MissingDependency: one of `framework_distributions` is not installed.
        StoreError: the store cannot be written.
    """
    workspace = current_workspace()
    store = _model_store or workspace.model_store
    tag = Tag.from_taglike(name).make_new_version()
    with store_failure(f"model {tag} cannot be saved: this Python's packages cannot be read"):
        context = describe_context(workspace.composition, module, framework_name, framework_distributions)
    info = ModelInfo(
        tag=tag,
        module=module,
        serializer="",
        creation_time=datetime.now(UTC),
        context=context,
        signatures=as_signatures(signatures),
        labels=dict(labels or {}),
        options=plain(options or {}, "options"),
        metadata=plain(metadata or {}, "metadata"),
        has_custom_objects=bool(custom_objects),
    )
    with store.draft(tag) as folder:
        draft = ModelDraft(tag, folder)
        yield draft
        with store_failure(f"model {tag} was not saved"):
            if custom_objects:
                _refuse_taken(folder, CUSTOM_OBJECTS_FILE)
                dump_file(dict(custom_objects), folder / CUSTOM_OBJECTS_FILE)
            context = with_serializer(context, workspace.composition, draft.serializer)
            _write_manifest(workspace, folder, attrs.evolve(info, serializer=draft.serializer, context=context))


def get(tag: Tag | str, *, _model_store: Store | None = None) -> Model:
    """Open one model: `name:version`, `name:latest` or `name`, the latest one.

    A build packs every model that was got, here or by `load` and `load_runner`, while the Service was imported.

    Raises:
        NotFound: there is no such model; the message lists near ones, and for a Bento says how to pack it.
        InvalidManifest: its manifest cannot be read.
        ModelDigestMismatch: a file is missing, of another size, or not in the manifest.
    """
    workspace = current_workspace()
    store = _model_store or workspace.model_store
    wanted = Tag.from_taglike(tag)
    try:
        model = Model.open(wanted, store, workspace.trust)
    except NotFound as error:
        raise _not_packed(wanted, store) or error from error
    note_model(model.tag, store)
    return model


def list(tag: Tag | str | None = None, *, _model_store: Store | None = None) -> builtins.list[Model]:
    """Open all models, those of one name, or the one version, sorted by tag; of a version that is not there, none.

    A model that cannot be opened is left out, with a warning.

    Raises:
        NotFound: a name was given and there is no model of that name.
    """
    workspace = current_workspace()
    store = _model_store or workspace.model_store
    models = (_open_or_warn(found, store, workspace) for found in choose(store, tag))
    return [model for model in models if model is not None]


def delete(tag: Tag | str, *, _model_store: Store | None = None) -> None:
    """Delete one version, `name:latest` the latest one; a name without a version deletes **all** its versions.

    Raises:
        NotFound: there is no such model.
        StoreError: the store cannot be written.
    """
    delete_chosen(_model_store or current_workspace().model_store, tag)


def verify(tag: Tag | str, *, _model_store: Store | None = None) -> Verification:
    """Read every file of a model, whatever was read before, and compare it with what was stored.

    Returns:
        How many files and bytes that were.

    Raises:
        NotFound: there is no such model.
        ModelDigestMismatch: something is not as it was stored; names the first ten things.
    """
    return verify_version(_model_store or current_workspace().model_store, tag)


def load_runner(tag: Tag | str, *, _model_store: Store | None = None, **options: Any) -> Any:
    """Make a runner of a model, with the runner type that saved it: `jubako.<runner type>.load_runner`.

    Args:
        tag: the model.
        _model_store: where it is.
        options: what `load_runner` of that runner type takes, such as `name`.

    Raises:
        NotFound: there is no such model.
        InvalidArgument: no runner type saved it.
        PluginError: its runner type is not installed, or cannot be used.
    """
    return get(tag, _model_store=_model_store).load_runner(**options)


def _not_packed(tag: Tag, store: Store) -> NotFound | None:
    """What to say of a model that a Bento does not have; None if the store is not a Bento's."""
    if not store.url.startswith("file:"):
        return None
    folder = path_of_url(store.url)
    if not (folder / StoreKind.BENTOS.manifest_name).is_file():
        return None
    return NotFound(
        f"model {tag} is not in the Bento in {folder}.",
        why="A Bento has the models that its service asked for while it was imported, and those that are declared.",
        do=f"declare it, as required_models = [{str(tag)!r}] of the runner that asks for it or as additional_models of "
        "the build, and build again",
    )


def _write_manifest(workspace: Workspace, folder: Path, info: ModelInfo) -> None:
    _refuse_taken(folder, StoreKind.MODELS.manifest_name)
    complete = attrs.evolve(info, files=digest_folder(folder))
    write_model_info(folder, complete)
    if complete.has_custom_objects or _runs_code(workspace, complete.serializer):
        # Before it is published: a model that was saved here and is not trusted would be a riddle.
        workspace.trust.trust(complete.digest, f"{complete.tag} saved {complete.creation_time:%Y-%m-%d}")


def _refuse_taken(folder: Path, name: str) -> None:
    if os.path.lexists(folder / name):
        raise InvalidArgument(f"a model's files cannot include {name}.", do="use another name")


def _runs_code(workspace: Workspace, serializer: str) -> bool:
    return bool(serializer) and workspace.composition.find(SerializerType, serializer).trust == "code"


def _open_or_warn(tag: Tag, store: Store, workspace: Workspace) -> Model | None:
    try:
        return Model.open(tag, store, workspace.trust)
    except NotFound:  # deleted just now
        return None
    except (InvalidManifest, ModelDigestMismatch) as error:
        warnings.warn(f"model {tag} is left out: {error.message}", stacklevel=4)
        return None
