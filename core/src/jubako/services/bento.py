"""`Bento`: a built Service in a folder, as it is read."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import attrs

from jubako.contracts.store import StoreKind
from jubako.errors import NotFound
from jubako.services.planted import refuse_planted
from jubako.stores.digests import verify_files
from jubako.stores.manifests import read_bento_info
from jubako.stores.opened import Opened
from jubako.stores.stored import version_in
from jubako.stores.transfer import export_anywhere
from jubako.values.bento import BentoInfo
from jubako.workspace import current_workspace, open_other_store

_SOURCES = "src"


@attrs.frozen(repr=False)
class Bento(Opened[BentoInfo]):
    """A Bento in a local folder; nothing of it changes.

    Args:
        path: the folder that holds `bento.yaml`.
        info: what `bento.yaml` says.
    """

    path: Path
    info: BentoInfo

    @classmethod
    def from_folder(cls, path: Path) -> Bento:
        """Read the Bento in a folder.

        Raises:
            InvalidManifest: its `bento.yaml` cannot be read.
        """
        return cls(path, read_bento_info(path))

    @property
    def doc(self) -> str:
        """The text of `README.md`; empty if there is none."""
        try:
            return (self.path / "README.md").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    @property
    def source_path(self) -> Path:
        """The folder of the user's files, from which the Service is imported."""
        return self.path / _SOURCES

    def path_of(self, item: str) -> Path:
        """The path of a file or folder of the Bento.

        Args:
            item: relative, with forward slashes, such as `src/service.py`.

        Raises:
            InvalidArgument: the path is absolute or leaves the Bento.
            NotFound: there is no such file or folder.
        """
        path = super().path_of(item)
        if not path.exists():
            raise NotFound(f"Bento {self.tag} has no {item!r}.")
        return path

    def verify_sources(self) -> None:
        """Check the SHA-256 of the user's files and of the models' manifests; each is read once in a process.

        The other files of a model are checked against its manifest when it is loaded.

        Raises:
            ModelDigestMismatch: one is not what `bento.yaml` says, or there is a module or a model that it does not
                list.
        """
        refuse_planted(self.path, [entry.path for entry in self.info.files])
        verify_files(self.path, [entry for entry in self.info.files if _is_source(entry.path)])

    def export(
        self, path: str | os.PathLike[str] = "", output_format: str | None = None, *, overwrite: bool = False
    ) -> str:
        """Write it as an archive, or copy it to the store at a URL; see `jubako.export_bento`.

        Returns:
            The path that was written, or the URL.
        """
        version = version_in(self.path, StoreKind.BENTOS)
        open_other = functools.partial(open_other_store, current_workspace(), kind=StoreKind.BENTOS)
        return export_anywhere(
            version,
            os.fspath(path),
            format_name=output_format,
            is_overwriting=overwrite,
            origin=self.path.absolute().as_uri(),
            open_other=open_other,
        ).place

    def __hash__(self) -> int:
        # Equal ones have an equal tag; a manifest holds dictionaries.
        return hash(self.tag)

    def __repr__(self) -> str:
        return f"Bento({str(self.tag)!r})"


def _is_source(path: str) -> bool:
    parts = path.split("/")
    return parts[0] == _SOURCES or (parts[0] == StoreKind.MODELS.value and parts[-1] == StoreKind.MODELS.manifest_name)
