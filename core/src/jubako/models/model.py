"""`Model`: one stored version, opened."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from jubako.contracts.offers import RunnerType
from jubako.contracts.runner_type import LoadRunner
from jubako.contracts.store import Store, StoreKind
from jubako.errors import InvalidArgument, InvalidManifest, ModelDigestMismatch, OfferNotFound
from jubako.models.trust import require_trust
from jubako.plugins import Composition
from jubako.serializers.cloudpickle import load_file
from jubako.stores.digests import verify_files, verify_sizes
from jubako.stores.manifests import read_model_info
from jubako.stores.opened import Opened
from jubako.stores.private import private_files
from jubako.stores.stored import read_version
from jubako.stores.transfer import export_anywhere
from jubako.stores.trust import TrustStore
from jubako.values.manifest import FileEntry
from jubako.values.model import ModelInfo
from jubako.values.tag import Tag
from jubako.workspace import current_workspace, open_other_store

CUSTOM_OBJECTS_FILE = "custom_objects.pkl"
_MANIFEST = StoreKind.MODELS.manifest_name


class Model(Opened[ModelInfo]):
    """One version of a model in a store; made by `jubako.models.get`. Equal and hashed by its tag.

    Its files are read-only, and checked for presence and size when it is opened.

    Attributes:
        info: what `model.yaml` says.
        path: the folder of its files.
    """

    def __init__(self, info: ModelInfo, path: Path, *, store: Store, trust: TrustStore) -> None:
        self.info = info
        self.path = path
        self._store = store
        self._trust = trust

    @classmethod
    def open(cls, tag: Tag, store: Store, trust: TrustStore) -> Model:
        """Open an exact version, or the latest one; reads its manifest and looks at the sizes of its files.

        Raises:
            NotFound: there is no such version.
            InvalidManifest: its `model.yaml` cannot be read, or belongs to another version.
            ModelDigestMismatch: a file is missing, of another size, or not in the manifest.
        """
        exact = store.resolve(tag)
        try:
            path = store.open(exact)
            info = read_model_info(path)
            verify_sizes(path, info.files, leave_out=(_MANIFEST,))
        except (InvalidManifest, ModelDigestMismatch):
            store.resolve(exact)  # raises NotFound if it was deleted while it was read
            raise
        if info.tag != exact:
            raise InvalidManifest(
                f"{path / _MANIFEST} says that it is model {info.tag}, not {exact}.",
                why="The folder was renamed or copied by hand.",
                do="move it back, or delete it",
            )
        return cls(info, path, store=store, trust=trust)

    @property
    def origin(self) -> str:
        """Where the store has it from: `saved`, or where it was imported from; empty if the store does not know."""
        return self._store.origin(self.tag)

    @cached_property
    def custom_objects(self) -> Mapping[str, Any]:
        """What was saved as `custom_objects`; unpickled, after the trust check, when first asked for. Empty if none.

        Raises:
            ModelNotTrusted: the model was not declared trusted on this machine.
            ModelDigestMismatch: the file is not what the manifest says.
            MissingDependency: an object needs a package that is not installed.
        """
        if not self.info.has_custom_objects:
            return {}
        self.require_trust("Its custom objects are pickles, which can run any code when they are loaded")
        with self._checked(is_custom=True) as folder:
            objects: Mapping[str, Any] = load_file(folder / CUSTOM_OBJECTS_FILE)
        return objects

    def export(
        self, path: str | os.PathLike[str] = "", output_format: str | None = None, *, overwrite: bool = False
    ) -> str:
        """Write it as an archive, or copy it to the store at a URL; see `jubako.models.export_model`.

        Returns:
            The path that was written, or the URL.
        """
        version = read_version(self.tag, self._store)
        open_other = functools.partial(open_other_store, current_workspace(), kind=StoreKind.MODELS)
        return export_anywhere(
            version,
            os.fspath(path),
            format_name=output_format,
            is_overwriting=overwrite,
            origin=self._store.url,
            open_other=open_other,
        ).place

    def require_trust(self, reason: str) -> None:
        """Return if the model's digest is trusted on this machine.

        Args:
            reason: why trust is needed, as the beginning of a sentence.

        Raises:
            ModelNotTrusted: it is not; says what it is, where it came from and what to do.
        """
        require_trust(self._trust, tag=self.tag, digest=self.digest, store=self._store, reason=reason)

    def trust(self) -> bool:
        """Declare it trusted on this machine, after every file was found to be what the digest says; on disk then.

        Returns:
            False if its digest is in `.store/trust` already.

        Raises:
            ModelDigestMismatch: a file is not what the manifest says.
            StoreError: `.store/trust` cannot be written.
        """
        self._verify(self.info.files)
        return self._trust.trust(self.digest, f"{self.tag} declared {datetime.now(UTC):%Y-%m-%d}")

    def load_runner(self, **options: Any) -> Any:
        """Make a runner of it, with the runner type that saved it.

        Args:
            options: what `jubako.<runner type>.load_runner` takes beside the tag, such as `name`.

        Raises:
            InvalidArgument: no runner type saved it.
            PluginError: its runner type is not installed, or cannot be used; says what to install.
        """
        if not self.info.module:
            raise InvalidArgument(
                f"model {self.tag} was saved by no runner type, so there is no runner of it.",
                do="write one, a subclass of jubako.Runner, and open the model's files in its _setup",
            )
        workspace = current_workspace()
        offer = _find_runner_type(self.info, workspace.composition)
        load = cast("LoadRunner", workspace.composition.resolve(offer, "load_runner"))
        # None stands for the workspace's own, which every process opens for itself.
        store = None if self._store is workspace.model_store else self._store
        return load(self.tag, _model_store=store, **options)

    def verify_object_files(self) -> None:
        """Check the SHA-256 of every file but the custom objects'; each is read once in a process. And the manifest's.

        Raises:
            ModelDigestMismatch: a file is not what the manifest says, or the manifest not what was published.
        """
        self._verify(self._files(is_custom=False))

    def object_files(self) -> AbstractContextManager[Path]:
        """Check as `verify_object_files` does; give a folder where no other account exchanges them in the block.

        Raises:
            ModelDigestMismatch: see `verify_object_files`.
            StoreError: others can write to the store, and the files cannot be copied out of their reach.
        """
        return self._checked(is_custom=False)

    @contextmanager
    def _checked(self, *, is_custom: bool) -> Iterator[Path]:
        self._store.verify_manifest(self.tag)
        with private_files(self.path, self._files(is_custom=is_custom)) as folder:
            yield folder

    def _files(self, *, is_custom: bool) -> list[FileEntry]:
        return [entry for entry in self.info.files if (entry.path == CUSTOM_OBJECTS_FILE) is is_custom]

    def _verify(self, files: Iterable[FileEntry]) -> None:
        self._store.verify_manifest(self.tag)
        verify_files(self.path, files)

    def __eq__(self, other: object) -> bool:
        return self.tag == other.tag if isinstance(other, Model) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.tag)

    def __repr__(self) -> str:
        return f"Model({str(self.tag)!r})"


def _find_runner_type(info: ModelInfo, composition: Composition) -> RunnerType:
    try:
        return composition.find(RunnerType, info.module)
    except OfferNotFound as error:
        plugin = info.context.plugin
        if not plugin or composition.has_distribution(plugin):
            raise
        raise OfferNotFound(
            f"there can be no runner of model {info.tag}: {error.message}",
            why=f"Its runner type was offered by {plugin}, which is not installed.",
            do=f"pip install {plugin}",
        ) from error
