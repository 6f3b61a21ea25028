"""`Opened`: what an opened model and an opened Bento have in common."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Generic, TypeVar

from jubako.errors import InvalidArgument
from jubako.values.bento import BentoInfo
from jubako.values.model import ModelInfo
from jubako.values.tag import Tag

_Info = TypeVar("_Info", ModelInfo, BentoInfo)


class Opened(Generic[_Info]):
    """A version in a local folder; nothing of it changes.

    Attributes:
        path: the folder of its files.
        info: what its manifest says.
    """

    __slots__ = ()

    path: Path
    info: _Info

    @property
    def tag(self) -> Tag:
        """Name and exact version."""
        return self.info.tag

    @property
    def creation_time(self) -> datetime:
        """When it was saved or built, with its time zone."""
        return self.info.creation_time

    @property
    def digest(self) -> str:
        """`sha256:…` over every file but the manifest; of a model over its serializer's name too. Trust is given to it.

        Equal inputs give equal digests.
        """
        return self.info.digest

    def path_of(self, item: str) -> Path:
        """The path of a file or folder in it, which may not be there.

        Args:
            item: relative, with forward slashes, such as `src/service.py`.

        Raises:
            InvalidArgument: it is absolute, or leads out of the folder.
        """
        return path_inside(self.path, item)


def path_inside(folder: Path, item: str) -> Path:
    """Join a relative path, with forward slashes, to the folder of a version.

    Raises:
        InvalidArgument: it is absolute, or leads out of the folder.
    """
    relative = PurePosixPath(item)
    if relative.is_absolute() or Path(item).is_absolute() or ".." in relative.parts or "\\" in item or "\0" in item:
        raise InvalidArgument(
            f"{item[:200]!r} is no path inside {folder}.", do="give one such as 'src/service.py', with forward slashes"
        )
    return folder / relative
