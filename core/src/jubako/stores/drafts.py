"""`Draft`: a folder beside the versions in which one is written, and telling a dead writer's draft from a live one's.

A draft is named after the process that writes it, so that nothing needs to be written into it, or removed from it, to
know whose it is. `.draft-` begins with a dot: no tag does.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_NAME = re.compile(r"\.draft-([0-9a-f]{12})-(\d+)-(\d+)-[0-9a-f]{16}")
_TRASH = ".trash-"
_FOREIGN_DRAFT_AGE_S = 24 * 3600.0


class Draft:
    """A new draft of this process; `close` removes it, whatever is left of it.

    Args:
        root: the folder of all versions.

    Attributes:
        path: the draft.
        content: the empty folder inside it that is to be written, and then moved to its place.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / f".draft-{_machine()}-{os.getpid()}-{_start_time(os.getpid())}-{secrets.token_hex(8)}"
        self.content = self.path / "content"
        # Nobody else may put anything in what is being written: an archive's files are checked as they are.
        self.path.mkdir(0o700)
        try:
            # Serves writers on other machines and in other containers, who cannot see this process.
            self._lock = _lock(self.path)
            self.content.mkdir()
        except BaseException:
            remove_tree(self.path)
            raise

    def close(self) -> None:
        """Remove the draft; content that was moved to its place is not in it any more."""
        remove_tree(self.path)
        if self._lock is not None:
            with contextlib.suppress(OSError):  # closed all the same
                os.close(self._lock)
            self._lock = None


def sweep(root: Path) -> None:
    """Remove what dead writers left and what was moved to the trash; never a live writer's draft.

    What cannot be removed stays: it is in nobody's way.
    """
    with contextlib.suppress(OSError):
        for path in find_debris(root):
            remove_debris(path, root)


def find_debris(root: Path) -> list[Path]:
    """What dead writers left and what was moved to the trash.

    Raises:
        OSError: the folder cannot be read.
    """
    return [path for path in sorted(root.iterdir()) if is_trash(path) or (is_draft(path) and _is_abandoned(path))]


def is_draft(path: Path) -> bool:
    """True for what is named like a draft, of a live writer or a dead one."""
    return path.name.startswith(".draft-")


def is_trash(path: Path) -> bool:
    """True for what is named like something that was deleted."""
    return path.name.startswith(_TRASH)


def remove_debris(path: Path, root: Path) -> None:
    """Remove what `find_debris` has found, as far as that is possible; others may do the same meanwhile."""
    with contextlib.suppress(OSError):
        remove_tree(path if is_trash(path) else move_to_trash(path, root))


def move_to_trash(path: Path, root: Path) -> Path:
    """Rename a folder, at once, to a name under which nobody looks for it; return that.

    Raises:
        OSError: it cannot be renamed, for instance because another process was faster.
    """
    trash = root / f"{_TRASH}{secrets.token_hex(8)}"
    path.rename(trash)
    return trash


def remove_tree(path: Path) -> None:
    """Remove a folder and everything in it, as far as that is possible; others may do the same meanwhile."""
    if os.name == "nt":  # where read-only files cannot be removed
        for file in () if path.is_symlink() else path.rglob("*"):
            with contextlib.suppress(OSError):
                file.chmod(0o700)
    with contextlib.suppress(OSError):  # rmtree does not ignore all of them
        if path.is_symlink():
            path.unlink()
        shutil.rmtree(path, ignore_errors=True)


def _is_abandoned(draft: Path) -> bool:
    """True if its writer is dead for sure, or unknown here and the draft is a day old and not locked.

    The lock alone would not do: on some network file systems every lock is granted.
    """
    match = _NAME.fullmatch(draft.name)
    if match and match[1] == _machine() and os.name == "posix":
        return not _is_alive(int(match[2]), int(match[3]))
    try:
        touched = max(path.stat().st_mtime for path in (draft, *draft.glob("content")))
        if time.time() - touched < _FOREIGN_DRAFT_AGE_S:
            return False
        lock = _lock(draft)
    except OSError:  # locked, or gone
        return False
    if lock is not None:
        os.close(lock)
    return True


def _lock(folder: Path) -> int | None:
    """Lock a folder for as long as the returned descriptor is open; None where folders cannot be locked.

    Raises:
        BlockingIOError: another process holds the lock.
    """
    if fcntl is None:
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:  # this file system has no locks
        os.close(descriptor)
        return None
    return descriptor


@functools.cache
def _machine() -> str:
    """Twelve digits that two processes share only if they see each other's process numbers: boot and namespace."""
    try:
        facts = Path("/proc/sys/kernel/random/boot_id").read_text() + os.readlink("/proc/self/ns/pid")  # noqa: PTH115
    except OSError:
        facts = platform.node()
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


def _is_alive(pid: int, start_time: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it belongs to another user
        pass
    # Numbers are used again: a process that started at another time is another one.
    return 0 in (start_time, _start_time(pid)) or start_time == _start_time(pid)


def _start_time(pid: int) -> int:
    """When a process of this machine started, on a clock of its own; 0 where that cannot be known."""
    try:
        # The name, in parentheses, may hold anything; field 22 of proc(5) is the 20th behind it.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0
