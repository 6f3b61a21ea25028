"""`LocalStore`: versions in folders below `$JUBAKO_HOME`, published by one rename.

Where things are is in `stores.layout`. Nothing depends on a lock, and nothing on the clock.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from jubako.contracts.store import Store, StoreKind
from jubako.errors import AlreadyExists, InvalidArgument, InvalidManifest, ModelDigestMismatch, NotFound, StoreError
from jubako.stores.digests import sha256_of
from jubako.stores.drafts import Draft, move_to_trash, remove_tree, sweep
from jubako.stores.durability import make_folder, make_one_folder, seal, sync_folders
from jubako.stores.failures import find_disk_error, store_failure
from jubako.stores.layout import Layout, digest_or_none, tag_or_none
from jubako.stores.manifests import read_info
from jubako.stores.near import describe_near
from jubako.stores.places import path_of_url
from jubako.stores.sequence import Facts
from jubako.values.bento import BentoInfo
from jubako.values.model import ModelInfo
from jubako.values.tag import Tag

_OWN_ORIGINS = ("saved", "built")
_TRIES = 20
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def open_store(url: str, kind: StoreKind) -> LocalStore:
    """Open the local store at `file:///path/to/home`, or at a path; nothing is created before the first save.

    Raises:
        InvalidArgument: the URL names another machine, or has a query.
    """
    if "://" not in url:
        return LocalStore(Path(url), kind)
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
        raise InvalidArgument(f"{url!r} is no local store.", do="write file:///path/to/home, or the path alone")
    return LocalStore(path_of_url(url), kind)


class LocalStore(Store):
    """A store in a folder of the local file system; see `Store`.

    Args:
        home: `$JUBAKO_HOME`; versions are in `models/` or `bentos/` below it.
        kind: what it keeps.

    Attributes:
        home: the same, absolute.
        layout: what is where, for those that look after the store.
    """

    def __init__(self, home: Path, kind: StoreKind) -> None:
        self.kind = kind
        self.home = home.expanduser().absolute()
        self.url = self.home.as_uri()
        self.layout = Layout(self.home, kind)

    def resolve(self, tag: Tag) -> Tag:
        """Return the exact tag; of a name, the version with the highest number that is published."""
        if tag.is_exact:
            if not self.layout.is_version(tag):
                raise self._not_found(tag)
            return tag
        version = self._latest(tag.name)
        if version is None:
            raise self._not_found(tag)
        return Tag(tag.name, version)

    def list(self, name: str | None = None) -> list[Tag]:
        """Exact tags, sorted; folders without a manifest, links, and whatever no tag can name are passed over."""
        return self.layout.tags(name)

    def newest_first(self, name: str) -> builtins.list[Tag]:
        """All versions of a name: numbered ones by number, and behind them those without a number, by creation time.

        Raises:
            StoreError: the store cannot be read.
        """
        with self.layout.reading():
            numbers: dict[str, int] = {}
            for record in self.layout.sequence.records(name):
                numbers.setdefault(record.version, record.number)
        # A record that is damaged inside counts by its name: nothing is opened that this order is about.
        return sorted(self.layout.tags(name), key=lambda tag: self._age(tag, numbers), reverse=True)

    def open(self, tag: Tag) -> Path:
        """Return the version's own folder: nothing is copied."""
        if not self.layout.is_version(tag):
            self._refuse_link(tag)
            raise self._not_found(tag)
        return self.layout.place(tag)

    def origin(self, tag: Tag) -> str:
        """Where the version came from; empty if that was not recorded."""
        with contextlib.suppress(StoreError), self.layout.reading():
            digest = self.layout.manifest_digest(tag)
            return next((facts.origin for facts in self._recorded(tag) if facts.manifest_sha256 == digest), "")
        return ""

    def verify_manifest(self, tag: Tag) -> None:
        """Compare it with the digest that was recorded when the version was published; nothing if that is lost."""
        for _ in range(_TRIES):
            digest = self.layout.manifest_digest(tag)
            with self.layout.reading():
                recorded = [facts.manifest_sha256 for facts in self._recorded(tag)]
            if digest is None or not recorded or digest in recorded:
                return
            if digest == self.layout.manifest_digest(tag):  # and not deleted and saved again meanwhile
                break
        raise ModelDigestMismatch(
            f"{self.layout.place(tag) / self.kind.manifest_name} is damaged, or was changed.",
            why=f"Its SHA-256 is {digest}; when {self.kind.noun} {tag} was published, it was {' or '.join(recorded)}.",
            do=f"delete this version, and {self.kind.verb} or import it again",
        )

    @contextlib.contextmanager
    def draft(
        self, tag: Tag, *, origin: str = "saved", is_latest: bool = False, is_replacing: bool = False
    ) -> Iterator[Path]:
        """Give an empty folder beside the versions; everything is synced before the rename that publishes it."""
        if not is_replacing:
            self._refuse_taken(tag)
        with store_failure(f"{self.kind.noun} {tag} cannot be saved in {self.layout.root}"):
            sweep(self.layout.root)
            self.layout.sweep_records(tag.name)
            make_folder(self.layout.root)
            draft = Draft(self.layout.root)
        try:
            yield draft.content
            with store_failure(f"{self.kind.noun} {tag} was not saved in {self.layout.root}"):
                info = self._read_draft(draft, tag)
                seal(draft.content)
                with self._set_aside(tag) if is_replacing else contextlib.nullcontext():
                    self._publish(draft, info, origin, is_latest=is_latest)
        finally:
            draft.close()

    def delete(self, tag: Tag) -> None:
        """Rename the version away, which removes it at once, and then delete its files."""
        place = self.layout.place(tag)
        self._refuse_link(tag)
        with self.layout.reading():
            is_there = place.is_dir()
        if not is_there:
            raise self._not_found(tag)
        with store_failure(f"{self.kind.noun} {tag} cannot be deleted from {self.layout.root}"):
            try:
                trash = move_to_trash(place, self.layout.root)
            except (FileNotFoundError, NotADirectoryError) as error:
                raise self._not_found(tag) from error
            try:
                sync_folders(place.parent, self.layout.root)
            except OSError:
                trash.rename(place)
                raise
        self._finish(tag, trash)

    def _finish(self, tag: Tag, trash: Path) -> None:
        """Forget a version, and remove it from the trash."""
        with contextlib.suppress(OSError):  # a record without a version counts nothing
            self.layout.sequence.forget(tag.name, str(tag.version), digest_or_none(trash / self.kind.manifest_name))
        with contextlib.suppress(OSError):  # it has other versions
            self.layout.place(tag).parent.rmdir()
        remove_tree(trash)

    @contextlib.contextmanager
    def _set_aside(self, tag: Tag) -> Iterator[None]:
        """Take a version, if it is there, out of its place; back to it if the block raises, and else for good."""
        self._refuse_link(tag)
        trash = None
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            trash = move_to_trash(self.layout.place(tag), self.layout.root)
        try:
            yield
        except BaseException:
            if trash is not None:
                with contextlib.suppress(OSError):  # another writer was faster
                    trash.rename(self.layout.place(tag))
            raise
        if trash is not None:
            self._finish(tag, trash)

    def _publish(self, draft: Draft, info: ModelInfo | BentoInfo, origin: str, *, is_latest: bool) -> None:
        tag = info.tag
        facts = Facts(origin, sha256_of(draft.content / self.kind.manifest_name), draft.path.name)
        is_newest = is_latest or origin in _OWN_ORIGINS or self._is_newer(tag.name, info)
        # Before the rename: no version is ever there without its number, and a number without a version counts nothing.
        record = self.layout.sequence.write(tag.name, str(tag.version), facts, is_numbered=is_newest)
        try:
            self._move_in(draft.content, tag)
        except BaseException:
            with contextlib.suppress(OSError):
                record.path.unlink(missing_ok=True)
            raise

    def _move_in(self, content: Path, tag: Tag) -> None:
        place = self.layout.place(tag)
        for tries_left in reversed(range(_TRIES)):
            make_one_folder(place.parent)
            self._refuse_link(tag)
            try:
                # Renaming onto a folder that is not empty fails: of two writers the first wins.
                content.rename(place)
            except FileNotFoundError:
                # The folder of a name goes with its last version, perhaps just now.
                if not tries_left:
                    raise
            except OSError as error:
                if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                    raise self._taken(tag) from error
                raise
            else:
                break
        try:
            sync_folders(place.parent, self.home)
        except OSError:
            remove_tree(move_to_trash(place, self.layout.root))
            raise

    def _read_draft(self, draft: Draft, tag: Tag) -> ModelInfo | BentoInfo:
        info = read_info(draft.content, self.kind)
        if info.tag != tag:
            raise InvalidManifest(
                f"{self.kind.noun} {tag} was not saved.",
                why=f"Its {self.kind.manifest_name} says that it is {info.tag}.",
            )
        return info

    def _is_newer(self, name: str, info: ModelInfo | BentoInfo) -> bool:
        version = self._latest(name)
        return version is None or info.creation_time > self._creation_time(Tag(name, version))

    def _latest(self, name: str) -> str | None:
        with self.layout.reading():
            for record in self.layout.sequence.records(name):
                tag = tag_or_none(name, record.version)
                if record.number and tag is not None and self.layout.is_version(tag):
                    facts = record.read()
                    if facts is not None and facts.manifest_sha256 == self.layout.manifest_digest(tag):
                        return record.version
                    # Of a writer that lost a race; or damage, which must not make an older version the latest.
                    self.verify_manifest(tag)
        # Only versions that were imported behind the latest, or whose record is lost, are left.
        newest = max(self.list(name), key=lambda tag: (self._creation_time(tag), tag), default=None)
        return None if newest is None else newest.version

    def _recorded(self, tag: Tag) -> builtins.list[Facts]:
        records = [record for record in self.layout.sequence.records(tag.name) if record.version == tag.version]
        return [facts for facts in (record.read() for record in records) if facts is not None]

    def _age(self, tag: Tag, numbers: Mapping[str, int]) -> tuple[int, datetime, Tag]:
        number = numbers.get(str(tag.version), 0)
        return number, _LONG_AGO if number else self._creation_time(tag), tag

    def _creation_time(self, tag: Tag) -> datetime:
        try:
            return read_info(self.layout.place(tag), self.kind).creation_time
        except InvalidManifest as error:  # deleted just now, or damaged: then opening it says so
            if find_disk_error(error) is not None:
                raise
            return _LONG_AGO

    def _refuse_link(self, tag: Tag) -> None:
        link = self.layout.link_before(tag)
        if link is not None:
            raise StoreError(
                f"{link} is a link.", why="The folders of names and versions are folders.", do="remove the link"
            )

    def _refuse_taken(self, tag: Tag) -> None:
        self._refuse_link(tag)
        with self.layout.reading(), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if any(self.layout.place(tag).iterdir()):
                raise self._taken(tag)

    def _taken(self, tag: Tag) -> AlreadyExists:
        return AlreadyExists(
            f"{self.kind.noun} {tag} exists already.",
            why=f"A version never changes, in {self.url} as anywhere.",
            do=f"{self.kind.verb} a new version, or delete this one first",
        )

    def _not_found(self, tag: Tag) -> NotFound:
        # Clients of a service may be told the first sentence, but not where it keeps its things.
        return NotFound(
            f"there is no {self.kind.noun} {tag}.",
            why=f"{self.url} was looked through. {describe_near(tag, self.list())}".rstrip(),
            do=f"correct the tag, or {self.kind.verb} the {self.kind.noun} first",
        )
