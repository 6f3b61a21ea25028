"""`StoredVersion`: a version in a folder, read with one look at its manifest, and every byte of it checked."""

from __future__ import annotations

import contextlib
import hashlib
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import attrs

from jubako._documents import MAX_DOCUMENT_BYTES
from jubako.contracts.store import Store, StoreKind
from jubako.errors import InvalidManifest, ModelDigestMismatch, StoreError
from jubako.stores.archives.compression import PIECE_BYTES
from jubako.stores.archives.folders import open_regular
from jubako.stores.archives.members import Member
from jubako.stores.digests import verify_sizes
from jubako.stores.failures import store_failure
from jubako.stores.manifests import parse_info
from jubako.values.bento import BentoInfo
from jubako.values.manifest import FileEntry
from jubako.values.model import ModelInfo
from jubako.values.tag import Tag

_REMEDY = "delete this version, and save, build or import it again"


def _is_kept() -> None:
    """Nobody deletes what stands in a folder of its own."""


@attrs.frozen
class StoredVersion:
    """A version in a folder, with its manifest as it was read.

    Args:
        folder: of its files.
        kind: what it is.
        manifest: the text of its manifest.
        info: what that says.
        look_again: raises NotFound if the version is not there any more; called where a file cannot be read as it was.
    """

    folder: Path
    kind: StoreKind
    manifest: bytes
    info: ModelInfo | BentoInfo
    look_again: Callable[[], object] = _is_kept

    def pieces(self, entry: FileEntry, advance: Callable[[int], None]) -> Iterator[bytes]:
        """The content of a file, with an error at its end if it is not what the manifest says.

        Raises:
            ModelDigestMismatch: it is not.
            NotFound: the version was deleted meanwhile.
        """
        with self._looking_again():
            opened = open_regular(self.folder / entry.path)
        digest = hashlib.sha256()
        if opened is not None:
            left = entry.size_bytes + 1  # one more, which shows that there is more
            with opened[0] as file:
                while data := file.read(min(PIECE_BYTES, left)):
                    digest.update(data)
                    left -= len(data)
                    # Nobody is given more bytes than were announced.
                    yield data if left else data[:-1]
                    advance(len(data))
        if digest.hexdigest() != entry.sha256:
            self.look_again()
            raise ModelDigestMismatch(
                f"{self.folder / entry.path} is damaged, or was changed.",
                why=f"Its SHA-256 is {digest.hexdigest()}; the manifest says {entry.sha256}.",
                do=_REMEDY,
            )

    @contextlib.contextmanager
    def _looking_again(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            self.look_again()
            raise

    @property
    def size_bytes(self) -> int:
        """Of all files, the manifest too."""
        return len(self.manifest) + sum(entry.size_bytes for entry in self.info.files)

    def member(self, entry: FileEntry) -> Member:
        """A file as a member of an archive.

        Raises:
            NotFound: the version was deleted meanwhile.
            OSError: it cannot be looked at.
        """
        with self._looking_again():
            mode = (self.folder / entry.path).lstat().st_mode
        return Member(entry.path, entry.size_bytes, is_executable=bool(mode & stat.S_IXUSR))


def read_version(tag: Tag, store: Store) -> StoredVersion:
    """Read a version of a store.

    Raises:
        NotFound: there is no such version.
        InvalidManifest: its manifest cannot be read.
        ModelDigestMismatch: the manifest is not what was published, or a file is missing or of another size.
        StoreError: something cannot be read.
    """
    exact = store.resolve(tag)
    look_again = partial(store.resolve, exact)
    folder = store.open(exact)
    try:
        store.verify_manifest(exact)
        return attrs.evolve(version_in(folder, store.kind), look_again=look_again)
    except (ModelDigestMismatch, InvalidManifest, StoreError):
        look_again()
        raise


def version_in(folder: Path, kind: StoreKind) -> StoredVersion:
    """Read the version in a folder, and look at the sizes of its files.

    Raises:
        InvalidManifest: its manifest cannot be read.
        ModelDigestMismatch: a file is missing, of another size, or not listed.
        StoreError: something cannot be read.
    """
    path = folder / kind.manifest_name
    with store_failure(f"the {kind.noun} in {folder} cannot be read"):
        opened = open_regular(path)
        if opened is None:
            raise ModelDigestMismatch(f"{path} is no file.", do=_REMEDY)
        with opened[0] as file:
            manifest = file.read(MAX_DOCUMENT_BYTES + 1)
        info = parse_info(manifest, str(path), kind)
        verify_sizes(folder, info.files, leave_out=(kind.manifest_name,))
    return StoredVersion(folder, kind, manifest, info)
