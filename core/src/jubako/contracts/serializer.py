"""`Serializer`: a model object ⇄ files in a folder, in one format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any


class Serializer(ABC):
    """Writes and reads one format; stateless. Checked by `jubako.testing.SerializerTests`.

    Whether reading can run code is said in the offer (`SerializerType.trust`), never by the file.
    """

    @abstractmethod
    def can_dump(self, model: Any) -> bool:
        """True if the format is meant for objects of this kind; cheap, writes nothing."""

    @abstractmethod
    def dump(self, model: Any, folder: Path) -> None:
        """Write the object as new files into an existing folder.

        Raises:
            InvalidArgument: the object cannot be written in this format, and why.
        """

    @abstractmethod
    def load(self, folder: Path) -> Any:
        """Read the object back from what `dump` wrote. There is no second try in another format.

        The folder may be a copy that goes when this has returned: the object opens no file of it later.

        Raises:
            ModelNotTrusted: the files hold what a `data` format does not allow.
            InvalidManifest: the files are not this format, or damaged.
        """
