"""What the system says when a store's files cannot be read or written, as a `StoreError` that says what to do."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from jubako.errors import StoreError

_DISK_ERRORS = frozenset(
    {errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
)


@contextlib.contextmanager
def store_failure(what: str) -> Iterator[None]:
    """Turn an `OSError` of the block into a `StoreError`.

    Args:
        what: what did not happen, a sentence without its full stop.
    """
    try:
        yield
    except OSError as error:
        raise describe_failure(what, error) from error


def describe_failure(what: str, error: OSError) -> StoreError:
    """The `StoreError` for an error of the system, with what to do about it.

    Args:
        what: what did not happen, a sentence without its full stop.
        error: what the system said.
    """
    place = f" ({error.filename})" if error.filename else ""
    return StoreError(f"{what}.", why=f"{error.strerror or error}{place}.", do=remedy_of(error))


def find_disk_error(error: BaseException) -> OSError | None:
    """The error among `error` and its causes that says that the disk, not the data, is at fault; None if none does."""
    cause: BaseException | None = error
    while cause is not None:
        # Numpy, for one, reports writes that were cut short without a number.
        if isinstance(cause, OSError) and (cause.errno is None or cause.errno in _DISK_ERRORS):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def remedy_of(error: OSError) -> str:
    """What to do about an error of the system."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "make the folder accessible for this user, or set JUBAKO_HOME to one that is"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room, and try again"
    return "check the disk"
