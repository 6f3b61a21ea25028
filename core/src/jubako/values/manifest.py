"""What model and Bento manifests share: file entries and the digest over them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

import attrs

from jubako.errors import InvalidArgument
from jubako.values.checks import whole_number

_SHA256 = re.compile(r"[0-9a-f]{64}")


@attrs.frozen
class FileEntry:
    """One file of a stored version.

    Args:
        path: relative to the version's folder, with forward slashes; never absolute, never with `..`.
        size_bytes: its length.
        sha256: the digest of its content, 64 hexadecimal digits.
    """

    path: str = attrs.field()
    size_bytes: int = attrs.field(validator=whole_number(0))
    sha256: str = attrs.field()

    @path.validator
    def _check_path(self, _: object, path: str) -> None:
        parts = PurePosixPath(path).parts
        is_plain = str(PurePosixPath(path)) == path and not path.startswith("/") and ".." not in parts and parts
        if not is_plain or "\\" in path or any(ord(letter) < 32 or "\ud800" <= letter <= "\udfff" for letter in path):
            raise InvalidArgument(
                f"{path[:80]!r} is not a file path inside a version.",
                why="It is relative, and text without control characters and backslashes.",
                do="rename the file",
            )

    @sha256.validator
    def _check_sha256(self, _: object, sha256: str) -> None:
        if not _SHA256.fullmatch(sha256):
            raise InvalidArgument(
                f"{sha256[:80]!r} is not a SHA-256 digest of {self.path}.", do="write 64 hexadecimal digits"
            )


def digest_files(files: Iterable[FileEntry], *facts: str) -> str:
    """Return `sha256:…` over files in path order and the given facts; equal files give the equal digest anywhere."""
    lines = [*facts, *(f"{f.sha256} {f.size_bytes} {f.path}" for f in sorted(files, key=lambda f: f.path))]
    return "sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest()
