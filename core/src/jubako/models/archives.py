"""Models in archives and in other stores: `export_model`, `import_model`, `push` and `pull`."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from jubako.contracts.offers import SerializerType
from jubako.contracts.store import Store, StoreKind
from jubako.errors import PluginError
from jubako.models.catalog import get
from jubako.models.model import Model
from jubako.stores.archives.exporting import Exported
from jubako.stores.archives.formats import format_by_name
from jubako.stores.archives.importing import import_version
from jubako.stores.archives.outcomes import Imported
from jubako.stores.manifests import read_model_info
from jubako.stores.stored import read_version
from jubako.stores.transfer import copy_version, export_anywhere, refuse_urls
from jubako.values.tag import Tag
from jubako.workspace import Workspace, current_workspace, open_other_store, open_store

_KIND = StoreKind.MODELS


def export_model(
    tag: Tag | str,
    path: str | os.PathLike[str] = "",
    output_format: str | None = None,
    *,
    overwrite: bool = False,
    _model_store: Store | None = None,
) -> str:
    """Write a model as an archive; every file is compared with its digest on the way.

    Args:
        tag: of the model; the latest version if it has none.
        path: an existing folder, or what ends with `/`: a file `name-version.jubako-model` inside; the name of a file,
            which gets that suffix unless it has one of another format; empty is the working directory. Or the URL of
            a store, to which the model is copied.
        output_format: `native`, `tar`, `gz`, `xz`, `bz2`, `zip` or `folder`; if None, the suffix of `path` says.
        overwrite: whether a file that is there may be replaced.

    Returns:
        The path that was written, or the URL.

    Raises:
        NotFound: there is no such model.
        AlreadyExists: there is such a file.
        InvalidArgument: the folder to write in does not exist, or there is no such format.
        ModelDigestMismatch: a file is not what was saved.
        StoreError: it cannot be written; no part of it is left.
    """
    return export(tag, path, output_format, overwrite=overwrite, _model_store=_model_store).place


def import_model(
    path: str | os.PathLike[str],
    input_format: str | None = None,
    *,
    latest: bool = False,
    _model_store: Store | None = None,
) -> Model:
    """Store the model in an archive under the tag that it has there; the whole archive is checked, or nothing stored.

    It is not trusted by that: a model whose format can run code is loaded when `jubako models trust` has named it.

    Args:
        path: a file or a folder that was exported.
        input_format: what it must be; found by its first bytes if None.
        latest: make it the latest version; else it is that only if it was created after the one that is.

    Raises:
        NotFound: there is no such file.
        InvalidArchive: the archive is damaged, or has something that no model may have.
        InvalidManifest: its `model.yaml` cannot be read.
        AlreadyExists: there is another model of that tag.
        StoreError: the store cannot be written.
    """
    done = take_in(path, input_format, latest=latest, _model_store=_model_store)
    return get(done.tag, _model_store=_model_store)


def push(tag: Tag | str, url: str | None = None, *, force: bool = False, _model_store: Store | None = None) -> Tag:
    """Copy a model to another store; nothing is done if it is there already.

    Args:
        tag: of the model; the latest version if it has none.
        url: of the other store, or the path of a home of Jubako.
        force: put it in the place of another model of that tag.

    Returns:
        The exact tag.

    Raises:
        NotFound: there is no such model.
        InvalidArgument: no other store is named.
        AlreadyExists: there is another model of that tag.
        ModelDigestMismatch: a file is not what was saved.
        StoreError: one of the stores cannot be read or written.
    """
    return send(tag, url, force=force, _model_store=_model_store).tag


def pull(
    tag: Tag | str,
    url: str | None = None,
    *,
    force: bool = False,
    latest: bool = False,
    _model_store: Store | None = None,
) -> Model:
    """Copy a model from another store; nothing is done if it is here already. It is not trusted by that.

    Args:
        tag: of the model; the latest version there if it has none.
        url: of the other store, or the path of a home of Jubako.
        force: put it in the place of another model of that tag.
        latest: make it the latest version; else it is that only if it was created after the one that is.

    Raises:
        NotFound: there is no such model.
        InvalidArgument: no other store is named.
        AlreadyExists: there is another model of that tag.
        ModelDigestMismatch: a file is not what its manifest says.
        StoreError: one of the stores cannot be read or written.
    """
    done = fetch(tag, url, force=force, latest=latest, _model_store=_model_store)
    return get(done.tag, _model_store=_model_store)


def export(
    tag: Tag | str,
    path: str | os.PathLike[str],
    output_format: str | None = None,
    *,
    overwrite: bool = False,
    _model_store: Store | None = None,
) -> Exported:
    """See `export_model`; with all that is known of what was written."""
    workspace = current_workspace()
    store = _model_store or workspace.model_store
    return export_anywhere(
        read_version(Tag.from_taglike(tag), store),
        os.fspath(path),
        format_name=output_format,
        is_overwriting=overwrite,
        origin=store.url,
        open_other=functools.partial(open_other_store, workspace, kind=_KIND),
    )


def take_in(
    path: str | os.PathLike[str],
    input_format: str | None = None,
    *,
    latest: bool = False,
    _model_store: Store | None = None,
) -> Imported:
    """See `import_model`; says whether it is new."""
    workspace = current_workspace()
    refuse_urls(os.fspath(path), _KIND)
    return import_version(
        Path(path),
        _model_store or workspace.model_store,
        limits=workspace.settings.stores.archives,
        archive_format=format_by_name(input_format),
        is_latest=latest,
    )


def send(tag: Tag | str, url: str | None = None, *, force: bool = False, _model_store: Store | None = None) -> Imported:
    """See `push`; says whether it is new."""
    workspace = current_workspace()
    store = _model_store or workspace.model_store
    target = open_other_store(workspace, url, _KIND)
    return copy_version(read_version(Tag.from_taglike(tag), store), target, origin=store.url, is_forced=force)


def fetch(
    tag: Tag | str,
    url: str | None = None,
    *,
    force: bool = False,
    latest: bool = False,
    _model_store: Store | None = None,
) -> Imported:
    """See `pull`; says whether it is new."""
    workspace = current_workspace()
    source = open_other_store(workspace, url, _KIND)
    version = read_version(Tag.from_taglike(tag), source)
    store = _model_store or workspace.model_store
    return copy_version(version, store, origin=source.url, is_forced=force, is_latest=latest)


def untrusted_models(folder: Path, kind: StoreKind, workspace: Workspace) -> list[tuple[Tag, str]]:
    """The models in a version's folder, itself or those packed in it, that load only once they are trusted.

    Args:
        folder: of a model or a Bento.
        kind: which.
        workspace: whose plugins say what can run code, and what is trusted already.

    Returns:
        Tags and digests.
    """
    if kind is StoreKind.MODELS:
        infos = [read_model_info(folder)]
    else:
        packed = open_store(workspace.composition, folder.as_uri(), StoreKind.MODELS)
        infos = [read_model_info(packed.open(tag)) for tag in packed.list()]
    return [
        (info.tag, info.digest)
        for info in infos
        if (info.has_custom_objects or _runs_code(workspace, info.serializer))
        and not workspace.trust.is_trusted(info.digest)
    ]


def _runs_code(workspace: Workspace, serializer: str) -> bool:
    try:
        return bool(serializer) and workspace.composition.find(SerializerType, serializer).trust == "code"
    except PluginError:  # loading it says what to install, and then what to trust
        return False
