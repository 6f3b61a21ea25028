"""The runtime folder: where the sockets between API workers and replicas stand, private to the user."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "jubako-"
_LOCK = "lock"

# Of sockaddr_un: 108 bytes on Linux and 104 on macOS, with the zero at the end.
_LONGEST_SOCKET_PATH = 103
_LONGEST_NAME = len("/jubako-12345678/1234/r12345")


@contextlib.contextmanager
def open_runtime_folder() -> Iterator[Path]:
    """Make a new folder that only this user may enter, and remove it with all that is in it when the block ends.

    It stands in `XDG_RUNTIME_DIR` if that is set and can be written, else in the folder for temporary files; in `/tmp`
    if that one's path is too long for a socket. Folders that a killed supervisor of this user left there are removed.
    """
    parent = Path(_parent())
    _remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    try:
        with (folder / "new").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Under its name it is locked from the start, so that nobody takes the folder for an abandoned one.
            (folder / "new").rename(folder / _LOCK)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(parent: Path) -> None:
    """Remove the folders whose lock nobody holds: the system releases it when its holder ends."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder.lstat().st_uid != os.getuid():
                continue
            with (folder / _LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)


def _parent() -> str:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    places = [runtime] if runtime and os.access(runtime, os.W_OK | os.X_OK) else []
    for place in (*places, tempfile.gettempdir()):
        if len(os.fsencode(place)) + _LONGEST_NAME <= _LONGEST_SOCKET_PATH:
            return place
    return "/tmp"  # noqa: S108 - mkdtemp makes the folder itself private
