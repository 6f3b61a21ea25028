"""`TrustStore`: the digests of models that may be loaded on this machine although their format can run code."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

import attrs

from jubako.errors import InvalidArgument, StoreError
from jubako.stores.durability import make_facts_folder
from jubako.stores.private import is_open_to_others

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# As long as the beginning of a digest, and the beginning of none.
_REVOKED = b"#sha256"


@attrs.frozen
class TrustEntry:
    """A digest that is trusted.

    Args:
        digest: `sha256:` and 64 hexadecimal digits.
        note: what stands behind it in the file, such as the tag and the day.
        is_setting: True if it is one of the setting `trust.digests`, not of the file.
    """

    digest: str
    note: str
    is_setting: bool


class TrustStore:
    """Trusted digests: those of the settings, and those in the file `<home>/.store/trust`; safe for several processes.

    The file has one digest a line, with a note for people behind it. It is created with mode 0600. A line that is no
    digest is passed over, so that one cut short by a crash trusts nothing, and one whose beginning was written over,
    to take trust back, neither. It is not used if another account could have
    written it, or put another file in its place.

    Args:
        home: `$JUBAKO_HOME`.
        settings_digests: trusted beside those of the file.

    Attributes:
        path: the file, which may not be there.

    Raises:
        InvalidArgument: one of `settings_digests` is no digest.
    """

    def __init__(self, home: Path, settings_digests: Iterable[str] = ()) -> None:
        self.path = home / ".store" / "trust"
        self._settings_digests = frozenset(_checked(digest) for digest in settings_digests)

    def is_trusted(self, digest: str) -> bool:
        """True if the digest (`sha256:…`) is in the settings or in the file, which is read each time.

        Raises:
            StoreError: the file cannot be read, or others than its owner could have written it.
        """
        return digest in self._settings_digests or digest in self._digests_of_file()

    def trust(self, digest: str, note: str) -> bool:
        """Add a digest to the file, unless it is there already; on disk when this returns.

        Args:
            digest: `sha256:` and 64 hexadecimal digits.
            note: one line for people, such as the tag and the day.

        Returns:
            False if the file has it already.

        Raises:
            InvalidArgument: it is no digest.
            StoreError: the file cannot be written.
        """
        if _checked(digest) in self._digests_of_file():
            return False
        line = f"{digest} {' '.join(note.split())}".rstrip() + "\n"
        try:
            make_facts_folder(self.path.parent)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _NO_FOLLOW, 0o600)
            try:
                # A line cut short by a crash must not swallow the next one. One write: appends do not interleave.
                start = b"" if _ends_with_line_feed(descriptor) else b"\n"
                os.write(descriptor, start + line.encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._not_written(error) from error
        return True

    def entries(self) -> tuple[TrustEntry, ...]:
        """What is trusted: the lines of the file in their order, then the digests of the settings.

        Raises:
            StoreError: see `is_trusted`.
        """
        lines = self._lines_of_file()
        notes = {line[: match.end()]: line[match.end() :].strip() for line in lines if (match := _digest_of(line))}
        of_file = tuple(TrustEntry(digest, note, is_setting=False) for digest, note in notes.items())
        return of_file + tuple(TrustEntry(digest, "", is_setting=True) for digest in sorted(self._settings_digests))

    def distrust(self, digest: str) -> bool:
        """Take trust back: write over the beginning of the digest's lines in the file; on disk when this returns.

        In place, so that what others append meanwhile is not lost. A digest of the settings stays trusted.

        Returns:
            False if the file does not have it.

        Raises:
            InvalidArgument: it is no digest.
            StoreError: the file cannot be read or written.
        """
        if _checked(digest) not in self._digests_of_file():
            return False
        try:
            descriptor = os.open(self.path, os.O_RDWR | _NO_FOLLOW)
            with os.fdopen(descriptor, "r+b", buffering=0) as file:
                content = file.readall()
                for found in re.finditer(rb"^" + digest.encode() + rb"(?=\s|\Z)", content, re.MULTILINE):
                    file.seek(found.start())
                    file.write(_REVOKED)
                os.fsync(descriptor)
        except OSError as error:
            raise self._not_written(error) from error
        return True

    def _digests_of_file(self) -> frozenset[str]:
        return frozenset(match[0] for line in self._lines_of_file() if (match := _digest_of(line)))

    def _lines_of_file(self) -> list[str]:
        try:
            descriptor = self._open_file()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read.", why=f"{error.strerror}.") from error
        with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
            self._refuse_foreign_hands(os.fstat(descriptor))
            return list(file)

    def _not_written(self, error: OSError) -> StoreError:
        return StoreError(
            f"{self.path} cannot be written.",
            why=f"{error.strerror}.",
            do="check the folder's owner, mode and free space",
        )

    def _open_file(self) -> int:
        if os.name != "posix":
            return os.open(self.path, os.O_RDONLY)
        # A link is as good as the folder that it stands in.
        is_link = self.path.parent.is_symlink()
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | (0 if is_link else _NO_FOLLOW))
        try:
            self._refuse_foreign_folder(self.path.parent, os.fstat(folder))
            if is_link:
                self._refuse_foreign_folder(self.path.parent.parent, self.path.parent.parent.stat())
            # In the very folder that was looked at; and a pipe in its place must not be waited for.
            return os.open(self.path.name, os.O_RDONLY | _NO_FOLLOW | os.O_NONBLOCK, dir_fd=folder)
        finally:
            os.close(folder)

    def _refuse_foreign_folder(self, folder: Path, status: os.stat_result) -> None:
        if is_open_to_others(status):
            raise StoreError(
                f"{self.path} is not used.",
                why=f"Others than you can write to {folder}, and so could have put it there.",
                do=f"look through it, then: chown $USER {folder} && chmod go-w {folder}",
            )

    def _refuse_foreign_hands(self, status: os.stat_result) -> None:
        remedy = f"look through it, then: chown $USER {self.path} && chmod 600 {self.path}"
        why = ""
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            # Another file of the same owner, linked here by somebody else, must not become what he trusts.
            why = "It is no file of its own."
            remedy = f"remove it, and trust again what you trust: rm {self.path}"
        elif is_open_to_others(status):
            why = "Others than you could have written to it, and so chosen what runs code here."
        if why:
            raise StoreError(f"{self.path} is not used.", why=why, do=remedy)


def is_digest(text: str) -> bool:
    """True for `sha256:` and 64 hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


def _checked(digest: str) -> str:
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise InvalidArgument(f"{digest!r} is no digest.", do='write "sha256:" and 64 hexadecimal digits')
    return digest


def _ends_with_line_feed(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    if size == 0:
        return True
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1) == b"\n"


def _digest_of(line: str) -> re.Match[str] | None:
    match = _DIGEST.match(line)
    return match if match and (match.end() == len(line) or line[match.end()].isspace()) else None
