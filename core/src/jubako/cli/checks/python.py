"""The interpreter: its version, and what is known to be wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from jubako.contracts.command import CheckResult, CheckStatus
from jubako.plugins import Composition
from jubako.settings import Settings

_NEWEST = (3, 13)
# CVE-2025-4517 and others: tarfile's filters can be escaped before these.
_TARFILE_MENDED = {(3, 11): (3, 11, 13), (3, 12): (3, 12, 11), (3, 13): (3, 13, 4)}


def check(_: Composition, __: Settings, /) -> Iterator[CheckResult]:
    """Look at the interpreter that runs this."""
    yield from check_version(sys.version_info[:3])


def check_version(version: tuple[int, int, int]) -> Iterator[CheckResult]:
    """Look at a version of Python.

    Args:
        version: such as `(3, 13, 4)`.
    """
    words = ".".join(map(str, version))
    if version[:2] > _NEWEST:
        newest = ".".join(map(str, _NEWEST))
        yield CheckResult(
            CheckStatus.WARN, f"Jubako is not tested with Python {words}.", f"use Python {newest}, or a newer Jubako"
        )
    else:
        yield CheckResult(CheckStatus.OK, f"Python {words}.")
    mended = _TARFILE_MENDED.get(version[:2])
    if mended and version < mended:
        yield CheckResult(
            CheckStatus.WARN,
            f"The tarfile module of Python {words} lets archives write outside of their folder (CVE-2025-4517). "
            "Jubako does not unpack with it, but your service and its libraries may.",
            f"install Python {'.'.join(map(str, mended))} or newer",
        )
