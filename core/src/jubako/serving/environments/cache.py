"""`Environments`: where the environments of Bentos are kept, each made once and whole, or not at all.

`$JUBAKO_HOME/.store/environments/<key>/` holds the environments of one recipe: folders of random names, and `current`,
which names the one to use and is written last. An environment cannot be moved, for it has its own path in many places;
so it is made where it stays, and only `current` says that it is there. Whoever makes one holds a lock, to spare others
the work: where locks are not to be had, or the maker is killed, another one is made beside it, and the last to finish
is the one that is used. Whoever uses one holds a lock of that, so that it is not removed meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

import attrs

from jubako.errors import CommandError
from jubako.serving.environments.making import folder_size, python_of
from jubako.stores.drafts import remove_tree
from jubako.stores.durability import make_facts_folder, make_one_folder, write_durably
from jubako.stores.failures import store_failure
from jubako.stores.private import is_open_to_others

_KEY = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[0-9a-f]{12}")
_POINTER = "current"
_LOCK = "lock"
_IN_USE = "in-use"
_MADE_FOR = "made-for"
_TRIES = 5

UNUSED_AFTER_S = 30 * 24 * 3600.0
"""Seconds after which an environment that was not used since is not kept, unless another time is asked for."""


@attrs.frozen
class UnusedEnvironment:
    """An environment that no server uses.

    Args:
        path: its folder.
        made_for: the tag of the Bento that it was made for; others with the same lock have used it too.
        size_bytes: of all its files.
        unused_s: seconds since a server was started in it.
    """

    path: Path
    made_for: str
    size_bytes: int
    unused_s: float


class Environments:
    """The environments of one home.

    Args:
        home: `$JUBAKO_HOME`.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home / ".store" / "environments"

    def open(self, key: str, made_for: str, make: Callable[[Path], None], wait: Callable[[], None]) -> tuple[Path, int]:
        """The environment of a recipe, made if there is none, and a descriptor that keeps it while it is open.

        Args:
            key: of the recipe.
            made_for: what it is made for, for people.
            make: makes the environment in a folder that is not there yet.
            wait: called once if another process is making it, which is waited for.

        Raises:
            CommandError: it cannot be made, or other accounts can write to where it is kept.
            StoreError: its place cannot be written to.
        """
        place = self.folder / key
        with store_failure(f"the environment of Bento {made_for} cannot be kept in {self.folder}"):
            for _ in range(_TRIES):
                held = self._hold(place)
                if held is not None:
                    return held
                self._make_place(place)
                with _locked(place / _LOCK, wait):
                    if _current(place) is None:
                        self._make(place, made_for, make)
        raise CommandError(
            f"the environment of Bento {made_for} was removed as often as it was made.",
            why=f"Something else removes what is in {place}.",
            do="end what does that, and try again",
        )

    def unused(self, older_than_s: float = UNUSED_AFTER_S) -> list[UnusedEnvironment]:
        """Environments that no server has been started in for so many seconds, and that none is running in."""
        found = []
        for place in self._places():
            folder = _current(place)
            if folder is None:
                continue
            unused_s = time.time() - (place / _POINTER).stat().st_mtime
            if unused_s >= older_than_s and not _is_used(folder):
                found.append(UnusedEnvironment(folder, _text(folder / _MADE_FOR), folder_size(folder), unused_s))
        return found

    def remove_unused(self, older_than_s: float = UNUSED_AFTER_S) -> list[UnusedEnvironment]:
        """Remove what `unused` gives, and what killed makers have left; those that are being made stay.

        Raises:
            StoreError: something cannot be removed.
        """
        unused = {environment.path: environment for environment in self.unused(older_than_s)}
        removed = []
        for place in self._places():
            with contextlib.suppress(BlockingIOError), _locked(place / _LOCK):
                folder = _current(place)
                if folder in unused:
                    with store_failure(f"{folder} cannot be removed"):
                        # From here on nobody finds it; who has found it before holds a lock that shows.
                        (place / _POINTER).unlink()
                    removed.append(unused[folder])
                _sweep(place)
                if not any(_folders(place)):
                    remove_tree(place)
        return removed

    def _hold(self, place: Path) -> tuple[Path, int] | None:
        folder = _current(place)
        if folder is None:
            return None
        # What is inside the last one is out of reach for others, whatever its mode.
        for path in (self.folder, place):
            if is_open_to_others(path.lstat()):
                raise CommandError(
                    f"{path} is not used: other accounts can write to it, or it belongs to one.",
                    why="What is in there runs with the rights of this account.",
                    do=f"remove {self.folder}, and see that only this account can write to it",
                )
        with contextlib.suppress(FileNotFoundError):  # removed just now
            descriptor = os.open(folder / _IN_USE, os.O_RDONLY)
            if fcntl is not None:
                with contextlib.suppress(OSError):  # this file system has no locks
                    fcntl.flock(descriptor, fcntl.LOCK_SH)
            if _current(place) == folder:
                with contextlib.suppress(OSError):  # a home that is only read
                    os.utime(place / _POINTER)
                return folder, descriptor
            os.close(descriptor)
        return None

    def _make_place(self, place: Path) -> None:
        make_facts_folder(self.folder.parent)
        make_one_folder(self.folder, 0o700)
        make_one_folder(place, 0o700)

    def _make(self, place: Path, made_for: str, make: Callable[[Path], None]) -> None:
        _sweep(place)
        make_one_folder(place, 0o700)  # which `remove_unused` may have removed while its lock was waited for
        folder = place / secrets.token_hex(6)
        try:
            make(folder)
            (folder / _IN_USE).touch()
            (folder / _MADE_FOR).write_text(made_for, encoding="utf-8")
            # Thousands of files, and all of them before what says that they are there.
            os.sync()
            pointer = place / f"{folder.name}.{_POINTER}"
            write_durably(pointer, folder.name.encode())
            pointer.replace(place / _POINTER)
        except BaseException:
            remove_tree(folder)
            raise

    def _places(self) -> list[Path]:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), store_failure(f"{self.folder} cannot be read"):
            if self.folder.is_dir():
                named = (path for path in self.folder.iterdir() if _KEY.fullmatch(path.name))
                return sorted(path for path in named if path.is_dir() and not path.is_symlink())
        return []


def _current(place: Path) -> Path | None:
    """The environment that is used; None if there is none, or its interpreter was uninstalled."""
    name = _text(place / _POINTER)
    folder = place / name
    return folder if _NAME.fullmatch(name) and python_of(folder).is_file() else None


def _sweep(place: Path) -> None:
    """Remove folders that are not the current one and that no server runs in."""
    current = _current(place)
    for folder in _folders(place):
        if folder != current and not _is_used(folder):
            remove_tree(folder)


def _folders(place: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from (path for path in place.iterdir() if _NAME.fullmatch(path.name))


def _is_used(folder: Path) -> bool:
    if fcntl is None:
        return False
    try:
        with (folder / _IN_USE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # never finished; or this file system has no locks
        return False
    return False


@contextlib.contextmanager
def _locked(path: Path, wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock, as far as there are locks; `wait` is called before it is waited for.

    Raises:
        BlockingIOError: it is held, and `wait` is None.
    """
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(path.open("ab"))
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if wait is None:
                    raise
                wait()
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:  # this file system has no locks
                pass
        yield


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(1000).decode("utf-8", "replace").strip()
    except OSError:
        return ""
