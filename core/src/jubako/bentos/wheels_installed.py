"""Making a wheel again of a distribution that is installed: from the files it was installed as, or from its sources."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import posixpath
import re
import site
import sys
from collections.abc import Iterator
from functools import partial
from importlib.metadata import Distribution
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

from jubako.bentos.confined import open_below, resolve_link
from jubako.bentos.ignoring import PackingRules
from jubako.bentos.secrets import SecretScan
from jubako.bentos.wheels import Member, WheelName, write_wheel
from jubako.errors import BuildError

# What an installer adds to the metadata, which says how it was installed here.
_OF_THE_INSTALLATION = ("RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json")

_MAX_FIRST_LINE = 4096
_PIECE_BYTES = 1024 * 1024


def is_installed_from_elsewhere(distribution: Distribution) -> bool:
    """True if no index gave it: it is editable, or was installed from a folder, a file or a URL."""
    return distribution.read_text("direct_url.json") is not None


def pack_installed(distribution: Distribution, folder: Path) -> Path:
    """Write the wheel of an installed distribution into `folder` and return its path.

    An editable one is packed from the sources that it leads to, as they are now. Scripts come back through
    `entry_points.txt`. The same files give the same bytes.

    Raises:
        BuildError: it cannot be said which files are its own, or one of them is gone or may not be packed.
    """
    name = distribution.metadata["Name"]
    # Not `distribution.files`, which passes over files that are gone from Python 3.12 on.
    record = distribution.read_text("RECORD")
    if record is None:
        raise BuildError(
            f"{name} cannot be packed.",
            why="It was installed without a list of its files (RECORD).",
            do=f"install it anew with pip, or put its wheel into the build context and name it in {_WHEELS}",
        )
    paths = [PurePosixPath(posixpath.normpath(row[0])) for row in csv.reader(record.splitlines()) if row]
    metadata_folder = next((path.parts[0] for path in paths if path.parts[0].endswith(".dist-info")), "")
    wheel_text = distribution.read_text("WHEEL") or ""
    wheel_name = WheelName(name, distribution.version, _tags(wheel_text))
    members = [wheel_name.describe(is_pure="root-is-purelib: false" not in wheel_text.lower())]
    root = Path(str(distribution.locate_file("")))
    members += _metadata(root, metadata_folder, paths, wheel_name)
    if _is_editable(distribution):
        members += _sources(distribution, root, paths)
    else:
        own = [path for path in paths if path.parts[0] != metadata_folder and not _is_cache(path)]
        scripts = {
            point.name for point in distribution.entry_points if point.group in ("console_scripts", "gui_scripts")
        }
        for path in own:
            place = _place(root, path, scripts, wheel_name.stem)
            if place:
                members.append(
                    _script(place, root / path) if ".data/scripts/" in place else _member(place, root / path)
                )
    return write_wheel(folder, wheel_name, members)


_WHEELS = "python.wheels"


def _tags(wheel_text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"(?mi)^Tag:\s*(\S+-\S+-\S+)\s*$", wheel_text)) or ("py3-none-any",)


def _is_cache(path: PurePosixPath) -> bool:
    return "__pycache__" in path.parts or path.suffix in (".pyc", ".pyo")


def _member(name: str, path: Path) -> Member:
    try:
        status = path.stat()
    except OSError as error:
        raise BuildError(
            f"{path} of an installed distribution cannot be packed.", why=f"{error.strerror}.", do="install it anew"
        ) from error
    return Member(name, partial(_open, path), status.st_size, bool(status.st_mode & 0o100))


def _script(name: str, path: Path) -> Member:
    """A script whose first line the installer made to lead to this Python leads to any Python again."""
    member = _member(name, path)
    with path.open("rb") as file:
        first = file.readline(_MAX_FIRST_LINE)
        if not re.match(rb"#!.*python[0-9.w]*(?:\.exe)?[\r\n]", first):
            return member
        content = b"#!python\n" + file.read()
    return Member(name, lambda: io.BytesIO(content), len(content), is_executable=True)


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


def _metadata(root: Path, folder: str, paths: list[PurePosixPath], name: WheelName) -> Iterator[Member]:
    for path in paths:
        inner = "/".join(path.parts[1:])
        # uv notes there how it built what it installed.
        if path.parts[0] == folder and inner not in _OF_THE_INSTALLATION and not inner.startswith("uv_"):
            yield _member(f"{name.stem}.dist-info/{inner}", root / path)


def _place(root: Path, path: PurePosixPath, scripts: set[str], stem: str) -> str:
    """Where an installed file stands in the wheel; empty for a script that the installer makes itself."""
    if not path.is_absolute() and path.parts[0] != "..":
        return str(path)
    file = Path(os.path.normpath(root / path))
    if file.parent.name in ("bin", "Scripts") and file.name.removesuffix(".exe").removesuffix("-script.py") in scripts:
        return ""
    for prefix in (Path(sys.prefix), Path(site.getuserbase())):
        if file.is_relative_to(prefix):
            inside = file.relative_to(prefix).as_posix()
            is_script = inside.startswith(("bin/", "Scripts/"))
            return f"{stem}.data/" + (f"scripts/{file.name}" if is_script else f"data/{inside}")
    raise BuildError(
        f"{file} is no part of this Python environment.",
        why=f"The list of the files of {stem} names it.",
        do="install the distribution anew",
    )


def _is_editable(distribution: Distribution) -> bool:
    text = distribution.read_text("direct_url.json")
    try:
        return text is not None and json.loads(text)["dir_info"]["editable"] is True
    except (ValueError, KeyError, TypeError):
        return False


def _sources(distribution: Distribution, root: Path, paths: list[PurePosixPath]) -> Iterator[Member]:
    """The files that an editable installation leads to."""
    found = False
    for folder, names in _source_folders(distribution, root, paths):
        for name in names:
            found = True
            yield from _source_files(folder, name)
    if not found:
        raise BuildError(
            f"the editable {distribution.metadata['Name']} cannot be packed.",
            why="Its installation does not say which folders are its own.",
            do=f"build its wheel into the build context and name it in {_WHEELS}",
        )


def _source_folders(
    distribution: Distribution, root: Path, paths: list[PurePosixPath]
) -> Iterator[tuple[Path, list[str]]]:
    """Folders, and what in each of them is a module or package of the distribution."""
    project = _project_folder(distribution)
    for path in paths:
        if path.name.startswith("__editable__") and path.suffix == ".py":
            for package, place in _finder_mapping(root / path).items():
                # Only the last part: a package of a namespace is mapped by its own name.
                yield Path(place).parent, [Path(place).name] if "." not in package else []
        elif path.suffix == ".pth":
            for line in (root / path).read_text("utf-8").splitlines():
                folder = Path(line.strip())
                if line.strip() and not line.startswith(("import ", "import\t", "#")) and folder.is_dir():
                    yield folder, _own_names(folder, distribution, is_project=folder.resolve() == project)


def _project_folder(distribution: Distribution) -> Path | None:
    url = urlsplit(json.loads(distribution.read_text("direct_url.json") or "{}").get("url", ""))
    return Path(url2pathname(url.path)).resolve() if url.scheme == "file" else None


def _finder_mapping(path: Path) -> dict[str, str]:
    """What setuptools' finder maps, read without running it."""
    for node in ast.parse(path.read_text("utf-8")).body:
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        value = getattr(node, "value", None)
        if value is not None and any(isinstance(target, ast.Name) and target.id == "MAPPING" for target in targets):
            return {str(name): str(place) for name, place in ast.literal_eval(value).items()}
    return {}


def _own_names(folder: Path, distribution: Distribution, *, is_project: bool) -> list[str]:
    entries = {path.stem if path.suffix == ".py" else path.name: path.name for path in sorted(folder.iterdir())}
    if not is_project:
        return [name for stem, name in entries.items() if stem.isidentifier() and _is_module(folder / name)]
    # Beside the packages stand tests, documents and what else a project has.
    top = (distribution.read_text("top_level.txt") or "").split()
    wanted = top or [re.sub(r"[-.]+", "_", distribution.metadata["Name"]).lower()]
    return [name for stem, name in entries.items() if stem in wanted and _is_module(folder / name)]


def _is_module(path: Path) -> bool:
    return path.suffix == ".py" or (path.is_dir() and path.name != "__pycache__")


def _source_files(folder: Path, name: str) -> Iterator[Member]:
    folder = folder.resolve()
    rules = PackingRules(("*",), ())
    place = folder / name
    if place.is_file() or place.with_suffix(".py").is_file():
        yield _source_member(folder, name if place.is_file() else f"{name}.py")
        return
    for parent, folders, files in os.walk(place):
        relative = Path(parent).relative_to(folder).as_posix()
        folders[:] = sorted(each for each in folders if not rules.excludes_folder(f"{relative}/{each}"))
        for file in sorted(files):
            if rules.packs(f"{relative}/{file}"):
                yield _source_member(folder, f"{relative}/{file}")


def _source_member(folder: Path, path: str) -> Member:
    source = resolve_link(folder, path) if (folder / path).is_symlink() else path
    with open_below(folder, source) as file:
        status = os.fstat(file.fileno())
        scan = SecretScan()
        secret = next(
            (found for piece in iter(partial(file.read, _PIECE_BYTES), b"") if (found := scan.look(piece))), ""
        )
    if secret:
        raise BuildError(
            f"{folder / path} is not packed: it seems to hold {secret}.",
            why="Its distribution is installed editable, so the Bento would have it in a wheel.",
            do=f"take it out, or build a wheel without it and name that in {_WHEELS}",
        )
    return Member(path, partial(open_below, folder, source), status.st_size, bool(status.st_mode & 0o100))
