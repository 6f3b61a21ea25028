"""The wheels that the user names in `python.wheels`, and those in the folders of `python.find_links`."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from email.parser import BytesParser
from pathlib import Path

import attrs
from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from jubako.bentos.named_files import open_named
from jubako.bentos.wheels import digest_stream
from jubako.errors import BuildError

_FIELD = "python.wheels"
_MAX_METADATA_BYTES = 1024 * 1024


@attrs.frozen
class GivenWheel:
    """A wheel of the build context.

    Args:
        path: below the context.
        name: of the distribution.
        version: of the distribution.
        requires: what its metadata says it needs.
    """

    path: str
    name: str
    version: str
    requires: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """Of the wheel."""
        return self.path.rpartition("/")[2]


def read_given(context: Path, paths: Iterable[str]) -> dict[str, GivenWheel]:
    """Read the metadata of wheels, by the name of the distribution.

    Raises:
        BuildError: one is not in the context, is no wheel, or is of another distribution than its name says; or two
            are of one distribution.
    """
    found: dict[str, GivenWheel] = {}
    for path in sorted(set(paths)):
        wheel = _read(context, os.path.normpath(path).replace(os.sep, "/"))
        name = canonicalize_name(wheel.name)
        if name in found:
            raise BuildError(
                f"python.wheels has two wheels of {name}: {found[name].path} and {path}.",
                why="One version of a distribution can be installed, and that on every machine.",
                do="leave out one; if it depends on the machine, put both into a folder and name it in find_links",
            )
        found[name] = wheel
    return found


def copy_given(context: Path, path: str, place: Path, field: str = _FIELD) -> None:
    """Copy a wheel of the context; a link is followed inside the context only."""
    with open_named(context, path, field) as source, place.open("xb") as copy:
        shutil.copyfileobj(source, copy)
    place.chmod(0o644)


def list_folder(context: Path, folder: str) -> Iterator[GivenWheel]:
    """The wheels in a folder of the context, sorted, as their names tell of them."""
    place = context / folder
    if not place.resolve().is_relative_to(context) or not place.is_dir():
        raise BuildError(
            f"python.find_links has {folder!r}, which is no folder of the build context.", do="correct the path"
        )
    for path in sorted(place.resolve().glob("*.whl")):
        try:
            name, version, _, _ = parse_wheel_filename(path.name)
        except InvalidWheelFilename:
            continue
        yield GivenWheel((place.resolve() / path.name).relative_to(context).as_posix(), name, str(version))


def digest_given(context: Path, path: str) -> str:
    """`sha256:…` of a file of the context."""
    with open_named(context, path, "python.find_links") as file:
        return digest_stream(file)


def _read(context: Path, path: str) -> GivenWheel:
    name, version, _, _ = parse_wheel_filename(path.rpartition("/")[2])
    try:
        with open_named(context, path, _FIELD) as file, zipfile.ZipFile(file) as archive:
            inner = [each for each in archive.infolist() if each.filename.endswith(".dist-info/METADATA")]
            inner = [each for each in inner if each.filename.count("/") == 1]
            if len(inner) != 1 or inner[0].file_size > _MAX_METADATA_BYTES:
                raise zipfile.BadZipFile("it has no METADATA, more than one, or a huge one")
            with archive.open(inner[0]) as metadata:
                fields = BytesParser().parsebytes(metadata.read(_MAX_METADATA_BYTES))
        requires = tuple(str(Requirement(str(text))) for text in fields.get_all("Requires-Dist") or ())
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise BuildError(
            f"python.wheels has {path!r}, which is no wheel.", why=f"{error}.", do="build it anew"
        ) from error
    said = f"{fields['Name']} {fields['Version']}"
    if canonicalize_name(str(fields["Name"])) != name or str(fields["Version"]) != str(version):
        raise BuildError(
            f"python.wheels has {path!r}, which holds {said}.",
            why="A wheel is named after what it holds.",
            do="give it its own name again",
        )
    return GivenWheel(path, name, str(version), requires)
