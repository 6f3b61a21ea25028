"""`Bento`: a built Service in a folder, as it is read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path, PurePosixPath

import attrs

from jubako.errors import InvalidArgument, NotFound
from jubako.stores.manifests import read_bento_info
from jubako.values.bento import BentoInfo
from jubako.values.tag import Tag


@attrs.frozen
class Bento:
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
    def tag(self) -> Tag:
        """Name and exact version."""
        return self.info.tag

    @property
    def creation_time(self) -> datetime:
        """When it was built, with its time zone."""
        return self.info.creation_time

    @property
    def digest(self) -> str:
        """`sha256:…` over every file but `bento.yaml`; equal inputs give equal digests."""
        return self.info.digest

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
        return self.path / "src"

    def path_of(self, item: str) -> Path:
        """The path of a file or folder of the Bento.

        Args:
            item: relative, with forward slashes, such as `src/service.py`.

        Raises:
            InvalidArgument: the path is absolute or leaves the Bento.
            NotFound: there is no such file or folder.
        """
        relative = PurePosixPath(item)
        if relative.is_absolute() or ".." in relative.parts or "\\" in item or "\0" in item:
            raise InvalidArgument(
                f"{item!r} is no path inside Bento {self.tag}.", do="give for example 'src/service.py'"
            )
        path = self.path / relative
        if not path.exists():
            raise NotFound(f"Bento {self.tag} has no {item!r}.")
        return path

    def __str__(self) -> str:
        return f"Bento({str(self.tag)!r})"
