"""`Store`: a place that keeps versions of models or Bentos, each a folder of files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from enum import Enum
from pathlib import Path

from jubako.values.tag import Tag


class StoreKind(Enum):
    """What a store keeps; the value is its folder below `$JUBAKO_HOME`."""

    MODELS = "models"
    BENTOS = "bentos"

    @property
    def manifest_name(self) -> str:
        """The file without which a folder is no version: `model.yaml` or `bento.yaml`."""
        return "model.yaml" if self is StoreKind.MODELS else "bento.yaml"

    @property
    def noun(self) -> str:
        """`model` or `Bento`, for messages."""
        return "model" if self is StoreKind.MODELS else "Bento"

    @property
    def verb(self) -> str:
        """What makes one, for messages: `save` or `build`."""
        return "save" if self is StoreKind.MODELS else "build"


class Store(ABC):
    """Versions by tag; a version exists whole or not at all and never changes. Safe for several threads and processes.

    Checked by `jubako.testing.StoreTests`.

    Attributes:
        kind: what it keeps.
        url: where, for people; without credentials.
    """

    kind: StoreKind
    url: str

    @abstractmethod
    def resolve(self, tag: Tag) -> Tag:
        """Return the exact tag behind `tag`: itself if it is exact, else the newest by the store's own sequence.

        Raises:
            NotFound: there is no such name or version; the message lists near matches.
        """

    @abstractmethod
    def list(self, name: str | None = None) -> list[Tag]:
        """Exact tags of all versions, or of one name, sorted; empty if there are none.

        Whatever is no version is passed over.
        """

    @abstractmethod
    def open(self, tag: Tag) -> Path:
        """Return a local folder with the version's files, read-only; a remote store fetches it first and blocks.

        Raises:
            NotFound: there is no such version.
        """

    @abstractmethod
    def draft(
        self, tag: Tag, *, origin: str = "saved", is_latest: bool = False, is_replacing: bool = False
    ) -> AbstractContextManager[Path]:
        """Give an empty folder to write a new version into; it is published when the block ends without an error.

        A block that raises leaves nothing behind. The manifest must be in the folder when the block ends.

        Args:
            tag: exact.
            origin: `saved` and `built` take the next number of the sequence and so become `latest`; anything else says
                where an imported version came from, and it becomes `latest` only if it was created later.
            is_latest: True makes it `latest` whatever its origin and time of creation.
            is_replacing: True puts it in the place of the version that has the tag, if one does; that one stays unless
                the new one is published.

        Raises:
            AlreadyExists: the tag is taken, now or by a faster writer when the block ends.
            StoreError: the place cannot be written.
        """

    @abstractmethod
    def delete(self, tag: Tag) -> None:
        """Remove one exact version; readers that have it open keep their files where the system allows it.

        Raises:
            NotFound: there is no such version.
        """

    def read_manifest(self, tag: Tag) -> bytes:
        """The text of the manifest of an exact version; a remote store fetches nothing else for it.

        Raises:
            NotFound: there is no such version.
            OSError: it cannot be read.
        """
        return (self.open(tag) / self.kind.manifest_name).read_bytes()

    def verify_manifest(self, tag: Tag) -> None:  # noqa: B027  # a store may know nothing of it
        """Check that the manifest of an exact version is the one that was published, as far as the store knows that.

        Loading a version calls it: the manifest vouches for all other files, and nothing in it for itself.

        Raises:
            ModelDigestMismatch: it is another; names the file.
            StoreError: what the store knows of it cannot be read.
        """

    def origin(self, tag: Tag) -> str:
        """Where an exact version came from: what was given to `draft`; empty if the store does not know."""
        return ""
