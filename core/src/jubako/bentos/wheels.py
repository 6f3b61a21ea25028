"""Writing wheels whose bytes depend on their content alone: sorted, not compressed, with fixed times and modes."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import attrs
from packaging.utils import canonicalize_name
from packaging.version import Version

from jubako._progress import tracking

# The oldest that a zip can hold.
_TIME = (1980, 1, 1, 0, 0, 0)
_CHUNK_BYTES = 1 << 20


@attrs.frozen
class Member:
    """One file of a wheel.

    Args:
        name: its path in the wheel, with forward slashes.
        open: gives its content, from the start.
        size_bytes: for progress.
        is_executable: True if an installer is to make it so.
    """

    name: str
    open: Callable[[], BinaryIO]
    size_bytes: int = 0
    is_executable: bool = False

    @classmethod
    def from_text(cls, name: str, text: str) -> Member:
        """A file that holds a text."""
        content = text.encode()
        return cls(name, lambda: io.BytesIO(content), len(content))


@attrs.frozen
class WheelName:
    """What a wheel is called.

    Args:
        name: of the distribution, as its metadata spells it.
        version: of the distribution.
        tags: such as `py3-none-any`.
    """

    name: str
    version: str
    tags: tuple[str, ...] = ("py3-none-any",)

    @property
    def stem(self) -> str:
        """`name-version` as in the names of the wheel and of the folders in it."""
        return f"{canonicalize_name(self.name).replace('-', '_')}-{Version(self.version)}"

    @property
    def file_name(self) -> str:
        """Of the wheel, with compressed tags."""
        parts = zip(*(tag.split("-") for tag in self.tags), strict=True)
        return "-".join([self.stem, *(".".join(dict.fromkeys(sorted(part))) for part in parts)]) + ".whl"

    def describe(self, *, is_pure: bool) -> Member:
        """The file `WHEEL` in it."""
        head = f"Wheel-Version: 1.0\nGenerator: jubako\nRoot-Is-Purelib: {str(is_pure).lower()}\n"
        return Member.from_text(f"{self.stem}.dist-info/WHEEL", head + "".join(f"Tag: {tag}\n" for tag in self.tags))


def write_wheel(folder: Path, name: WheelName, members: Iterable[Member]) -> Path:
    """Write a wheel into `folder` and return its path; `RECORD` is made here.

    Equal members give equal bytes, on every machine: nothing is compressed, because compressors differ.
    """
    ordered = sorted(members, key=lambda member: (".dist-info/" in member.name, member.name))
    path = folder / name.file_name
    record: list[Sequence[object]] = []
    total = sum(member.size_bytes for member in ordered)
    with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive, tracking(f"packing {name.stem}", total) as advance:
        record.extend(_add(archive, member, advance) for member in ordered)
        record_name = f"{name.stem}.dist-info/RECORD"
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\n").writerows([*record, (record_name, "", "")])
        _add(archive, Member.from_text(record_name, lines.getvalue()), advance)
    path.chmod(0o644)
    return path


def digest_stream(file: BinaryIO) -> str:
    """`sha256:…` of the rest of a file."""
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"


def _add(archive: zipfile.ZipFile, member: Member, advance: Callable[[int], None]) -> tuple[str, str, int]:
    info = zipfile.ZipInfo(member.name, _TIME)
    info.create_system = 3
    info.external_attr = (0o100755 if member.is_executable else 0o100644) << 16
    info.file_size = member.size_bytes
    digest, size = hashlib.sha256(), 0
    with member.open() as source, archive.open(info, "w") as place:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            place.write(chunk)
            advance(len(chunk))
    return member.name, f"sha256={base64.urlsafe_b64encode(digest.digest()).decode().rstrip('=')}", size
