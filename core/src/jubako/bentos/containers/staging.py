"""`stage`: the folder that an image is built from, with a Bento's files, its Dockerfile, and what is trusted here."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from jubako._progress import tracking
from jubako.bentos.containers.dockerfile import DOCKERFILE, write_env
from jubako.contracts.store import StoreKind
from jubako.errors import BuildError
from jubako.services.bento import Bento
from jubako.stores.digests import verify_files
from jubako.stores.failures import store_failure
from jubako.stores.linking import link_or_copy

TRUST_NAME = "JUBAKO_TRUST__DIGESTS"
# Engines know these, and keep them out of the image's history as long as no Dockerfile names them.
_PREDEFINED = frozenset(
    name
    for upper in ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
    for name in (upper, upper.lower())
)
_READABLE = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH


def stage(bento: Bento, folder: Path, *, trusted: Iterable[str] = (), build_args: Sequence[str] = ()) -> None:
    """Put `Dockerfile`, and the Bento's files as `bento/`, into an empty folder.

    The files are hard links where the file system has them, and nobody may write to them. What is not in the Bento's
    manifest is left out.

    Args:
        bento: what is staged. Files of its models are checked when they are loaded, the others now.
        folder: it is there, and empty.
        trusted: digests of models that the image trusts.
        build_args: names that the Dockerfile declares, so that its commands see their values.

    Raises:
        BuildError: the Bento has no Dockerfile.
        ModelDigestMismatch: a file is not what the manifest says.
        StoreError: the folder cannot be written.
    """
    dockerfile = _read_dockerfile(bento)
    verify_files(bento.path, [entry for entry in bento.info.files if not _is_checked_later(entry.path)])
    text = _declare(dockerfile, [name for name in build_args if name not in _PREDEFINED])
    # Behind whatever the Dockerfile itself may set, even where nothing is trusted: a Bento grants itself no trust.
    lines = write_env({TRUST_NAME: ",".join(sorted(set(trusted)))})
    total = sum(entry.size_bytes for entry in bento.info.files)
    with (
        store_failure(f"Bento {bento.tag} cannot be put into {folder}"),
        tracking(f"preparing the image of {bento.tag}", total) as advance,
    ):
        (folder / "Dockerfile").write_text("".join((text, *(f"{line}\n" for line in lines))), encoding="utf-8")
        content = folder / "bento"
        content.mkdir(mode=0o755)
        _put(bento.path / StoreKind.BENTOS.manifest_name, content / StoreKind.BENTOS.manifest_name)
        for entry in bento.info.files:
            place = content / entry.path
            place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            _put(bento.path / entry.path, place)
            advance(entry.size_bytes)
        for path in (content, *content.rglob("*")):
            # Whatever the umask: the service runs in the image as another account.
            if path.is_dir():
                path.chmod(0o755)


def _read_dockerfile(bento: Bento) -> str:
    try:
        return (bento.path / DOCKERFILE).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BuildError(
            f"Bento {bento.tag} has no {DOCKERFILE}.",
            why=f"It was built by Jubako {bento.info.jubako_version}, which wrote none.",
            do="build it again",
        ) from error


def _is_checked_later(path: str) -> bool:
    models = f"{StoreKind.MODELS.value}/"
    return path.startswith(models) and not path.endswith(f"/{StoreKind.MODELS.manifest_name}")


def _declare(dockerfile: str, names: Sequence[str]) -> str:
    """Declare build arguments after the base image is named: before, they would hold for that name alone."""
    lines = dockerfile.splitlines(keepends=True)
    base = next((index for index, line in enumerate(lines) if line.startswith("FROM ")), -1)
    return "".join([*lines[: base + 1], *(f"ARG {name}\n" for name in names), *lines[base + 1 :]])


def _put(source: Path, place: Path) -> None:
    link_or_copy(source, place)
    if place.stat().st_mode & _READABLE != _READABLE:
        # A link's mode would be the stored file's too.
        place.unlink()
        shutil.copyfile(source, place)
        place.chmod(0o444)
