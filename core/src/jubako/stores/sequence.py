"""`Sequence`: a local store's own facts about its versions: their order, and where each came from.

One small file a version, `<number>-<draft>-<version>`, written before the version is published. A record counts only
while a version with the very manifest it names is published, so that a crash between the two steps, at a save or at a
delete, leaves nothing that is wrong. Records that are lost cost the order only: versions without one come before all
others, by creation time. A record that was damaged is found by a digest of its own, and never taken for a lost one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import attrs

from jubako.errors import StoreError
from jubako.stores.durability import make_facts_folder, make_folder, sync_folders, write_durably

_RECORD = re.compile(r"(\d{12})-[0-9a-f]{16}-(.+)")
_TRIES = 20
# Far more than any place that a version came from; what is longer is cut, and so damaged.
_LONGEST_RECORD = 64 * 1024


@attrs.frozen
class Facts:
    """What a record says of a version.

    Args:
        origin: `saved`, `built`, or where it was imported from.
        manifest_sha256: the digest of the manifest that was published with it.
        draft: the name of the draft it was published from.
    """

    origin: str
    manifest_sha256: str
    draft: str


@attrs.frozen
class Record:
    """One file of the sequence.

    Args:
        number: higher is newer; 0 for a version that did not become `latest` when it was imported.
        version: the version, which may not exist.
        path: the file.
    """

    number: int
    version: str
    path: Path

    def read(self) -> Facts | None:
        """Read what it says; None if it is gone.

        Raises:
            StoreError: it is damaged, that is, not what was written.
            OSError: it cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                content = file.read(_LONGEST_RECORD)
        except (FileNotFoundError, NotADirectoryError):
            return None
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            data: Any = json.loads(content)
            facts = Facts(str(data["origin"]), str(data["manifest_sha256"]), str(data["draft"]))
            if content == self.encode(facts):
                return facts
        raise StoreError(
            f"{self.path} is damaged.",
            why="It holds in which order versions were saved, and what was published.",
            do="remove it: its version then counts as older than those that have such a file",
        )

    def encode(self, facts: Facts) -> bytes:
        """The content of the file: facts, and a digest over them and the file's name."""
        fields = attrs.asdict(facts)
        digest = hashlib.sha256("\n".join((self.path.name, *fields.values())).encode()).hexdigest()
        return json.dumps({**fields, "sha256": digest}).encode()


class Sequence:
    """The records of one kind of store.

    Args:
        folder: `<home>/.store/models` or `<home>/.store/bentos`; created when the first record is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def records(self, name: str) -> list[Record]:
        """All records of a name, newest first; of one number, which two writers at once can take, by version."""
        return sorted(self._iterate(name), key=lambda record: (record.number, record.version), reverse=True)

    def write(self, name: str, version: str, facts: Facts, *, is_numbered: bool) -> Record:
        """Write the record of a version that is about to be published; on disk when this returns.

        Its number is higher than that of every version published before this was called.

        Raises:
            OSError: it cannot be written.
        """
        number = 1 + max((record.number for record in self._iterate(name)), default=0) if is_numbered else 0
        # The draft's random part keeps two writers of one version, who may take one number, apart.
        record = Record(number, version, self._folder / name / f"{number:012d}-{facts.draft[-16:]}-{version}")
        aside = record.path.with_name(facts.draft)
        try:
            _retrying(lambda: self._put(record, aside, facts))
        except BaseException:
            aside.unlink(missing_ok=True)
            record.path.unlink(missing_ok=True)
            raise
        return record

    def forget(self, name: str, version: str, manifest_sha256: str | None) -> None:
        """Remove the records of a version that was deleted; not one that another writer has made for it meanwhile.

        Args:
            name: the version's name.
            version: the version.
            manifest_sha256: the digest of the manifest it had; None if it had none.
        """
        for record in self._iterate(name):
            if record.version != version:
                continue
            facts = _facts_or_none(record)
            if facts is None or facts.manifest_sha256 == manifest_sha256:
                record.path.unlink(missing_ok=True)
        self._remove_empty(name)

    def sweep(self, name: str, drafts: Path, listed: Collection[str], digest_of: Callable[[str], str | None]) -> None:
        """Remove the `orphans` of a name, and its folder if nothing is left in it."""
        for path in self.orphans(name, drafts, listed, digest_of):
            path.unlink(missing_ok=True)
        self._remove_empty(name)

    def names(self) -> list[str]:
        """The names that have a folder of records, whether versions or not."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return sorted(path.name for path in self._folder.iterdir())
        return []

    def orphans(
        self, name: str, drafts: Path, listed: Collection[str], digest_of: Callable[[str], str | None]
    ) -> Iterator[Path]:
        """Records whose writer died before it published, or lost against another; never those of live writers.

        Args:
            name: whose records are looked at.
            drafts: the folder where drafts are; a writer's is there until it has published.
            listed: versions that were there a moment ago.
            digest_of: version to the digest of its manifest, or None if it is not published.
        """
        records = list(self._iterate(name))
        copies = Counter(record.version for record in records)
        for record in records:
            if record.version in listed and copies[record.version] == 1:
                continue
            facts = _facts_or_none(record)
            if facts and (drafts / facts.draft).exists():
                continue
            # Only now: a writer whose draft is gone has published, or never will.
            digest = digest_of(record.version)
            # A damaged record of a version that exists stays: to lose it could change which version is the latest.
            if digest is None or (facts is not None and digest != facts.manifest_sha256):
                yield record.path
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for path in list((self._folder / name).glob(".draft-*")):
                if not (drafts / path.name).exists():
                    yield path

    def _put(self, record: Record, aside: Path, facts: Facts) -> None:
        make_facts_folder(self._folder.parent)
        make_folder(aside.parent)
        # Written aside: a record has all of its content or does not exist.
        write_durably(aside, record.encode(facts))
        aside.replace(record.path)
        # Up to the home: a record in a folder that is lost with the power is lost too.
        sync_folders(aside.parent, self._folder.parent.parent)

    def _iterate(self, name: str) -> Iterator[Record]:
        try:
            paths = list((self._folder / name).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return
        for path in paths:
            match = _RECORD.fullmatch(path.name)
            if match:
                yield Record(int(match[1]), match[2], path)

    def _remove_empty(self, name: str) -> None:
        with contextlib.suppress(OSError):
            (self._folder / name).rmdir()


def _facts_or_none(record: Record) -> Facts | None:
    try:
        return record.read()
    except StoreError:
        return None


def _retrying(write: Callable[[], None]) -> None:
    """Write again if the folder of the name went meanwhile: it goes with the last version of a name."""
    for _ in range(_TRIES):
        with contextlib.suppress(FileNotFoundError):
            return write()
    return write()
